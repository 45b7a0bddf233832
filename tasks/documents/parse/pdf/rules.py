"""Finds the ruling lines that a PDF's page draws, which part the cells of a table."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from freshet.tasks.documents.parse.pdf.drawn import Box, Drawn, Place, moved

_THICKEST = 3.0
"""Points: what is thicker is a field of colour and no line."""

_SHORTEST = 4.0
_MOST_PATHS, _MOST_LINES = 2000, 4000
_MOST_POINTS = 2000
"""Of one path: what has more is a drawing."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Lines on a page as a reader sees it, in points, origin top left.

    Attributes:
        level: (y, left, right) of each that lies.
        upright: (x, top, bottom) of each that stands.
    """

    level: list[tuple[float, float, float]]
    upright: list[tuple[float, float, float]]


def ruling_lines(paths: Sequence[Drawn], place: Place) -> Rules:
    """Returns the lines among the paths of a page; thin rectangles are lines, and of others the edges are.

    Args:
        paths: objects of the kind path.
        place: gives a box in page space as a reader sees it.
    """
    rules = Rules([], [])
    if len(paths) > _MOST_PATHS:
        return rules
    for path in paths:
        if len(rules.level) + len(rules.upright) > _MOST_LINES:
            break
        for x0, y0, x1, y1 in _strokes(path):
            left, top, right, bottom = place(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            if bottom - top <= _THICKEST and right - left >= _SHORTEST:
                rules.level.append(((top + bottom) / 2, left, right))
            elif right - left <= _THICKEST and bottom - top >= _SHORTEST:
                rules.upright.append(((left + right) / 2, top, bottom))
    return rules


def _strokes(path: Drawn) -> Iterator[Box]:
    """Yields the straight pieces of a path; a rectangle that is thin is one piece."""
    from pypdfium2 import raw

    count = raw.FPDFPath_CountSegments(path.handle)
    if not 2 <= count <= _MOST_POINTS:
        return
    own = raw.FS_MATRIX()
    matrix = path.matrix
    if raw.FPDFPageObj_GetMatrix(path.handle, own):
        matrix = moved((own.a, own.b, own.c, own.d, own.e, own.f), matrix)
    a, b, c, d, e, f = matrix
    x, y, fill, stroke = ctypes.c_float(), ctypes.c_float(), ctypes.c_int(), ctypes.c_int()
    if raw.FPDFPath_GetDrawMode(path.handle, fill, stroke) and not fill.value and not stroke.value:
        return
    # Each outline of the path is a list of points, and counts where it is made of straight lines.
    outlines: list[list[tuple[float, float]]] = []
    for at in range(count):
        segment = raw.FPDFPath_GetPathSegment(path.handle, at)
        kind = raw.FPDFPathSegment_GetType(segment)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = x.value * a + y.value * c + e, x.value * b + y.value * d + f
        if kind == raw.FPDF_SEGMENT_BEZIERTO:
            return
        if kind == raw.FPDF_SEGMENT_MOVETO or not outlines:
            outlines.append([])
        outlines[-1].append(point)
        if raw.FPDFPathSegment_GetClose(segment):
            outlines[-1].append(outlines[-1][0])
    for points in outlines:
        xs, ys = [one[0] for one in points], [one[1] for one in points]
        box = min(xs), min(ys), max(xs), max(ys)
        if min(box[2] - box[0], box[3] - box[1]) <= _THICKEST:
            yield box
        else:
            yield from ((*one, *other) for one, other in pairwise(points))
