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
"""Text of benchmarks that is indexed at a time; an index takes some ten times as much memory."""

_FILTER_BITS = 22
"""Leading bits of a hash by which a table of 4 MiB says at one look that most n-grams of rows are not in an index."""


@dataclass(frozen=True)
class BenchmarkText:
    """A text that no row may repeat.

    Attributes:
        name: the file that holds the text.
        place: the line or the row in the file, from 1.
        text: what a model is asked; the whole text, where it asks nothing.
        field: where in that place the text stands, for files that nest.
        split: the split of the text, where it is a row of the dataset itself; None for a benchmark.
    """

    name: str
    place: int
    text: str
    field: str | None = None
    split: str | None = None

    @property
    def benchmark(self) -> tuple[str, str]:
        """The file that the text is part of, and its split or an empty text."""
        return self.name, self.split or ""


def parts(texts: Iterable[BenchmarkText]) -> Iterator[list[BenchmarkText]]:
    """Yields the texts in lists of PART_BYTES or a little more."""
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
    """The word n-grams of some texts, sorted by their hashes.

    Args:
        forms: the texts in normal form.
        words: the number of words of an n-gram.

    Attributes:
        hashes: the hashes of all n-grams, ascending. An n-gram is numbered by its position here.
    """

    def __init__(self, forms: NormalForms, words: int) -> None:
        """Hashes and sorts the n-grams."""
        self.words = words
        hashes, self._bounds = minhash.gram_hashes(forms, words)
        self._positions = np.argsort(hashes, kind="stable")
        self.hashes = hashes[self._positions]
        self._shift = np.uint64(64 - _FILTER_BITS)
        self._present = np.zeros(1 << _FILTER_BITS, np.bool_)
        self._present[self.hashes >> self._shift] = True

    def find(self, hashes: NDArray[np.uint64]) -> tuple[Index, Index]:
        """Finds hashes among the n-grams.

        Returns:
            The positions of those hashes that were found, and the number of the first n-gram with each.
        """
        perhaps = np.flatnonzero(self._present[hashes >> self._shift])
        if not len(perhaps):
            return perhaps, perhaps
        numbers = np.searchsorted(self.hashes, hashes[perhaps])
        numbers[numbers == len(self.hashes)] = 0
        there = self.hashes[numbers] == hashes[perhaps]
        return perhaps[there], numbers[there]

    def last(self, numbers: Index) -> Index:
        """Returns the end of the run of n-grams that equal each of these; equal n-grams are numbered consecutively."""
        return np.searchsorted(self.hashes, self.hashes[numbers], "right")

    def where(self, numbers: Index) -> tuple[Index, Index]:
        """Returns the text that each n-gram belongs to, and the word of the text that it begins with, from 0."""
        positions = self._positions[numbers]
        texts = np.searchsorted(self._bounds, positions, "right") - 1
        return texts, positions - self._bounds[texts]


class TextIndex:
    """Some benchmark texts, indexed by the words that they can share with rows.

    A text of fewer than `long` words is brief.

    Args:
        texts: the benchmark texts; a text is numbered by its position here.
        long: the number of consecutive words that a row may not share with a text.
        short: the number of consecutive words that a person should look at.

    Attributes:
        counts: the number of words of each text. Shape (texts,).
        most: the number of words of the longest brief text, with its symbols.
        whole: the brief texts by their normal form with symbols.
        brief: the 5-grams of the brief texts, with symbols.
        brief_sets: the distinct hashes of these 5-grams by text, filled up with zeros. Shape (texts, largest size).
        brief_sizes: the number of distinct hashes of each text. Shape (texts,).
    """

    def __init__(self, texts: list[BenchmarkText], long: int, short: int) -> None:
        """Builds the index over all texts."""
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
        """Returns the words of a text in normal form."""
        return self._forms.words_of(number)

    def brief_words(self, number: int) -> list[str]:
        """Returns the words of a brief text in normal form, with its symbols."""
        return self._with_symbols.words_of(number)

    def shared(self, grams: Grams, hit: NDArray[np.bool_]) -> int:
        """Returns how many texts have a marked n-gram.

        Args:
            hit: for each number that `Grams.find` can return, whether the n-gram is marked.
        """
        numbers = np.flatnonzero(hit)
        marks = np.zeros(len(grams.hashes) + 1, np.int64)
        np.add.at(marks, numbers, 1)
        np.add.at(marks, grams.last(numbers), -1)
        texts, _ = grams.where(np.flatnonzero(np.cumsum(marks[:-1]) > 0))
        return len(np.unique(texts))


def _only(forms: NormalForms, wanted: NDArray[np.bool_]) -> NormalForms:
    """Returns the texts with those that are not wanted left empty."""
    sizes = np.diff(forms.bounds)
    bounds = np.zeros(len(forms.bounds), np.int64)
    np.cumsum(np.where(wanted, sizes, 0), out=bounds[1:])
    return NormalForms(forms.data[np.repeat(wanted, sizes)], bounds)


def distinct(owners: Index, hashes: NDArray[np.uint64], count: int) -> tuple[NDArray[np.uint64], Index]:
    """Returns the distinct hashes of each owner, and their number.

    Args:
        owners: the owner of each hash, from 0.
        hashes: the hashes, of the same shape.
        count: the number of owners.

    Returns:
        An array with one line for each owner, filled up with zeros, and the number of distinct hashes in each line.
    """
    order = np.lexsort((hashes, owners))
    owners, hashes = owners[order], hashes[order]
    new = np.ones(len(owners), np.bool_)
    new[1:] = (owners[1:] != owners[:-1]) | (hashes[1:] != hashes[:-1])
    owners, hashes = owners[new], hashes[new]
    sizes = np.bincount(owners, minlength=count)
    sets = np.zeros((count, max(int(sizes.max(initial=0)), 1)), np.uint64)
    sets[owners, np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)] = hashes
    return sets, sizes
