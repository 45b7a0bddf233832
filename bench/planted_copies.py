"""Planted near copies, whose true similarities are known: what bench/near_duplicates.py looks for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from common import made_up_words

WORDS = 400
"""Words of a planted text."""


def edited(words: list[str], share: float, chance: random.Random, *, scattered: bool) -> list[str]:
    """Returns the text with a share of its words replaced, here and there (`scattered`) or in one stretch."""
    count = max(1, round(share * len(words)))
    start = chance.randrange(len(words) - count + 1)
    places = chance.sample(range(len(words)), count) if scattered else range(start, start + count)
    changed = list(words)
    for place in places:
        changed[place] = f"edit{chance.randrange(10**6)}"
    return changed


def planted_texts(groups: int) -> list[str]:
    """Returns originals, each with its copies, and unrelated texts that share one of three boilerplates."""
    chance = random.Random(11)
    words, texts = made_up_words(chance, 5000), []
    for _ in range(groups):
        original = chance.choices(words, k=WORDS)
        texts.append(original)
        for share in (0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4):
            texts.append(edited(original, share, chance, scattered=True))
            texts.append(edited(original, share, chance, scattered=False))
        paragraphs = [original[i : i + 50] for i in range(0, WORDS, 50)]
        chance.shuffle(paragraphs)
        texts.append([word for paragraph in paragraphs for word in paragraph])
    for share in (0.3, 0.5, 0.7):
        boilerplate = chance.choices(words, k=round(WORDS * share))
        for _ in range(groups):
            texts.append(boilerplate + chance.choices(words, k=WORDS - len(boilerplate)))
    return [" ".join(text).capitalize() + "." for text in texts]


def true_pairs(sets: Sequence[Any], least: float) -> dict[tuple[int, int], float]:
    """Returns every pair of sets of at least this Jaccard similarity, with the similarity.

    All shared shingles are counted; no signature takes part in it.

    Args:
        sets: the hashes of the shingles of each text, each hash once.
        least: the smallest similarity that counts.
    """
    import numpy as np
    from scipy.sparse import csr_matrix

    sizes = np.array([len(s) for s in sets])
    _, columns = np.unique(np.concatenate(sets), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows = csr_matrix((np.ones(len(columns), np.int64), columns, starts))
    shared = (rows @ rows.T).tocoo()
    above = shared.row < shared.col
    left, right, common = shared.row[above], shared.col[above], shared.data[above]
    similarity = common / (sizes[left] + sizes[right] - common)
    enough = similarity >= least
    pairs = zip(left[enough].tolist(), right[enough].tolist(), strict=True)
    return dict(zip(pairs, similarity[enough].tolist(), strict=True))
