"""What parsers find in a document beside its text: hidden text, links, anchors. No process is started here."""

from __future__ import annotations

import ctypes
import email.message
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Subject, check_document
from freshet.tasks.documents.elements import ADDED_PROPERTIES, ParsedDocument
from freshet.tasks.documents.parse.build import Block, build
from freshet.tasks.documents.parse.mail.messages import parse_eml
from freshet.tasks.documents.parse.markdown import parse_markdown
from freshet.tasks.documents.parse.markup import parse_html
from freshet.tasks.documents.parse.office import parse_docx, parse_pptx
from freshet.tasks.documents.parse.pdf.pages import parse_pdf
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.sheets.parse import parse_xlsx
from freshet.tasks.documents.parse.tagger import install_tagger
from tests.conftest import Handbook
from tests.unit.office_files import deck_members, rels, slide, zipped

GIGABYTE = 1_000_000_000
UNSEEN = "unseen words"
MARKUP = f'<p>Seen <a href="b.html#c">there</a>.</p><p id="top2" style="display:none">{UNSEEN}</p>'
NOT_DISPLAYED = [{"kind": "not displayed", "count": 1, "chars": len(UNSEEN)}]
UNREAD = [{**NOT_DISPLAYED[0], "place": "line 1", "unread": len(UNSEEN)}]


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    install_tagger()


def markdown(folder: Path, text: str) -> ParsedDocument:
    path = folder / "a.md"
    path.write_text(text, "utf-8")
    return parse_markdown(str(path))


def html(folder: Path, text: str) -> ParsedDocument:
    path = folder / "a.html"
    path.write_text(text, "utf-8")
    return parse_html(str(path))


def targets(document: ParsedDocument) -> list[str]:
    return [link["target"] for link in document.properties["links"]]


def test_markdown_says_what_it_hides_and_links_to(tmp_path: Path) -> None:
    document = markdown(
        tmp_path,
        f"---\ntitle: Leave\n---\n# Leave {{#time-off}}\n\n{MARKUP}\n\nRead [the policy]({{% page 'policy' %}}) first.",
    )
    assert document.properties["hidden"] == NOT_DISPLAYED
    assert targets(document) == ["b.html#c", "/policy"]
    start = document.properties["links"][1]["start"]
    assert document.text[start:].startswith("the policy first.")
    assert document.properties["anchors"] == ["time-off", "top2"]
    assert document.properties["title"] == "Leave"


def test_markdown_in_code_hides_and_links_nothing(tmp_path: Path) -> None:
    document = markdown(tmp_path, f"Seen.\n\n```html\n{MARKUP}\n[x](y.md)\n```\n")
    assert document.properties == {"links": [], "anchors": []}


def test_front_matter_is_neither_hidden_text_nor_links(tmp_path: Path) -> None:
    document = markdown(tmp_path, "---\nnote: '<!-- x --> [a](b.md)'\n---\nSeen.")
    assert document.properties == {"note": "<!-- x --> [a](b.md)", "links": [], "anchors": []}


def test_markdown_whose_parts_a_generator_fills_in_has_no_known_anchors(tmp_path: Path) -> None:
    assert "anchors" not in markdown(tmp_path, "# A\n\n{% include rest.md %}\n").properties


@pytest.mark.parametrize(
    "written",
    ["[x]({{ site.url }}/a b.html)", "[x]({{ site.baseurl }}/a(b)", "[x]({% page 'a b' %})", "[x]({% page '<' %})"],
)
def test_a_filled_in_target_that_is_no_target_does_not_undo_the_link(tmp_path: Path, written: str) -> None:
    document = markdown(tmp_path, f"See {written} now.")
    assert document.text == "See x now."
    assert targets(document) == ["#"]


def test_html_says_what_it_hides_and_links_to(tmp_path: Path) -> None:
    document = html(tmp_path, f"<html><body><h1>Leave</h1>{MARKUP}<!-- note --></body></html>")
    assert document.properties == {
        "hidden": [{"kind": "comment", "count": 1, "chars": 4, "place": "line 1"}, *UNREAD],
        "links": [{"target": "b.html#c", "start": document.text.index("there")}],
        "anchors": ["top2"],
    }


def test_html_that_hides_nothing_has_no_such_property(tmp_path: Path) -> None:
    assert "hidden" not in html(tmp_path, "<p>Seen.</p>").properties


@pytest.mark.parametrize("head", ["<p>\0</p>", "<?xml version='1.0' encoding='iso-8859-1'?>", "<meta charset=x-none>"])
def test_nothing_before_hidden_text_keeps_it_from_being_found(tmp_path: Path, head: str) -> None:
    document = html(tmp_path, f"{head}<p>Über uns.</p>{MARKUP}")
    assert document.properties["hidden"] == UNREAD
    assert targets(document) == ["b.html#c"]


