"""PDF with embedded text → paragraphs with page numbers and boxes, through PDFium.

Text comes in the order in which the file draws it, which for documents that were written (and not
scanned or designed) is the reading order, columns included.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from tasks.documents.elements import ParsedDocument
from tasks.documents.parse.build import Block, build, first_title
from tasks.documents.parse.refusal import INSTALL_OCR, Refused

Box = tuple[float, float, float, float]

_PASSWORD_ERRORS = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY (a protection that PDFium does not know)
_HYPHEN = "\ufffe"  # PDFium's mark for a hyphen at the end of a line; it swallows the line break
_HYPHEN_CODE = 2  # the same, as a character code
_MARK = re.compile(_HYPHEN)
_LINE = re.compile(rf"[^\r\n{_HYPHEN}]+{_HYPHEN}?")
_ASTRAL = re.compile("([\U00010000-\U0010ffff])")
_BULLET = re.compile(r"\s*(?:[●•▪◦‣∙○■□–—*\-]\s|\(?(?:\d{1,3}|[a-zA-Z])[.)]\s)")
_WORD = re.compile(r"\w[\w\-]*")
_JUNK_TITLE = re.compile(r"^(?:untitled.*|microsoft \w+ - .*|.*\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|pdf|qxd))$", re.I)

_TITLE_SIZE = 1.12  # times the body's size
_TITLE_WEIGHT = 1.4  # times the body's weight, for a title in the body's size
_NO_TITLE = re.compile(r"@|://|[.,;]$|^[a-z\W]*$|^[a-z·•(]")
_TITLE_CHARS, _TITLE_LINES, _TITLE_LEVELS = 200, 3, 6
_SAME_SIZE = 0.15
_LINE_PITCH = 1.6  # times the line's height: more is a gap between paragraphs
_LOOSER_PITCH = 1.25  # times the pitch that the paragraph has kept so far


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    page: int
    box: Box  # origin top left
    size: float  # of the font, in points
    weight: int  # of the font: 400 is regular, 700 bold; 0 where the file does not say
    foot: float  # lower edge of the font's box, which, unlike that of the letters, is the same for all of a line


def load_pdfium() -> None:
    """Load the library, so that its start is not counted as the first document's time."""
    import_module("pypdfium2")


