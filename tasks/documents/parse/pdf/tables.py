"""Finds the tables of a PDF's page: rows of cells that ruling lines part, or gaps that stand above each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from freshet.tasks.documents.parse.pdf.columns import grown_columns, is_aligned, without_signs
from freshet.tasks.documents.parse.pdf.drawn import Box
from freshet.tasks.documents.parse.pdf.grids import Grid, grids_of
from freshet.tasks.documents.parse.pdf.lines import Line, Words
from freshet.tasks.documents.parse.pdf.pieces import drawn_rows, pieces_of, pieces_of_rows
from freshet.tasks.documents.parse.pdf.rules import Rules
from freshet.tasks.documents.parse.pdf.table_rows import (
    SAME_ROW,
    TIGHT,
    Extent,
    Row,
    are_prose,
    is_table,
    logical_rows,
    unruled_rows,
    visual_rows,
)

_SPLIT = 0.45  # times the size: a gap of this width parts columns where others are parted
_FARTHEST = 3.5  # times the size: the pitch of a table's rows, at most
_FARTHER = 2.5  # times the pitch of a table's rows so far: more is the end of it
_MOST_ROWS = 500
_NEAREST = 3  # lines above, below one of which a piece must stand
_LONGEST_CELL = 800
"""Characters: what has more is a column of prose in a frame."""

_LONG_NOTE = 60
"""Characters: a row of one cell with more, above or below the others, is text in the table's frame."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, each of which is a list of lines."""

    rows: list[Row]
    page: int
    box: Box

    def lines(self) -> list[Line]:
        """The lines of all cells."""
        return [line for row in self.rows for cell in row for line in cell]


Item = Line | Table


def with_tables(lines: list[Line], words: Words, rules: Rules) -> list[Item]:
    """Returns a page's lines, those of tables as tables, each where its first line stood."""
    items: list[Item] = list(lines)
    for grid in grids_of(rules):
        items = _ruled(items, grid, words)
    done: list[Item] = []
    run: list[Line] = []
    for item in items:
        if isinstance(item, Line):
            run.append(item)
        else:
            done += [*_spaced(run, words, rules), item]
            run = []
    return [*done, *_spaced(run, words, rules)]


def _ruled(items: list[Item], grid: Grid, words: Words) -> list[Item]:
    """The items with those that lie in the grid as a table; as they were where they make up none."""
    cells: dict[tuple[int, int], list[Line]] = {}
    before: list[Item] = []
    after: list[Item] = []
    for item in items:
        if not isinstance(item, Line) or not _touches(item, grid):
            (after if cells else before).append(item)
            continue
        y = (item.box[1] + item.box[3]) / 2
        for piece in pieces_of(item, words, grid.edges_at(y)):
            x = (piece.box[0] + piece.box[2]) / 2
            if not grid.holds(x, y):
                (after if cells else before).append(piece)
                continue
            row, column = grid.cell(x, y)
            if piece.box[0] < grid.columns[column] - 2:
                row, column = grid.cell(piece.box[0] + 1, y)
            cells.setdefault((row, column), []).append(piece)
    if any(sum(len(one.text) for one in cell) > _LONGEST_CELL for cell in cells.values()):
        return items
    columns = sorted({column for _, column in cells})
    rows: list[Row] = []
    for row in sorted({row for row, _ in cells}):
        rows += unruled_rows([cells.get((row, column), []) for column in columns])
    page = next((item.page for item in items if isinstance(item, Line)), 0)
    head = _notes(rows)
    foot = _notes(rows[::-1])
    body = rows[len(head) : len(rows) - len(foot)]
    if not is_table(body, is_ruled=True):
        return items
    above, below = ([line for row in part for cell in row for line in cell] for part in (head, foot[::-1]))
    return [*before, *above, Table(body, page, grid.box), *below, *after]


def _notes(rows: list[Row]) -> list[Row]:
    """The first rows that are text in the table's frame."""
    notes = []
    for row in rows:
        filled = [cell for cell in row if cell]
        if len(filled) > 1 or sum(len(line.text) for line in filled[0]) <= _LONG_NOTE:
            break
        notes.append(row)
    return notes


def _touches(line: Line, grid: Grid) -> bool:
    left, top, right, bottom = grid.box
    y = (line.box[1] + line.box[3]) / 2
    return line.turn == 0 and line.box[0] < right and line.box[2] > left and top <= y <= bottom


def _spaced(lines: list[Line], words: Words, rules: Rules) -> Iterator[Item]:
    """Yields lines with those that gaps part into columns as tables, or, where the columns hold prose, one by one."""
    rows = list(drawn_rows(lines))
    pieces = list(pieces_of_rows(rows, words))
    at = given = 0
    while at < len(rows):
        if len(pieces[at]) > 1:
            end, columns, taken = _run(rows, pieces, at, words)
            if end - at > 1:
                first, columns, head = _head(rows, pieces, range(given, at), columns, taken)
                found = list(_arranged([*head, *(piece for row in taken for piece in row)], columns, rules))
                if found:
                    yield from (line for row in rows[given:first] for line in row)
                    yield from found
                    at = given = end
                    continue
        at += 1
    yield from (line for row in rows[given:] for line in row)


