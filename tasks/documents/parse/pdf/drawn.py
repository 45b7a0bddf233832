"""What a PDF's page draws, one thing after the other, and where."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from typing import Any, NamedTuple

Box = tuple[float, float, float, float]
Matrix = tuple[float, float, float, float, float, float]
Place = Callable[[float, float, float, float], Box]

UNMOVED: Matrix = (1, 0, 0, 1, 0, 0)
_DEEPEST = 8


class Drawn(NamedTuple):
    """Something that a page draws: its place in the order, and the matrix of the forms that it is in (ISO 32000-1)."""

    at: int
    handle: Any
    kind: int
    matrix: Matrix
    is_in_form: bool


def drawn_objects(page: Any) -> Iterator[Drawn]:
    """All that a page draws, in order, also within its forms; a form that is nested too deeply counts as one thing."""
    from pypdfium2 import raw

    at = count(1)
    kind_of, form = raw.FPDFPageObj_GetType, raw.FPDF_PAGEOBJ_FORM

    def within(size: int, get: Callable[[int], Any], matrix: Matrix, depth: int) -> Iterator[Drawn]:
        for number in range(size):
            handle = get(number)
            kind = kind_of(handle)
            if kind != form or depth == _DEEPEST:
                yield Drawn(next(at), handle, kind, matrix, depth > 0)
                continue
            inner = raw.FS_MATRIX()
            known = raw.FPDFPageObj_GetMatrix(handle, inner)
            own = (inner.a, inner.b, inner.c, inner.d, inner.e, inner.f) if known else UNMOVED
            inside = partial(raw.FPDFFormObj_GetObject, handle)
            yield from within(raw.FPDFFormObj_CountObjects(handle), inside, moved(own, matrix), depth + 1)

    yield from within(raw.FPDFPage_CountObjects(page.raw), partial(raw.FPDFPage_GetObject, page.raw), UNMOVED, 0)


def moved(one: Matrix, other: Matrix) -> Matrix:
    """What moves as `one` does, and then as `other` does."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m


def bounds_of(drawn: Drawn) -> Box | None:
    """The box around what is drawn, on the page."""
    from pypdfium2 import raw

    sides = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(drawn.handle, *sides):
        return None
    left, bottom, right, top = (side.value for side in sides)
    if drawn.matrix == UNMOVED:
        return left, bottom, right, top
    a, b, c, d, e, f = drawn.matrix
    corners = [(x * a + y * c + e, x * b + y * d + f) for x in (left, right) for y in (bottom, top)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def common_box(one: Box, other: Box) -> Box:
    """What two boxes have in common; it has no area where they have nothing."""
    return max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])


def area_of(box: Box) -> float:
    """The area of a box; 0 where its sides are the wrong way round."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])
