"""Tells which pieces of text stand in one column."""

from __future__ import annotations

from itertools import pairwise

from freshet.tasks.documents.parse.pdf.lines import Line
from freshet.tasks.documents.parse.pdf.table_rows import Extent

_BEFORE, _AFTER = frozenset("$€£¥"), frozenset(("%", ")", "%)"))
_APART = 0.2  # times the size: the gap between two columns, at least
_ALIGNED = 0.6  # times the size: how far from each other edges are, at most, that stand above each other
_SHORT = 14


def grown_columns(columns: list[Extent], pieces: list[Line]) -> list[Extent] | None:
    """The extents of columns with more pieces in them; None where a piece does not keep to one of them."""
    if len(pieces) == len(columns):
        pairs = [(start, end, one.box[0], one.box[2]) for (start, end), one in zip(columns, pieces, strict=True)]
        if all(left < end and right > start for start, end, left, right in pairs):
            same = [(min(start, left), max(end, right)) for start, end, left, right in pairs]
            return same if _are_apart(same, pieces[0].size) else None
    grown = list(columns)
    used: set[int] = set()
    for piece in pieces:
        left, right = piece.box[0], piece.box[2]
        met = [at for at, (start, end) in enumerate(grown) if left < end and right > start]
        if len(met) > 1 or (met and met[0] in used):
            return None
        if met:
            start, end = grown[met[0]]
            grown[met[0]] = min(start, left), max(end, right)
            used.add(met[0])
        else:
            grown.append((left, right))
            used.add(len(grown) - 1)
    ordered = sorted(grown)
    return ordered if _are_apart(ordered, pieces[0].size) else None


def _are_apart(columns: list[Extent], size: float) -> bool:
    return all(other[0] - one[1] >= _APART * size for one, other in pairwise(columns))


def is_aligned(piece: Line, near: list[list[Line]]) -> bool:
    """Whether a piece stands below another, on the left, on the right or in the middle, or where nothing stood yet."""
    left, _, right, _ = piece.box
    most = _ALIGNED * piece.size
    # The right edges of lines that are stretched to it prove nothing.
    is_short = len(piece.text) <= _SHORT
    is_below = False
    for row in near:
        for other in row:
            start, _, end, _ = other.box
            if start < right and end > left:
                is_below = True
                if abs(start - left) <= most or (is_short and abs(end - right) <= most):
                    return True
                if abs(start + end - left - right) <= 2 * most:
                    return True
    return not is_below


def without_signs(columns: list[list[Line]], extents: list[Extent]) -> tuple[list[Extent], list[int]]:
    """Joins a column that holds nothing but currency signs with the next one, and one of per cent signs with the last.

    Returns:
        The extents of the columns that are left, and for each column of before the number of the one that it is in.
    """
    left: list[Extent] = []
    places: list[int] = []
    is_open = False
    for column, (start, end) in zip(columns, extents, strict=True):
        texts = {piece.text for piece in column}
        if left and (is_open or (texts and texts <= _AFTER)):
            left[-1] = left[-1][0], end
        else:
            left.append((start, end))
        places.append(len(left) - 1)
        is_open = bool(texts) and texts <= _BEFORE
    return left, places
