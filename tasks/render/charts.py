"""Charts as SVG: no script, no other file, readable in light and dark, on paper and to a screen reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from freshet.tasks.render.palette import CHART_STYLE, FONT, MOST_PARTS, colour_style
from freshet.tasks.render.values import html_text, number

WIDTH = 712
_LEFT, _TOP, _BOTTOM = 46, 14, 34
_ROW, _BAR = 28, 18
_NAMES, _VALUES = 180, 84
_PAD, _TITLE = 24, 44
_LABEL_GAP = 15
_DASHES = ("", "7 4", "2 4", "9 3 2 3")
_CHARACTER = 7.6
"""The width of a character at 13 pixels."""

MOST_POINTS = 60
"""The most points of a line that can be told apart."""


@dataclass(frozen=True)
class Chart:
    """A drawing.

    Attributes:
        width, height: in pixels, at its natural size.
        label: what it shows, for those who cannot see it.
        shapes: SVG; none where there is nothing to draw.
    """

    width: int
    height: int
    label: str
    shapes: Sequence[str]

    def inline(self) -> str:
        """Returns the chart for a page with the palette's CHART_STYLE; empty where there is nothing to draw."""
        if not self.shapes:
            return ""
        label = html_text(self.label)
        # A narrow screen scrolls to the side rather than shrink the text beyond reading.
        return (
            f'<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {self.width} {self.height}" '
            f'style="min-width:{0.7 * self.width:.0f}px"><title>{label}</title>{"".join(self.shapes)}</svg>'
        )

    def file(self, title: str) -> str:
        """Returns the chart as an SVG file that stands alone, with a title above it."""
        width, height = self.width + 2 * _PAD, self.height + _TITLE + _PAD // 2
        own = f"svg{{font-family:{FONT}}}.page{{fill:var(--card)}}.title{{font-weight:600}}"
        style = f"{colour_style('svg')}{own}{CHART_STYLE}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="{html_text(self.label)}" '
            f'width="{width}" height="{height}" viewBox="{-_PAD} {-_TITLE} {width} {height}">'
            f"<title>{html_text(title)}</title><style>{style}</style>"
            f'<rect class="page" x="{-_PAD}" y="{-_TITLE}" width="{width}" height="{height}" rx="8"/>'
            f"{_words(0, -16, title, 'title')}{''.join(self.shapes)}</svg>\n"
        )


def bar_chart(
    values: Mapping[str, float],
    label: str,
    *,
    unit: str = "",
    decimals: int = 0,
    parts: Mapping[str, int] | None = None,
) -> Chart:
    """Draws horizontal bars, one a name.

    Args:
        values: of 0 or more, by name.
        parts: which colour of the palette a name has; the first for a name that is not in it.
    """
    most = max(values.values(), default=0.0)
    start = _NAMES + _VALUES
    shapes, read = [], []
    for place, (name, value) in enumerate(values.items()):
        top = place * _ROW
        width = max((WIDTH - start) * value / most, 1.5) if value else 0.0
        shown = f"{value:,.{decimals}f}".replace(",", "\u202f") + (f" {unit}" if unit else "")
        shapes += [
            _words(0, top + 14, _fitted(name, _NAMES)),
            _words(start - 12, top + 14, shown, "soft", "end"),
            _bar((parts or {}).get(name, 0), start, top, width),
        ]
        read.append(f"{name} {shown}")
    return Chart(WIDTH, max(1, len(values)) * _ROW, f"{label}: {'; '.join(read)}", shapes)


