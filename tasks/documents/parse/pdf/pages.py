"""Turns a PDF with embedded text into paragraphs with page numbers and boxes, through PDFium.

Text comes in the order in which the file draws it, which for documents that were written (and not
scanned or designed) is the reading order, columns included.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import build, first_title
from freshet.tasks.documents.parse.hidden import Tally
from freshet.tasks.documents.parse.links import MOST_LINKS, FoundLink, pdf_page_links, with_links
from freshet.tasks.documents.parse.pdf.annotations import with_annotations
from freshet.tasks.documents.parse.pdf.hidden import tally_page
from freshet.tasks.documents.parse.pdf.layout import HYPHEN, Box, Line, line_blocks
from freshet.tasks.documents.parse.pdf.scans import is_picture, left_out_pages, read_scans
from freshet.tasks.documents.parse.refusal import INSTALL_OCR, Refused

_PASSWORD_ERRORS = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY (a protection that PDFium does not know)
_HYPHEN_CODE = 2  # PDFium's character code where its text has HYPHEN
_MARK = re.compile(HYPHEN)
_LINE = re.compile(rf"[^\r\n{HYPHEN}]+{HYPHEN}?")
_ASTRAL = re.compile("([\U00010000-\U0010ffff])")
_MOST_ATTACHMENTS = 1000
_LETTERS = re.compile(r"[^\W\d_]{2}")
"""A title has letters; a number under which the file was submitted is none."""
_JUNK_TITLE = re.compile(
    r"^(?:untitled.*|microsoft \w+ - .*|for immediate release|.*\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|pdf|qxd))$", re.I
)


def load_pdfium() -> None:
    """Loads the library, so that its start is not counted as the first document's time."""
    import_module("pypdfium2")


def parse_pdf(path: str, progress: Callable[[], None]) -> ParsedDocument:
    """Parses the PDF at `path`, and calls `progress` once for each page.

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
        return _parse_open(pdf, progress)
    finally:
        pdf.close()


@dataclass
class _Pages:
    """What has been read of a file's pages; `textless`, `scanned` and `unreadable` are page numbers, from 1."""

    lines: list[Line] = field(default_factory=list)
    hidden: Tally = field(default_factory=Tally)
    links: list[FoundLink] = field(default_factory=list)
    textless: list[int] = field(default_factory=list)
    scanned: list[int] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)


def _parse_open(pdf: Any, progress: Callable[[], None]) -> ParsedDocument:
    import pypdfium2

    read = _Pages()
    pages = len(pdf)
    for number in range(1, pages + 1):
        try:
            _read_page(pdf, number, read)
        except pypdfium2.PdfiumError:
            read.unreadable.append(number)
        progress()
    if len(read.unreadable) == pages:
        raise Refused("PARSE-CORRUPT", type="pdf", pages=pages)
    if not read.lines:
        if read.scanned:
            raise Refused("PARSE-EXTRA", extra="ocr", type="scanned pdf", pages=pages, install=INSTALL_OCR)
        raise Refused("PARSE-EMPTY", pages=pages)
    properties: dict[str, Any] = {"pages": pages}
    properties |= {"pages_without_text": read.textless} if read.textless else {}
    properties |= {"pages_unreadable": read.unreadable} if read.unreadable else {}
    properties |= {"attachments": attached} if (attached := _attachments(pdf)) else {}
    blocks = line_blocks(read.lines)
    title = _stated_title(pdf) or first_title(block for block in blocks if block.page == 1)
    from_scans, unread = read_scans(pdf, read.scanned, progress)
    properties |= {"ocr": True} if from_scans else {}
    blocks = sorted([*blocks, *from_scans], key=lambda block: block.page or 0)
    left_out = left_out_pages("scanned pages", unread) | left_out_pages("damaged pages", read.unreadable)
    return with_links(build(blocks, title, properties, read.hidden.entries(), left_out=left_out), read.links)


