"""Cuts the lines of a PDF's page where wide gaps part the cells of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from freshet.tasks.documents.parse.pdf.lines import Line, Words
from freshet.tasks.documents.parse.pdf.table_rows import LIST_MARK, SAME_ROW

_GAP = 0.9  # times the size: more than that is no space between two words, also where lines are stretched
_NARROWEST = 0.35  # times the size: a letter of a word, as a rule
_STRETCHED = 0.48  # times the size: lines of prose are narrower in most fonts, for each of their characters
_LONG = 20
_FILLED = 0.55  # times the size: a line that is as wide as the one before is stretched no more than this in prose
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
    cuts: list[tuple[int, float, float]] = []
    # Before an edge of a column any gap counts.
    for offset, end, x in words.gaps(line, -_GAP if edges else _GAP, 0.0 if edges else _NARROWEST):
        gap = (x - end) / size
        is_wide = gap > _GAP and (cuts or not LIST_MARK.fullmatch(text[:offset].rstrip()))
        if is_wide or (gap >= least_gap and any(end - 1.5 <= edge <= x + 1 for edge in edges)):
            cuts.append((offset, end, x))
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


def pieces_of_rows(rows: list[list[Line]], words: Words) -> Iterator[list[Line]]:
    """Yields the pieces of each row; lines of prose are passed by, since to look at each of their words takes long."""
    stretches = [[_stretch(line) for line in row] for row in rows]
    known = sorted(
        stretch
        for row, found in zip(rows, stretches, strict=True)
        for line, stretch in zip(row, found, strict=True)
        if len(line.text) >= _LONG
    )
    least = min(_STRETCHED, _STRETCHED_MORE * known[len(known) // 5]) if known else 0.0
    last_left = last_right = 0.0
    for row, found in zip(rows, stretches, strict=True):
        pieces = []
        for line, stretch in zip(row, found, strict=True):
            left, _, right, _ = line.box
            is_filled = stretch < _FILLED and abs(left - last_left) < 1 and abs(right - last_right) < 1
            pieces += [line] if stretch <= least or is_filled else pieces_of(line, words)
            last_left, last_right = left, right
        yield pieces


def _stretch(line: Line) -> float:
    """The width of a line for each of its characters, times the size."""
    return (line.box[2] - line.box[0]) / (max(line.size, 0.1) * len(line.text))
