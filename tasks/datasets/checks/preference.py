"""Checks for pairs that show no preference, and for answers that only say the prompt again."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.datasets.checks.rows import Row
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.text.symbols import normalise_with_symbols

_LEAST_WORDS = 3
"""Words of the shortest answer that can be an echo: fewer may be said back, as greetings are."""


def alike(row: Row) -> Iterator[Verdict]:
    """Yields PAIR-IDENTICAL where two answers are equal, and PAIR-ALIKE where only their normal forms are equal.

    Symbols that carry meaning count (`text/symbols.py`): `3 > 2` is not `3 < 2`. Answers without any word, like two
    emoji, have no normal form to be alike in.
    """
    if row.other is None:
        return
    if row.content["chosen"] == row.content["rejected"]:
        yield verdict("PAIR-IDENTICAL")
    elif (normal := normalise_with_symbols(row.answer)) and normal == normalise_with_symbols(row.other):
        yield verdict("PAIR-ALIKE")


def echoes(row: Row) -> Iterator[Verdict]:
    """Yields PAIR-ECHO for every answer that is in normal form the prompt, or the last thing that the person said."""
    if row.format == "language_modeling":
        return
    prompt = normalise_with_symbols(row.prompt)
    said = {prompt, normalise_with_symbols(row.asked)} if row.turns else {prompt}
    for name, text in row.answers:
        # A text of another length cannot be the same words, whatever NFKC makes of it.
        if not text or len(text) > 4 * len(row.prompt) + 100:
            continue
        normal = normalise_with_symbols(text)
        if normal in said and normal.count(" ") >= _LEAST_WORDS - 1:
            yield verdict("PAIR-ECHO", part=name)
