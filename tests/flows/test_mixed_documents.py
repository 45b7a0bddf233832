"""A folder as people keep it: a thousand documents in twenty formats, fifty of them bad in every way at hand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest

from tests.flows.conftest import Project
from tests.flows.killer import embed_by_hash
from tests.unit.office_files import deck_members, p, part, slide, word_members, zipped

WORDS = (
    "harbour", "office", "opens", "early", "people", "bring", "cup", "water", "free", "winter", "trains", "late",
    "noon", "notes", "week", "rooms",
)  # fmt: skip


def _prose(number: int) -> str:
    chance = random.Random(number)
    return f"Document {number} names place{number}x. " + " ".join(chance.choices(WORDS, k=60)).capitalize() + "."


def _written(make: Callable[[str], str | bytes]) -> Callable[[Path, str], None]:
    def write(path: Path, prose: str) -> None:
        content = make(prose)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def _word(path: Path, prose: str) -> None:
    zipped(path, word_members(p(prose)))


def _deck(path: Path, prose: str) -> None:
    zipped(
        path,
        deck_members(
            slide(f"<p:sp><p:nvSpPr/><p:spPr/><p:txBody><a:p><a:r><a:t>{prose}</a:t></a:r></a:p></p:txBody></p:sp>")
        ),
    )


def _workbook(path: Path, prose: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["what", "where"])
    book.active.append([prose, 1998])
    book.save(path)


def _open_sheet(path: Path, prose: str) -> None:
    names = " ".join(
        f'xmlns:{one}="urn:oasis:names:tc:opendocument:xmlns:{one}:1.0"' for one in ("office", "text", "table")
    )
    cell = f"<table:table-cell><text:p>{prose}</text:p></table:table-cell>"
    sheet = f"<table:table><table:table-row>{cell}</table:table-row></table:table>"
    body = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
    content = f"<office:document-content {names}>{body}</office:document-content>"
    zipped(path, {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content})


def _mail(prose: str) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"] = "Harbour", "ada@example.org"
    message.set_content(prose)
    message.add_alternative(f"<p>{prose}</p>", subtype="html")
    return bytes(message)


GOOD: dict[str, Callable[[Path, str], None]] = {
    "docx": _word,
    "docm": _word,
    "pptx": _deck,
    "xlsx": _workbook,
    "ods": _open_sheet,
    "eml": _written(_mail),
    "html": _written(lambda prose: f"<title>Harbour</title><nav>Home</nav><x-y>{prose}</x-y>"),
    "xml": _written(lambda prose: f"<notes><note kind='a'>{prose}</note></notes>"),
    "md": _written(lambda prose: f"# Harbour\n\n{prose}\n"),
    "txt": _written(lambda prose: f"{prose}\n"),
    "log": _written(lambda prose: f"{prose} Übergröße für 20 €\n".encode("utf-16")),
    "csv": _written(lambda prose: f"what,where\n{prose},here\n"),
    "tsv": _written(lambda prose: f"what\twhere\n{prose}\there\n"),
    "rtf": _written(lambda prose: rf"{{\rtf1\ansi {prose}\par}}"),
    "rst": _written(lambda prose: f"Harbour\n=======\n\n{prose}\n"),
    "org": _written(lambda prose: f"* Harbour\n{prose}\n"),
}

BAD: dict[str, tuple[str, bytes]] = {
    "empty.txt": ("PARSE-EMPTY", b""),
    "blank.md": ("PARSE-EMPTY", b" \n\t\n"),
    "no-words.html": ("PARSE-EMPTY", b"<script>go()</script>"),
    "torn.docx": ("PARSE-CORRUPT", b"PK\x03\x04 and then nothing"),
    "torn.xlsx": ("PARSE-CORRUPT", b"\x00\x01\x02"),
    "torn.pptx": ("PARSE-CORRUPT", b"PK\x05\x06" + bytes(18)),
    "torn.pdf": ("PARSE-CORRUPT", b"%PDF-1.7\nnothing of the kind\n%%EOF"),
    "torn.ods": ("PARSE-CORRUPT", b"PK\x03\x04"),
    "torn.xls": ("PARSE-CORRUPT", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 no sheets"),
    "torn.xlsb": ("PARSE-CORRUPT", b"PK\x03\x04 no sheets"),
    "torn.msg": ("PARSE-CORRUPT", b"no container"),
    "torn.xml": ("PARSE-CORRUPT", b"<a><b></a>"),
    "torn.epub": ("PARSE-CORRUPT", b"PK\x03\x04"),
    "torn.odt": ("PARSE-CORRUPT", b"not a container"),
    "old.doc": ("PARSE-UNSUPPORTED", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 a word file of 1997"),
    "old.ppt": ("PARSE-UNSUPPORTED", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 slides of 1997"),
    "archive.zip": ("PARSE-UNSUPPORTED", b"PK\x03\x04"),
    "film.mp4": ("PARSE-UNSUPPORTED", b"\x00\x00\x00\x18ftypmp42"),
    "scan.png": ("PARSE-EXTRA", b"\x89PNG\r\n\x1a\n"),
    "locked.eml": ("PARSE-ENCRYPTED", b"Content-Type: multipart/encrypted; boundary=x\n\n--x\n\nx\n--x--\n"),
}
REPEATED = 50


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("mixed")
    project = Project(folder)
    kinds, number = list(GOOD), 0
    while number < 1000 - REPEATED:
        suffix = kinds[number % len(kinds)]
        file = folder / "docs" / f"{number // 100}" / f"{number}.{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        GOOD[suffix](file, _prose(number))
        number += 1
    for bad in range(REPEATED):
        name, (_, content) = list(BAD.items())[bad % len(BAD)]
        (folder / "docs" / f"{bad // len(BAD)}" / name).write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        embed_by_hash(patch, folder)
        project.report = project.refresh()
    return project


def test_of_a_thousand_documents_the_bad_ones_cost_only_themselves(mixed: Project) -> None:
    report = mixed.report
    assert report["outcome"] == "released"
    assert report["documents"] | {"added": 950, "quarantined": 50} == report["documents"]
    wanted: dict[str, int] = {}
    for bad in range(REPEATED):
        code = list(BAD.values())[bad % len(BAD)][0]
        wanted[code] = wanted.get(code, 0) + 1
    assert report["quarantine"] == wanted
    ledger = mixed.ledger().to_pylist()
    assert len([row for row in ledger if row["content_hash"] and row["chunks"]]) == 950


def test_every_good_one_is_found_by_what_it_alone_says(mixed: Project) -> None:
    texts = " ".join(mixed.chunks()["text"].to_pylist())
    assert [number for number in range(950) if f"place{number}x" not in texts] == []


def test_the_report_says_how_much_of_each_type_was_read(mixed: Project) -> None:
    read = mixed.report["read"]
    assert sum(counts["documents"] for counts in read.values()) == 950
    compared = {kind: counts for kind, counts in read.items() if counts["compared"]}
    assert set(read) - set(compared) == {"rtf", "rst", "org"}
    assert {kind: counts["missing"] for kind, counts in compared.items() if counts["missing"]} == {}
    assert all(counts["words"] >= 60 * counts["documents"] for counts in compared.values())


def test_a_person_sees_what_was_read_of_a_document_and_what_was_not(mixed: Project) -> None:
    text = mixed.freshet("document", "docs", "0/0.docx", "--text").stdout
    assert "place0x" in text
    assert mixed.freshet_json("document", "docs", "0/0.docx", "--text") == {"path": "0/0.docx", "text": text[:-1]}
    assert "100.00% of" in mixed.freshet("document", "docs", "0/0.docx", "--missing").stdout
    missing = mixed.freshet_json("document", "docs", "0/0.docx", "--missing")
    assert (missing["coverage"]["share"], missing["coverage"]["missing"], missing["left_out"]) == (1.0, [], {})
    assert "not compared" in mixed.freshet("document", "docs", "0/13.rtf", "--missing").stdout
    refused = mixed.freshet("document", "docs", "0/torn.pdf", "--text", code=1)
    assert "keeps no text" in refused.stderr
    assert "do not go together" in mixed.freshet("document", "docs", "0/0.docx", "--text", "--missing", code=1).stderr


def test_two_contracts_that_differ_only_in_what_cannot_be_read_are_both_served(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    embed_by_hash(monkeypatch, tmp_path)
    body = p(_prose(1)) + "<w:p><w:r><w:drawing><c:chart r:id='chart'/></w:drawing></w:r></w:p>"
    (project.folder / "docs").mkdir(exist_ok=True)
    for name, fee in (("a", 10), ("b", 90)):
        broken = part("c:chartSpace", f"<c:v>{fee}</c:v>").replace("</c:chartSpace>", "")
        zipped(project.folder / "docs" / f"{name}.docx", word_members(body, {"chart": ("chart", broken)}))
    for name, plan in (("a", b"the old plan"), ("b", b"the new plan"), ("c", b"the new plan")):
        message = EmailMessage()
        message["Subject"] = "Plan"
        message.set_content(_prose(2))
        message.add_attachment(plan, maintype="application", subtype="octet-stream", filename="plan.bin")
        (project.folder / "docs" / f"{name}.eml").write_bytes(bytes(message))
    report = project.refresh()
    assert report["outcome"] == "released"
    hidden = {row["path"]: row["duplicate_of"] for row in project.ledger().to_pylist() if row["duplicate_of"]}
    assert len(hidden) == 1, hidden
    assert set(hidden) < {"b.eml", "c.eml"}
    told = project.freshet_json("document", "docs", "a.docx")["verdicts"]
    assert "CONTENT-LEFT-OUT" in [one["code"] for one in told], json.dumps(told)


def test_a_document_of_which_much_is_missing_carries_the_verdict(project: Project) -> None:
    project.write("a.md", f"# Rules\n\n{_prose(3)}\n\n| Rules |\n| --- |\n| TCP | twenty-two | everywhere else |\n")
    assert project.refresh()["outcome"] == "released"
    (found,) = [
        v for v in project.freshet_json("document", "docs", "a.md")["verdicts"] if v["code"] == "PARSE-COVERAGE"
    ]
    assert found["evidence"]["places"] == ["line 7"]
    assert "everywhere else" in project.freshet("document", "docs", "a.md", "--missing").stdout
