"""Finds the place of a passage at which a part of a sentence stands, by the words around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from freshet.tasks.answers.support.tokenized import TokenizedText

REACH = 4
"""As many words are compared on each side."""


def around(one: Sequence[str], span: tuple[int, int], other: Sequence[str], there: tuple[int, int]) -> tuple[int, int]:
    """Returns how many words agree before and after two parts, at most `REACH` on each side."""
    before = after = 0
    while before < REACH and span[0] > before < there[0] and one[span[0] - 1 - before] == other[there[0] - 1 - before]:
        before += 1
    while (
        after < REACH
        and span[1] + after < len(one)
        and there[1] + after < len(other)
        and one[span[1] + after] == other[there[1] + after]
    ):
        after += 1
    return before, after


def gaps_like(sentence: TokenizedText, gap: int, passage: TokenizedText) -> Iterable[int]:
    """Places of a passage that have the same word before them, or behind them, as a place of the sentence."""
    stream = sentence.stream
    before = passage.places.get(stream[gap - 1], ()) if gap else ()
    behind = passage.places.get(stream[gap], ()) if gap < len(stream) else ()
    return {at + 1 for at in before} | set(behind)