def share_chart(shares: Mapping[str, Mapping[str, int]], label: str) -> Chart:
    """Draws what each of some wholes is made of: a bar each, a part for each name, and the names below.

    Args:
        shares: counts of parts by name, by the name of their whole, which may be empty. The parts get the palette's
            colours in the order in which they first come, also those that are nowhere more than 0; beyond MOST_PARTS
            the colours come again.
    """
    names = list(dict.fromkeys(name for held in shares.values() for name in held))
    sums = {name: sum(held.get(name, 0) for held in shares.values()) for name in names}
    if not any(sums.values()):
        return Chart(WIDTH, _ROW, label, [])
    start = _NAMES if any(shares) else 0
    shapes, read = [], []
    for place, (whole, held) in enumerate(shares.items()):
        at, total = float(start), sum(held.values())
        shapes += [_words(0, place * _ROW + 14, _fitted(f"{whole}: {number(total)}", _NAMES))] if start else []
        for part, name in enumerate(names):
            if count := held.get(name, 0):
                width = (WIDTH - start) * count / total
                shapes.append(_bar(part, at, place * _ROW, max(width, 1.0)))
                at += width
        read.append(f"{whole} {', '.join(f'{name} {number(count)}' for name, count in held.items() if count)}".strip())
    key, bottom = _key(sums, len(shares) * _ROW + 18)
    return Chart(WIDTH, bottom, f"{label}: {'; '.join(read)}", [*shapes, *key])


def _key(sums: Mapping[str, int], line: int) -> tuple[list[str], int]:
    """Draws the names of the parts with their colours, from a line on, and returns where they end."""
    shapes, left = [], 0.0
    for part, (name, count) in enumerate(sums.items()):
        if not count:
            continue
        words = f"{_fitted(name, 220)} {number(count)}"
        width = 34 + _CHARACTER * len(words)
        if left and left + width > WIDTH:
            left, line = 0.0, line + 24
        shapes += [_bar(part, left, line - 11, 12, 12), _words(left + 18, line, words)]
        left += width
    return shapes, line + 8


def column_chart(columns: Sequence[tuple[str, int]], label: str, mark: tuple[float, str] | None = None) -> Chart:
    """Draws vertical bars, one a name.

    Args:
        mark: how many columns from the left a line stands, and its name.
    """
    most = max(1, *(count for _, count in columns))
    step, height, bottom = min(90.0, WIDTH / len(columns)), 180, 150
    right = step * len(columns)
    shapes = [f'<line class="grid" x1="0" x2="{right:.1f}" y1="{bottom}" y2="{bottom}"/>']
    names = []
    for place, (name, count) in enumerate(columns):
        tall, middle = max((bottom - 36) * count / most, 1.0 if count else 0.0), step * (place + 0.5)
        shapes.append(_bar(0, step * place + 2, bottom - tall, step - 4, tall))
        names += [
            _words(middle, bottom - tall - 6, number(count), "soft over", "middle"),
            _words(middle, bottom + 18, name, "tick", "middle"),
        ]
    if mark is not None:
        at = step * mark[0]
        shapes.append(f'<line class="mark" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{bottom}"/>')
        near_the_end = at > WIDTH * 0.75
        names.append(
            _words(at - 6 if near_the_end else at + 6, 10, mark[1], "mark-name", "end" if near_the_end else "")
        )
    read = "; ".join(f"{name}: {number(count)}" for name, count in columns)
    return Chart(WIDTH, height, f"{label}: {read}", [*shapes, *names])


