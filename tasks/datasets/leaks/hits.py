"""Where rows and benchmark texts agree, word by word: the hits among rows that are known to agree somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.leaks.brief import find_brief
from freshet.tasks.datasets.leaks.index import Index, TextIndex
from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import NormalForms, empty_forms, normal_forms

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Hit:
    """Where a row and a text agree.

    Attributes:
        text: the number of the text in the index.
        column: 0 where the row's prompt agrees, 1 where its answer does.
        at: the word of that column at which the agreement begins, from 0.
        words: the number of words that agree.
        how: `overlap`, `whole` or `near`, as `find_leaks` describes.
        similarity: the Jaccard similarity, for `near`.
    """

    text: int
    column: int
    at: int
    words: int
    how: str
    similarity: float | None = None


class Hits:
    """The hits among some rows that agree with a text: the second reading of these rows.

    Args:
        table: the rows, with the columns `find.COLUMNS`.
        common: for each n-gram of `index.short`, whether it is boilerplate.
        common_texts: for each text, whether it is boilerplate.

    Attributes:
        long_numbers: the numbers of the n-grams of `index.long` that the rows have.
    """

    def __init__(
        self, index: TextIndex, table: pa.Table, common: NDArray[np.bool_], common_texts: NDArray[np.bool_]
    ) -> None:
        """Finds the shared n-grams of the rows; `best` turns them into hits."""
        self._index = index
        self._rows = table["row"].to_numpy()
        self._forms = normal_forms(table["prompt"], table["answer"])
        self._symbol_forms = with_symbols(index, table)
        brief = find_brief(index, self._symbol_forms)
        self._brief = brief.only(~common_texts[brief.texts])
        hashes, self._short_bounds = minhash.gram_hashes(self._forms, index.short.words)
        positions, numbers = index.short.find(hashes)
        telling = ~common[numbers]
        self._short = positions[telling], numbers[telling]
        marks = np.zeros(len(hashes) + 2, np.int64)
        marks[self._short[0] + 1] = 1
        self._telling_before = np.cumsum(marks)
        long_hashes, self._long_bounds = minhash.gram_hashes(self._forms, index.long.words)
        positions, self.long_numbers = index.long.find(long_hashes)
        parts_of = np.searchsorted(self._long_bounds, positions, "right") - 1
        first = self._short_bounds[parts_of] + positions - self._long_bounds[parts_of]
        telling = self._tells(first, first + index.long.words)
        self._long = positions[telling], self.long_numbers[telling]

    def _tells(self, first: Index, last: Index) -> NDArray[np.bool_]:
        """Returns whether some n-gram between two words is no boilerplate.

        Args:
            first: the first word, as the position of the n-gram of `index.short` that begins there.
            last: the end of the words, counted from the same origin.
        """
        tells: NDArray[np.bool_] = (
            self._telling_before[last - self._index.short.words + 1] > self._telling_before[first]
        )
        return tells

    def best(self) -> Iterator[tuple[int, Hit]]:
        """Yields for each row, and for each benchmark in the order of their names, the hit that says most."""
        found: dict[int, dict[tuple[str, str], Hit]] = {}

        def offer(row: int, hit: Hit) -> None:
            best = found.setdefault(row, {})
            name = self._index.texts[hit.text].benchmark
            if name not in best or _weight(self._index, hit) > _weight(self._index, best[name]):
                best[name] = hit

        for row, hit in self._brief_hits():
            offer(row, hit)
        for grams, found_at, bounds in (
            (self._index.long, self._long, self._long_bounds),
            (self._index.short, self._short, self._short_bounds),
        ):
            for row, hit in self._runs(found_at[0], bounds, grams.where(found_at[1])):
                offer(row, hit)
        for row in sorted(found):
            for name in sorted(found[row]):
                yield int(self._rows[row]), found[row][name]

    def _brief_hits(self) -> Iterator[tuple[int, Hit]]:
        for row, column, number, similarity in self._brief.each():
            mine, its = self._symbol_forms.words_of(2 * row + column), self._index.brief_words(number)
            if mine == its:
                yield row, Hit(number, column, 0, len(its), "whole")
            elif len(_fives(mine) & _fives(its)) >= similarity * len(_fives(mine) | _fives(its)) > 0:
                yield row, Hit(number, column, 0, len(mine), "near", similarity)

    def _runs(self, positions: Index, bounds: Index, where: tuple[Index, Index]) -> Iterator[tuple[int, Hit]]:
        """Yields the runs of words that rows and texts share, unless all of a run is boilerplate.

        Args:
            positions: the n-grams of the rows that were found in the index.
            bounds: where the n-grams of each part begin.
            where: for each of these n-grams, the text and the word that `Grams.where` returns.
        """
        parts_of = np.searchsorted(bounds, positions, "right") - 1
        starts = positions - bounds[parts_of]
        part, words, ends = -1, [], dict[int, int]()
        for this, at, text, begin in zip(*(column.tolist() for column in (parts_of, starts, *where)), strict=True):
            if this != part:
                part, words, ends = this, self._forms.words_of(this), {}
            if at < ends.get(text, 0):  # within the run before
                continue
            its = self._index.words(text)
            first, last = _run(words, its, at, begin)
            if last - first < self._index.short.words:  # other words with the same hash
                continue
            ends[text] = last
            if self._tells(self._short_bounds[part] + first, self._short_bounds[part] + last):
                yield part // 2, Hit(text, part % 2, first, last - first, "overlap")


def with_symbols(index: TextIndex, table: pa.Table) -> NormalForms:
    """Returns the normal forms by which rows are compared with brief texts; empty forms where there is no such text."""
    columns = (table["prompt"], table["answer"])
    return normal_forms(*columns, symbols=True) if index.whole else empty_forms(2 * table.num_rows)


def _run(mine: list[str], its: list[str], at: int, begin: int) -> tuple[int, int]:
    """Returns the run of equal words around one word, as its first word and its end in `mine`.

    Args:
        mine: the words of the row.
        its: the words of the text.
        at: the word of the row from which the run is extended in both directions.
        begin: the word of the text that `at` is compared with.
    """
    if at >= len(mine) or begin >= len(its) or mine[at] != its[begin]:
        return at, at
    first, shift = at, begin - at
    while first > 0 and first + shift > 0 and mine[first - 1] == its[first + shift - 1]:
        first -= 1
    last = at
    while last < len(mine) and last + shift < len(its) and mine[last] == its[last + shift]:
        last += 1
    return first, last


def _weight(index: TextIndex, hit: Hit) -> tuple[bool, int]:
    """Returns what hits are ranked by: one that rejects says more than one for review, and more words say more."""
    return hit.how != "overlap" or hit.words >= index.long.words, hit.words


def _fives(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
