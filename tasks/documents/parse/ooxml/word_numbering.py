"""The numbers that Word puts before headings and list items: numbering.xml, and the counters of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from freshet.tasks.documents.parse.ooxml.package import W
from freshet.tasks.documents.parse.ooxml.word_styles import Styles, value, whole

_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")
_MOST_LETTERS = 30
_UNNUMBERED = frozenset({"bullet", "none"})
_CYRILLIC = "абвгдежзиклмнопрстуфхцчшщыэюя"
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True)
class Level:
    """One level of a list.

    Attributes:
        text: the number's form, "%1.%2." for "4.2.".
        restart: the level, counted from 1, after which this one begins anew; None for any above it, 0 for never.
        legal: whether all its numbers are written in Arabic numerals.
        style: the id of the paragraph style that is tied to the level.
    """

    start: int
    form: str
    text: str
    restart: int | None
    legal: bool
    style: str | None


@dataclass
class Counters:
    """Where each list stands in one text: the body, or another that counts for itself."""

    at: dict[str, list[int | None]] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)


class Numbering:
    """The lists of a document."""

    def __init__(self, root: Any | None, styles: Styles) -> None:
        """Takes the root of numbering.xml; None where there is none."""
        self._root = root
        self._styles = styles
        self._lists: dict[str, _List | None] = {}
        self._known: dict[str, dict[int, Level]] = {}

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        return self._by("num", "numId")

    @cached_property
    def _abstracts(self) -> dict[str, Any]:
        return self._by("abstractNum", "abstractNumId")

    def _by(self, tag: str, key: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node in () if self._root is None else self._root.iterchildren(f"{W}{tag}"):
            found.setdefault(str(node.get(f"{W}{key}")), node)
        return found

    def label(self, counters: Counters, number: str, indent: int | None, style: str | None) -> str:
        """Counts a paragraph, and returns what Word writes before it: "4.2", "a)"; "" for bullets.

        Args:
            number, indent: its numId and its ilvl, where stated.
            style: the id of the style that states the number, if it is not the paragraph itself.
        """
        if number not in self._lists:
            self._lists[number] = self._list(number)
        listed = self._lists[number]
        if listed is None:
            return ""
        at = indent if indent is not None else listed.tied.get(style or "", 0)
        return listed.label(counters, at) if 0 <= at < _LEVELS else ""

    def _list(self, number: str) -> _List | None:
        """Returns a list by its numId; a list may be defined by a style, which names another list."""
        seen: set[str] = set()
        node, own = self._numbers.get(number), self._numbers.get(number)
        while node is not None:
            key = value(node, "abstractNumId") or ""
            abstract = self._abstracts.get(key)
            if abstract is None or key in seen:
                return None
            seen.add(key)
            linked = value(abstract, "numStyleLink")
            if linked is None:
                return _List(number, key, own, self._levels_of(key))
            defining = self._numbers.get(self._styles.of(linked).number or "")
            node = self._defining.get(linked) if defining is None else defining
        return None

    @cached_property
    def _defining(self) -> dict[str, Any]:
        """By the id of a style, the first list whose definition says that it is that of the style."""
        styles = {key: value(node, "styleLink") for key, node in self._abstracts.items()}
        found: dict[str, Any] = {}
        for node in self._numbers.values():
            style = styles.get(value(node, "abstractNumId") or "")
            if style:
                found.setdefault(style, node)
        return found

    def _levels_of(self, key: str) -> dict[int, Level]:
        """Returns the levels of a definition, which many lists may share."""
        if key not in self._known:
            levels = ((whole(node.get(f"{W}ilvl")), node) for node in self._abstracts[key].iterchildren(f"{W}lvl"))
            self._known[key] = {at: _level(node) for at, node in levels if at is not None and 0 <= at < _LEVELS}
        return self._known[key]


class _List:
    def __init__(self, number: str, key: str, node: Any, levels: dict[int, Level]) -> None:
        self._number, self._key = number, key
        self._levels = dict(levels)
        self._starts: dict[int, int] = {}
        for override in node.iterchildren(f"{W}lvlOverride"):
            at, level = whole(override.get(f"{W}ilvl")), override.find(f"{W}lvl")
            if at is None or not 0 <= at < _LEVELS:
                continue
            if level is not None:
                self._levels[at] = _level(level)
            start = whole(value(override, "startOverride"))
            if start is not None:
                self._starts[at] = start
        self.tied = {level.style: at for at, level in self._levels.items() if level.style}

    def label(self, counters: Counters, at: int) -> str:
        level = self._levels.get(at)
        if level is None:
            return ""
        counts = counters.at.setdefault(self._key, [None] * _LEVELS)
        count = counts[at]
        if at in self._starts and (self._number, at) not in counters.begun:
            counters.begun.add((self._number, at))
            count = None
        counts[at] = self._start(at) if count is None else count + 1
        for deeper in range(at + 1, _LEVELS):
            below = self._levels.get(deeper)
            if below is None or below.restart is None or (below.restart != 0 and at < below.restart):
                counts[deeper] = None
        if level.form in _UNNUMBERED:
            return ""

        def number(match: re.Match[str]) -> str:
            one = int(match[1]) - 1
            other = self._levels.get(one)
            if one > at or other is None:
                return ""
            count = counts[one]
            return written(
                self._start(one) if count is None else count,
                "decimal" if level.legal and other.form not in _UNNUMBERED else other.form,
            )

        return _PLACE.sub(number, level.text).strip()

    def _start(self, at: int) -> int:
        return self._starts.get(at, self._levels[at].start)


def _level(node: Any) -> Level:
    start, legal = whole(value(node, "start")), node.find(f"{W}isLgl")
    return Level(
        start=1 if start is None else start,
        form=value(node, "numFmt") or "decimal",
        text=value(node, "lvlText") or "",
        restart=whole(value(node, "lvlRestart")),
        legal=legal is not None and legal.get(f"{W}val", "1") not in ("0", "false", "off"),
        style=value(node, "pStyle"),
    )


def written(number: int, form: str) -> str:
    """Writes a number as a level of a list does; in digits, where the form is one of those that are not known."""
    if form in _UNNUMBERED:
        return ""
    if form == "decimalZero":
        return f"{number:02d}"
    if form == "ordinal":
        ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending}"
    if form == "decimalEnclosedCircle" and 1 <= number <= 20:
        return chr(0x2460 + number - 1)
    if form == "numberInDash":
        return f"- {number} -"
    low = form.removeprefix("lower").removeprefix("upper").removeprefix("russian").lower()
    text = _letters(number, low, form.startswith("russian"))
    if text is None:
        return str(number)
    return text.upper() if "pper" in form else text


def _letters(number: int, form: str, cyrillic: bool) -> str | None:
    """Returns a number in small letters; None where it has none."""
    if form == "roman" and 0 < number < 4000:
        parts = []
        for size, numeral in _ROMAN:
            count, number = divmod(number, size)
            parts.append(numeral * count)
        return "".join(parts)
    alphabet = _CYRILLIC if cyrillic else "abcdefghijklmnopqrstuvwxyz"
    if (form == "letter" or cyrillic) and 0 < number <= _MOST_LETTERS * len(alphabet):
        return alphabet[(number - 1) % len(alphabet)] * ((number - 1) // len(alphabet) + 1)
    return None
