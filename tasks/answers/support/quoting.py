"""Finds the sentences of a passage that support a sentence best, for whoever wants to read them."""

from __future__ import annotations

from itertools import pairwise

from freshet.tasks.answers.support.coverage import covered
from freshet.tasks.answers.support.held import Held
from freshet.tasks.answers.support.tokenized import read
from freshet.tasks.text.borders import sentences

_MOST = 3


def supporting_span(sentence: str, text: str) -> tuple[int, int]:
    """Returns the half-open span of a text, one to three whole sentences, that supports a sentence best.

    Where two spans support it equally well, the shorter one counts, then the earlier one.
    """
    said = Held(sentence, read(sentence))
    borders = [0, *sentences(text), len(text)]
    count = len(borders) - 1
    parts = [Held(text[start:end], read(text[start:end])) for start, end in pairwise(borders)]
    best, span = -1.0, (0, 1)
    for size in range(1, min(_MOST, count) + 1):
        for first in range(count - size + 1):
            whole, _ = covered(said, parts[first : first + size])
            # Another sentence must add something: what is there by chance does not.
            if whole.both > best + (0.05 if size > 1 else 0.0):
                best, span = whole.both, (first, first + size)
    start, end = borders[span[0]], borders[span[1]]
    return start, start + len(text[start:end].rstrip()) if text[start:end].strip() else end
