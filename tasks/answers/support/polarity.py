"""Finds what a sentence denies and its passages say, or the other way round."""

from __future__ import annotations

from collections.abc import Sequence

from freshet.tasks.answers.support.aligned import around, gaps_like
from freshet.tasks.answers.support.held import Held
from freshet.tasks.answers.support.tokenized import WORD, TokenizedText
from freshet.tasks.text.stems import stem

_SURE = {"not": 3, "only": 5}
_NEAR = 2
_OPPOSITES = ("un", "in", "im", "il", "ir", "dis", "non")
_LEAST = 4
_BEFORE = 8


def denied(sentence: Held, passages: Sequence[Held]) -> int:
    """Returns at how many places the sentence and what the passages say there differ in a denial."""
    reading = sentence.reading
    count = sum(_differs(reading, gap, kind, passages) for kind, gaps in reading.cues.items() for gap in gaps)
    if not count:
        gaps = {
            gap
            for held in passages
            for there in held.reading.cues["not"]
            for gap in gaps_like(held.reading, there, reading)
            if _agreeing(reading, gap, held.reading, there) >= _SURE["not"]
        }
        count = sum(_differs(reading, gap, "not", passages) for gap in gaps)
    return count + _opposites(reading, passages)


def _agreeing(one: TokenizedText, gap: int, other: TokenizedText, there: int) -> int:
    """Returns how many words agree around two places; none where those on one side all differ."""
    before, after = around(one.stream, (gap, gap), other.stream, (there, there))
    return before + after if before and after else 0


def _cues(reading: TokenizedText, gap: int, kind: str) -> int:
    return sum(reading.cues[kind].get(at, 0) for at in range(gap - _NEAR, gap + _NEAR + 1))


def _differs(reading: TokenizedText, gap: int, kind: str, passages: Sequence[Held]) -> bool:
    here = _cues(reading, gap, kind)
    best = {True: 0, False: 0}
    for held in passages:
        for there in gaps_like(reading, gap, held.reading):
            is_same = _cues(held.reading, there, kind) == here
            best[is_same] = max(best[is_same], _agreeing(reading, gap, held.reading, there))
    return best[False] >= _SURE[kind] and best[False] > best[True]


def _opposites(reading: TokenizedText, passages: Sequence[Held]) -> int:
    """Returns how many words of a sentence stand in the passages only as their opposite: available, unavailable."""
    count = 0
    for at, word in enumerate(reading.words):
        if reading.kinds[at] != WORD or len(word) < _LEAST or any(stem(word, 3) in held.words for held in passages):
            continue
        others = [f"{prefix}{word}" for prefix in _OPPOSITES]
        others += [word[len(prefix) :] for prefix in _OPPOSITES if word.startswith(prefix) and len(word) > _LEAST + 1]
        said = any(stem(other, 3) in held.words for other in others for held in passages)
        here = reading.at[at]
        count += said and not any(gap in reading.cues["not"] for gap in range(here - 3, here + 1))
    return count


def is_cut_from_denial(reading: TokenizedText, at: int) -> bool:
    """Whether what stands before a place of a sentence denies it: `It is not true that` …"""
    for before in range(at, max(0, at - _BEFORE), -1):
        # What ends with a line, like a row of a table, denies nothing of the next one.
        if "\n" in reading.text[reading.spans[before - 1][1] : reading.spans[before][0]]:
            return False
        if before in reading.starts or (before in reading.clauses and before != at):
            return False
        if before - 1 in reading.denials:
            return True
    return False
