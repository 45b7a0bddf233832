"""Finds text of a PDF that nobody sees: invisible, outside of the page, white on white, or too small to read."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import Any

from freshet.tasks.documents.parse.hidden import Tally

_INVISIBLE, _CLIP_ONLY = 3, 7
_NEARLY_WHITE = 250
_TINY_POINTS = 1.0
_MOST_OBJECTS = 20_000
_SCAN_SHARE = 0.5

Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]

_UNMOVED: Matrix = (1, 0, 0, 1, 0, 0)
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """Something that a page draws: its place in the order, and the matrix of the forms that it is in (ISO 32000-1)."""

    at: int
    handle: Any
    kind: int
    matrix: Matrix
    is_in_form: bool


def tally_page(page: Any, number: int, tally: Tally) -> None:
    """Adds the page's hidden text to the tally. `page` is an open pypdfium2 page, `number` counts from 1.

    The kinds are `not visible` (text that is laid over a scan is no hidden text: it is what the scan says),
    `off page`, `same colour`, `too small`.
    """
    from pypdfium2 import raw

    texts, grounds = [], []
    for drawn in islice(drawn_objects(page), _MOST_OBJECTS):
        if drawn.kind == raw.FPDF_PAGEOBJ_TEXT:
            texts.append(drawn)
        elif drawn.kind != raw.FPDF_PAGEOBJ_PATH or _is_filled(drawn.handle):
            grounds.append(drawn)
    crop = page.get_bbox()
    suspects = [(drawn, kind) for drawn in texts if (kind := _kind(drawn, crop))]
    if not suspects:
        return
    boxes = [(drawn.at, bounds_of(drawn), drawn.kind) for drawn in grounds]
    is_scan = any(
        kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
        and area_of(common_box(box, crop)) > _SCAN_SHARE * area_of(crop)
        for _, box, kind in boxes
        if box
    )
    textpage = page.get_textpage()
    try:
        for drawn, kind in suspects:
            if kind == "not visible" and is_scan:
                continue
            below = (box for at, box, _ in boxes if at < drawn.at)
            if kind == "same colour" and _on_something(bounds_of(drawn), below):
                continue
            tally.add(kind, _text(drawn.handle, textpage), number)
    finally:
        textpage.close()


def drawn_objects(page: Any) -> Iterator[Drawn]:
    """All that a page draws, in order, also within its forms; a form that is nested too deeply counts as one thing."""
    from pypdfium2 import raw

    at = count(1)

    def within(size: int, get: Callable[[int], Any], matrix: Matrix, depth: int) -> Iterator[Drawn]:
        for number in range(size):
            handle = get(number)
            kind = raw.FPDFPageObj_GetType(handle)
            if kind != raw.FPDF_PAGEOBJ_FORM or depth == _DEEPEST:
                yield Drawn(next(at), handle, kind, matrix, depth > 0)
                continue
            inner = raw.FS_MATRIX()
            known = raw.FPDFPageObj_GetMatrix(handle, inner)
            own = (inner.a, inner.b, inner.c, inner.d, inner.e, inner.f) if known else _UNMOVED
            inside = partial(raw.FPDFFormObj_GetObject, handle)
            yield from within(raw.FPDFFormObj_CountObjects(handle), inside, _times(own, matrix), depth + 1)

    yield from within(raw.FPDFPage_CountObjects(page.raw), partial(raw.FPDFPage_GetObject, page.raw), _UNMOVED, 0)


def _times(one: Matrix, other: Matrix) -> Matrix:
    """What moves as `one` does, and then as `other` does."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def _kind(drawn: Drawn, crop: Box) -> str | None:
    """Returns how a text object may be hidden, before what lies beneath it is looked at."""
    from pypdfium2 import raw

    if raw.FPDFTextObj_GetTextRenderMode(drawn.handle) in (_INVISIBLE, _CLIP_ONLY):
        return "not visible"
    # What a form holds beyond the page is cut off by the form: of two pages that share a spread, each holds both.
    box = None if drawn.is_in_form else bounds_of(drawn)
    if box is not None and (box[2] <= crop[0] or box[0] >= crop[2] or box[3] <= crop[1] or box[1] >= crop[3]):
        return "off page"
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if raw.FPDFPageObj_GetFillColor(drawn.handle, red, green, blue, alpha):
        if alpha.value == 0:
            return "not visible"
        if min(red.value, green.value, blue.value) >= _NEARLY_WHITE:
            return "same colour"
    return "too small" if _size(drawn) < _TINY_POINTS else None


def _size(drawn: Drawn) -> float:
    from pypdfium2 import raw

    size, matrix = ctypes.c_float(), raw.FS_MATRIX()
    if not raw.FPDFTextObj_GetFontSize(drawn.handle, size) or not raw.FPDFPageObj_GetMatrix(drawn.handle, matrix):
        return math.inf
    own = (matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f)
    _, _, c, d, _, _ = _times(own, drawn.matrix)
    return abs(size.value) * math.hypot(c, d)


def _is_filled(drawn: Any) -> bool:
    """Whether a path is filled with a colour on which white can be read."""
    from pypdfium2 import raw

    mode, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(drawn, mode, stroke) or mode.value == 0:
        return False
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    # A pattern gives no plain colour: take it for something.
    is_plain = raw.FPDFPageObj_GetFillColor(drawn, red, green, blue, alpha)
    return not is_plain or min(red.value, green.value, blue.value) < _NEARLY_WHITE


def bounds_of(drawn: Drawn) -> Box | None:
    """The box around what is drawn, on the page."""
    from pypdfium2 import raw

    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(drawn.handle, *sides):
        return None
    left, bottom, right, top = (side.value for side in sides)
    if drawn.matrix == _UNMOVED:
        return left, bottom, right, top
    a, b, c, d, e, f = drawn.matrix
    corners = [(x * a + y * c + e, x * b + y * d + f) for x in (left, right) for y in (bottom, top)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _on_something(box: Box | None, grounds: Iterable[Box | None]) -> bool:
    """Whether at least half of the box lies on what was drawn before it; an unknown box counts as if it did."""
    if box is None:
        return True
    return any(ground is None or area_of(common_box(box, ground)) >= 0.5 * area_of(box) for ground in grounds)


def common_box(one: Box, other: Box) -> Box:
    """What two boxes have in common; it has no area where they have nothing."""
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def area_of(box: Box) -> float:
    """The area of a box; 0 where its sides are the wrong way round."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _text(drawn: Any, textpage: Any) -> str:
    from pypdfium2 import raw

    size = raw.FPDFTextObj_GetText(drawn, textpage.raw, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFTextObj_GetText(drawn, textpage.raw, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace")
