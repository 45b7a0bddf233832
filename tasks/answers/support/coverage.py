"""How many of a sentence's words and word pairs stand in its passages, clause by clause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from freshet.tasks.answers.support.held import Held
from freshet.tasks.answers.support.tokenized import CHAR, EDGE, SIGN, TokenizedText
from freshet.tasks.answers.support.vocabulary import CONNECTORS, EMPTY, one_form

_LEAST = 3
"""Words of meaning that a clause has at least; a shorter one counts with its neighbour."""

_HEAVIEST = 8


@dataclass(frozen=True, slots=True)
class Coverage:
    """Shares, from 0 to 1, of a text's words and word pairs that the passages have; `count` words of meaning."""

    words: float
    pairs: float
    count: int

    @property
    def both(self) -> float:
        """The mean of the two."""
        return (self.words + self.pairs) / 2


def covered(sentence: Held, passages: Sequence[Held]) -> tuple[Coverage, list[Coverage]]:
    """Returns the coverage of a whole sentence, and that of each of its clauses."""
    reading = sentence.reading
    units = list(_units(reading, passages))
    clauses = [_sum(units[start:end]) for start, end in _clauses(reading, units)]
    return _whole(reading, passages), clauses


Unit = tuple[int, float, bool, bool]
"""A word of meaning: its position, its weight, and whether it and its pair with the one before are in the passages."""


def _units(reading: TokenizedText, passages: Sequence[Held]) -> Iterator[Unit]:
    before = "\n"
    for at, word in enumerate(reading.words):
        kind = reading.kinds[at]
        if kind == SIGN or (kind != CHAR and word in EMPTY) or at in reading.denials:
            continue
        here = reading.stream[reading.at[at]]
        form = one_form(word)
        paired = any((before, here) in held.reading.pairs for held in passages)
        known = any(here in held.words or form in held.words for held in passages)
        if kind == CHAR:
            known = paired or (before == "\n" and known)
        yield at, min(len(word), _HEAVIEST) if kind != CHAR else 4.0, known, paired
        before = here


def _whole(reading: TokenizedText, passages: Sequence[Held]) -> Coverage:
    """Returns the coverage by all words and neighbours, also those that say nothing of the matter: `I guess that`."""
    units = []
    before = reading.stream[0]
    for at, word in enumerate(reading.stream[1:], 1):
        if word != EDGE:
            paired = any((before, word) in held.reading.pairs for held in passages)
            known = any(word in held.reading.places for held in passages)
            units.append((at, min(len(word), _HEAVIEST), known, paired))
        before = word
    # A bare `No.` says nothing that words could tell.
    return _sum(units) if units else Coverage(0.0, 0.0, 0)


def _clauses(reading: TokenizedText, units: Sequence[Unit]) -> Iterator[tuple[int, int]]:
    start = 0
    borders = [
        number for number, (at, *_) in enumerate(units) if number and _has_border(reading, units[number - 1][0] + 1, at)
    ]
    for border in borders:
        if border - start >= _LEAST and len(units) - border >= _LEAST:
            yield start, border
            start = border
    yield start, len(units)


def _has_border(reading: TokenizedText, start: int, end: int) -> bool:
    """Whether a clause begins between two words of meaning."""
    return any(at in reading.clauses for at in range(start, end + 1)) or any(
        reading.words[at] in CONNECTORS for at in range(start, end)
    )


def _sum(units: Sequence[Unit]) -> Coverage:
    weight = sum(unit[1] for unit in units)
    if not weight:
        return Coverage(1.0, 1.0, 0)
    pairs = units[1:] or units
    heavy = sum(unit[1] for unit in pairs)
    return Coverage(
        sum(unit[1] for unit in units if unit[2]) / weight,
        sum(unit[1] for unit in pairs if unit[3]) / heavy,
        len(units),
    )