def test_mail_says_what_its_html_hides_and_links_to_on_the_web(tmp_path: Path) -> None:
    message = email.message.EmailMessage()
    message["Subject"] = "Plan"
    message["From"] = "ada@example.org"
    message.set_content("Seen there.")
    more = '<a href="https://a.example/x">web</a> <a href="mailto:desk@a.example">desk</a> <a href="http://[">odd</a>'
    message.add_alternative(MARKUP + more, subtype="html")
    path = tmp_path / "a.eml"
    path.write_bytes(bytes(message))
    document = parse_eml(str(path))
    assert document.properties["hidden"] == UNREAD
    assert targets(document) == ["https://a.example/x", "mailto:desk@a.example", "http://["]
    assert "anchors" not in document.properties


def test_plain_mail_hides_and_links_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_text("Subject: Plan\nContent-Type: text/plain\n\nSeen <!-- by all -->.\n")
    document = parse_eml(str(path))
    assert document.properties["links"] == []
    assert "hidden" not in document.properties


def word_file(path: Path, target: str = "https://a.example/") -> str:
    import docx
    from docx.oxml import parse_xml

    document = docx.Document()
    paragraph = document.add_paragraph("Seen by all. ")
    relation = document.part.relate_to(
        target, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink", is_external=True
    )
    w, r = (
        "w:http://schemas.openxmlformats.org/wordprocessingml/2006/main",
        "r:" + ("http://schemas.openxmlformats.org/officeDocument/2006/relationships"),
    )
    names = " ".join(f'xmlns:{name.partition(":")[0]}="{name.partition(":")[2]}"' for name in (w, r))
    paragraph._p.append(
        parse_xml(f'<w:hyperlink {names} r:id="{relation}"><w:r><w:t>the plan</w:t></w:r></w:hyperlink>')
    )
    paragraph.add_run(UNSEEN).font.hidden = True
    document.core_properties.title = "Plan"
    document.save(str(path))
    return str(path)


def test_word_says_what_it_hides_and_links_to(tmp_path: Path) -> None:
    document = parse_docx(word_file(tmp_path / "a.docx"), GIGABYTE)
    assert document.properties["hidden"] == [
        {"kind": "hidden run", "count": 1, "chars": len(UNSEEN), "place": "document, paragraph 1"}
    ]
    assert document.properties["links"] == [{"target": "https://a.example/", "start": document.text.index("the plan")}]
    assert document.properties["title"] == "Plan"


