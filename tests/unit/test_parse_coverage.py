"""What a file says is compared with what was read of it, by readers that the parsers know nothing of."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.expectations.rules import RULES
from freshet.tasks.documents.checks.content import check_what_was_read
from freshet.tasks.documents.checks.subject import Subject
from freshet.tasks.documents.elements import ParsedDocument, unread_of
from freshet.tasks.documents.parse.coverage.check import READERS, with_coverage
from freshet.tasks.documents.parse.coverage.compare import Passage, compare, words_of
from freshet.tasks.documents.parse.kinds import kind_of
from freshet.tasks.documents.parse.markdown import markdown_document
from freshet.tasks.documents.parse.registry import PARSERS, Context
from tests.unit.office_files import deck_members, p, part, r, slide, word_members, zipped

NOTE = part("w:footnotes", f"<w:footnote w:id='2'>{p('The note names the Alder bridge')}</w:footnote>")
ODF = (
    '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><office:body><office:spreadsheet><table:table>'
    "<table:table-row><table:table-cell><text:p>Mossbank lane</text:p></table:table-cell></table:table-row>"
    "</table:table></office:spreadsheet></office:body></office:document-content>"
)


def _word(path: Path) -> str:
    body = p("The body names Heron street") + f"<w:p><w:ins w:id='1'>{r('Inserted words about Otters')}</w:ins></w:p>"
    return zipped(path, word_members(body + "<w:p><w:r><w:footnoteReference w:id='2'/></w:r></w:p>", {
        "word/notes.xml": ("footnotes", NOTE),
    }))  # fmt: skip


def _deck(path: Path) -> str:
    text = "<p:sp><p:txBody><a:p><a:r><a:t>Slides about Wagtails</a:t></a:r></a:p></p:txBody></p:sp>"
    return zipped(path, deck_members(slide(text)))


def _workbook(path: Path) -> str:
    book = openpyxl.Workbook()
    book.active.append(["Street", "Fee"])
    book.active.append(["Kingfisher road", 12.5])
    book.save(path)
    return str(path)


def _open_sheet(path: Path) -> str:
    return zipped(path, {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": ODF})


def _mail(path: Path) -> str:
    message = EmailMessage()
    message["Subject"], message["From"] = "Gate", "ada@example.org"
    message.set_content("The gate on Plover lane is shut.")
    message.add_attachment(b"\0bytes", maintype="application", subtype="octet-stream", filename="plan.bin")
    path.write_bytes(bytes(message))
    return str(path)


def _text(content: str) -> Callable[[Path], str]:
    def write(path: Path) -> str:
        path.write_text(content)
        return str(path)

    return write


FILES: dict[str, tuple[Callable[[Path], str], str]] = {
    "a.docx": (_word, "The note names the Alder bridge"),
    "b.docx": (_word, "Inserted words about Otters"),
    "a.pptx": (_deck, "Slides about Wagtails"),
    "a.xlsx": (_workbook, "Kingfisher road"),
    "a.ods": (_open_sheet, "Mossbank lane"),
    "a.eml": (_mail, "The gate on Plover lane is shut."),
    "a.html": (_text("<h1>Fees</h1><p>Of <b>Siskin</b> court.<x-note>Unknown elements</x-note>"), "Unknown elements"),
    "a.xml": (_text("<street><name>Dunlin way</name><fee>5 euros a year</fee></street>"), "Dunlin way"),
    "a.md": (_text("# Fees\n\nOf [Linnet](/a) hill.\n\n1. First\n"), "Linnet"),
    "a.txt": (_text("Fees of Godwit bank.\n"), "Fees of Godwit bank."),
    "a.csv": (_text("street,fee\nCurlew rise,5\n"), "Curlew rise"),
}


def _parsed(path: str) -> ParsedDocument:
    parser = PARSERS[kind_of(path, path)]()
    parser.load()
    return parser.parse(path, Context(10**9, lambda: None))


@pytest.mark.parametrize("name", FILES)
def test_what_a_parser_does_not_give_is_found_missing_and_its_place_named(name: str, tmp_path: Path) -> None:
    make, lost = FILES[name]
    path = make(tmp_path / name)
    read, kind = _parsed(path), kind_of(path, path)
    whole = with_coverage(read, path, kind).properties["coverage"]
    assert whole["share"] == 1, whole
    assert "missing" not in whole
    assert lost in read.text
    less = with_coverage(replace(read, text=read.text.replace(lost, "")), path, kind)
    found = less.properties["coverage"]
    assert found["words"] == whole["words"]
    missing = round((1 - found["share"]) * whole["words"])
    assert missing >= len(words_of(lost)) - 1  # a word may stand elsewhere, too
    assert any(lost in one["text"] for one in found["missing"]), found
    assert all(one["place"] for one in found["missing"])
    assert unread_of(less)


def test_every_kind_with_text_of_its_own_is_read_a_second_time_or_named_in_the_documentation() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    told = docs[docs.index("- `--missing`") :].split("\n\n", 1)[0]
    others = {"image": "Pictures", "xls": "XLS", "xlsb": "XLSB", "rtf": "RTF", "rst": "RST", "org": "Org"}
    assert set(PARSERS) - set(READERS) == set(others)
    assert [name for name in others.values() if name not in told] == []


def test_what_no_reader_is_shown_is_not_missing(tmp_path: Path) -> None:
    deleted = f"<w:p><w:del w:id='1'><w:r><w:delText>gone</w:delText></w:r></w:del>{r('kept')}</w:p>"
    coded = "<w:p><w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGEREF x</w:instrText></w:r></w:p>"
    box = "<mc:AlternateContent><mc:Choice>{0}</mc:Choice><mc:Fallback>{0}</mc:Fallback></mc:AlternateContent>"
    path = zipped(tmp_path / "a.docx", word_members(deleted + coded + f"<w:p>{box.format(r('boxed'))}</w:p>"))
    assert with_coverage(_parsed(path), path, "docx").properties["coverage"] == {"words": 2, "share": 1.0}
    (tmp_path / "a.html").write_text(
        "<head><title>T</title><style>p {}</style></head><script>go()</script><p hidden>unseen"
        "<p style='display:none'>not</p><p>Seen &amp; read</p><template>later</template><!-- aside -->"
        "<input type=hidden value=token>"
    )
    path = str(tmp_path / "a.html")
    found = with_coverage(ParsedDocument("Seen & read", []), path, "html").properties["coverage"]
    assert found["share"] == 1
    text = "---\nowner: me\n---\n<!-- aside -->\nSee [it](/where 'T') ![](p.png).\n\n[x]:\n  /far\n"
    (tmp_path / "a.md").write_text(text)
    path = str(tmp_path / "a.md")
    assert with_coverage(_parsed(path), path, "markdown").properties["coverage"] == {"words": 2, "share": 1.0}


def test_cells_beyond_the_columns_of_a_markdown_table_are_missing_and_said_to_be() -> None:
    text = "| Rules |\n| --- |\n| TCP | 22 | 203.0.113.1 |\n"
    found = compare([Passage("line 3", "TCP 22 203.0.113.1")], markdown_document(text).text)
    assert (found.missing, [one.place for one in found.places]) == (5, ["line 3"])


def test_a_file_that_cannot_be_read_a_second_time_costs_nothing_and_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK no archive")
    (tmp_path / "b.docx").write_bytes(b"PK another one")
    read = ParsedDocument("The same words.", [])
    found = [with_coverage(read, str(tmp_path / name), "docx") for name in ("a.docx", "b.docx")]
    assert [one.properties["coverage"]["error"] for one in found] == ["BadZipFile"] * 2
    assert len({unread_of(one) for one in found}) == 2


def test_what_was_not_read_tells_documents_apart_whose_texts_are_equal(tmp_path: Path) -> None:
    def read(name: str) -> ParsedDocument:
        return with_coverage(_parsed(str(tmp_path / name)), str(tmp_path / name), "eml")

    _mail(tmp_path / "a.eml")
    _mail(tmp_path / "b.eml")
    first, again = read("a.eml"), read("b.eml")
    assert unread_of(first) == unread_of(again) != ""
    other = (tmp_path / "a.eml").read_bytes().replace(b"AGJ5dGVz", b"AGJ5dGV0")
    (tmp_path / "c.eml").write_bytes(other)
    assert unread_of(read("c.eml")) != unread_of(first)
    damaged = replace(first, properties={"left_out": {"charts": 1}})
    assert len({unread_of(with_coverage(damaged, str(tmp_path / name), "rst")) for name in ("a.eml", "c.eml")}) == 2


def test_the_verdict_names_the_share_and_places_and_quotes_nothing() -> None:
    missing = [{"place": "page 3", "text": "a secret sentence"}, {"place": "page 4", "text": "another"}]
    for share, verdicts in ((1.0, 0), (0.98, 0), (0.9799, 1), (0.0, 1)):
        read = ParsedDocument("x", [], properties={"coverage": {"words": 50, "share": share, "missing": missing}})
        found = check_what_was_read(Subject("a.pdf", read, None), RULES)  # type: ignore[arg-type]
        assert len(found) == verdicts, share
        for one in found:
            assert (one.code, one.severity) == ("PARSE-COVERAGE", "warn")
            assert one.evidence == {"missing": round(1 - share, 4), "words": 50, "places": ["page 3", "page 4"]}


WORD = st.text("abcäß0123", min_size=1, max_size=9)
PASSAGES = st.lists(st.lists(WORD, min_size=1, max_size=12).map(" ".join), min_size=1, max_size=20)


@given(PASSAGES, st.randoms(use_true_random=False))
def test_order_and_spaces_do_not_matter(passages: list[str], chance: random.Random) -> None:
    shuffled = chance.sample(passages, len(passages))
    read = "\n\n".join(one.replace(" ", " | ") for one in shuffled)
    assert compare([Passage("x", one) for one in passages], read).missing == 0


@given(PASSAGES, st.integers(0, 19))
def test_a_passage_that_is_not_read_is_counted_with_all_its_words(passages: list[str], number: int) -> None:
    lost = passages[number % len(passages)]
    unique = " ".join(f"lost{position}q{word}" for position, word in enumerate(lost.split()))
    all_of_them = [*passages, unique]
    found = compare([Passage("x", one) for one in all_of_them], "\n\n".join(passages))
    assert found.missing == len(words_of(unique)) == len(lost.split())
    assert [one.text for one in found.places] == [" ".join(unique.split())[:120]]
    assert compare([Passage("x", one) for one in all_of_them], "\n\n".join(passages)).digest == found.digest


def test_words_broken_at_the_end_of_a_line_and_letters_of_scripts_without_spaces_are_the_words_they_are() -> None:
    lines = [Passage("page 1", "A long infor-"), Passage("page 1", "mation sheet")]
    assert compare(lines, "A long information sheet").missing == 0
    assert compare([Passage("page 1", "東 京 都 の 地 図")], "東京都の地図").missing == 0
    assert compare([Passage("page 1", "ﬁnal so\u00adluti\u200bon")], "final solution").missing == 0


@pytest.mark.parametrize("seed", range(3))
def test_of_public_documents_nearly_all_words_are_read(seed: int, public_data: Path) -> None:
    files = sorted(file for file in (public_data / "documents").iterdir() if file.is_file())[seed::3]
    for file in files:
        kind = kind_of(str(file), file.name)
        if kind not in READERS:
            continue
        try:
            read = _parsed(str(file))
        except Exception as error:
            assert type(error).__name__ == "Refused", file.name  # noqa: PT017 — damaged and locked ones are among them
            continue
        found = with_coverage(read, str(file), kind).properties["coverage"]
        assert found["share"] >= 0.98, (file.name, found)
