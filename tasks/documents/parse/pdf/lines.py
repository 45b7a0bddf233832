"""Reads the lines of a PDF's page, each with its place and font, through PDFium."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Sequence
from functools import cache, partial
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from freshet.tasks.documents.parse.pdf.drawn import Box, Place
from freshet.tasks.documents.parse.pdf.hidden import Raised

HYPHEN = "\ufffe"  # PDFium's mark for a hyphen at the end of a line; it swallows the line break
_HYPHEN_CODE = 2  # PDFium's character code where its text has HYPHEN
_MARK = re.compile(HYPHEN)
_LINE = re.compile(rf"[^\r\n{HYPHEN}]+{HYPHEN}?")
_ASTRAL = re.compile("([\U00010000-\U0010ffff])")
_ALONE = re.compile(r"\r(?!\n)")
_CUT = re.compile(r"(?<=[^\W\d_])-$")
_BLANK = " \t\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# The dots that lead from a heading to its page are no words.
_NEXT_WORD = re.compile(r"(?<=[ \t\xa0\u2000-\u200a\u3000])(?!\. )[^ \t\xa0\u2000-\u200a\u3000]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_MOST_RAISED, _MOST_RAISED_CHARS = 1000, 20
_SMALL = 0.85  # times the height of other letters
_UNSEEN = " \t\xa0\0"


class Line(NamedTuple):
    """A line of a page.

    Attributes:
        text: ends with HYPHEN where the line cuts a word.
        page: from 1.
        box: in points, origin top left, of the page turned so that the line lies level.
        size: of the font, in points.
        weight: of the font, 400 being regular and 700 bold; 0 where the file does not say.
        foot: lower edge of the font's box, which all of a line have in common, unlike that of the letters.
        start: PDFium's index of its first character; -1 for what is no text of the page.
        turn: degrees, anticlockwise, by which a reader sees the line turned: 0, 90, 180 or 270.
        shown: its box as a reader sees the page, where the line is turned.
    """

    text: str
    page: int
    box: Box
    size: float
    weight: int
    foot: float
    start: int = -1
    turn: int = 0
    shown: Box | None = None

    @property
    def page_box(self) -> Box:
        """The box on the page as a reader sees it."""
        return self.shown or self.box


class Words:
    """Where the words of an open page stand."""

    def __init__(self, page: Any, textpage: Any) -> None:
        """Takes an open pypdfium2 page and its text."""
        from pypdfium2 import raw

        self._textpage, self._rotation = textpage.raw, page.get_rotation()
        self._placed = cache(partial(placement, page))
        self._edge = page.get_bbox()[0]
        self._origin, self._x, self._y = raw.FPDFText_GetCharOrigin, ctypes.c_double(), ctypes.c_double()
        self._loose_box, self._box = raw.FPDFText_GetLooseCharBox, raw.FS_RECTF()

    def gaps(self, line: Line, least: float, narrowest: float) -> list[tuple[int, float, float]]:
        """Returns (offset, right edge of what is before, left edge) of each word that may have a gap before it.

        None are found where a line is read from right to left, or is no text.

        Args:
            line: a line of the page.
            least: the width of a gap, times the size.
            narrowest: the width of a letter, times the size: only what is more than the letters take can be a gap.
        """
        start, text, size = line.start, line.text, line.size
        if start < 0 or (not text.isascii() and _RIGHT_TO_LEFT.search(text)):
            return []
        handle, get, x, y = self._textpage, self._origin, self._x, self._y
        angle = (line.turn + self._rotation) % 360
        edge, place = self._edge, self._placed(angle)
        gap, letter = size * (least - narrowest), size * narrowest
        loose_box, box = self._loose_box, self._box
        found = []
        before, left = 0, line.box[0]
        for match in _NEXT_WORD.finditer(text):
            offset = match.start()
            get(handle, start + offset, x, y)
            across = x.value - edge if not angle else place(x.value, y.value, x.value, y.value)[0]
            if across - left > gap + letter * (offset - before):
                end = offset - 1 if text[offset - 2] != " " else len(text[:offset].rstrip())
                loose_box(handle, start + end - 1, box)
                right = box.right - edge if not angle else place(box.left, box.bottom, box.right, box.top)[2]
                found.append((offset, right, across))
            before, left = offset, across
        return found

    def left(self, line: Line, offset: int) -> float:
        """Returns the left edge of the line's character at an offset."""
        return self._edges(line, offset)[0]

    def right(self, line: Line, offset: int) -> float:
        """Returns the right edge of the line's character at an offset."""
        return self._edges(line, offset)[1]

    def _edges(self, line: Line, offset: int) -> tuple[float, float]:
        box = self._box
        self._loose_box(self._textpage, line.start + offset, box)
        angle = (line.turn + self._rotation) % 360
        if not angle:
            return box.left - self._edge, box.right - self._edge
        placed = self._placed(angle)(box.left, box.bottom, box.right, box.top)
        return placed[0], placed[2]


