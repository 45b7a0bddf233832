"""Brief benchmark texts: a row repeats such a text only where the row is the text, or nearly.

Symbols tell so few words apart too (`text/symbols.py`): `What is 5 + 3?` is not `What is 5 * 3?`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.leaks.index import Index, TextIndex, distinct
from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import NormalForms

_PAIRS = 1 << 20
"""Pairs of an n-gram of a row and an equal n-gram of a text that are held at a time."""


@dataclass(frozen=True)
class BriefMatches:
    """Rows that are a brief text, or nearly; the arrays have the shape (matches,).

    Attributes:
        rows: the position of the row in the batch.
        columns: 0 where the row's prompt matches, 1 where its answer does.
        texts: the number of the text in the index.
        similarity: 1.0 for a row that is the text, else the Jaccard similarity of the 5-grams.
    """

    rows: Index
    columns: Index
    texts: Index
    similarity: NDArray[np.float64]

    def only(self, wanted: NDArray[np.bool_]) -> BriefMatches:
        """Returns those matches for which `wanted` is True."""
        return BriefMatches(self.rows[wanted], self.columns[wanted], self.texts[wanted], self.similarity[wanted])

    def each(self) -> Iterator[tuple[int, int, int, float]]:
        """Yields row, column, text and similarity of each match."""
        arrays = (self.rows, self.columns, self.texts, self.similarity)
        yield from zip(*(array.tolist() for array in arrays), strict=True)


def find_brief(index: TextIndex, forms: NormalForms) -> BriefMatches:
    """Returns the rows whose prompt, or whose answer if they have no prompt, is a brief text of the index, or nearly.

    Args:
        forms: prompt and answer of each row, one after the other, in normal form with symbols.
    """
    words = forms.word_counts()
    columns = (words[::2] == 0).astype(np.int64)
    rows = np.arange(len(columns))
    parts = 2 * rows + columns
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
    return BriefMatches(found[order], columns[found[order]], texts[order], similar[order])


def _near(index: TextIndex, forms: NormalForms, parts: Index) -> tuple[Index, Index, NDArray[np.float64]]:
    """Finds the parts of rows that are near to a brief text.

    Args:
        parts: the parts that are compared, by their position in `forms`.

    Returns:
        For each match, the position in `parts`, the number of the text, and the similarity.
    """
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
    """Yields pairs of a row and a text that share one of the row's rarest n-grams.

    A text that shares at least 80 % of a row's n-grams has at least one in common with any 20 % of them and one more.
    So n-grams that very many texts hold are left out, but for rows that have no others.

    Args:
        sets: the distinct n-grams of each row, filled up with zeros.
        counts: the number of distinct n-grams of each row.
    """
    width = sets.shape[1]
    is_gram = np.arange(width) < counts[:, None]
    positions, numbers = index.brief.find(sets.ravel())
    times = np.zeros(sets.size, np.int64)
    times[positions] = index.brief.last(numbers) - numbers
    firsts = np.zeros(sets.size, np.int64)
    firsts[positions] = numbers
    rarity = np.where(is_gram, times.reshape(sets.shape), np.iinfo(np.int64).max)
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
            last += 1  # the n-grams of one row stay together
        often = times[chosen[first:last]]
        ends = np.cumsum(often)
        each = np.arange(ends[-1]) + np.repeat(firsts[chosen[first:last]] - (ends - often), often)
        texts, _ = index.brief.where(each)
        pairs = np.unique(np.repeat(owners[first:last], often) * len(index.texts) + texts)
        yield pairs // len(index.texts), pairs % len(index.texts)
        first = last


def _similarity(index: TextIndex, sets: NDArray[np.uint64], counts: Index, texts: Index) -> NDArray[np.float64]:
    """Returns the Jaccard similarity of the n-grams of each row with those of its text."""
    shared = np.zeros(len(texts), np.int64)
    for column in range(sets.shape[1]):
        equal = (sets[:, column, None] == index.brief_sets[texts]) & (
            np.arange(index.brief_sets.shape[1]) < index.brief_sizes[texts][:, None]
        )
        shared += equal.any(axis=1) & (column < counts)
    similarity: NDArray[np.float64] = shared / (counts + index.brief_sizes[texts] - shared)
    return similarity
