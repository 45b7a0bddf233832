"""Which passages of other documents are written for the question that a passage is written for: all tests in one place.

The numbers were chosen on one half of the data of `bench/flooding.py`, which measures them on the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.documents.flooding.openings import are_apart, overlap
from freshet.tasks.text import minhash
from freshet.tasks.text.normalise import normalise, tokens

LEAST_OVERLAP = 0.3
"""Share of the longer opening's words that both have, below which no pair is looked at."""

ASKED = (0.7, 1.3)
TOLD = (0.8, 1.6)
"""Least cosine of two passages, and least sum of that and the overlap of their openings: where one of the two asks,
and where both are statements, which honest pages open with as well."""

SAME_FORM = {True: 0.5, False: 0.3}
"""Share of the word 5-grams of two passages, that open with a question or do not, from which both are one form or
versions of one page. (From 0.8 on they are near duplicates, of which one is hidden.)"""

FILLED_IN = 0.75
"""Share of the words of two passages that both have in one order, from which both are one form that was filled in."""


@dataclass(frozen=True)
class Passage:
    """A passage with one of its openings.

    Attributes:
        opening: that opening, as it stands there.
        asks: whether the opening is a question.
        words: its words with meaning, hashed.
        text: of the passage.
        vector: of the passage, of unit length.
    """

    opening: str
    asks: bool
    words: tuple[int, ...]
    text: str
    vector: NDArray[np.float32]


def answer_one_question(left: Passage, right: Passage) -> bool:
    """Whether two passages are written to be found for one question. Which of them comes first makes no difference."""
    cosine, shared = float(left.vector @ right.vector), overlap(left.words, right.words)
    asks = left.asks or right.asks
    near, together = ASKED if asks else TOLD
    if cosine < near or cosine + shared < together:
        return False
    if are_apart((left.opening, left.text), (right.opening, right.text)):
        return False
    return _wording_shared(left.text, right.text) < SAME_FORM[asks] and not _is_one_form(left.text, right.text)


def _is_one_form(left: str, right: str) -> bool:
    from difflib import SequenceMatcher

    # Which of the two comes first makes a difference to the matcher.
    one, other = sorted((tokens(left), tokens(right)))
    matcher: SequenceMatcher[str] = SequenceMatcher(None, one, other, autojunk=False)
    return all(ratio() >= FILLED_IN for ratio in (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio))


def _wording_shared(left: str, right: str) -> float:
    return minhash.jaccard(minhash.shingle_hashes(normalise(left)), minhash.shingle_hashes(normalise(right)))