def page_lines(page: Any, textpage: Any, number: int) -> tuple[list[Line], Words]:
    """Returns the lines inside the visible page, since a spread that two pages share draws text outside of each.

    A line's box is that of its first and last character, and its font that of the one in the middle: asking for every
    character's would take longer than everything else together.
    """
    from pypdfium2 import raw

    loose_box, font_matrix = raw.FPDFText_GetLooseCharBox, raw.FPDFText_GetMatrix
    font_size, font_weight = raw.FPDFText_GetFontSize, raw.FPDFText_GetFontWeight
    first, middle, last, matrix = raw.FS_RECTF(), raw.FS_RECTF(), raw.FS_RECTF(), raw.FS_MATRIX()
    width, height = page.get_size()
    rotation = page.get_rotation()
    placed = cache(partial(placement, page))
    page_place = placed(rotation)
    handle = textpage.raw
    lines = []
    for match in _LINE.finditer(_page_text(textpage)):
        text = match[0].strip(_BLANK)
        if not text or text == HYPHEN:
            continue
        start = match.start() + match[0].index(text[0])
        end = len(text) - (2 if text[-1] == HYPHEN else 1)
        at = end // 2
        while at < end and text[at] in _UNSEEN:
            at += 1
        loose_box(handle, start, first)
        loose_box(handle, start + end, last)
        loose_box(handle, start + at, middle)
        font_matrix(handle, start + at, matrix)
        angle = _angle(matrix)
        left, bottom, right, top = first.left, first.bottom, first.right, first.top
        # Of a line with a raised mark at its start or in its middle, font and foot are those of the other letters.
        if angle % 180:
            heights = right - left, middle.right - middle.left, last.right - last.left
        else:
            heights = top - bottom, middle.top - middle.bottom, last.top - last.bottom
        if heights[1] < _SMALL * heights[0] and heights[1] < _SMALL * heights[2]:
            at = 0
            font_matrix(handle, start, matrix)
        place = page_place if angle == rotation else placed(angle)
        if heights[0] < _SMALL * heights[1]:
            foot = place(middle.left, middle.bottom, middle.right, middle.top)[3]
        else:
            foot = place(left, bottom, right, top)[3]
        ends = min(left, last.left), min(bottom, last.bottom), max(right, last.right), max(top, last.top)
        box = shown = page_place(*ends)
        if not (0 <= box[0] + box[2] <= 2 * width and 0 <= box[1] + box[3] <= 2 * height):
            continue
        if angle != rotation:
            box = place(*ends)
        size = round(font_size(handle, start + at) * math.hypot(matrix.c, matrix.d), 1)
        weight = max(0, font_weight(handle, start + at))
        turned = (angle - rotation) % 360
        lines.append(Line(text, number, box, size, weight, foot, start, turned, shown if turned else None))
    return _upright(lines), Words(page, textpage)


