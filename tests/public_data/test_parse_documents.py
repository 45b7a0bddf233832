"""Every file of the shared documents ends as a table says: as text that holds a phrase, or blocked by a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.documents.parse.ocr import has_ocr
from freshet.tasks.documents.parse.pandoc import has_pandoc
from freshet.tasks.documents.parse.pool import ParseFile, ParserPool
from freshet.tasks.settings.project import Parsing
from tests.conftest import NO_PUBLIC_DATA, PUBLIC_DATA
from tests.parsed_documents import (
    Outcomes,
    assert_boxes_lie_on_their_page,
    assert_pages_hold_their_text,
    assert_spans_are_exact,
    document_of,
    pages_with,
    parse_without_sockets,
)

DOCUMENTS = PUBLIC_DATA / "documents"

pytestmark = pytest.mark.skipif(not DOCUMENTS.is_dir(), reason=NO_PUBLIC_DATA)

# name → (a phrase of its text, the page that holds it)
PARSED: dict[str, tuple[str, int | None]] = {
    "2023-half-year-analyses-by-segment.xlsx": ("Zone NA | 12553 | 2713", 1),
    "LICENSE-unstructured-example-docs.md": ("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION", None),
    "README.md": ("A PDF copy of the layout parser paper", None),
    "a1977-backus-p21.pdf": ("it permits the definition of new functional forms", 1),
    "codeblock.md": ('<html lang="en">\n<head>\n    <meta charset="UTF-8">', None),
    "copy-protected.pdf": ("LayoutParser is well aligned with recent", 2),
    "csv-with-long-lines.csv": ("SpearmanCorrelationCoefficient | 1Freq CD161CD8TfrequencyUnstim | ", None),
    "docx-hdrftr.docx": ("Main document", None),
    "docx-tables.docx": ("Header Col 1 | Header Col 2\nLorem ipsum | A link example", None),
    "duplicate-paragraphs.docx": ("This document contains duplicates", None),
    "embedded-link.pdf": ("This is to test the index where the list item was not captured correctly", 1),
    "eng_spa_mult.html": ("Todos los seres humanos nacen libres e iguales", None),
    "example-10k-1p.html": ("Common stock |  | GLXZ |  | OTCQB marketplace", None),
    "example-steelJIS-datasheet-utf-16.html": ("日本語", None),
    "example-with-scripts.html": ("Russian Offensive Campaign Assessment", None),
    "factbook.xml": ("name: Trinidad & Tobado\ncapital: Port of Spain", None),
    "fake-email-attachment.eml": ("Here's the attachments!", None),
    "fake-email-attachment.msg": ("Little to no content", None),
    "fake-email-malformed-encoding.eml": ("This is a test email to use for unit tests.", None),
    "fake-email-utf-16.eml": ("This is a test email to use for unit tests.", None),
    "fake-html-cp1252.html": ("Die schöne Frau hat einen Kaffee mit Kuchen gegessen.", None),
    "fake-html.html": ("With sub-bullets!", None),
    "fake-memo.pdf": ("There were 20,000 bottles of water, 10,000 blankets, and 200 laptops delivered", 1),
    "fake-power-point-malformed.pptx": ("Problem Date Placeholder", 1),
    "fake-power-point-table.pptx": ("Column 1 | Column 2 | Column 3\nRed | Green | Blue", 1),
    "fake-power-point.pptx": ("Use _TextFrame.text for first bullet", 1),
    "fake-text-utf-16.txt": ("Hamburgers are delicious", None),
    "fake-text-utf-32.txt": ("Hamburgers are delicious", None),
    "fake.docx": ("Lorem ipsum dolor sit amet.", None),
    "family-day.eml": ("Get excited for our first annual family day!", None),
    "handbook-872p.docx": ("Executive Office for United States Trustees", None),
    "ideas-page.html": ("Someone fed my essays into GPT", None),
    "interface-config-guide-p93.pdf": ("6.4 Internal PXC", 1),
    "korean-text-with-tables.pdf": ("적립 제외 대상", 1),
    "layout-parser-paper-fast.pdf": ("Recent advances in document image analysis (DIA)", 1),
    "list-item-example.pdf": ("Intellectual property considerations", 2),
    "multi-column-2p.pdf": ("Open-domain question answering relies on efficient passage retrieval", 1),
    "norwich-city.txt": ("Iwan Wyn Roberts (born 26 June 1968) is a Welsh former professional footballer", None),
    "pdf-with-ocr-text.pdf": ("to keep you posted on the progress of the Foundation", 1),
    "reliance.pdf": ("Big achievements follow if you dream big.", 2),
    "sample-presentation.pptx": ("And a list of bulleted information", 2),
    "stanley-cups.csv": ("Team | Location | Stanley Cups\nBlues | STL | 1\nFlyers | PHI | 2", None),
    "stanley-cups.xlsx": ("Maple Leafs | TOR | 0", 2),
    "umlauts-non-utf8.md": ("äöüß", None),
}
PDFS = [name for name in PARSED if name.endswith(".pdf")]
PARSED_BY_PANDOC: dict[str, str] = {
    "README.rst": "A 10-K SEC filing in HTML format",
    "README-w-include.rst": "A 10-K SEC filing in HTML format",
    "winter-sports.epub": "This ebook is for the use of anyone anywhere in the United States",
}
BLOCKED: dict[str, str] = {
    "empty.eml": "PARSE-EMPTY",
    "empty.txt": "PARSE-EMPTY",
    "empty.xlsx": "PARSE-EMPTY",
    "fake-text-all-whitespace.txt": "PARSE-EMPTY",
    "fake-encrypted.eml": "PARSE-ENCRYPTED",
    "password.pdf": "PARSE-ENCRYPTED",
    "password_protected.xlsx": "PARSE-ENCRYPTED",
}
SCANNED = "loremipsum-flat.pdf"


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return parse_without_sockets(DOCUMENTS)


def test_the_table_names_every_file(outcomes: Outcomes) -> None:
    assert set(outcomes) == {*PARSED, *PARSED_BY_PANDOC, *BLOCKED, SCANNED}


@pytest.mark.parametrize("name", PARSED)
def test_parsed_documents_hold_their_phrase_on_its_page(outcomes: Outcomes, name: str) -> None:
    phrase, page = PARSED[name]
    document = document_of(outcomes[name])
    assert phrase in document.text
    assert pages_with(document, phrase) == {page}


@pytest.mark.parametrize("name", BLOCKED)
def test_blocked_documents_say_why(outcomes: Outcomes, name: str) -> None:
    assert outcomes[name].document_json is None
    assert [(v.code, v.severity) for v in outcomes[name].verdicts] == [(BLOCKED[name], "block")]


@pytest.mark.parametrize("name", PARSED_BY_PANDOC)
def test_types_of_the_pandoc_extra_are_parsed_or_name_it(outcomes: Outcomes, name: str) -> None:
    if has_pandoc():
        assert PARSED_BY_PANDOC[name] in document_of(outcomes[name]).text
    else:
        assert [(v.code, v.evidence["extra"]) for v in outcomes[name].verdicts] == [("PARSE-EXTRA", "pandoc")]


@pytest.mark.skipif(has_ocr(), reason="the ocr extra is installed, which reads it")
def test_a_scanned_pdf_names_the_ocr_extra(outcomes: Outcomes) -> None:
    (found,) = outcomes[SCANNED].verdicts
    assert (found.code, found.evidence["extra"]) == ("PARSE-EXTRA", "ocr")
    assert "freshet[ocr]" in found.evidence["install"]


def test_spans_are_exact_in_everydocument_of(outcomes: Outcomes) -> None:
    assert_spans_are_exact(outcomes)


def test_every_pdf_page_is_the_page_that_holds_the_text(outcomes: Outcomes) -> None:
    assert_pages_hold_their_text(DOCUMENTS, outcomes, PDFS)


def test_boxes_lie_on_their_page(outcomes: Outcomes) -> None:
    assert_boxes_lie_on_their_page(DOCUMENTS, outcomes, PDFS)


def test_a_spread_that_two_pages_share_is_not_repeated(outcomes: Outcomes) -> None:
    document = document_of(outcomes["reliance.pdf"])
    assert document.text.count("Big achievements follow") == 1
    assert pages_with(document, "Key Performance Indicators") == {3}


def test_words_that_a_line_end_cut_are_whole(outcomes: Outcomes) -> None:
    text = document_of(outcomes["multi-column-2p.pdf"]).text
    assert "relies on efficient passage" in text
    assert "Lucene-BM25 system" in text


def test_columns_are_read_one_after_the_other(outcomes: Outcomes) -> None:
    text = document_of(outcomes["multi-column-2p.pdf"]).text
    places = [
        text.index(p) for p in ("Abstract", "1 Introduction", "Retrieval in open-domain QA is usually implemented")
    ]
    assert places == sorted(places)


def test_scripts_and_styles_never_become_text(outcomes: Outcomes) -> None:
    text = document_of(outcomes["example-with-scripts.html"]).text
    assert not [word for word in ("function(", "jQuery", "<script", "{margin", "document.write") if word in text]


def test_an_include_reads_no_other_file(tmp_path: Path) -> None:
    if not has_pandoc():
        pytest.skip("the pandoc extra is not installed")
    (tmp_path / "file_we_dont_want_imported").write_text("the secret plan\n")
    included = tmp_path / "absolute.txt"
    included.write_text("another secret plan\n")
    rst = (DOCUMENTS / "README-w-include.rst").read_text()
    (tmp_path / "doc.rst").write_text(f"{rst}\n.. include:: {included}\n")
    (tmp_path / "doc.org").write_text(f'* Head\n#+INCLUDE: "{included}"\n\nBody text here.\n')
    (tmp_path / "table.rst").write_text(f"Title\n=====\n\nText.\n\n.. csv-table:: x\n   :file: {included}\n")
    files = [ParseFile(str(tmp_path / name), name) for name in ("doc.rst", "doc.org", "table.rst")]
    with ParserPool(Parsing(workers=1)) as pool:
        rst_outcome, org_outcome, table_outcome = pool.parse_many(files)
    assert "A 10-K SEC filing" in document_of(rst_outcome).text
    assert "Body text here." in document_of(org_outcome).text
    assert "secret" not in document_of(rst_outcome).text + document_of(org_outcome).text
    # The table is the other file's; the text beside it is the document's own.
    table = document_of(table_outcome)
    assert "Text." in table.text
    assert "secret" not in table.text
    assert table.properties["includes"] == [str(included)]


def test_mail_headers_are_properties_and_the_subject_a_title(outcomes: Outcomes) -> None:
    for name in ("fake-email-attachment.eml", "fake-email-attachment.msg"):
        document = document_of(outcomes[name])
        assert document.title == "Fake email with attachment"
        assert document.elements[0].kind == "Title"
        assert document.properties["attachments"] == ["fake-attachment.txt"]
        assert "Mallori Harrell" in document.properties["from"]


def test_a_pdf_does_not_depend_on_its_neighbours(outcomes: Outcomes) -> None:
    files = [ParseFile(str(DOCUMENTS / name), name) for name in ("fake-memo.pdf", "stanley-cups.xlsx", "README.md")]
    with ParserPool(Parsing(workers=1)) as pool:
        for file, outcome in zip(files, pool.parse_many(files), strict=True):
            assert outcome == outcomes[file.name]
