"""Finds text of a PDF that nobody sees: invisible, outside of the page, white on white, or too small to read."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable
from typing import Any

from freshet.tasks.documents.parse.hidden import Tally

_INVISIBLE, _CLIP_ONLY = 3, 7
_NEARLY_WHITE = 250
_TINY_POINTS = 1.0
_MOST_OBJECTS = 20_000
_SCAN_SHARE = 0.5

Box = tuple[float, float, float, float]


def tally_page(page: Any, number: int, tally: Tally) -> None:
    """Adds the page's hidden text to the tally. `page` is an open pypdfium2 page, `number` counts from 1.

    The kinds are `not visible` (text that is laid over a scan is no hidden text: it is what the scan says),
    `off page`, `same colour`, `too small`. Text inside of form objects is not looked at.
    """
    from pypdfium2 import raw

    count = raw.FPDFPage_CountObjects(page.raw)
    texts, grounds = [], []
    for at in range(min(count, _MOST_OBJECTS)):
        drawn = raw.FPDFPage_GetObject(page.raw, at)
        kind = raw.FPDFPageObj_GetType(drawn)
        if kind == raw.FPDF_PAGEOBJ_TEXT:
            texts.append((at, drawn))
        elif kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM, raw.FPDF_PAGEOBJ_SHADING) or _is_filled(
            drawn, kind
        ):
            grounds.append((at, drawn, kind))
    crop = page.get_bbox()
    suspects = [(at, drawn, kind) for at, drawn in texts if (kind := _kind(drawn, crop))]
    if not suspects:
        return
    boxes = [(at, _bounds(drawn), kind) for at, drawn, kind in grounds]
    is_scan = any(
        kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
        and _area(_common(box, crop)) > _SCAN_SHARE * _area(crop)
        for _, box, kind in boxes
        if box
    )
    textpage = page.get_textpage()
    try:
        for at, drawn, kind in suspects:
            if kind == "not visible" and is_scan:
                continue
            if kind == "same colour" and _on_something(_bounds(drawn), (box for below, box, _ in boxes if below < at)):
                continue
            tally.add(kind, _text(drawn, textpage), number)
    finally:
        textpage.close()


def _kind(drawn: Any, crop: Box) -> str | None:
    """Returns how a text object may be hidden, before what lies beneath it is looked at."""
    from pypdfium2 import raw

    if raw.FPDFTextObj_GetTextRenderMode(drawn) in (_INVISIBLE, _CLIP_ONLY):
        return "not visible"
    box = _bounds(drawn)
    if box is not None and (box[2] <= crop[0] or box[0] >= crop[2] or box[3] <= crop[1] or box[1] >= crop[3]):
        return "off page"
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if raw.FPDFPageObj_GetFillColor(drawn, red, green, blue, alpha):
        if alpha.value == 0:
            return "not visible"
        if min(red.value, green.value, blue.value) >= _NEARLY_WHITE:
            return "same colour"
    return "too small" if _size(drawn) < _TINY_POINTS else None


def _size(drawn: Any) -> float:
    from pypdfium2 import raw

    size, matrix = ctypes.c_float(), raw.FS_MATRIX()
    if not raw.FPDFTextObj_GetFontSize(drawn, size) or not raw.FPDFPageObj_GetMatrix(drawn, matrix):
        return math.inf
    return abs(size.value) * math.hypot(matrix.c, matrix.d)


def _is_filled(drawn: Any, kind: int) -> bool:
    """Whether a path is filled with a colour on which white can be read."""
    from pypdfium2 import raw

    if kind != raw.FPDF_PAGEOBJ_PATH:
        return False
    mode, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(drawn, mode, stroke) or mode.value == 0:
        return False
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    # A pattern gives no plain colour: take it for something.
    is_plain = raw.FPDFPageObj_GetFillColor(drawn, red, green, blue, alpha)
    return not is_plain or min(red.value, green.value, blue.value) < _NEARLY_WHITE


def _bounds(drawn: Any) -> Box | None:
    from pypdfium2 import raw

    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(drawn, *sides):
        return None
    left, bottom, right, top = (side.value for side in sides)
    return left, bottom, right, top


def _on_something(box: Box | None, grounds: Iterable[Box | None]) -> bool:
    """Whether at least half of the box lies on what was drawn before it; an unknown box counts as if it did."""
    if box is None:
        return True
    return any(ground is None or _area(_common(box, ground)) >= 0.5 * _area(box) for ground in grounds)


def _common(one: Box, other: Box) -> Box:
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _text(drawn: Any, textpage: Any) -> str:
    from pypdfium2 import raw

    size = raw.FPDFTextObj_GetText(drawn, textpage.raw, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFTextObj_GetText(drawn, textpage.raw, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace")