def parse_pdf(path: str, progress: Callable[[], None]) -> ParsedDocument:
    """The PDF at `path`; one call of `progress` per page.

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
        return _parse_open(pdf, progress)
    finally:
        pdf.close()


def _parse_open(pdf: Any, progress: Callable[[], None]) -> ParsedDocument:
    import pypdfium2

    lines: list[_Line] = []
    unreadable: list[int] = []
    textless: list[int] = []
    pages = len(pdf)
    for number in range(1, pages + 1):
        before = len(lines)
        try:
            page = pdf[number - 1]
            try:
                lines.extend(_page_lines(page, number))
            finally:
                page.close()
        except pypdfium2.PdfiumError:
            unreadable.append(number)
        else:
            if len(lines) == before:
                textless.append(number)
        progress()
    if len(unreadable) == pages:
        raise Refused("PARSE-CORRUPT", type="pdf", pages=pages)
    if not lines:
        if any(_has_images(pdf, number) for number in textless):
            raise Refused("PARSE-EXTRA", extra="ocr", type="scanned pdf", pages=pages, install=INSTALL_OCR)
        raise Refused("PARSE-EMPTY", pages=pages)
    properties: dict[str, Any] = {"pages": pages}
    properties |= {"pages_without_text": textless} if textless else {}
    properties |= {"pages_unreadable": unreadable} if unreadable else {}
    blocks = _blocks(lines)
    return build(blocks, _stated_title(pdf) or first_title(block for block in blocks if block.page == 1), properties)


def _stated_title(pdf: Any) -> str | None:
    title = str(pdf.get_metadata_dict().get("Title") or "").strip()
    return None if _JUNK_TITLE.match(title) else title or None


def _has_images(pdf: Any, number: int) -> bool:
    from pypdfium2 import raw

    page = pdf[number - 1]
    try:
        # Scanners that trace write paths, and some wrap the picture in a form: whatever is drawn counts.
        return any(
            o.type in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_PATH) for o in page.get_objects()
        )
    finally:
        page.close()


def _page_lines(page: Any, number: int) -> Iterator[_Line]:
    """The lines inside the visible page: a spread that two pages share draws text outside of each."""
    from pypdfium2 import raw

    textpage = page.get_textpage()
    try:
        text = _page_text(textpage)
        place = _placement(page)
        width, height = page.get_size()
        rect, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
        edges = [ctypes.c_double() for _ in range(4)]
        for match in _LINE.finditer(text):
            content = match[0]
            start = match.start() + len(content) - len(content.lstrip())
            if start >= match.end():
                continue
            box = _bounds(textpage.raw, start, match.end() - start, edges, place)
            if box is None or not (0 <= (box[0] + box[2]) / 2 <= width and 0 <= (box[1] + box[3]) / 2 <= height):
                continue
            raw.FPDFText_GetLooseCharBox(textpage.raw, start, rect)
            raw.FPDFText_GetMatrix(textpage.raw, start, matrix)
            size = raw.FPDFText_GetFontSize(textpage.raw, start) * math.hypot(matrix.c, matrix.d)
            weight = max(0, raw.FPDFText_GetFontWeight(textpage.raw, start))
            foot = place(rect.left, rect.bottom, rect.right, rect.top)[3]
            yield _Line(content.strip(), number, box, round(size, 1), weight, foot)
    finally:
        textpage.close()


def _page_text(textpage: Any) -> str:
    """The page's text, one character for each of PDFium's character indices."""
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
    return "".join(_HYPHEN if code == _HYPHEN_CODE else chr(code) for code in codes)


def _placement(page: Any) -> Callable[[float, float, float, float], Box]:
    """Page space (origin bottom left of the media box, unrotated) → what a reader sees, origin top left."""
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


def _bounds(textpage: Any, start: int, count: int, edges: list[Any], place: Callable[..., Box]) -> Box | None:
    from pypdfium2 import raw

    found = raw.FPDFText_CountRects(textpage, start, count)
    if found <= 0:
        return None
    boxes = []
    left, top, right, bottom = edges
    for index in range(found):
        raw.FPDFText_GetRect(textpage, index, left, top, right, bottom)
        boxes.append((left.value, bottom.value, right.value, top.value))
    return place(
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def _blocks(lines: list[_Line]) -> list[Block]:
    size, weight = _body_font(lines)
    groups = list(_paragraphs(lines))
    titles = [_is_title(group, size, weight) for group in groups]
    sizes = sorted(
        {round(group[0].size) for group, is_title in zip(groups, titles, strict=True) if is_title}, reverse=True
    )
    levels = {size: min(rank, _TITLE_LEVELS) for rank, size in enumerate(sizes, start=1)}
    words = _vocabulary(lines)
    blocks = []
    for group, is_title in zip(groups, titles, strict=True):
        kind = "Title" if is_title else "ListItem" if _BULLET.match(group[0].text) else "NarrativeText"
        level = levels[round(group[0].size)] if is_title else 0
        blocks.append(Block(kind, _joined(group, words), level, group[0].page, _union([line.box for line in group])))
    return blocks


def _union(boxes: list[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (round(min(lefts), 1), round(min(tops), 1), round(max(rights), 1), round(max(bottoms), 1))


def _body_font(lines: list[_Line]) -> tuple[float, int]:
    """(size, weight) of most of the text."""
    sizes: Counter[float] = Counter()
    weights: Counter[int] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
        weights[line.weight] += len(line.text)
    return sizes.most_common(1)[0][0], weights.most_common(1)[0][0]


def _is_title(group: list[_Line], size: float, weight: int) -> bool:
    """A few words, larger than the body, or bolder in its size."""
    first, last = group[0], group[-1]
    if len(group) > _TITLE_LINES or sum(len(line.text) for line in group) > _TITLE_CHARS:
        return False
    if _NO_TITLE.search(first.text) or last.text.endswith((".", ",", ";")):
        return False
    if min(line.size for line in group) >= _TITLE_SIZE * size:
        return True
    bold = 0 < weight * _TITLE_WEIGHT <= min(line.weight for line in group)
    return bold and first.size >= 0.98 * size and len(group) < _TITLE_LINES


def _paragraphs(lines: list[_Line]) -> Iterator[list[_Line]]:
    group: list[_Line] = []
    for line in lines:
        if group and not _continues(group, line):
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _continues(group: list[_Line], line: _Line) -> bool:
    """Whether the line belongs to the paragraph that the group holds so far."""
    last = group[-1]
    if line.page != last.page:
        return False
    height = max(last.size, 1.0)
    drop = line.foot - last.foot
    if abs(drop) <= 0.6 * height:  # the same line, broken by a raised character or a change of font
        return -height <= line.box[0] - last.box[2] <= 3 * height
    if last.text.endswith(_HYPHEN):
        return True
    if abs(line.size - last.size) > _SAME_SIZE * height or _BULLET.match(line.text):
        return False
    if not 0 < drop <= _LINE_PITCH * height:
        return False
    if len(group) > 1 and 0 < (kept := last.foot - group[-2].foot) < drop / _LOOSER_PITCH and kept > 0.6 * height:
        return False
    if line.box[0] > last.box[2] or line.box[2] < last.box[0]:
        return False
    indented = line.box[0] > min(member.box[0] for member in group) + 0.8 * height
    return not (indented and last.text.endswith((".", "!", "?", ":")))


def _vocabulary(lines: list[_Line]) -> frozenset[str]:
    """Every word of the document in lower case, which tells how a word that a line end cut is written; empty where
    nothing is cut."""
    if not any(line.text.endswith(_HYPHEN) for line in lines):
        return frozenset()
    return frozenset(word.lower() for line in lines for word in _WORD.findall(line.text))


def _joined(group: list[_Line], words: frozenset[str]) -> str:
    text = ""
    for line in group:
        if text.endswith(_HYPHEN):
            text = _mended(text.removesuffix(_HYPHEN), line.text, words)
        elif text:
            text = f"{text} {line.text}"
        else:
            text = line.text
    return text.replace(_HYPHEN, "-")


def _mended(head: str, tail: str, words: frozenset[str]) -> str:
    """The two halves of a word that a line end cut, with its hyphen only where the word has one anyway."""
    first = re.search(r"\w*$", head)
    second = re.match(r"\w*", tail)
    one, two = (first[0] if first else ""), (second[0] if second else "")
    if f"{one}{two}".lower() in words:
        return f"{head}{tail}"
    if f"{one}-{two}".lower() in words or not (one[-1:].islower() and two[:1].islower()):
        return f"{head}-{tail}"
    return f"{head}{tail}"
