"""Finds the grids that ruling lines make on a page, and the cells that they part."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from freshet.tasks.documents.parse.pdf.drawn import Box
from freshet.tasks.documents.parse.pdf.rules import Rules

_NEAR = 2.5
"""Points: lines that are nearer to each other than this are one, or meet."""

_MOST_LINES = 300
_LEAST_COVER = 0.6

Span = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table's ruling lines.

    Attributes:
        columns, rows: edges from left to right and from top to bottom, those of the table included.
        level: (y, left, right) of the lines that lie.
        upright: (x, top, bottom) of the lines that stand.
    """

    columns: list[float]
    rows: list[float]
    level: list[Span]
    upright: list[Span]

    @property
    def box(self) -> Box:
        """The box around the grid."""
        return self.columns[0], self.rows[0], self.columns[-1], self.rows[-1]

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies in the grid."""
        left, top, right, bottom = self.box
        return left <= x <= right and top <= y <= bottom

    def edges_at(self, y: float) -> list[float]:
        """Where lines stand between the cells at a height; a cell may be as wide as several columns."""
        return [
            edge
            for edge in self.columns[1:-1]
            if any(abs(x - edge) <= 2 * _NEAR and top <= y <= bottom for x, top, bottom in self.upright)
        ]

    def cell(self, x: float, y: float) -> tuple[int, int]:
        """Returns (row, column) of the cell at a point of the grid; one over several rows is that of the first."""
        column = _between(self.columns, x)
        row = _between(self.rows, y)
        while row and not self._is_ruled(self.rows[row], column):
            row -= 1
        return row, column

    def _is_ruled(self, y: float, column: int) -> bool:
        left, right = self.columns[column], self.columns[column + 1]
        covered = sum(
            max(0.0, min(right, end) - max(left, start)) for at, start, end in self.level if abs(at - y) <= _NEAR
        )
        return covered >= _LEAST_COVER * (right - left)


def _between(edges: Sequence[float], at: float) -> int:
    return min(max(bisect_right(edges, at) - 1, 0), len(edges) - 2)


def grids_of(rules: Rules) -> list[Grid]:
    """Returns the grids of two rows and two columns or more, from top to bottom."""
    level, upright = _joined(rules.level), _joined(rules.upright)
    if len(level) > _MOST_LINES or len(upright) > _MOST_LINES:
        return []
    grids = []
    for lying, standing in _connected(level, upright):
        columns = _edges([x for x, _, _ in standing], [one[1] for one in lying], [one[2] for one in lying])
        rows = _edges([y for y, _, _ in lying], [one[1] for one in standing], [one[2] for one in standing])
        if len(columns) > 2 and len(rows) > 2:
            grids.append(Grid(columns, rows, lying, standing))
    return sorted(grids, key=lambda grid: grid.rows[0])


def _edges(lines: list[float], starts: list[float], ends: list[float]) -> list[float]:
    """The places of parallel lines, and where those across them begin and end: a table's sides may be open."""
    edges: list[float] = []
    for at in sorted([*lines, min(starts), max(ends)]):
        if not edges or at - edges[-1] > 2 * _NEAR:
            edges.append(at)
    return edges


def _joined(spans: list[Span]) -> list[Span]:
    """Joins the pieces of each line, since many programs draw the border of each cell."""
    joined: list[Span] = []
    for at, start, end in sorted((round(at), start, end) for at, start, end in spans):
        if joined and at - joined[-1][0] <= 1 and start <= joined[-1][2] + _NEAR and start >= joined[-1][1] - _NEAR:
            joined[-1] = joined[-1][0], joined[-1][1], max(joined[-1][2], end)
        else:
            joined.append((at, start, end))
    return joined


def _connected(level: list[Span], upright: list[Span]) -> list[tuple[list[Span], list[Span]]]:
    """Groups lines that cross or meet."""
    groups: list[tuple[list[Span], list[Span]]] = []
    waiting = list(level)
    for x, top, bottom in upright:
        met = [(y, a, b) for y, a, b in waiting if a - _NEAR <= x <= b + _NEAR and top - _NEAR <= y <= bottom + _NEAR]
        others = [
            group
            for group in groups
            if any(a - _NEAR <= x <= b + _NEAR and top - _NEAR <= y <= bottom + _NEAR for y, a, b in group[0])
        ]
        if not met and not others:
            continue
        waiting = [one for one in waiting if one not in met]
        groups = [group for group in groups if group not in others]
        lying = [one for group in others for one in group[0]] + met
        standing = [one for group in others for one in group[1]] + [(x, top, bottom)]
        groups.append((lying, standing))
    return groups