def line_chart(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    label: str,
    *,
    marks: Sequence[bool] = (),
    floor: tuple[str, float] | None = None,
    percent: bool = False,
    size: tuple[int, int] = (760, 250),
) -> Chart:
    """Draws lines over labelled points; a None is a gap.

    Args:
        label: what the chart shows, for those who cannot see it.
        marks: for each point, whether it was turned down; such points are hollow.
        floor: name and value of a level that the first series must not fall below.
        percent: the values are shares, from 0 to 1; the axis then ends at 1 and starts where it is of use.
        size: width and height.
    """
    width, height = size
    known = [v for values in series.values() for v in values if v is not None]
    if not known:
        return Chart(width, height, label, [])
    low, high, step = _axis([*known, *([floor[1]] if floor else [])], percent)
    ends = _ends(series, percent, floor)
    right = width - 14 - _CHARACTER * max(len(name) for _, _, name in ends)
    bottom = height - _BOTTOM

    def x(place: int) -> float:
        return _LEFT + (right - _LEFT) * (place / (len(labels) - 1) if len(labels) > 1 else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    def across(kind: str, value: float) -> str:
        return f'<line class="{kind}" x1="{_LEFT}" x2="{right:.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'

    shapes = []
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        shown = f"{100 * value:.0f} %" if percent else number(value)
        shapes += [across("grid", value), _words(_LEFT - 8, y(value) + 4, shown, "tick", "end")]
    every = max(1, math.ceil(len(labels) / 10))
    shapes += [
        _words(x(place), height - 12, name, "tick", "middle")
        for place, name in enumerate(labels)
        if (len(labels) - 1 - place) % every == 0
    ]
    shapes += [across("mark", floor[1])] if floor else []
    for place, values in enumerate(series.values()):
        spots = [(x(i), y(v) if v is not None else None) for i, v in enumerate(values)]
        shapes += _line(spots, place)
        for i, (at_x, at_y) in enumerate(spots):
            hollow = " hollow" if i < len(marks) and marks[i] else ""
            if at_y is not None:
                part = place % len(_DASHES)
                shapes.append(f'<circle class="s{part} l{part}{hollow}" cx="{at_x:.1f}" cy="{at_y:.1f}" r="3.5"/>')
    placed = _spread([(y(value), kind, name) for value, kind, name in ends], _TOP, bottom)
    shapes += [_words(right + 10, at + 4, name, f"name {kind}") for at, kind, name in placed]
    return Chart(width, height, label, shapes)


def _ends(
    series: Mapping[str, Sequence[float | None]], percent: bool, floor: tuple[str, float] | None
) -> list[tuple[float, str, str]]:
    """Returns (value, class, name) of what is written at the lines' ends."""
    ends = []
    for place, (name, values) in enumerate(series.items()):
        last = next((v for v in reversed(values) if v is not None), None)
        if last is not None:
            shown = f"{100 * last:.1f} %" if percent else number(last)
            words = f"{name} {shown}" if len(series) > 1 or percent else shown
            ends.append((last, f"s{place % len(_DASHES)}", words))
    return [*ends, (floor[1], "mark-name", floor[0])] if floor else ends


def _line(spots: Sequence[tuple[float, float | None]], place: int) -> list[str]:
    part = place % len(_DASHES)
    dash = f' stroke-dasharray="{_DASHES[part]}"' if part else ""
    return [
        f'<path class="l{part}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"{dash}/>'
        for (x1, y1), (x2, y2) in pairwise(spots)
        if y1 is not None and y2 is not None
    ]


def _axis(values: Sequence[float], percent: bool) -> tuple[float, float, float]:
    """Returns (lowest, highest, step) of round numbers around the values."""
    least, most = min(values), max(values)
    if percent:
        span = 1.0 - max(0.0, least)
        step = next(s for s in (0.02, 0.05, 0.1, 0.2) if span <= 4 * s or s == 0.2)
        return max(0.0, math.floor((least - 1e-9) / step) * step if least > 0 else 0.0), 1.0, step
    rough = max(most, 1.0) / 4
    scale = 10 ** math.floor(math.log10(rough))
    step = max(1.0, next(m * scale for m in (1, 2, 2.5, 5, 10) if m * scale >= rough))
    return 0.0, step * max(1, math.ceil(most / step)), step


def _spread(ends: Sequence[tuple[float, str, str]], top: float, bottom: float) -> list[tuple[float, str, str]]:
    """Moves the names at the lines' ends apart where they would overlap."""
    placed: list[tuple[float, str, str]] = []
    for at, kind, name in sorted(ends):
        least = placed[-1][0] + _LABEL_GAP if placed else top
        placed.append((max(at, least), kind, name))
    over = placed[-1][0] - bottom if placed else 0.0
    return [(at - max(0.0, over), kind, name) for at, kind, name in placed]


def _bar(part: int, x: float, y: float, width: float, height: float = _BAR) -> str:
    return (
        f'<rect class="s{part % MOST_PARTS}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'
    )


def _words(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    of = f' class="{kind}"' if kind else ""
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text{of} x="{x:.1f}" y="{y:.1f}"{anchored}>{html_text(words)}</text>'


def _fitted(name: str, room: float) -> str:
    most = int(room / _CHARACTER) - 1
    return name if len(name) <= most else name[: most - 1] + "…"
