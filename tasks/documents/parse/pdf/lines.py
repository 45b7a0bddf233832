"""Reads the lines of a PDF's page, each with its place and font, through PDFium."""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from freshet.tasks.documents.parse.pdf.drawn import Box, Place

HYPHEN = "\ufffe"  # PDFium's mark for a hyphen at the end of a line; it swallows the line break
_HYPHEN_CODE = 2  # PDFium's character code where its text has HYPHEN
_MARK = re.compile(HYPHEN)
_LINE = re.compile(rf"[^\r\n{HYPHEN}]+{HYPHEN}?")
_ASTRAL = re.compile("([\U00010000-\U0010ffff])")
_NEXT_WORD = re.compile(r"(?<=\s)\S")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_SMALL = 0.85  # times the height of the letter in the middle
_UNSEEN = " \t\xa0\0"


@dataclass(frozen=True, slots=True)
class Line:
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

    def __init__(self, textpage: Any, placed: Callable[[int], Place], rotation: int) -> None:
        """Takes PDFium's handle, what places a box on the page turned by an angle, and the angle of the page."""
        from pypdfium2 import raw

        self._textpage, self._placed, self._rotation = textpage, placed, rotation
        self._origin, self._x, self._y = raw.FPDFText_GetCharOrigin, ctypes.c_double(), ctypes.c_double()
        self._loose_box, self._box = raw.FPDFText_GetLooseCharBox, raw.FS_RECTF()

    def starts(self, line: Line) -> list[tuple[int, float]]:
        """Returns (offset, left edge) of each word; none where a line is read from right to left, or is no text."""
        if line.start < 0 or _RIGHT_TO_LEFT.search(line.text):
            return []
        place, get, x, y = self._placed((line.turn + self._rotation) % 360), self._origin, self._x, self._y
        found = [(0, line.box[0])]
        handle, start = self._textpage, line.start
        for match in _NEXT_WORD.finditer(line.text):
            offset = match.start()
            get(handle, start + offset, x, y)
            across, up = x.value, y.value
            found.append((offset, place(across, up, across, up)[0]))
        return found

    def right(self, line: Line, offset: int) -> float:
        """Returns the right edge of the line's character at an offset."""
        box = self._box
        self._loose_box(self._textpage, line.start + offset, box)
        place = self._placed((line.turn + self._rotation) % 360)
        return place(box.left, box.bottom, box.right, box.top)[2]


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
    handle = textpage.raw
    lines = []
    for match in _LINE.finditer(_page_text(textpage)):
        text = match[0].strip()
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
        ends = (
            min(first.left, last.left),
            min(first.bottom, last.bottom),
            max(first.right, last.right),
            max(first.top, last.top),
        )
        box = shown = placed(rotation)(*ends)
        if not (0 <= box[0] + box[2] <= 2 * width and 0 <= box[1] + box[3] <= 2 * height):
            continue
        place = placed(angle)
        if angle != rotation:
            box = place(*ends)
        size = round(font_size(handle, start + at) * math.hypot(matrix.c, matrix.d), 1)
        # A mark that is raised before the first word has another foot than the line.
        is_small = abs(first.top - first.bottom) < _SMALL * abs(middle.top - middle.bottom)
        common = middle if is_small and angle % 180 == 0 else first
        foot = place(common.left, common.bottom, common.right, common.top)[3]
        weight = max(0, font_weight(handle, start + at))
        turned = (angle - rotation) % 360
        lines.append(Line(text, number, box, size, weight, foot, start, turned, shown if turned else None))
    return lines, Words(handle, placed, rotation)


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
