"""Finds copies among the rows of a dataset: exact copies, near copies, and prompts that are asked again.

Everything is compared in normal form (NFKC, casefold, `\\w+`, joined by one space), with the symbols that carry meaning
(`text/symbols.py`); a text without any word has none and is compared as it stands. Only rows that cite the same
passage, and carry the same label where they have one, are ever copies of each other. Among copies the first in
canonical order is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import texts_of
from freshet.tasks.datasets.copies.near import NearCopies
from freshet.tasks.datasets.copies.spill import Column, Keyed
from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("row", "prompt", "answer", "other", "passage", "label")
"""The columns of staged rows that are read."""


def find_copies(batches: Callable[[], Iterator[pa.Table]], folder: Path, near: float) -> Iterator[tuple[int, Verdict]]:
    """Yields rows that are copies of a kept row, and rows that ask what a kept row asks.

    COPY-EXACT: prompt, answer and other answer are each equal in normal form; prompts of rows with equal answers may
    speak of different currencies. COPY-NEAR: the true Jaccard similarity of the word 5-grams of the whole row reaches
    `near`; rows of fewer than five words are compared exactly only. COPY-PROMPT: both rows are kept, and only the
    prompts are equal. The evidence has `of`, the number of the kept row, and for near copies `similarity`. Neither the
    batches nor their sizes change the result.

    Memory: one byte a row, beside what some ten thousand rows take. In addition, 24 bytes for each group of rows that
    share a key are mapped into memory, which the system takes back when it needs the room.

    Args:
        batches: yields the rows to compare in canonical order, with COLUMNS (`label` may be missing).
        folder: a folder that takes temporary files of some 270 bytes a row and 8 bytes a word.
        near: the similarity, from 0.75 to 1; from 0.8 on, near pairs are found with a probability above 0.997.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="copies-") as work:
        yield from _find(batches, Path(work), near)


def _find(batches: Callable[[], Iterator[pa.Table]], work: Path, near: float) -> Iterator[tuple[int, Verdict]]:
    numbers, whole, prompts = Column(work / "numbers", np.int64), Keyed(work / "whole"), Keyed(work / "prompts")
    (work / "near").mkdir()
    copies = NearCopies(work / "near", near)
    for texts in texts_of(batches()):
        order = np.arange(len(texts.rows)) + numbers.length
        numbers.append(texts.rows)
        whole.append(texts.digests(0, 1, 2, labels=True, one_currency=True), order)
        asked = ~texts.empty(0)
        prompts.append(texts.digests(0)[asked], order[asked])
        copies.add(texts)
    kept = np.ones(numbers.length, np.bool_)

    def named(positions: NDArray[np.int64]) -> list[int]:
        result: list[int] = numbers.at(positions, np.ones(len(positions), np.int64)).tolist()
        return result

    for items, _, groups in whole.groups():
        later, first = _later_and_first(items, groups)
        kept[later] = False
        for row, of in zip(named(later), named(first), strict=True):
            yield row, verdict("COPY-EXACT", of=of)
    for found in copies.decide(kept):
        rows, others = (np.array([pair[index] for pair in found], np.int64) for index in (0, 1))
        for row, of, (_, _, similarity) in zip(named(rows), named(others), found, strict=True):
            yield row, verdict("COPY-NEAR", of=of, similarity=round(similarity, 4))
    for items, _, groups in prompts.groups():
        stay = kept[items]
        later, first = _later_and_first(items[stay], groups[stay])
        for row, of in zip(named(later), named(first), strict=True):
            yield row, verdict("COPY-PROMPT", of=of)


def _later_and_first(
    items: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns all items but the first of each group, and for each of them the first item of its group."""
    _, first, which = np.unique(groups, return_index=True, return_inverse=True)
    later = np.ones(len(items), np.bool_)
    later[first] = False
    return items[later], items[first][which][later]