def _upright(lines: list[Line]) -> list[Line]:
    """Puts lines that are turned into the order in which they are read, where PDFium gives the last of them first."""
    if not any(line.turn for line in lines):
        return lines
    ordered: list[Line] = []
    for turn, group in groupby(lines, key=lambda line: line.turn):
        run = list(group)
        if turn and len(run) > 1 and all(line.foot < last.foot for last, line in pairwise(run)):
            # PDFium marks no hyphens in lines that it reads in reverse.
            run = [line._replace(text=_CUT.sub(HYPHEN, line.text)) for line in reversed(run)]
        ordered += run
    return ordered


def raised_spans(textpage: Any, raised: Sequence[Raised]) -> dict[int, int]:
    """Returns, for each raised piece of text, the index of its first character → the index after its last."""
    from pypdfium2 import raw

    at_place, owner = raw.FPDFText_GetCharIndexAtPos, raw.FPDFText_GetTextObject
    handle, spans = textpage.raw, {}
    for piece in raised[:_MOST_RAISED]:
        near = 0.5 * piece.size
        start = at_place(handle, piece.x + 0.25 * piece.size, piece.y + 0.3 * piece.size, near, near)
        own = ctypes.addressof(piece.handle.contents)
        end = start
        while start >= 0 and end - start < _MOST_RAISED_CHARS and (found := owner(handle, end)):
            if ctypes.addressof(found.contents) != own:
                break
            end += 1
        if end > start:
            spans[start] = end
    return spans


def _angle(matrix: Any) -> int:
    """By how much the page must be turned, clockwise, for text with a matrix to lie level."""
    if abs(matrix.a) >= abs(matrix.b):
        return 180 if matrix.a < 0 and matrix.d < 0 else 0
    return 90 if matrix.b > 0 else 270


def _page_text(textpage: Any) -> str:
    """Returns the page's text, one character for each of PDFium's character indices."""
    from pypdfium2 import raw

    count = textpage.count_chars()
    if count <= 0:
        return ""
    buffer = ctypes.create_string_buffer((count + 1) * 2)
    units = raw.FPDFText_GetText(textpage.raw, 0, count, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort))) - 1
    if units == count:
        # A character outside the BMP takes two indices: pad it (the pad goes with the control characters).
        text = _ASTRAL.sub("\\1\uffff", buffer.raw[: units * 2].decode("utf-16-le", errors="replace"))
        # Alone it is TeX's code for the ligature fl, which has another code, too.
        text = _ALONE.sub("\x1d", text)
        # The same mark stands for a glyph that the font gives no character for; it goes with the NULs.
        unknown = [
            m.start() for m in _MARK.finditer(text) if raw.FPDFText_GetUnicode(textpage.raw, m.start()) != _HYPHEN_CODE
        ]
        for at in unknown:
            text = f"{text[:at]}\0{text[at + 1 :]}"
        return text
    codes = (raw.FPDFText_GetUnicode(textpage.raw, index) for index in range(count))
    return "".join(HYPHEN if code == _HYPHEN_CODE else chr(code) for code in codes)


def placement(page: Any, rotation: int | None = None) -> Place:
    """Returns a function from page space (origin bottom left, unrotated) to what a reader sees (origin top left).

    Args:
        page: an open pypdfium2 page.
        rotation: degrees by which the page is turned clockwise; as the file says where it is None.
    """
    left, bottom, right, top = page.get_bbox()
    rotation = page.get_rotation() if rotation is None else rotation

    def place(x0: float, y0: float, x1: float, y1: float) -> Box:
        if rotation == 90:
            return (y0 - bottom, x0 - left, y1 - bottom, x1 - left)
        if rotation == 180:
            return (right - x1, y0 - bottom, right - x0, y1 - bottom)
        if rotation == 270:
            return (top - y1, right - x1, top - y0, right - x0)
        return (x0 - left, top - y1, x1 - left, top - y0)

    return place
