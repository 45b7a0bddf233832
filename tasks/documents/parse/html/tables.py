"""Reads the tables of HTML: spanning cells stand under each header that they span."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from freshet.tasks.documents.parse.build import Block, rows_text
from freshet.tasks.documents.parse.html.tags import tag_of

CELLS = frozenset({"td", "th"})

_MOST_REPEATED = 200
"""Characters of a cell beyond which its text is not repeated where it spans several rows or columns."""

_MOST_COLUMNS = 1_000
_SPARE_SLOTS = 10_000
_DIGITS = re.compile(r"\s*+\+?(\d{1,6})")


@dataclass(eq=False)
class Cell:
    """A cell: its text, and how many columns and rows it covers (0 rows: all that follow)."""

    columns: int
    rows: int
    text: str = ""


@dataclass
class Table:
    """The rows of a table that is being read."""

    rows: list[list[Cell]] = field(default_factory=list)
    is_in_row: bool = False

    def begin_row(self) -> None:
        """Begins a row."""
        self.rows.append([])
        self.is_in_row = True

    def add(self, node: Any) -> Cell:
        """Adds the cell of an element; one outside of any row begins a row."""
        if not self.is_in_row:
            self.begin_row()
        cell = Cell(min(_MOST_COLUMNS, max(1, _span(node, "colspan"))), _span(node, "rowspan"))
        self.rows[-1].append(cell)
        return cell

    def block(self) -> Block:
        """Returns the table as text; one that never has two cells side by side is the frame of a page, not data."""
        rows = _texts(self.rows)
        if all(sum(1 for text in row if text) <= 1 for row in rows):
            return Block("NarrativeText", "\n".join(text for row in rows for text in row if text))
        return Block("Table", rows_text(rows))


def _span(node: Any, name: str) -> int:
    match = _DIGITS.match(node.get(name) or "")
    return int(match[1]) if match else 1


def _texts(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    grid = [row for row in _grid(rows) if any(slot and slot[0].text and slot[1] for slot in row)]
    if not any(cell.columns > 1 for row in rows for cell in row):
        return [[_text(slot) for slot in row] for row in grid]
    # Columns that only make room, and those that nothing but a spanning cell stands in, say nothing.
    kept = sorted(
        {column for row in grid for column, slot in enumerate(row) if _is_new(slot, row[column - 1 : column])}
    )
    lines = []
    for row in grid:
        slots = [row[column] if column < len(row) else None for column in kept]
        cells = {id(slot[0] if slot else None) for slot in slots}
        lines.append([_text(slots[0])] if len(cells) == 1 else [*map(_text, slots)])
    return lines


def _is_new(slot: Slot, before: Sequence[Slot]) -> bool:
    """Whether a slot holds text that the slot before it does not hold."""
    return slot is not None and bool(slot[0].text) and not any(one and one[0] is slot[0] for one in before)


Slot = tuple[Cell, bool, bool] | None
"""A cell at a place of the grid; whether the place is in its own row; whether it is the first of all its places."""

_Spans = dict[int, tuple[Cell, int]]
"""By column, a cell that covers rows below its own, and how many."""


def _text(slot: Slot) -> str:
    if slot is None:
        return ""
    return slot[0].text if slot[2] or len(slot[0].text) <= _MOST_REPEATED else ""


def _grid(rows: Sequence[Sequence[Cell]]) -> Iterator[list[Slot]]:
    """Yields each row with a slot for each column that its cells, or cells of rows above, cover.

    What spans cost in all is bounded by the number of cells: beyond it, cells take one place each.
    """
    budget = _SPARE_SLOTS + 4 * sum(map(len, rows))
    above: _Spans = {}
    for cells in rows:
        slots: list[Slot] = []
        below: _Spans = {}
        for cell in cells:
            _cover(slots, above, below)
            left = (cell.rows or len(rows)) - 1 if budget > 0 else 0
            for number in range(cell.columns if budget > 0 else 1):
                above.pop(len(slots), None)
                if left > 0:
                    below[len(slots)] = (cell, left)
                slots.append((cell, True, number == 0))
            budget -= cell.columns - 1
        for column in sorted(above):
            slots += [None] * (column - len(slots))
            _cover(slots, above, below)
        budget -= sum(1 for slot in slots if slot is None or not slot[1])
        above = below if budget > 0 else {}
        yield slots


def _cover(slots: list[Slot], above: _Spans, below: _Spans) -> None:
    """Adds the cells of rows above that cover the next columns."""
    while len(slots) in above:
        cell, left = above.pop(len(slots))
        if left > 1:
            below[len(slots)] = (cell, left - 1)
        slots.append((cell, False, False))


def rows_of(table: Any) -> list[list[Any]]:
    """Returns the cells of each row of a table element, without those of tables within it."""
    rows: list[list[Any]] = [[]]
    pending = list(reversed(table))
    while pending:
        node = pending.pop()
        tag = tag_of(node)
        if tag in CELLS:
            rows[-1].append(node)
        elif tag != "table":
            if tag == "tr":
                rows.append([])
            pending += reversed(node)
    return rows