def _head(
    rows: list[list[Line]], pieces: list[list[Line]], before: range, columns: list[Extent], taken: list[list[Line]]
) -> tuple[int, list[Extent], list[Line]]:
    """Goes back from the first row of a table to those of its head, which may be drawn cell by cell.

    Returns:
        The index of the first row that is the table's, the columns' extents, and the pieces of the head.
    """
    table = taken[0][0]
    head: list[list[Line]] = []
    first = before.stop
    highest = table.foot
    for at in reversed(before):
        line = rows[at][0]
        if (
            line.turn != table.turn
            or line.start < 0
            or line.foot > table.foot + SAME_ROW * table.size
            or line.foot < highest - _FARTHER * table.size
            or abs(line.size - table.size) > 0.3 * table.size
        ):
            break
        grown = grown_columns(columns, pieces[at])
        if grown is None or not all(is_aligned(piece, taken[:_NEAREST]) for piece in pieces[at]):
            break
        columns, first, highest = grown, at, min(highest, line.foot)
        head.insert(0, pieces[at])
    # What stands alone above the table is its title.
    while head and not _has_company(head):
        first += 1
        head.pop(0)
    return first, columns, [piece for row in head for piece in row]


def _has_company(head: list[list[Line]]) -> bool:
    """Whether anything of the head stands beside what is drawn first."""
    first = head[0][0]
    return sum(abs(piece.foot - first.foot) <= SAME_ROW * first.size for row in head for piece in row) > 1


def _run(
    rows: list[list[Line]], pieces: list[list[Line]], first: int, words: Words
) -> tuple[int, list[Extent], list[list[Line]]]:
    """Follows the rows from one with gaps on, as long as they keep to its columns.

    Returns:
        The index after the last row, the columns' extents, and the pieces of each row.
    """
    head = rows[first][0]
    columns = [(piece.box[0], piece.box[2]) for piece in pieces[first]]
    taken = [(first, pieces[first])]
    top, bottom, pitch = head.box[1], head.foot, _FARTHEST * head.size
    for at in range(first + 1, min(first + _MOST_ROWS, len(rows))):
        line = rows[at][0]
        if (
            line.turn != head.turn
            or abs(line.size - head.size) > 0.3 * head.size
            or line.foot > bottom + pitch
            or line.foot < top
            or line.start < 0
        ):
            break
        own = pieces[at]
        grown = grown_columns(columns, own)
        if grown is None and len(columns) > 1:
            # The gap may be narrow where a cell is long: it ends where the next column begins, or is in the middle.
            edges = [edge for one, other in pairwise(columns) for edge in ((one[1] + other[0]) / 2, other[0])]
            own = [piece for one in rows[at] for piece in pieces_of(one, words, edges, _SPLIT)]
            grown = grown_columns(columns, own)
        if grown is None:
            break
        near = [row for _, row in taken[: -_NEAREST - 1 : -1]]
        if not all(is_aligned(piece, near) for piece in own[1:]):
            break
        columns = grown
        if line.foot > bottom + SAME_ROW * line.size:
            pitch = min(pitch, _FARTHER * (line.foot - bottom)) if len(taken) > 1 else pitch
            bottom = line.foot
        taken.append((at, own))
    # What stands alone below the first column is a heading or a paragraph that follows, unless its row goes on.
    while len(taken) > 1 and len(taken[-1][1]) == 1 and not _has_neighbour(taken):
        taken.pop()
    return taken[-1][0] + 1, columns, [own for _, own in taken]


def _has_neighbour(taken: list[tuple[int, list[Line]]]) -> bool:
    """Whether the last piece shares its row with another, or goes on what stands above it."""
    last = taken[-1][1][0]
    others = [piece for _, own in taken[:-1] for piece in own]
    if any(abs(piece.foot - last.foot) <= SAME_ROW * last.size for piece in others):
        return True
    above = [one for one in others if one.foot < last.foot and one.box[0] < last.box[2] and one.box[2] > last.box[0]]
    if not above:
        return False
    nearest = max(above, key=lambda one: one.foot)
    return (
        last.foot - nearest.foot <= TIGHT * last.size
        and abs(last.size - nearest.size) < 0.1 * last.size
        and (last.box[0] > min(piece.box[0] for piece in others) + last.size or last.text[:1].islower())
    )


def _arranged(pieces: list[Line], extents: list[Extent], rules: Rules) -> Iterator[Item]:
    """Yields the table that pieces make up, or their columns one after the other, or nothing."""
    lefts = [left for left, _ in extents]
    columns = {id(piece): bisect_right(lefts, piece.box[0]) - 1 for piece in pieces}
    visual = visual_rows(pieces)
    by_column: list[list[Line]] = [[] for _ in extents]
    for row in visual:
        for piece in row:
            by_column[columns[id(piece)]].append(piece)
    if are_prose(by_column, extents):
        for column in by_column:
            yield from column
        return
    extents, places = without_signs(by_column, extents)
    columns = {key: places[column] for key, column in columns.items()}
    rows = logical_rows(visual, columns, extents, rules)
    if not is_table(rows) or (len(rows) < 3 and not all(map(all, rows))):
        return
    boxes = [piece.page_box for piece in pieces]
    sides = list(zip(*boxes, strict=True))
    yield Table(rows, pieces[0].page, (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])))
