"""Makes the rows of a table of pieces of text that stand in columns."""

from __future__ import annotations

import re
from itertools import pairwise

from freshet.tasks.documents.parse.pdf.lines import Line
from freshet.tasks.documents.parse.pdf.rules import Rules

SAME_ROW = 0.45  # times the size: how far the feet of a line's pieces are from each other, at most
TIGHT = 1.45  # times the size: the pitch of lines within a cell, at most
_LOOSER = 1.15  # times the pitch within a cell: that of rows, at least
_PROSE_CHARS, _PROSE_FILL, _PROSE_ROWS = 25, 0.75, 4
LIST_MARK = re.compile(r"[●•▪◦‣∙○■□☐☒☑–—*\-]|\(?\w{1,3}[.)]")
_MARK = re.compile(rf"{LIST_MARK.pattern}|\(?\d{{1,3}}(?:\.\d{{1,3}})*|[a-zA-Z]|[ivxIVX]+")
_NUMBER = re.compile(r"[(\-−–+±<>≤≥~$€£¥]*\s?\d[\d.,:/\s]*\s?[%)*]*")

Row = list[list[Line]]
"""The cells of a row, each of which is a list of lines."""

Extent = tuple[float, float]
"""The left and right edge of a column."""


def unruled_rows(cells: list[list[Line]]) -> list[Row]:
    """Returns the row between two lines, or the rows, where a line stands only below the head and at the end."""
    pieces = [piece for cell in cells for piece in cell]
    visual = visual_rows(pieces)
    columns = {id(piece): column for column, cell in enumerate(cells) for piece in cell}
    full = [row for row in visual if len({columns[id(piece)] for piece in row}) > 1]
    led = [row for row in full if any(columns[id(piece)] == 0 for piece in row)]
    if len(led) < 3 or len(led) < 0.6 * len(visual):
        return [cells]
    extents = [_extent(cell) for cell in cells]
    rows = logical_rows(visual, columns, extents, Rules([], []))
    return rows if len(rows) >= 3 else [cells]


def _extent(pieces: list[Line]) -> Extent:
    return min((one.box[0] for one in pieces), default=0.0), max((one.box[2] for one in pieces), default=0.0)


def visual_rows(pieces: list[Line]) -> list[list[Line]]:
    """Returns the pieces by the line on which they stand, from top to bottom, each from left to right."""
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda one: one.foot):
        if rows and piece.foot - rows[-1][0].foot <= SAME_ROW * piece.size:
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda one: one.box[0]) for row in rows]


def logical_rows(visual: list[list[Line]], columns: dict[int, int], extents: list[Extent], rules: Rules) -> list[Row]:
    """Returns the rows of a table; a line that goes on the cells above it is one row with them."""
    pitches = [row[0].foot - before[0].foot for before, row in pairwise(visual)]
    widest = max(pitches, default=0.0)
    loose = bool(pitches) and _LOOSER * min(pitches) <= widest
    left, right = extents[0][0], extents[-1][1]
    rows: list[Row] = []
    for at, pieces in enumerate(visual):
        pitch = pitches[at - 1] if at else widest
        goes_on = (
            bool(rows)
            and pitch <= TIGHT * pieces[0].size
            and (not loose or pitch * _LOOSER <= widest)
            and not _is_parted(visual[at - 1], pieces, left, right, rules)
            and all(_continues(rows[-1], columns[id(piece)], piece, extents, loose) for piece in pieces)
        )
        if not goes_on:
            rows.append([[] for _ in extents])
        for piece in pieces:
            rows[-1][columns[id(piece)]].append(piece)
    return rows


def _is_parted(above: list[Line], below: list[Line], left: float, right: float, rules: Rules) -> bool:
    """Whether a line is drawn between two lines of text."""
    if below[0].turn:
        return False
    high, low = above[0].foot - 0.5 * above[0].size, below[0].foot - 0.5 * below[0].size
    covered = sum(max(0.0, min(right, end) - max(left, start)) for y, start, end in rules.level if high < y < low)
    return covered > 0.5 * (right - left)


def _continues(row: list[list[Line]], column: int, piece: Line, extents: list[Extent], loose: bool) -> bool:
    """Whether a piece goes on a row's cell, whose last line had no room for its first word."""
    if not row[column]:
        return False
    last = row[column][-1]
    if _NUMBER.fullmatch(piece.text) or _NUMBER.fullmatch(last.text):
        return False
    if column == 0 and not loose and not piece.text[:1].islower():
        return False
    limit = extents[column + 1][0] - 0.5 * piece.size if column + 1 < len(extents) else extents[column][1]
    letters = max(len(piece.text), 1)
    first = (piece.box[2] - piece.box[0]) * (len(piece.text.split(None, 1)[0]) + 1) / letters
    return last.box[2] + first > limit - 0.5 * piece.size or piece.text[:1].islower()


def are_prose(columns: list[list[Line]], extents: list[Extent]) -> bool:
    """Whether columns hold prose, which is read down each of them, and not from one to the other."""
    return max(map(len, columns)) >= _PROSE_ROWS and all(map(_is_prose, columns, extents))


def _is_prose(column: list[Line], extent: Extent) -> bool:
    """Whether the lines of a column are filled with words."""
    if sum(len(one.text) for one in column) < _PROSE_CHARS * len(column):
        return False
    least = _PROSE_FILL * (extent[1] - extent[0])
    return sum(one.box[2] - one.box[0] >= least for one in column) >= _PROSE_FILL * len(column)


def is_table(rows: list[Row], is_ruled: bool = False) -> bool:
    """Whether rows hold cells side by side often enough, and are no list whose marks stand apart."""
    if not rows:
        return False
    filled = [[at for at, cell in enumerate(row) if cell] for row in rows]
    columns = sorted({at for row in filled for at in row})
    full = sum(1 for row in filled if len(row) > 1)
    if len(columns) < 2 or full < (2 if is_ruled or len(columns) > 2 else 3) or full < 0.5 * len(rows):
        return False
    if len(columns) > 2:
        return True
    first, second = (
        [cell[0].text for row in rows for at, cell in enumerate(row) if cell and at == column] for column in columns
    )
    return not all(map(_MARK.fullmatch, first)) or sum(map(bool, map(_NUMBER.fullmatch, second))) > 0.5 * len(second)
