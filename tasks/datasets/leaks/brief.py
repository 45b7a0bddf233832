"""Benchmark texts of few words: only a row that is such a text, or nearly, repeats it.

So few words are told apart by their symbols too (`text/symbols.py`): `What is 5 + 3?` is not `What is 5 * 3?`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.leaks.index import Index, TextIndex, distinct
from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import NormalForms

_PAIRS = 1 << 20  # n-grams of rows beside equal ones of texts, looked at at a time


@dataclass(frozen=True)
class BriefMatches:
    """Rows that are a short text: row, side (0 the prompt, 1 the answer), text, and similarity, 1.0 for all of it."""

    rows: Index
    sides: Index
    texts: Index
    similarity: NDArray[np.float64]

    def only(self, wanted: NDArray[np.bool_]) -> BriefMatches:
        return BriefMatches(self.rows[wanted], self.sides[wanted], self.texts[wanted], self.similarity[wanted])

    def each(self) -> Iterator[tuple[int, int, int, float]]:
        columns = (self.rows, self.sides, self.texts, self.similarity)
        yield from zip(*(column.tolist() for column in columns), strict=True)


def find_brief(index: TextIndex, forms: NormalForms) -> BriefMatches:
    """Rows whose prompt, or whose answer if they have no prompt, is a short text of the index, or nearly.

    Args:
        forms: prompt and answer of each row, with symbols.
    """
    words = forms.word_counts()
    sides = (words[::2] == 0).astype(np.int64)
    rows = np.arange(len(sides))
    parts = 2 * rows + sides
    counts = words[parts]
    exact: list[tuple[int, int]] = []
    data, bounds = forms.data.tobytes(), forms.bounds
    few = np.flatnonzero((counts > 0) & (counts <= index.most)) if index.whole else rows[:0]
    for row, first, last in zip(
        few.tolist(), bounds[parts[few]].tolist(), bounds[parts[few] + 1].tolist(), strict=True
    ):
        if (text := index.whole.get(data[first:last])) is not None:
            exact.append((row, text))
    largest = int((index.most - minhash.SHINGLE_WORDS + 1) / minhash.NEAR) + minhash.SHINGLE_WORDS - 1
    tried = np.flatnonzero((counts >= minhash.SHINGLE_WORDS) & (counts <= largest))
    near_rows, near_texts, similarity = _near(index, forms, parts[tried])
    near_rows = tried[near_rows]
    done = {row for row, _ in exact}
    other = np.array([row not in done for row in near_rows.tolist()], np.bool_)
    exact_rows = np.array([row for row, _ in exact], np.int64)
    found = np.concatenate([exact_rows, near_rows[other]])
    texts = np.concatenate([np.array([text for _, text in exact], np.int64), near_texts[other]])
    order = np.lexsort((texts, found))
    similar = np.concatenate([np.ones(len(exact)), similarity[other]])
    return BriefMatches(found[order], sides[found[order]], texts[order], similar[order])


def _near(index: TextIndex, forms: NormalForms, parts: Index) -> tuple[Index, Index, NDArray[np.float64]]:
    """Of some parts of rows, by their place among these, those near to a short text; the text; and the similarity."""
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    if len(parts) and len(index.brief.hashes):
        hashes, bounds = minhash.gram_hashes(forms, minhash.SHINGLE_WORDS)
        sizes = bounds[parts + 1] - bounds[parts]
        owners = np.repeat(np.arange(len(parts)), sizes)
        grams = hashes[np.arange(len(owners)) + np.repeat(bounds[parts] - (np.cumsum(sizes) - sizes), sizes)]
        sets, counts = distinct(owners, grams, len(parts))
        for rows, texts in _candidates(index, sets, counts):
            similarity = _similarity(index, sets[rows], counts[rows], texts)
            near = similarity >= minhash.NEAR
            found.append((rows[near], texts[near], similarity[near]))
    rows, texts, similarity = (np.concatenate(column) for column in zip(*found, strict=True))
    return rows, texts, similarity


def _candidates(index: TextIndex, sets: NDArray[np.uint64], counts: Index) -> Iterator[tuple[Index, Index]]:
    """Pairs of a row and a text that share one of the row's rarest n-grams.

    Who shares four of five has at least one in common with any fifth of them and one more. So what many texts begin
    with is not looked at, but for rows that have nothing else.
    """
    width = sets.shape[1]
    there = np.arange(width) < counts[:, None]
    places, numbers = index.brief.find(sets.ravel())
    times = np.zeros(sets.size, np.int64)
    times[places] = index.brief.last(numbers) - numbers
    firsts = np.zeros(sets.size, np.int64)
    firsts[places] = numbers
    rarity = np.where(there, times.reshape(sets.shape), np.iinfo(np.int64).max)
    rare = np.argsort(rarity, axis=1, kind="stable")
    needed = counts - np.ceil(minhash.NEAR * counts - 1e-9).astype(np.int64) + 1
    owners, ranks = np.nonzero(np.arange(width) < needed[:, None])
    chosen = owners * width + rare[owners, ranks]
    owners, chosen = owners[times[chosen] > 0], chosen[times[chosen] > 0]
    total = np.cumsum(times[chosen])
    first = 0
    while first < len(chosen):
        done = int(total[first - 1]) if first else 0
        last = max(int(np.searchsorted(total, done + _PAIRS, "right")), first + 1)
        while last < len(chosen) and owners[last] == owners[last - 1]:
            last += 1  # all of a row together
        often = times[chosen[first:last]]
        ends = np.cumsum(often)
        each = np.arange(ends[-1]) + np.repeat(firsts[chosen[first:last]] - (ends - often), often)
        texts, _ = index.brief.where(each)
        pairs = np.unique(np.repeat(owners[first:last], often) * len(index.texts) + texts)
        yield pairs // len(index.texts), pairs % len(index.texts)
        first = last


def _similarity(index: TextIndex, sets: NDArray[np.uint64], counts: Index, texts: Index) -> NDArray[np.float64]:
    shared = np.zeros(len(texts), np.int64)
    for column in range(sets.shape[1]):
        equal = (sets[:, column, None] == index.brief_sets[texts]) & (
            np.arange(index.brief_sets.shape[1]) < index.brief_sizes[texts][:, None]
        )
        shared += equal.any(axis=1) & (column < counts)
    similarity: NDArray[np.float64] = shared / (counts + index.brief_sizes[texts] - shared)
    return similarity
