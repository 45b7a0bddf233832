"""Turns a PDF with embedded text into paragraphs with page numbers and boxes, through PDFium.

Text comes in the order in which the file draws it, which for documents that were written (and not
scanned or designed) is the reading order, columns included.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import build, first_title
from freshet.tasks.documents.parse.hidden import Tally
from freshet.tasks.documents.parse.links import MOST_LINKS, FoundLink, pdf_page_links, with_links
from freshet.tasks.documents.parse.pdf.annotations import with_annotations
from freshet.tasks.documents.parse.pdf.hidden import tally_page
from freshet.tasks.documents.parse.pdf.layout import item_blocks
from freshet.tasks.documents.parse.pdf.lines import page_lines, placement, raised_spans
from freshet.tasks.documents.parse.pdf.readable import made_readable
from freshet.tasks.documents.parse.pdf.rules import ruling_lines
from freshet.tasks.documents.parse.pdf.scans import is_picture, left_out_pages, read_scans
from freshet.tasks.documents.parse.pdf.tables import Item, with_tables
from freshet.tasks.documents.parse.refusal import INSTALL_OCR, Refused

_PASSWORD_ERRORS = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY (a protection that PDFium does not know)
_MOST_ATTACHMENTS = 1000
_LETTERS = re.compile(r"[^\W\d_]{2}")
"""A title has letters; a number under which the file was submitted is none."""
_JUNK_TITLE = re.compile(
    r"^(?:untitled.*|microsoft \w+ - .*|for immediate release|.*\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|pdf|qxd))$", re.I
)


def load_pdfium() -> None:
    """Loads the library, so that its start is not counted as the first document's time."""
    import_module("pypdfium2")


def parse_pdf(path: str, progress: Callable[[], None], comments: bool = False) -> ParsedDocument:
    """Parses the PDF at `path`, and calls `progress` once for each page.

    Args:
        path: the file.
        progress: what is called.
        comments: whether comments are text, which follows that of their page.

    Raises:
        Refused: PARSE-ENCRYPTED, PARSE-CORRUPT, PARSE-EMPTY, or PARSE-EXTRA where there are images only.
    """
    import pypdfium2

    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in _PASSWORD_ERRORS:
            raise Refused("PARSE-ENCRYPTED", type="pdf") from None
        raise Refused("PARSE-CORRUPT", type="pdf", error="PdfiumError") from None
    try:
        if pdf.get_formtype():
            pdf.init_forms()
        return _parse_open(pdf, progress, comments)
    finally:
        pdf.close()


@dataclass
class _Pages:
    """What has been read of a file's pages; `textless`, `scanned` and `unreadable` are page numbers, from 1."""

    items: list[Item] = field(default_factory=list)
    hidden: Tally = field(default_factory=Tally)
    links: list[FoundLink] = field(default_factory=list)
    textless: list[int] = field(default_factory=list)
    scanned: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def _parse_open(pdf: Any, progress: Callable[[], None], comments: bool) -> ParsedDocument:
    import pypdfium2

    read = _Pages(hidden=Tally(comments))
    pages = len(pdf)
    for number in range(1, pages + 1):
        try:
            _read_page(pdf, number, read)
        except pypdfium2.PdfiumError:
            read.unreadable.append(number)
        progress()
    if len(read.unreadable) == pages:
        raise Refused("PARSE-CORRUPT", type="pdf", pages=pages)
    if not read.items:
        if read.scanned:
            raise Refused("PARSE-EXTRA", extra="ocr", type="scanned pdf", pages=pages, install=INSTALL_OCR)
        if not read.hidden.comments:
            raise Refused("PARSE-EMPTY", pages=pages)
    properties: dict[str, Any] = {"pages": pages}
    properties |= {"pages_without_text": read.textless} if read.textless else {}
    properties |= {"pages_unreadable": read.unreadable} if read.unreadable else {}
    properties |= {"attachments": attached} if (attached := _attachments(pdf)) else {}
    blocks = item_blocks(read.items) if read.items else []
    title = _stated_title(pdf) or first_title(block for block in blocks if block.page == 1)
    from_scans, unread = read_scans(pdf, read.scanned, progress)
    properties |= {"ocr": True} if from_scans else {}
    # Sorting keeps the order of blocks of one page.
    more = [*from_scans, *chain(*read.hidden.comments.values())]
    blocks = sorted([*blocks, *more], key=lambda block: block.page or 0)
    left_out = left_out_pages("scanned pages", unread) | left_out_pages("damaged pages", read.unreadable)
    return with_links(build(blocks, title, properties, read.hidden.entries(), left_out=left_out), read.links)


def _read_page(pdf: Any, number: int, read: _Pages) -> None:
    page = pdf[number - 1]
    try:
        place = placement(page)
        textpage = page.get_textpage()
        try:
            looked = tally_page(page, textpage, number, read.hidden)
            own, words = page_lines(page, textpage, number)
            lines = with_annotations(page, pdf.formenv, number, own, place, read.hidden)
            items = with_tables(lines, words, ruling_lines(looked.paths, place))
            items = made_readable(items, words, raised_spans(textpage, looked.raised))
        finally:
            textpage.close()
        links = pdf_page_links(pdf, page) if len(read.links) < MOST_LINKS else []
        is_scanned = not own and is_picture(page)
    finally:
        page.close()
    read.items += items
    read.links += links
    if not lines:
        read.textless.append(number)
    if is_scanned:
        read.scanned.append(number)


def _attachments(pdf: Any) -> list[str]:
    """The names of the files within the file, whose texts are not read."""
    return [str(pdf.get_attachment(at).get_name()) for at in range(min(pdf.count_attachments(), _MOST_ATTACHMENTS))]


def _stated_title(pdf: Any) -> str | None:
    title = str(pdf.get_metadata_dict().get("Title") or "").strip()
    return None if _JUNK_TITLE.match(title) or not _LETTERS.search(title) else title or None
