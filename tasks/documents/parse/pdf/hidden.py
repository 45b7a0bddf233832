"""Finds text of a PDF that nobody sees: invisible, outside of the page, white on white, too small, or covered."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Container, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from freshet.tasks.documents.parse.hidden import Tally
from freshet.tasks.documents.parse.pdf.drawn import Box, Drawn, area_of, bounds_of, common_box, drawn_objects, moved

_INVISIBLE, _CLIP_ONLY = 3, 7
_NEARLY_WHITE = 250
_TINY_POINTS = 1.0
_SMALLER, _LEAST_RISE, _MOST_RISE, _NEAR = 0.85, 0.12, 0.75, 0.3  # times the size of what raised text follows
_MOST_OBJECTS = 20_000
_SCAN_SHARE = 0.5
_MOST_COVERS, _MOST_SEGMENTS, _COVERED = 50, 6, 0.95


class Raised(NamedTuple):
    """A piece of text that stands higher than what it follows, and is smaller: where it begins, and its size."""

    handle: Any
    x: float
    y: float
    size: float


class Looked(NamedTuple):
    """What was seen on a page besides: its paths, and what is raised."""

    paths: list[Drawn]
    raised: list[Raised]


def tally_page(page: Any, textpage: Any, number: int, tally: Tally) -> Looked:
    """Adds the page's hidden text to the tally, and returns what else was seen of the page.

    The kinds are `not visible` (text that is laid over a scan is no hidden text: it is what the scan says),
    `off page`, `same colour`, `too small`, `covered`.
    """
    from pypdfium2 import raw

    texts, grounds, paths = [], [], []
    for drawn in islice(drawn_objects(page), _MOST_OBJECTS):
        if drawn.kind == raw.FPDF_PAGEOBJ_TEXT:
            texts.append(drawn)
            continue
        if drawn.kind == raw.FPDF_PAGEOBJ_PATH:
            paths.append(drawn)
            if not _is_filled(drawn.handle):
                continue
        grounds.append(drawn)
    crop = page.get_bbox()
    looked = Looked(paths, [])
    suspects = list(_suspects(texts, crop, looked.raised))
    suspects += [(drawn, "covered") for drawn in _covered(texts, paths, {drawn.at for drawn, _ in suspects})]
    if not suspects:
        return looked
    boxes = [(drawn.at, bounds_of(drawn), drawn.kind) for drawn in grounds]
    is_scan = any(
        kind in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)
        and area_of(common_box(box, crop)) > _SCAN_SHARE * area_of(crop)
        for _, box, kind in boxes
        if box
    )
    for drawn, kind in suspects:
        if kind == "not visible" and is_scan:
            continue
        below = (box for at, box, _ in boxes if at < drawn.at)
        if kind == "same colour" and _on_something(bounds_of(drawn), below):
            continue
        tally.add(kind, _text(drawn.handle, textpage), number)
    return looked


def _covered(texts: Iterable[Drawn], paths: Iterable[Drawn], but: Container[int]) -> Iterator[Drawn]:
    """Yields text objects on which a filled rectangle was drawn afterwards, such as the black bar of a redaction."""
    covers = [(path.at, box) for path in paths if _is_opaque_rectangle(path.handle) and (box := bounds_of(path))]
    covers = covers[:_MOST_COVERS]
    last = max((at for at, _ in covers), default=-1)
    for drawn in texts if covers else ():
        if drawn.at < last and drawn.at not in but and (box := bounds_of(drawn)):
            above = (cover for at, cover in covers if at > drawn.at)
            if any(area_of(common_box(box, cover)) >= _COVERED * area_of(box) > 0 for cover in above):
                yield drawn


def _is_opaque_rectangle(path: Any) -> bool:
    from pypdfium2 import raw

    mode, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(path, mode, stroke) or mode.value == 0 or raw.FPDFPageObj_HasTransparency(path):
        return False
    segments = raw.FPDFPath_CountSegments(path)
    return 4 <= segments <= _MOST_SEGMENTS and all(
        raw.FPDFPathSegment_GetType(raw.FPDFPath_GetPathSegment(path, number)) != raw.FPDF_SEGMENT_BEZIERTO
        for number in range(segments)
    )


def _suspects(texts: Iterable[Drawn], crop: Box, raised: list[Raised]) -> Iterator[tuple[Drawn, str]]:
    """Yields text objects with how each may be hidden, before what lies beneath it is looked at.

    Text that is raised, as footnotes' marks and exponents are, is added to `raised`: what tells it is looked up here.
    """
    from pypdfium2 import raw

    mode, fill, font_size = raw.FPDFTextObj_GetTextRenderMode, raw.FPDFPageObj_GetFillColor, raw.FPDFTextObj_GetFontSize
    matrix_of, matrix, size = raw.FPDFPageObj_GetMatrix, raw.FS_MATRIX(), ctypes.c_float()
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    bounds = raw.FPDFPageObj_GetBounds
    x0, y0, x1, y1 = (ctypes.c_float() for _ in range(4))
    left, bottom, right, top = crop
    before, x_before, y_before, size_before, end = None, 0.0, 0.0, 0.0, 0.0
    for drawn in texts:
        handle = drawn.handle
        if mode(handle) in (_INVISIBLE, _CLIP_ONLY):
            yield drawn, "not visible"
            continue
        # What a form holds beyond the page is cut off by the form: of two pages that share a spread, each holds both.
        if (
            not drawn.is_in_form
            and bounds(handle, x0, y0, x1, y1)
            and (x1.value <= left or x0.value >= right or y1.value <= bottom or y0.value >= top)
        ):
            yield drawn, "off page"
        elif (is_plain := fill(handle, red, green, blue, alpha)) and alpha.value == 0:
            yield drawn, "not visible"
        elif is_plain and min(red.value, green.value, blue.value) >= _NEARLY_WHITE:
            yield drawn, "same colour"
        elif font_size(handle, size) and matrix_of(handle, matrix):
            c, d = matrix.c, matrix.d
            if drawn.is_in_form:
                own = (matrix.a, matrix.b, c, d, matrix.e, matrix.f)
                _, _, c, d, _, _ = moved(own, drawn.matrix)
            height = abs(size.value) * math.hypot(c, d)
            if height < _TINY_POINTS:
                yield drawn, "too small"
            elif not drawn.is_in_form:
                y = matrix.f
                if height != size_before:
                    step = abs(matrix.e - end)
                    if _is_raised(y - y_before, step, height, size_before):
                        raised.append(Raised(handle, matrix.e, y, height))
                        end = x1.value
                        continue
                    if _is_raised(y_before - y, step, size_before, height):  # the mark before a note
                        raised.append(Raised(before, x_before, y_before, size_before))
                before, x_before, y_before, size_before = handle, matrix.e, y, height
                end = x1.value


def _is_raised(rise: float, step: float, size: float, base: float) -> bool:
    """Whether text of a size stands above what it is next to, of the size `base`, and belongs to it."""
    return 0 < size <= _SMALLER * base and step <= _NEAR * base and _LEAST_RISE * base <= rise <= _MOST_RISE * base


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


def _on_something(box: Box | None, grounds: Iterable[Box | None]) -> bool:
    """Whether at least half of the box lies on what was drawn before it; an unknown box counts as if it did."""
    if box is None:
        return True
    return any(ground is None or area_of(common_box(box, ground)) >= 0.5 * area_of(box) for ground in grounds)


def _text(drawn: Any, textpage: Any) -> str:
    from pypdfium2 import raw

    size = raw.FPDFTextObj_GetText(drawn, textpage.raw, None, 0)
    if size <= 2:
        return ""
    buffer = ctypes.create_string_buffer(size)
    raw.FPDFTextObj_GetText(drawn, textpage.raw, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
    return buffer.raw[: size - 2].decode("utf-16-le", errors="replace")
