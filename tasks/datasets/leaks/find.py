"""Rows that repeat a benchmark, or the dataset's own test rows.

Compared are words in normal form (NFKC, casefold, `\\w+`): the prompt of a row, and apart from it the answer, with each
benchmark text. Where it is of few words, symbols that carry meaning count too (`text/symbols.py`). Words
that many rows of the dataset have in common are boilerplate and prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import pieces
from freshet.tasks.datasets.leaks.brief import find_brief
from freshet.tasks.datasets.leaks.index import BenchmarkText, Index, TextIndex, parts
from freshet.tasks.lineage.places import row_place
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import NormalForms, empty_forms, normal_forms

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BENCHMARK", "OWN_SPLIT", "BenchmarkText", "find_leaks"]

BENCHMARK = ("LEAK-BENCHMARK", "LEAK-BENCHMARK-REVIEW")
OWN_SPLIT = ("LEAK-SPLIT", "LEAK-SPLIT-REVIEW")
COLUMNS = ("row", "prompt", "answer")
"""The columns of staged rows that are looked at."""

COMMON_ROWS, COMMON_SHARE = 10, 0.001
"""Words are boilerplate that more rows than this, and more than this share of the rows, have."""

_SIDES = ("prompt", "answer")


@dataclass(frozen=True)
class _Hit:
    """Where a row and a text agree."""

    text: int
    side: int
    at: int
    words: int
    how: str
    similarity: float | None = None


def find_leaks(
    batches: Callable[[], Iterator[pa.Table]],
    benchmark: Iterable[BenchmarkText],
    counts: dict[str, int],
    *,
    codes: tuple[str, str] = BENCHMARK,
    long: int = 13,
    short: int = 8,
) -> Iterator[tuple[int, Verdict]]:
    """Rows that repeat benchmark texts; for a row and a benchmark the one verdict that says most.

    The first code says that a row shares `long` words in a row with a text, or that its prompt (its answer, if it has
    no prompt) is a text of fewer words: exactly, or from five words on nearly, by a Jaccard similarity of at least 0.8
    of their word 5-grams. The second code says that it shares `short` words in a row. Evidence: `of`,
    the place of the text, and `side`, where it is a row of the dataset itself; `in` which part of the row, `at` which
    of its words (from 0) the agreement begins, how many `words` long it is, and `how`: `overlap`, `whole`, or `near`
    with `similarity`. Every hit is confirmed word by word.

    What more than 10 rows and more than 0.1 % of them have in common is boilerplate; agreement in nothing else is no
    hit. Benchmarks are indexed in parts, and rows read twice for each: memory depends on neither number, but for the
    rows that agree somewhere, of 8 bytes each.

    Args:
        batches: gives the rows in canonical order, with COLUMNS, as often as asked.
        counts: filled meanwhile: `texts` of the benchmarks; `unjudged`, those of fewer than `short` words, which only
            a whole text can repeat; `shared_long` and `shared_short`, those that have so many words in a row in common
            with any row, boilerplate or not; `boilerplate`, n-grams and short texts that were discounted.
        codes: BENCHMARK or OWN_SPLIT.
    """
    if not 0 < short <= long:
        raise ValueError(f"words for review ({short}) must not be more than those that block ({long})")
    counts.update(dict.fromkeys(("texts", "unjudged", "shared_long", "shared_short", "boilerplate"), 0))
    for texts in parts(benchmark):
        index = TextIndex(texts, long, short)
        counts["texts"] += len(texts)
        counts["unjudged"] += int((index.counts < short).sum())
        yield from _search(batches, index, counts, codes)


def _search(
    batches: Callable[[], Iterator[pa.Table]], index: TextIndex, counts: dict[str, int], codes: tuple[str, str]
) -> Iterator[tuple[int, Verdict]]:
    survey = _Survey(index)
    for table in batches():
        for piece in pieces(table):
            survey.add(piece)
    common, common_texts = survey.boilerplate()
    counts["boilerplate"] += int(common.sum() + common_texts.sum())
    counts["shared_short"] += index.shared(index.short, survey.rows_with_gram > 0)
    hit_rows = np.concatenate([*survey.hit_rows, np.zeros(0, np.int64)])
    in_long = np.zeros(len(index.long.hashes), np.bool_)
    for table in batches() if len(hit_rows) else ():
        numbers = table["row"].to_numpy()
        places = np.searchsorted(hit_rows, numbers)
        places[places == len(hit_rows)] = 0
        for piece in pieces(table.take(np.flatnonzero(hit_rows[places] == numbers))):
            judged = _Judged(index, piece, common, common_texts)
            in_long[judged.long_numbers] = True
            for row, hit in judged.verdicts():
                yield row, _verdict(index, hit, codes)
    counts["shared_long"] += index.shared(index.long, in_long)


def _verdict(index: TextIndex, hit: _Hit, codes: tuple[str, str]) -> Verdict:
    text = index.texts[hit.text]
    blocks = hit.how != "overlap" or hit.words >= index.long.words
    more: dict[str, Any] = {} if hit.similarity is None else {"similarity": round(hit.similarity, 4)}
    if text.side is not None:
        more["side"] = text.side
    evidence = {"of": row_place(text.name, text.place, text.field), "in": _SIDES[hit.side], "at": hit.at}
    return verdict(codes[0 if blocks else 1], **evidence, words=hit.words, how=hit.how, **more)


class _Survey:
    """The first reading: which rows agree with a text at all, and in how many rows each agreement is found."""

    def __init__(self, index: TextIndex) -> None:
        self._index = index
        self._rows = 0
        self.rows_with_gram = np.zeros(len(index.short.hashes), np.int64)
        self.rows_with_text = np.zeros(len(index.texts), np.int64)
        self.hit_rows: list[Index] = []

    def add(self, table: pa.Table) -> None:
        forms = normal_forms(table["prompt"], table["answer"])
        hashes, bounds = minhash.gram_hashes(forms, self._index.short.words)
        places, numbers = self._index.short.find(hashes)
        rows = (np.searchsorted(bounds, places, "right") - 1) // 2
        once = np.unique(rows * len(self.rows_with_gram) + numbers) % max(len(self.rows_with_gram), 1)
        np.add.at(self.rows_with_gram, once, 1)
        brief = find_brief(self._index, _with_symbols(self._index, table))
        np.add.at(self.rows_with_text, brief.texts, 1)
        self.hit_rows.append(table["row"].to_numpy()[np.union1d(rows, brief.rows)])
        self._rows += table.num_rows

    def boilerplate(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which n-grams and which short texts too many rows have."""
        limit = max(COMMON_ROWS, int(self._rows * COMMON_SHARE))
        return self.rows_with_gram > limit, self.rows_with_text > limit


