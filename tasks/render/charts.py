"""Charts as inline SVG: no script, no other file, readable in light and dark, on paper and to a screen reader."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise

_LEFT, _TOP, _BOTTOM = 46, 14, 34
_CHARACTER = 7.8
"""Width of one in the names at the lines' ends, in the chart's units."""

_LABEL_GAP = 15
_DASHES = ("", "7 4", "2 4", "9 3 2 3")
_JOINERS = "\u200c\u200d"
"""Which Persian, Hindi and emoji are written with."""

MOST_POINTS = 60


def text(value: object) -> str:
    """Any value as HTML text. Characters that could hide or turn what stands beside them are shown as �."""
    return escape("".join("\ufffd" if _misleads(c) else c for c in str(value)), quote=True)


def _misleads(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co")


def number(value: float) -> str:
    """A count for people: 12 345 with thin spaces."""
    return f"{value:,.0f}".replace(",", "\u202f")


def share_bar(parts: Mapping[str, int], label: str) -> str:
    """One bar, a part for each name that has any, and its key below."""
    total = sum(parts.values())
    if not total:
        return ""
    at, shapes, keys = 0.0, [], []
    for place, (name, count) in enumerate(parts.items()):
        if not count:
            continue
        width = 100.0 * count / total
        kind = f"s{place % 8}"
        shapes.append(f'<rect class="{kind}" x="{at:.3f}%" y="0" width="{max(width, 0.4):.3f}%" height="26"/>')
        keys.append(f'<li><i class="{kind}"></i>{text(name)} <b>{number(count)}</b></li>')
        at += width
    bar = f'<svg class="share" role="img" aria-label="{text(label)}" width="100%" height="26">{"".join(shapes)}</svg>'
    return f'{bar}<ul class="key">{"".join(keys)}</ul>'


def bars(values: Mapping[str, float], label: str, unit: str = "", decimals: int = 0) -> str:
    """Horizontal bars, one a name, as a table whose numbers are drawn as well as written."""
    most = max(values.values(), default=0.0)
    rows = []
    for name, value in values.items():
        said = f"{value:,.{decimals}f}".replace(",", "\u202f") + (f" {unit}" if unit else "")
        width = 100.0 * value / most if most else 0.0
        shape = f'<rect class="s0" width="{width:.2f}%" height="14" rx="2"/>'
        bar = f'<svg aria-hidden="true" width="100%" height="14">{shape}</svg>'
        rows.append(f'<tr><th scope="row">{text(name)}</th><td class="bar">{bar}</td><td class="n">{said}</td></tr>')
    return f'<table class="bars" aria-label="{text(label)}"><tbody>{"".join(rows)}</tbody></table>'


def line_chart(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    label: str,
    *,
    marks: Sequence[bool] = (),
    floor: tuple[str, float] | None = None,
    percent: bool = False,
    size: tuple[int, int] = (760, 250),
) -> str:
    """Lines over labelled points; a None is a gap.

    Args:
        label: what the chart shows, for those who cannot see it.
        marks: for each point, whether it was turned down; such points are hollow.
        floor: name and value of a level that the first series must not fall below.
        percent: the values are shares, from 0 to 1; the axis then ends at 1 and starts where it is of use.
        size: width and height.
    """
    known = [v for values in series.values() for v in values if v is not None]
    if not known:
        return ""
    width, height = size
    low, high, step = _axis([*known, *([floor[1]] if floor else [])], percent)
    ends = _ends(series, percent, floor)
    right = width - 14 - _CHARACTER * max(len(name) for _, _, name in ends)
    bottom = height - _BOTTOM

    def x(place: int) -> float:
        return _LEFT + (right - _LEFT) * (place / (len(labels) - 1) if len(labels) > 1 else 0.5)

    def y(value: float) -> float:
        return bottom - (bottom - _TOP) * (value - low) / (high - low)

    parts = []
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        said = f"{100 * value:.0f} %" if percent else number(value)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{right:.1f}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{said}</text>'
        )
    every = max(1, math.ceil(len(labels) / 10))
    for place, name in enumerate(labels):
        if (len(labels) - 1 - place) % every == 0:
            parts.append(
                f'<text class="tick" x="{x(place):.1f}" y="{height - 12}" text-anchor="middle">{text(name)}</text>'
            )
    if floor:
        parts.append(
            f'<line class="floor" x1="{_LEFT}" x2="{right:.1f}" y1="{y(floor[1]):.1f}" y2="{y(floor[1]):.1f}"/>'
        )
    for place, values in enumerate(series.values()):
        spots = [(x(i), y(v) if v is not None else None) for i, v in enumerate(values)]
        parts += _line(spots, place)
        for i, (at_x, at_y) in enumerate(spots):
            hollow = " hollow" if i < len(marks) and marks[i] else ""
            if at_y is not None:
                parts.append(f'<circle class="c{place % 4}{hollow}" cx="{at_x:.1f}" cy="{at_y:.1f}" r="3.5"/>')
    parts += [
        f'<text class="name {kind}" x="{right + 10:.1f}" y="{at + 4:.1f}">{text(name)}</text>'
        for at, kind, name in _spread([(y(value), kind, name) for value, kind, name in ends], _TOP, bottom)
    ]
    return (
        f'<svg class="chart" role="img" aria-label="{text(label)}" viewBox="0 0 {width} {height}">'
        f"<title>{text(label)}</title>{''.join(parts)}</svg>"
    )


def _ends(
    series: Mapping[str, Sequence[float | None]], percent: bool, floor: tuple[str, float] | None
) -> list[tuple[float, str, str]]:
    """(value, class, name) of what is written at the lines' ends."""
    ends = []
    for place, (name, values) in enumerate(series.items()):
        last = next((v for v in reversed(values) if v is not None), None)
        if last is not None:
            said = f"{100 * last:.1f} %" if percent else number(last)
            ends.append((last, f"t{place % 4}", f"{name} {said}" if len(series) > 1 or percent else said))
    return [*ends, (floor[1], "floor-name", floor[0])] if floor else ends


def _line(spots: Sequence[tuple[float, float | None]], place: int) -> list[str]:
    drawn = []
    for (x1, y1), (x2, y2) in pairwise(spots):
        if y1 is not None and y2 is not None:
            dash = f' stroke-dasharray="{_DASHES[place % 4]}"' if place % 4 else ""
            drawn.append(f'<path class="l{place % 4}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"{dash}/>')
    return drawn


def _axis(values: Sequence[float], percent: bool) -> tuple[float, float, float]:
    """(lowest, highest, step) of round numbers around the values."""
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
    """The names at the lines' ends, moved apart where they would overlap."""
    placed: list[tuple[float, str, str]] = []
    for at, kind, name in sorted(ends):
        least = placed[-1][0] + _LABEL_GAP if placed else top
        placed.append((max(at, least), kind, name))
    over = placed[-1][0] - bottom if placed else 0.0
    return [(at - max(0.0, over), kind, name) for at, kind, name in placed]
