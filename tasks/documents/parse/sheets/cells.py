"""A sheet as its reader sees it, and the blocks that it makes of a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from freshet.tasks.documents.parse.build import Block, rows_text
from freshet.tasks.documents.parse.hidden import Tally

_WIDEST_GAP = 3
"""So many empty columns side by side stand as they are; more of them as one, so that a far cell fills no line."""


def cell_text(text: str) -> str:
    """The text of a cell with one space between words, in the lines that it has."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


@dataclass
class Row:
    """A row's number and its cells that hold a text, by column; both numbers count from 0."""

    number: int
    cells: dict[int, str]


@dataclass
class Sheet:
    """A sheet of a workbook.

    Attributes:
        name: as its tab has it.
        rows: in order, without those that are empty.
        boxes: texts that stand on the sheet and in no cell.
    """

    name: str
    rows: Iterable[Row]
    boxes: list[str] = field(default_factory=list)


class HiddenCells:
    """Counts what is in a workbook and is not shown, by kind and by the number of the sheet."""

    def __init__(self, comments: bool = False) -> None:
        """Begins with nothing counted; says whether comments are text."""
        self.tally = Tally(comments)

    def add(self, kind: str, cells: Iterable[str], sheet: int) -> None:
        """Counts the texts of cells as one."""
        self.tally.add(kind, " ".join(cells), sheet)


def blocks_of_sheets(sheets: Iterable[Sheet], hidden: HiddenCells) -> Iterator[Block]:
    """The blocks of a workbook: each sheet's name as a title, then its tables and what stands above and below them.

    Comments that are text, as `hidden` has them, come last on their sheet.
    """
    for number, sheet in enumerate(sheets, start=1):
        boxes = [_text(box, number) for box in sheet.boxes]
        blocks = [*_blocks_of_rows(sheet.rows, number), *boxes, *hidden.tally.comments.get(number, ())]
        if blocks:
            yield Block("Title", sheet.name, level=1, page=number)
            yield from blocks


def _blocks_of_rows(rows: Iterable[Row], page: int) -> Iterator[Block]:
    for part in _parts(rows):
        wide = [number for number, row in enumerate(part) if len(row.cells) > 1]
        if not wide:
            yield from (_text(text, page) for row in part for text in row.cells.values())
            continue
        first, last = wide[0], wide[-1]
        yield from (_text(text, page) for row in part[:first] for text in row.cells.values())
        yield Block("Table", table_text(part[first : last + 1]), page=page)
        yield from (_text(text, page) for row in part[last + 1 :] for text in row.cells.values())


def _parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows that belong together: one that is not right below the last, or has no column in common with it, does not."""
    part: list[Row] = []
    for row in rows:
        if part and (row.number > part[-1].number + 1 or not row.cells.keys() & part[-1].cells.keys()):
            yield part
            part = []
        part.append(row)
    if part:
        yield part


def table_text(rows: Sequence[Row]) -> str:
    """Rows as lines, each cell below the one of its column, where columns that are empty throughout are left out."""
    places: dict[int, int] = {}
    before, place = None, -1
    for column in sorted({column for row in rows for column in row.cells}):
        gap = 0 if before is None else column - before - 1
        place += 1 + (gap if gap <= _WIDEST_GAP else 1)
        places[column], before = place, column
    lines = []
    for row in rows:
        cells = [""] * (max(places[column] for column in row.cells) + 1)
        for column, text in row.cells.items():
            cells[places[column]] = " ".join(text.split())
        lines.append(cells)
    return rows_text(lines)


def _text(text: str, page: int) -> Block:
    from unstructured.cleaners.core import clean_bullets
    from unstructured.partition.text_type import is_bulleted_text, is_possible_narrative_text, is_possible_numbered_list

    if is_bulleted_text(text):
        return Block("ListItem", clean_bullets(text), page=page)
    if is_possible_numbered_list(text):
        return Block("ListItem", text, page=page)
    return Block("NarrativeText" if is_possible_narrative_text(text) else "UncategorizedText", text, page=page)
