"""The words of charts and of SmartArt, whose drawings are made of parts of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from freshet.tasks.documents.parse.build import Block, rows_text
from freshet.tasks.documents.parse.ooxml.drawing import drawn_text
from freshet.tasks.documents.parse.ooxml.package import A

_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_CX = "{http://schemas.microsoft.com/office/drawing/2014/chartex}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
# What is not closed ends with the text, so that no later mark is searched through again.
_QUOTED = re.compile(r"\[[^\]]*+(?:\]|\Z)|\"[^\"]*+(?:\"|\Z)|\\.")
_DATED = re.compile(r"[mhsap\W]*[yd][ymdhsap\W]*", re.I)
_MOST_DAYS = 2_958_465
"""The day 9999-12-31, the last that a spreadsheet knows."""

_MOST_LEVELS = 9
"""Levels of categories (year, quarter, month) that are joined; nobody draws as many."""

_MOST_EMPTY = 4
"""Cells of a table for each point of a chart, beyond which its series are lines and not columns."""


@dataclass
class _Series:
    name: str
    points: dict[str, str] = field(default_factory=dict)


def chart_blocks(root: Any, page: int | None = None) -> list[Block]:
    """Returns what a chart says: its titles, and a table of its categories and series."""
    blocks = [Block("NarrativeText", title, page=page) for title in titles_of(root)]
    text = _table([_series(node) for node in root.iter(f"{_C}ser")] or _newer_series(root))
    return [*blocks, Block("Table", text, page=page)] if text else blocks


def titles_of(root: Any) -> list[str]:
    """Returns the titles of the chart and of its axes, each once."""
    found = [_words(node) for node in root.iter(f"{_C}title", f"{_CX}title")]
    return [title for title in dict.fromkeys(found) if title]


def _words(node: Any) -> str:
    """Returns the text of a title: typed by hand, or kept from the cell that it is linked to."""
    typed = [drawn_text(paragraph) for paragraph in node.iter(f"{A}p")]
    linked = [value.text or "" for value in node.iter(f"{_C}v", f"{_CX}v")]
    return " ".join(" ".join(filter(str.strip, typed or linked)).split())


def _series(node: Any) -> _Series:
    named = node.find(f"{_C}tx")
    series = _Series("" if named is None else _words(named))
    categories = _first(node, "cat", "xVal")
    values = [_first(node, name) for name in ("val", "yVal", "bubbleSize")]
    at = dict.fromkeys([key for points in (categories, *values) for key in points])
    for key in at:
        said = ", ".join(points[key] for points in values if key in points)
        name = categories.get(key, "" if categories else str(key + 1))
        series.points[_apart(name, series.points)] = said
    return series


def _apart(name: str, taken: dict[str, str]) -> str:
    """Returns a name, made a little longer where two points of a series have the same."""
    return name if name not in taken else f"{name} ({len(taken) + 1})"


def _first(node: Any, *names: str) -> dict[int, str]:
    found = next((child for name in names for child in node.iterchildren(f"{_C}{name}")), None)
    return {} if found is None else _points(found)


def _points(node: Any) -> dict[int, str]:
    """Returns the values that a chart keeps of its cells, by their index; categories of several levels are joined."""
    levels = list(node.iter(f"{_C}lvl"))
    if 0 < len(levels) <= _MOST_LEVELS:
        joined: dict[int, str] = {}
        above: list[str] = []
        kept = [_values(level) for level in reversed(levels)]
        for key in sorted({key for level in kept for key in level}):
            above = [level.get(key, before) for level, before in zip(kept, above or [""] * len(kept), strict=True)]
            joined[key] = " / ".join(filter(None, above))
        return joined
    return _values(node)


def _values(node: Any) -> dict[int, str]:
    form = next((one.text or "" for one in node.iter(f"{_C}formatCode")), "")
    found: dict[int, str] = {}
    for point in node.iter(f"{_C}pt"):
        index, value = point.get("idx") or "", point.find(f"{_C}v")
        if index.isdigit() and value is not None:
            found[int(index)] = shown(value.text or "", point.get("formatCode") or form)
    return found


def shown(value: str, form: str) -> str:
    """Writes a value much as its format has it: dates as dates, and numbers without what doubles add to them."""
    try:
        number = float(value)
    except ValueError:
        return " ".join(value.split())
    if _DATED.fullmatch(_QUOTED.sub("", form)) and 0 < number <= _MOST_DAYS:
        return (date(1899, 12, 30) + timedelta(days=int(number))).isoformat()
    if form.rstrip().endswith("%"):
        return f"{number * 100:.10g}%"
    return f"{number:.12g}" if len(value) > 12 else value


def _table(series: list[_Series]) -> str:
    """Writes series as columns beside their categories, and as lines where that would be mostly empty cells."""
    series = [one for one in series if one.name or one.points]
    names = list(dict.fromkeys(name for one in series for name in one.points))
    points = sum(len(one.points) for one in series)
    if len(names) * len(series) > _MOST_EMPTY * points + 100:
        return rows_text([one.name, *(f"{name}: {said}" for name, said in one.points.items())] for one in series)
    rows = [[name, *(one.points.get(name, "") for one in series)] for name in names]
    return rows_text([["", *(one.name for one in series)], *rows])


def _newer_series(root: Any) -> list[_Series]:
    """Returns the series of charts since 2016 (waterfall, sunburst), whose data stands apart from them."""
    made: list[_Series] = []
    names = {
        node.find(f"{_CX}dataId").get("val"): _words(node.find(f"{_CX}tx"))
        for node in root.iter(f"{_CX}series")
        if node.find(f"{_CX}dataId") is not None and node.find(f"{_CX}tx") is not None
    }
    for data in root.iter(f"{_CX}data"):
        series = _Series(names.get(data.get("id"), ""))
        texts, numbers = (
            [_newer_points(level) for level in data.findall(f"{_CX}{tag}/{_CX}lvl")[:_MOST_LEVELS]]
            for tag in ("strDim", "numDim")
        )
        for key in dict.fromkeys(key for level in (*texts, *numbers) for key in level):
            name = " / ".join(level[key] for level in reversed(texts) if key in level)
            series.points[_apart(name, series.points)] = ", ".join(level[key] for level in numbers if key in level)
        made.append(series)
    return made


def _newer_points(level: Any) -> dict[str, str]:
    form = level.get("formatCode") or ""
    return {str(point.get("idx")): shown(point.text or "", form) for point in level.iterchildren(f"{_CX}pt")}


def diagram_blocks(root: Any, page: int | None = None) -> list[Block]:
    """Returns the words of SmartArt, a line for each of its shapes, from the top of its tree to the bottom."""
    points = {str(node.get("modelId")): node for node in root.iter(f"{_DGM}pt")}
    below: dict[str, list[tuple[int, str]]] = {}
    for link in root.iter(f"{_DGM}cxn"):
        if link.get("type", "parOf") == "parOf":
            order = link.get("srcOrd") or "0"
            below.setdefault(str(link.get("srcId")), []).append(
                (int(order) if order.isdigit() else 0, str(link.get("destId")))
            )
    lines = [line for key in _in_order(points, below) for line in _lines(points[key])]
    text = "\n".join(line for line in lines if line)
    return [Block("NarrativeText", text, page=page)] if text else []


def _lines(point: Any) -> Iterator[str]:
    text = point.find(f"{_DGM}t")
    for paragraph in () if text is None else text.iter(f"{A}p"):
        yield " ".join(drawn_text(paragraph).split())


def _in_order(points: dict[str, Any], below: dict[str, list[tuple[int, str]]]) -> Iterator[str]:
    """Yields each point once: those that belong together one after the other, and then what belongs to none."""
    seen: set[str] = set()
    pending = [*reversed(points), *(key for key, node in points.items() if node.get("type") == "doc")]
    while pending:
        key = pending.pop()
        if key in points and key not in seen:
            seen.add(key)
            yield key
            pending += [child for _, child in sorted(below.get(key, ()), reverse=True)]


def user_shape_blocks(root: Any, page: int | None = None) -> list[Block]:
    """Returns what somebody wrote onto a chart."""
    return [Block("NarrativeText", drawn_text(paragraph), page=page) for paragraph in root.iter(f"{A}p")]
