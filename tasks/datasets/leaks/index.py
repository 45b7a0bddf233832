"""The word n-grams of benchmark texts, as sorted arrays that very many rows are looked up in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.text import minhash
from tasks.text.normal_forms import NormalForms, normal_forms

Index = NDArray[np.int64]

PART_BYTES = 16_000_000
"""Text of benchmarks that is indexed at a time; an index takes some ten times as much."""

TEXTS_AT_A_TIME = 4096
"""Texts whose n-grams are worked out at a time, which takes several times as much memory as to keep them."""

_FILTER_BITS = 22


@dataclass(frozen=True)
class BenchmarkText:
    """A text that no row may repeat.

    Attributes:
        name: of the benchmark.
        place: of the text in it, from 1, or the number of a row.
        text: what a model is asked; all of it, for a text that asks nothing.
    """

    name: str
    place: int
    text: str


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
        forms: the texts, some at a time.
        words: n.
    """

    def __init__(self, forms: Iterable[NormalForms], words: int) -> None:
        self.words = words
        found = [minhash.gram_hashes(some, words) for some in forms]
        counts = np.concatenate([[0], *(np.diff(bounds) for _, bounds in found)])
        self._bounds = np.cumsum(counts, dtype=np.int64)
        hashes = np.concatenate([some for some, _ in found])
        del found
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
        long: words in a row that a row may not share with a text.
        short: words in a row that are for review.
    """

    def __init__(self, texts: list[BenchmarkText], long: int, short: int) -> None:
        import pyarrow as pa

        self.texts = texts
        few = [texts[start : start + TEXTS_AT_A_TIME] for start in range(0, len(texts), TEXTS_AT_A_TIME)]
        forms = [normal_forms(pa.array([text.text for text in some], pa.large_string())) for some in few]
        self.counts = np.concatenate([np.diff(some.words()[2]) for some in forms])
        self.short, self.long = Grams(forms, short), Grams(forms, long)
        sizes = np.concatenate([[0], *(np.diff(some.bounds) for some in forms)])
        self._data, self._bounds = b"".join(some.data.tobytes() for some in forms), np.cumsum(sizes).tolist()
        brief = np.flatnonzero((self.counts > 0) & (self.counts < long))
        self.whole: dict[bytes, int] = {}
        for number in brief.tolist():
            self.whole.setdefault(self._form(number), number)
        wanted = (self.counts >= minhash.SHINGLE_WORDS) & (self.counts < long)
        starts = range(0, len(texts), TEXTS_AT_A_TIME)
        only = (_only(some, wanted[at : at + TEXTS_AT_A_TIME]) for at, some in zip(starts, forms, strict=True))
        self.brief = Grams(only, minhash.SHINGLE_WORDS)
        brief_texts, _ = self.brief.where(np.arange(len(self.brief.hashes)))
        self.brief_sets, self.brief_sizes = distinct(brief_texts, self.brief.hashes, len(texts))

    def _form(self, number: int) -> bytes:
        return self._data[self._bounds[number] : self._bounds[number + 1]]

    def words(self, number: int) -> list[str]:
        """A text's words in normal form."""
        return self._form(number).decode("utf-8").split()

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
