"""The word n-grams of benchmark texts, as sorted arrays that very many rows are looked up in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import NormalForms, normal_forms

Index = NDArray[np.int64]

PART_BYTES = 16_000_000
"""Text of benchmarks that is indexed at a time; an index takes some ten times as much."""

_FILTER_BITS = 22


@dataclass(frozen=True)
class BenchmarkText:
    """A text that no row may repeat.

    Attributes:
        name: of the benchmark: its file.
        place: of the text in it, from 1.
        text: what a model is asked; all of it, for a text that asks nothing.
        field: where in that place, for files that nest.
        side: of the dataset's own split, where the text is one of its rows.
    """

    name: str
    place: int
    text: str
    field: str | None = None
    side: str | None = None

    @property
    def benchmark(self) -> tuple[str, str]:
        """What the text is part of."""
        return self.name, self.side or ""


def parts(texts: Iterable[BenchmarkText]) -> Iterator[list[BenchmarkText]]:
    """The texts in lists of PART_BYTES or a little more."""
    part, size = [], 0
    for text in texts:
        part.append(text)
        size += len(text.text) + 64
        if size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


class Grams:
    """The n-grams of some texts.

    Args:
        words: n.
    """

    def __init__(self, forms: NormalForms, words: int) -> None:
        self.words = words
        hashes, self._bounds = minhash.gram_hashes(forms, words)
        self._places = np.argsort(hashes, kind="stable")
        self.hashes = hashes[self._places]
        self._shift = np.uint64(64 - _FILTER_BITS)
        self._present = np.zeros(
            1 << _FILTER_BITS, np.bool_
        )  # one look decides for nearly all grams of nearly all rows
        self._present[self.hashes >> self._shift] = True

    def find(self, hashes: NDArray[np.uint64]) -> tuple[Index, Index]:
        """Which of some hashes are there, by their place among them; and the number of the first such n-gram here."""
        perhaps = np.flatnonzero(self._present[hashes >> self._shift])
        if not len(perhaps):
            return perhaps, perhaps
        numbers = np.searchsorted(self.hashes, hashes[perhaps])
        numbers[numbers == len(self.hashes)] = 0
        there = self.hashes[numbers] == hashes[perhaps]
        return perhaps[there], numbers[there]

    def last(self, numbers: Index) -> Index:
        """The end of the n-grams that equal these, which stand one after the other."""
        return np.searchsorted(self.hashes, self.hashes[numbers], "right")

    def where(self, numbers: Index) -> tuple[Index, Index]:
        """The text that each n-gram is of, and the word of it that it begins with, from 0."""
        places = self._places[numbers]
        texts = np.searchsorted(self._bounds, places, "right") - 1
        return texts, places - self._bounds[texts]


class TextIndex:
    """Some benchmark texts, found by what they share with rows.

    Args:
        long: words in a row that a row may not share with a text. Texts of fewer are short.
        short: words in a row that are for review.

    Attributes:
        counts: the words of each text.
        most: words of the longest short text, its symbols included.
        whole: short texts by their normal form with symbols.
        brief: the 5-grams of short texts, with symbols.
    """

    def __init__(self, texts: list[BenchmarkText], long: int, short: int) -> None:
        import pyarrow as pa

        self.texts = texts
        contents = pa.array([text.text for text in texts], pa.large_string())
        self._forms = normal_forms(contents)
        self.counts = self._forms.word_counts()
        self.short, self.long = Grams(self._forms, short), Grams(self._forms, long)
        brief = (self.counts > 0) & (self.counts < long)
        self._with_symbols = _only(normal_forms(contents, symbols=True), brief)
        counts = self._with_symbols.word_counts()
        self.most = int(counts.max(initial=0))
        self.whole: dict[bytes, int] = {}
        for number in np.flatnonzero(brief).tolist():
            self.whole.setdefault(self._with_symbols.form(number), number)
        self.brief = Grams(_only(self._with_symbols, counts >= minhash.SHINGLE_WORDS), minhash.SHINGLE_WORDS)
        brief_texts, _ = self.brief.where(np.arange(len(self.brief.hashes)))
        self.brief_sets, self.brief_sizes = distinct(brief_texts, self.brief.hashes, len(texts))

    def words(self, number: int) -> list[str]:
        """A text's words in normal form."""
        return self._forms.words_of(number)

    def brief_words(self, number: int) -> list[str]:
        """Those of a short text, with its symbols."""
        return self._with_symbols.words_of(number)

    def shared(self, grams: Grams, hit: NDArray[np.bool_]) -> int:
        """How many texts have an n-gram that is marked, under the number that `Grams.find` gives."""
        numbers = np.flatnonzero(hit)
        marks = np.zeros(len(grams.hashes) + 1, np.int64)
        np.add.at(marks, numbers, 1)
        np.add.at(marks, grams.last(numbers), -1)
        texts, _ = grams.where(np.flatnonzero(np.cumsum(marks[:-1]) > 0))
        return len(np.unique(texts))


def _only(forms: NormalForms, wanted: NDArray[np.bool_]) -> NormalForms:
    """The same texts, those that are not wanted left empty."""
    sizes = np.diff(forms.bounds)
    bounds = np.zeros(len(forms.bounds), np.int64)
    np.cumsum(np.where(wanted, sizes, 0), out=bounds[1:])
    return NormalForms(forms.data[np.repeat(wanted, sizes)], bounds)


def distinct(owners: Index, hashes: NDArray[np.uint64], count: int) -> tuple[NDArray[np.uint64], Index]:
    """The different hashes of each of so many owners, a row each, filled up with zeros; and how many they are."""
    order = np.lexsort((hashes, owners))
    owners, hashes = owners[order], hashes[order]
    new = np.ones(len(owners), np.bool_)
    new[1:] = (owners[1:] != owners[:-1]) | (hashes[1:] != hashes[:-1])
    owners, hashes = owners[new], hashes[new]
    sizes = np.bincount(owners, minlength=count)
    sets = np.zeros((count, max(int(sizes.max(initial=0)), 1)), np.uint64)
    sets[owners, np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = hashes
    return sets, sizes