def test_a_word_file_with_a_part_that_cannot_be_read_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    word_file(path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/comments.xml", "<broken" * 100)
        archive.writestr("word/_rels/other.xml.rels", "<broken" * 100)
    data = bytearray(path.read_bytes())
    for info in zipfile.ZipFile(path).infolist():
        if info.filename in ("word/comments.xml", "word/_rels/other.xml.rels"):
            at = info.header_offset + 30 + len(info.filename)
            data[at : at + info.compress_size] = b"\xff" * info.compress_size
    path.write_bytes(data)
    document = parse_docx(str(path), GIGABYTE)
    assert "Seen by all." in document.text
    assert document.properties["hidden"][0]["kind"] == "hidden run"


def test_slides_and_sheets_say_what_they_link_to(tmp_path: Path) -> None:
    run = '<a:r><a:rPr><a:hlinkClick r:id="l"/></a:rPr><a:t>more</a:t></a:r>'
    shape = f"<p:sp><p:nvSpPr/><p:spPr/><p:txBody><a:p>{run}</a:p></p:txBody></p:sp>"
    members = deck_members(slide(shape), sides={"l": ("hyperlink", "")})
    link = rels(("l", "hyperlink", "https://a.example/deck")).replace("/deck", '/deck" TargetMode="External')
    deck = zipped(tmp_path / "a.pptx", {**members, "ppt/slides/_rels/slide1.xml.rels": link})
    assert targets(parse_pptx(deck, GIGABYTE)) == ["https://a.example/deck"]
    book = openpyxl.Workbook()
    book.active["A1"] = "more"
    book.active["A1"].hyperlink = "https://a.example/book"
    book.save(tmp_path / "a.xlsx")
    assert targets(parse_xlsx(str(tmp_path / "a.xlsx"), GIGABYTE)) == ["https://a.example/book"]


@pytest.fixture
def pdf_file(tmp_path: Path) -> Callable[[list[list[tuple[str, int]]]], str]:
    """Writes a PDF: for each page its lines of text, each with its rendering mode."""
    import pypdfium2
    from pypdfium2 import raw

    def make(pages: list[list[tuple[str, int]]]) -> str:
        pdf = pypdfium2.PdfDocument.new()
        for lines in pages:
            page = pdf.new_page(600, 800)
            for number, (text, mode) in enumerate(lines):
                units = (text + "\0").encode("utf-16-le")
                drawn = raw.FPDFPageObj_NewTextObj(pdf.raw, b"Helvetica", 10)
                raw.FPDFText_SetText(drawn, (ctypes.c_ushort * (len(units) // 2)).from_buffer_copy(units))
                raw.FPDFTextObj_SetTextRenderMode(drawn, mode)
                raw.FPDFPageObj_Transform(drawn, 1, 0, 0, 1, 50, 700 - 30 * number)
                raw.FPDFPage_InsertObject(page.raw, drawn)
            link = raw.FPDFPage_CreateAnnot(page.raw, raw.FPDF_ANNOT_LINK)
            raw.FPDFAnnot_SetRect(link, raw.FS_RECTF(50, 720, 200, 690))
            raw.FPDFAnnot_SetURI(link, f"https://a.example/{lines[0][0][0]}".encode())
            raw.FPDFPage_CloseAnnot(link)
            page.gen_content()
            page.close()
        pdf.save(tmp_path / "a.pdf")
        pdf.close()
        return str(tmp_path / "a.pdf")

    return make


def test_pdf_says_what_it_hides_and_links_to_page_by_page(
    pdf_file: Callable[[list[list[tuple[str, int]]]], str],
) -> None:
    path = pdf_file([[("Seen by all.", 0)], [("Also seen.", 0), (UNSEEN, 3)], [("More.", 0), (UNSEEN, 3), (UNSEEN, 3)]])
    document = parse_pdf(path, lambda: None)
    assert document.properties == {
        "pages": 3,
        "hidden": [
            {"kind": "not visible", "count": 1, "chars": 12, "page": 2},
            {"kind": "not visible", "count": 2, "chars": 24, "page": 3},
        ],
        "links": [{"target": f"https://a.example/{letter}", "start": None} for letter in "SAM"],
    }


@pytest.mark.parametrize(
    "front",
    [
        "hidden: [{kind: comment, count: 1, chars: 9}]\nlinks: [{target: gone.md, start: 0}]\nanchors: [top]",
        "links: all\nhidden: true\nanchors: 1",
        '"hidden ": [1]\n"\\0links": [1]\n"an\\u200bchors": x\n"anchors\\x07": [x]',
    ],
)
def test_a_document_cannot_plant_what_its_parser_finds(tmp_path: Path, front: str) -> None:
    document = markdown(tmp_path, f"---\ntitle: A\n{front}\n---\nSeen.\n")
    found = {key: value for key, value in document.properties.items() if key in ADDED_PROPERTIES}
    assert found == {"links": [], "anchors": []}
    assert document.properties["title"] == "A"


def test_toml_and_broken_front_matter_cannot_plant_it_either(tmp_path: Path) -> None:
    assert "hidden" not in markdown(tmp_path, "+++\nhidden = [1]\n+++\nSeen.\n").properties
    assert "hidden" not in markdown(tmp_path, "---\ntitle: a: b\nhidden: x\n---\nSeen.\n").properties


def test_no_parser_passes_on_a_stated_property_of_such_a_name() -> None:
    stated = dict.fromkeys((*ADDED_PROPERTIES, "hidden\n", "kept"), "x")
    assert build([Block("NarrativeText", "Seen.")], None, stated).properties == {"kept": "x"}


COUNTED = {"bundled": (0, 0, 0), "public": (81, 6, 2)}
LINKS = {"bundled": range(1), "public": range(2000, 4000)}


def handbook_documents(folder: Path) -> Iterator[tuple[str, ParsedDocument]]:
    for file in sorted(folder.rglob("*.md")):
        try:
            yield file.relative_to(folder).as_posix(), parse_markdown(str(file))
        except Refused:  # front matter and nothing else: a page that redirects
            continue


def test_the_handbook_holds_what_was_counted_in_it(handbook: Handbook, tmp_path: Path) -> None:
    handbook.lay("before", tmp_path)
    rules: dict[str, Any] = {rule.code: rule for rule in DOCUMENT_RULES}
    wanted = dict(zip(("PERSONAL-EMAIL", "SAFETY-COMMENT", "SAFETY-ZEROWIDTH"), COUNTED[handbook.name], strict=True))
    now = datetime(2024, 8, 1, tzinfo=UTC)
    found: dict[str, set[str]] = {code: set() for code in (*wanted, "SAFETY-HIDDEN")}
    links = 0
    for path, document in handbook_documents(tmp_path):
        links += len(document.properties["links"])
        for verdict in check_document(Subject(path, document, now), {code: rules[code] for code in found}):
            found[verdict.code].add(path)
    assert {code: len(found[code]) for code in wanted} == wanted
    assert found["SAFETY-HIDDEN"] == set()
    assert links in LINKS[handbook.name]