class _Judged:
    """The second reading, of some rows that agree with a text.

    Args:
        common: by n-gram whether it is boilerplate.
        common_texts: by text likewise.
    """

    def __init__(
        self, index: TextIndex, table: pa.Table, common: NDArray[np.bool_], common_texts: NDArray[np.bool_]
    ) -> None:
        self._index = index
        self._rows = table["row"].to_numpy()
        self._forms = normal_forms(table["prompt"], table["answer"])
        self._with_symbols = _with_symbols(index, table)
        brief = find_brief(index, self._with_symbols)
        self._brief = brief.only(~common_texts[brief.texts])
        hashes, self._short_bounds = minhash.gram_hashes(self._forms, index.short.words)
        places, numbers = index.short.find(hashes)
        telling = ~common[numbers]
        self._short = places[telling], numbers[telling]
        marks = np.zeros(len(hashes) + 2, np.int64)
        marks[self._short[0] + 1] = 1
        self._telling_before = np.cumsum(marks)
        long_hashes, self._long_bounds = minhash.gram_hashes(self._forms, index.long.words)
        places, self.long_numbers = index.long.find(long_hashes)
        parts_of = np.searchsorted(self._long_bounds, places, "right") - 1
        first = self._short_bounds[parts_of] + places - self._long_bounds[parts_of]
        telling = self._tells(first, first + index.long.words)
        self._long = places[telling], self.long_numbers[telling]

    def _tells(self, first: Index, last: Index) -> NDArray[np.bool_]:
        """Whether not all is boilerplate from one word to another, which are counted as the n-grams for review are."""
        tells: NDArray[np.bool_] = (
            self._telling_before[last - self._index.short.words + 1] > self._telling_before[first]
        )
        return tells

    def verdicts(self) -> Iterator[tuple[int, _Hit]]:
        """The hits that say most, by row, and by benchmark in the order of their names."""
        found: dict[int, dict[tuple[str, str], _Hit]] = {}

        def offer(row: int, hit: _Hit) -> None:
            best = found.setdefault(row, {})
            name = self._index.texts[hit.text].benchmark
            if name not in best or _weight(self._index, hit) > _weight(self._index, best[name]):
                best[name] = hit

        for row, hit in self._brief_hits():
            offer(row, hit)
        for places, bounds in ((self._long, self._long_bounds), (self._short, self._short_bounds)):
            grams = self._index.long if bounds is self._long_bounds else self._index.short
            for row, hit in self._runs(*places, bounds, grams.where(places[1])):
                offer(row, hit)
        for row in sorted(found):
            for name in sorted(found[row]):
                yield int(self._rows[row]), found[row][name]

    def _brief_hits(self) -> Iterator[tuple[int, _Hit]]:
        for row, side, number, similarity in self._brief.each():
            mine, its = self._with_symbols.words_of(2 * row + side), self._index.brief_words(number)
            if mine == its:
                yield row, _Hit(number, side, 0, len(its), "whole")
            elif len(_fives(mine) & _fives(its)) >= similarity * len(_fives(mine) | _fives(its)) > 0:
                yield row, _Hit(number, side, 0, len(mine), "near", similarity)

    def _runs(
        self, places: Index, numbers: Index, bounds: Index, where: tuple[Index, Index]
    ) -> Iterator[tuple[int, _Hit]]:
        """The runs of words that rows and texts share, where not all of a run is boilerplate."""
        parts_of = np.searchsorted(bounds, places, "right") - 1
        starts = places - bounds[parts_of]
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
                yield part // 2, _Hit(text, part % 2, first, last - first, "overlap")


def _with_symbols(index: TextIndex, table: pa.Table) -> NormalForms:
    """What rows are compared with short texts by; nothing, where there are none."""
    columns = (table["prompt"], table["answer"])
    return normal_forms(*columns, symbols=True) if index.whole else empty_forms(2 * table.num_rows)


def _run(mine: list[str], its: list[str], at: int, begin: int) -> tuple[int, int]:
    """The words of mine that its has too, from `at`, where its `begin` stands, on in both directions."""
    if at >= len(mine) or begin >= len(its) or mine[at] != its[begin]:
        return at, at
    first, shift = at, begin - at
    while first > 0 and first + shift > 0 and mine[first - 1] == its[first + shift - 1]:
        first -= 1
    last = at
    while last < len(mine) and last + shift < len(its) and mine[last] == its[last + shift]:
        last += 1
    return first, last


def _weight(index: TextIndex, hit: _Hit) -> tuple[bool, int]:
    return hit.how != "overlap" or hit.words >= index.long.words, hit.words


def _fives(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
