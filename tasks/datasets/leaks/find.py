"""Finds rows that repeat a benchmark, or the dataset's own test rows.

The prompt of a row, and apart from it the answer, are compared with each benchmark text, word by word in normal form
(NFKC, casefold, `\\w+`). Where the text has few words, symbols that carry meaning count too (`text/symbols.py`). Words
that many rows of the dataset have in common are boilerplate and prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import pieces
from freshet.tasks.datasets.leaks.brief import find_brief
from freshet.tasks.datasets.leaks.hits import Hit, Hits, with_symbols
from freshet.tasks.datasets.leaks.index import BenchmarkText, Index, TextIndex, parts
from freshet.tasks.lineage.places import row_place
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.text import minhash
from freshet.tasks.text.normal_forms import normal_forms

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BENCHMARK", "OWN_SPLIT", "BenchmarkText", "find_leaks"]

BENCHMARK = ("LEAK-BENCHMARK", "LEAK-BENCHMARK-REVIEW")
OWN_SPLIT = ("LEAK-SPLIT", "LEAK-SPLIT-REVIEW")
COLUMNS = ("row", "prompt", "answer")
"""The columns of staged rows that are read."""

COMMON_ROWS, COMMON_SHARE = 10, 0.001
"""Words are boilerplate if more rows than COMMON_ROWS, and more than COMMON_SHARE of all rows, have them."""

_TEXTS = ("prompt", "answer")
"""The columns that are compared; `Hit.column` is an index here."""


def find_leaks(
    batches: Callable[[], Iterator[pa.Table]],
    benchmark: Iterable[BenchmarkText],
    counts: dict[str, int],
    *,
    codes: tuple[str, str] = BENCHMARK,
    long: int = 13,
    short: int = 8,
) -> Iterator[tuple[int, Verdict]]:
    """Yields rows that repeat benchmark texts, with the one verdict that says most for a row and a benchmark.

    The first code says that a row shares `long` consecutive words with a text, or that its prompt (its answer, if it
    has no prompt) is a text of fewer words: exactly, or from five words on nearly, by a Jaccard similarity of at least
    0.8 of their word 5-grams. The second code says that a row shares `short` consecutive words with a text. Every hit
    is confirmed word by word.

    The evidence has `of`, the place of the text, and `side`, the text's split, where the text is a row of the dataset
    itself. `in` names the column of the row, `at` is the word of that column (from 0) at which the agreement begins,
    and `words` is its length. `how` is `overlap`, `whole`, or `near`, which comes with `similarity`.

    What more than 10 rows and more than 0.1 % of them have in common is boilerplate; agreement in boilerplate alone is
    no hit. Benchmarks are indexed in parts, and the rows are read twice for each part. Memory depends on the number of
    neither, but takes 8 bytes for each row that agrees with some text.

    Args:
        batches: yields the rows in canonical order, with COLUMNS, as often as it is called.
        benchmark: the texts that no row may repeat.
        counts: takes the number of `texts`; of `unjudged` texts, which have fewer than `short` words and can only be
            repeated as a whole; of texts that have so many consecutive words in common with any row, boilerplate or
            not, as `shared_long` and `shared_short`; and of n-grams and brief texts that are `boilerplate`.
        codes: BENCHMARK or OWN_SPLIT.
        long: consecutive words that reject a row.
        short: consecutive words that a person should look at.

    Raises:
        ValueError: `short` is not between 1 and `long`.
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
        positions = np.searchsorted(hit_rows, numbers)
        positions[positions == len(hit_rows)] = 0
        for piece in pieces(table.take(np.flatnonzero(hit_rows[positions] == numbers))):
            hits = Hits(index, piece, common, common_texts)
            in_long[hits.long_numbers] = True
            for row, hit in hits.best():
                yield row, _verdict(index, hit, codes)
    counts["shared_long"] += index.shared(index.long, in_long)


def _verdict(index: TextIndex, hit: Hit, codes: tuple[str, str]) -> Verdict:
    text = index.texts[hit.text]
    blocks = hit.how != "overlap" or hit.words >= index.long.words
    more: dict[str, Any] = {} if hit.similarity is None else {"similarity": round(hit.similarity, 4)}
    if text.split is not None:
        more["side"] = text.split
    evidence = {"of": row_place(text.name, text.place, text.field), "in": _TEXTS[hit.column], "at": hit.at}
    return verdict(codes[0 if blocks else 1], **evidence, words=hit.words, how=hit.how, **more)


class _Survey:
    """The first reading of the rows: which rows agree with a text at all, and how many rows share each agreement.

    Attributes:
        rows_with_gram: for each n-gram of `index.short`, the number of rows that have it.
        rows_with_text: for each text, the number of rows that are this brief text.
        hit_rows: the numbers of the rows that agree with a text, piece by piece.
    """

    def __init__(self, index: TextIndex) -> None:
        self._index = index
        self._rows = 0
        self.rows_with_gram = np.zeros(len(index.short.hashes), np.int64)
        self.rows_with_text = np.zeros(len(index.texts), np.int64)
        self.hit_rows: list[Index] = []

    def add(self, table: pa.Table) -> None:
        """Reads the next rows."""
        forms = normal_forms(table["prompt"], table["answer"])
        hashes, bounds = minhash.gram_hashes(forms, self._index.short.words)
        positions, numbers = self._index.short.find(hashes)
        rows = (np.searchsorted(bounds, positions, "right") - 1) // 2
        once = np.unique(rows * len(self.rows_with_gram) + numbers) % max(len(self.rows_with_gram), 1)
        np.add.at(self.rows_with_gram, once, 1)
        brief = find_brief(self._index, with_symbols(self._index, table))
        np.add.at(self.rows_with_text, brief.texts, 1)
        self.hit_rows.append(table["row"].to_numpy()[np.union1d(rows, brief.rows)])
        self._rows += table.num_rows

    def boilerplate(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Returns which n-grams, and which brief texts, so many rows have that they prove nothing."""
        limit = max(COMMON_ROWS, int(self._rows * COMMON_SHARE))
        return self.rows_with_gram > limit, self.rows_with_text > limit
