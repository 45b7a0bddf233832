"""Cuts the lines of a PDF's page where wide gaps part the cells of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from freshet.tasks.documents.parse.pdf.lines import Line, Words
from freshet.tasks.documents.parse.pdf.table_rows import LIST_MARK, SAME_ROW

_GAP = 0.9  # times the size: more than that is no space between two words, also where lines are stretched
_NARROWEST = 0.35  # times the size: a letter of a word, as a rule
_STRETCHED = 0.46  # times the size: lines of prose are narrower in most fonts, for each of their characters
_STRETCHED_MORE = 1.08  # times that of most lines of the page


def pieces_of(line: Line, words: Words, edges: Sequence[float] = (), least_gap: float = 0.0) -> list[Line]:
    """The pieces of a line between its wide gaps, and between the edges of columns that fall into a gap.

    Args:
        line: a line of the page.
        words: those of the page.
        edges: of columns.
        least_gap: how wide a gap is, times the size, into which an edge falls; the mark of a list is not cut off.
    """
    text, size = line.text, max(line.size, 0.1)
    starts = words.starts(line)
    cuts = []
    before, left = 0, 0.0
    for offset, x in starts:
        # A letter is hardly narrower than this: only where a gap may be, the end of a word is asked for.
        may_be = x - left > size * (_GAP + _NARROWEST * (offset - before - 1))
        over = [edge for edge in edges if left < edge <= x + 1] if edges else []
        if offset and (over or (may_be and (before or not LIST_MARK.fullmatch(text[:offset].rstrip())))):
            end = words.right(line, len(text[:offset].rstrip()) - 1)
            gap = (x - end) / size
            if gap > _GAP or (gap >= least_gap and any(end - 1.5 <= edge for edge in over)):
                cuts.append((offset, end, x))
        before, left = offset, x
    if not cuts:
        return [line]
    pieces = []
    first, left = 0, line.box[0]
    _, top, _, bottom = line.box
    for offset, end, x in [*cuts, (len(text), line.box[2], 0.0)]:
        box = left, top, max(end, left), bottom
        pieces.append(
            Line(
                text[first:offset].strip(),
                line.page,
                box,
                line.size,
                line.weight,
                line.foot,
                line.start + first,
                line.turn,
                line.shown,
            )
        )
        first, left = offset, x
    return pieces


def drawn_rows(lines: list[Line]) -> Iterator[list[Line]]:
    """Yields lines, those together that are drawn one after the other, from left to right, with gaps between them."""
    row: list[Line] = []
    for line in lines:
        if row and not (
            line.start >= 0
            and line.turn == row[-1].turn
            and abs(line.foot - row[-1].foot) <= SAME_ROW * line.size
            and line.box[0] - row[-1].box[2] > _GAP * line.size
        ):
            yield row
            row = []
        row.append(line)
    if row:
        yield row


def stretch(line: Line) -> float:
    """The width of a line for each of its characters, times the size."""
    return (line.box[2] - line.box[0]) / (max(line.size, 0.1) * len(line.text))


def least_stretch(lines: list[Line]) -> float:
    """How far a line is stretched at least that has wide gaps: to look at each word of prose would take long."""
    known = sorted(stretch(line) for line in lines if len(line.text) >= 20)
    return min(_STRETCHED, _STRETCHED_MORE * known[len(known) // 5]) if known else 0.0
