"""What bench/fidelity.py counts: the words of a file's raw text by part, read without Freshet."""

from __future__ import annotations

import ast
import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from tests.unit.office_files import CHART, DIAGRAM, box, deck_members, p, part, r, slide, word_members, zipped

BENCH = Path(__file__).parents[2] / "bench"
MODULES = ("options", "raw_office", "raw_text", "reading")


@pytest.fixture
def raw_text(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCH / "peers"))
    monkeypatch.syspath_prepend(str(BENCH))
    yield importlib.import_module("raw_text")
    for name in MODULES:
        sys.modules.pop(name, None)


def parts(found: dict[str, Counter[str]]) -> dict[str, str]:
    return {name: " ".join(sorted(words.elements())) for name, words in found.items()}


def test_the_raw_text_is_read_without_freshet() -> None:
    for file in (BENCH / "raw_text.py", BENCH / "raw_office.py"):
        nodes = list(ast.walk(ast.parse(file.read_text("utf-8"))))
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
        roots = {name.split(".")[0] for name in names} - sys.stdlib_module_names
        assert roots <= {"lxml", "options", "raw_office"}, file


def test_a_word_file_is_counted_by_part(raw_text: Any, tmp_path: Path) -> None:
    drawn = (
        f"<mc:AlternateContent><mc:Choice Requires='wps'><w:txbxContent>{p('boxed')}</w:txbxContent></mc:Choice>"
        f"<mc:Fallback><w:txbxContent>{p('boxed')}</w:txbxContent></mc:Fallback></mc:AlternateContent>"
    )
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>unseen</w:t></w:r>"
    deleted = "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:moveFrom><w:r><w:t>away</w:t></w:r></w:moveFrom>"
    inserted = f"<w:ins>{r(' added')}</w:ins><w:moveTo>{r(' moved')}</w:moveTo>"
    code = "<w:r><w:instrText>PAGEREF x</w:instrText></w:r>"
    note = "<w:r><w:footnoteReference w:id='2'/></w:r>"
    below = "<w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p><w:r><w:t>covered</w:t></w:r></w:p></w:tc>"
    table = f"<w:tbl><w:tr><w:tc>{p('cell')}</w:tc></w:tr><w:tr>{below}</w:tr></w:tbl>"
    body = (
        f"<w:p>{r('Hel')}<w:r>{drawn}</w:r>{r('lo')}{deleted}{inserted}{code}{hidden}{note}</w:p>{table}"
        f"<w:sdt><w:sdtContent>{p('chosen')}</w:sdtContent></w:sdt>"
        "<w:sectPr><w:headerReference w:type='default' r:id='h'/><w:headerReference w:type='first' r:id='h1'/>"
        "</w:sectPr>"
    )
    notes = f"<w:footnote w:id='1'>{p('separator')}</w:footnote><w:footnote w:id='2'>{p('noted')}</w:footnote>"
    sides: dict[str, tuple[str, str | bytes]] = {
        "n": ("footnotes", part("w:footnotes", notes)),
        "k": ("comments", part("w:comments", f"<w:comment w:id='1'>{p('remark')}</w:comment>")),
        "h": ("header", part("w:hdr", p("above"))),
        "h1": ("header", part("w:hdr", p("nowhere"))),
        "c": ("chart", CHART),
        "d": ("diagramData", DIAGRAM),
    }
    assert parts(raw_text.raw_words(Path(zipped(tmp_path / "a.docx", word_members(body, sides))))) == {
        "body": "hello",
        "boxes": "boxed",
        "insertions": "added moved",
        "tables": "cell",
        "controls": "chosen",
        "notes": "noted",
        "comments": "remark",
        "headers": "above",
        "charts": "aldermouth by close drain gates harbour lock mossbank summer the the visitors",
    }


def test_a_presentation_is_counted_by_part(raw_text: Any, tmp_path: Path) -> None:
    table = "<a:tbl><a:tr><a:tc><a:txBody><a:p><a:r><a:t>cell</a:t></a:r></a:p></a:txBody></a:tc></a:tr></a:tbl>"
    frame = f"<p:graphicFrame><a:graphic><a:graphicData>{table}</a:graphicData></a:graphic></p:graphicFrame>"
    foot = box("below", ph="<p:ph type='ftr'/>")
    notes = slide(box("said", ph="<p:ph type='body'/>") + box("below", ph="<p:ph type='ftr'/>"))
    members = deck_members(slide(box("shown") + frame + foot), sides={"n": ("notesSlide", notes)})
    assert parts(raw_text.raw_words(Path(zipped(tmp_path / "a.pptx", members)))) == {
        "body": "shown",
        "tables": "cell",
        "headers": "below",
        "notes": "said",
    }


def test_of_a_workbook_strings_and_booleans_count(raw_text: Any, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Ferry", 19.25, True, "12 boats"])
    sheet["A1"].comment = openpyxl.comments.Comment("remark", "ada")
    book.save(tmp_path / "a.xlsx")
    assert parts(raw_text.raw_words(tmp_path / "a.xlsx")) == {"body": "12 boats ferry true", "comments": "remark"}


def test_of_a_page_what_browsers_show_counts(raw_text: Any, tmp_path: Path) -> None:
    page = (
        "<html><head><title>no</title><style>no{}</style><body><p>Fer<b>ries</b></p><script>no()</script>"
        "<div hidden>no<div>no</div>no</div><p style='display: none'>no</p><noscript>no</noscript>"
        "<template>no</template><p>H<sub>2</sub>O costs&nbsp;3&euro;<br>Sta\u00adtion"
    )
    (tmp_path / "a.html").write_text(page, "utf-8")
    assert parts(raw_text.raw_words(tmp_path / "a.html")) == {"body": "3 costs ferries station"}


def test_of_a_message_each_text_counts_once(raw_text: Any, tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Tolls"
    message.set_content("plain words")
    message.add_alternative("<p>marked words</p>", subtype="html")
    message.add_attachment("attached", filename="a.txt")
    (tmp_path / "a.eml").write_bytes(bytes(message))
    assert parts(raw_text.raw_words(tmp_path / "a.eml")) == {"body": "marked words"}


def test_words_of_a_pdf_are_joined_where_its_lines_break_them(raw_text: Any) -> None:
    assert raw_text.words_of("the well-\nknown w o r d", "pdf") == Counter(["the", "wellknown"])
    assert raw_text.words_of("the well-\nknown W_X **bo**ld", "html") == Counter(
        ["the", "well", "known", "w", "x", "bold"]
    )


def test_a_kind_whose_tool_is_not_there_is_left_out_and_told(
    raw_text: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "a.zip").write_bytes(b"PK")
    assert raw_text.raw_words(tmp_path / "a.pdf") is None
    assert raw_text.raw_words(tmp_path / "a.zip") is None
    assert "pdftotext, which is not installed" in capsys.readouterr().err


def test_a_file_that_a_tool_fails_on_costs_only_itself(raw_text: Any, tmp_path: Path) -> None:
    reading = importlib.import_module("reading")
    request, answer = tmp_path / "request.json", tmp_path / "answer.json"
    request.write_text(json.dumps({"rounds": 2, "files": ["1", "no", "3"]}), "utf-8")
    reading.read_all(lambda file: str(int(file)), str(request), str(answer), most_memory=None)
    told = json.loads(answer.read_text("utf-8"))
    assert told["texts"] == {"1": "1", "3": "3"}
    assert told["failed"] == {"no": "ValueError"}
    assert [set(one) for one in told["rounds"]] == [{"1", "no", "3"}] * 2
