"""Books are read page by page in the order that their package states, without any extra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.adapter import prepare
from freshet.tasks.documents.parse.coverage.check import with_coverage
from freshet.tasks.documents.parse.epub import parse_epub
from freshet.tasks.documents.parse.refusal import Refused
from tests.unit.office_files import zipped

GIGABYTE = 1_000_000_000
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
PAGES = {
    "OEBPS/two words.xhtml": "<html><body><h1>Second</h1><p>The weir is <b>closed</b>.</p></body></html>",
    "OEBPS/one.xhtml": "<?xml version='1.0'?><html><body><h1>First</h1><p>Read &amp; learn.</p></body></html>",
    "OEBPS/unlisted.xhtml": "<html><body><p>Nobody turns to this page.</p></body></html>",
}


@pytest.fixture(autouse=True, scope="module")
def _prepared() -> None:
    prepare("html")


def book(*pages: str, stated: str = "<dc:title>The Weir</dc:title><dc:creator>Ada Mossbank</dc:creator>") -> str:
    """The package file of a book of some pages, in this order."""
    items = "".join(f'<item id="p{n}" href="{page}"/>' for n, page in enumerate(pages))
    order = "".join(f'<itemref idref="p{n}"/>' for n in range(len(pages)))
    names = 'xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f"<package {names}><metadata>{stated}</metadata><manifest>{items}</manifest><spine>{order}</spine></package>"


def epub(path: Path, package: str, members: Mapping[str, str | bytes] = PAGES) -> str:
    head = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "OEBPS/book.opf": package}
    return zipped(path, {**head, **members})


def read(path: str) -> ParsedDocument:
    return with_coverage(parse_epub(path, GIGABYTE), path, "epub")


def test_pages_are_read_in_the_order_of_the_spine_with_what_the_book_states(tmp_path: Path) -> None:
    document = read(epub(tmp_path / "a.epub", book("one.xhtml", "two%20words.xhtml", "one.xhtml")))
    assert document.text == "First\n\nRead & learn.\n\nSecond\n\nThe weir is closed."
    assert document.title == "The Weir"
    assert document.properties["author"] == "Ada Mossbank"
    assert document.properties["coverage"]["share"] == 1
    assert read(epub(tmp_path / "b.epub", book("one.xhtml", stated=""))).title == "First"


def test_a_page_that_cannot_be_read_costs_itself_and_is_counted(tmp_path: Path) -> None:
    document = read(epub(tmp_path / "a.epub", book("one.xhtml", "gone.xhtml")))
    assert document.text == "First\n\nRead & learn."
    assert document.properties["left_out"] == {"pages": 1}


def test_what_pages_hide_is_told_with_the_page(tmp_path: Path) -> None:
    pages = {**PAGES, "OEBPS/sly.xhtml": "<html><body><p>Seen.</p>\n<p style='display:none'>unseen</p></body></html>"}
    document = read(epub(tmp_path / "a.epub", book("one.xhtml", "sly.xhtml"), pages))
    (entry,) = document.properties["hidden"]
    assert (entry["kind"], entry["chars"], entry["place"]) == ("not displayed", 6, "page 2, line 2")


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"META-INF/encryption.xml": '<encryption><CipherReference URI="OEBPS/one.xhtml"/></encryption>'}, "ENCRYPTED"),
        ({"META-INF/encryption.xml": '<encryption><CipherReference URI="fonts/a.otf"/></encryption>'}, None),
        ({"META-INF/container.xml": "<container/>"}, "CORRUPT"),
        ({"META-INF/container.xml": "no XML"}, "CORRUPT"),
        ({"OEBPS/book.opf": "<package"}, "CORRUPT"),
        ({"OEBPS/book.opf": "<package/>"}, "CORRUPT"),
        ({"OEBPS/book.opf": book("gone.xhtml")}, "CORRUPT"),
        ({"OEBPS/one.xhtml": "<html><body></body></html>"}, "EMPTY"),
    ],
)
def test_a_book_that_cannot_be_read_says_why(tmp_path: Path, members: dict[str, str], code: str | None) -> None:
    path = epub(tmp_path / "a.epub", book("one.xhtml"), {**PAGES, **members})
    if code is None:
        assert read(path).text == "First\n\nRead & learn."
        return
    with pytest.raises(Refused) as refused:
        parse_epub(path, GIGABYTE)
    assert refused.value.code == f"PARSE-{code}"