def _read_page(pdf: Any, number: int, read: _Pages) -> None:
    page = pdf[number - 1]
    try:
        own = _page_lines(page, number)
        lines = with_annotations(page, pdf.formenv, number, own, _placement(page), read.hidden)
        tally_page(page, number, read.hidden)
        links = pdf_page_links(pdf, page) if len(read.links) < MOST_LINKS else []
        is_scanned = not own and is_picture(page)
    finally:
        page.close()
    read.lines += lines
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


def _page_lines(page: Any, number: int) -> list[Line]:
    """Returns the lines inside the visible page, since a spread that two pages share draws text outside of each.

    A line's box is that of its first and last character: asking for every character's would take longer than
    everything else together.
    """
    from pypdfium2 import raw

    loose_box, font_matrix = raw.FPDFText_GetLooseCharBox, raw.FPDFText_GetMatrix
    font_size, font_weight = raw.FPDFText_GetFontSize, raw.FPDFText_GetFontWeight
    first, last, matrix = raw.FS_RECTF(), raw.FS_RECTF(), raw.FS_MATRIX()
    width, height = page.get_size()
    place = _placement(page)
    lines = []
    textpage = page.get_textpage()
    try:
        handle = textpage.raw
        for match in _LINE.finditer(_page_text(textpage)):
            text = match[0].strip()
            if not text or text == HYPHEN:
                continue
            start = match.start() + match[0].index(text[0])
            loose_box(handle, start, first)
            loose_box(handle, start + len(text) - (2 if text[-1] == HYPHEN else 1), last)
            box = place(
                min(first.left, last.left),
                min(first.bottom, last.bottom),
                max(first.right, last.right),
                max(first.top, last.top),
            )
            if not (0 <= box[0] + box[2] <= 2 * width and 0 <= box[1] + box[3] <= 2 * height):
                continue
            font_matrix(handle, start, matrix)
            size = round(font_size(handle, start) * math.hypot(matrix.c, matrix.d), 1)
            foot = place(first.left, first.bottom, first.right, first.top)[3]
            lines.append(Line(text, number, box, size, max(0, font_weight(handle, start)), foot))
    finally:
        textpage.close()
    return lines


def _page_text(textpage: Any) -> str:
    """Returns the page's text, one character for each of PDFium's character indices."""
    from pypdfium2 import raw

    count = textpage.count_chars()
    if count <= 0:
        return ""
    buffer = ctypes.create_string_buffer((count + 1) * 2)
    units = raw.FPDFText_GetText(textpage.raw, 0, count, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))) - 1
    if units == count:
        # A character outside the BMP takes two indices: pad it (the NUL goes with the other control characters).
        text = _ASTRAL.sub("\\1\0", buffer.raw[: units * 2].decode("utf-16-le", errors="replace"))
        # The same mark stands for a glyph that the font gives no character for; it goes with the NULs.
        unknown = [
            m.start() for m in _MARK.finditer(text) if raw.FPDFText_GetUnicode(textpage.raw, m.start()) != _HYPHEN_CODE
        ]
        for at in unknown:
            text = f"{text[:at]}\0{text[at + 1 :]}"
        return text
    codes = (raw.FPDFText_GetUnicode(textpage.raw, index) for index in range(count))
    return "".join(HYPHEN if code == _HYPHEN_CODE else chr(code) for code in codes)


def _placement(page: Any) -> Callable[[float, float, float, float], Box]:
    """Returns a function from page space (origin bottom left, unrotated) to what a reader sees (origin top left)."""
    left, bottom, right, top = page.get_bbox()
    rotation = page.get_rotation()

    def place(x0: float, y0: float, x1: float, y1: float) -> Box:
        if rotation == 90:
            return (y0 - bottom, x0 - left, y1 - bottom, x1 - left)
        if rotation == 180:
            return (right - x1, y0 - bottom, right - x0, y1 - bottom)
        if rotation == 270:
            return (top - y1, right - x1, top - y0, right - x0)
        return (x0 - left, top - y1, x1 - left, top - y0)

    return place
