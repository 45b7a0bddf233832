"""Finds rows of a dataset that contradict each other.

Texts are compared in normal form (NFKC, casefold, `\\w+`, joined by one space), with the symbols that carry meaning
(`text/symbols.py`), and as they stand where they have no word. Only rows that cite the same passage are compared.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import Digests, Texts, texts_of
from freshet.tasks.datasets.copies.spill import Keyed, borders
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.datasets import Format

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("row", "prompt", "answer", "other", "passage", "label")
"""The columns of staged rows that are read."""

_CHOSEN, _REJECTED = 0, 1
"""What a preference row says of an answer."""


def find_conflicts(
    batches: Callable[[], Iterator[pa.Table]], folder: Path, format: Format
) -> Iterator[tuple[int, Verdict]]:
    """Yields every row that contradicts another row, once.

    CONFLICT-LABEL: rows of one prompt have different labels, the classes that their completions stand for.
    CONFLICT-ANSWER in unpaired_preference: rows of one prompt and completion have different labels. CONFLICT-ANSWER in
    preference: what one row chooses, another row of the same prompt rejects. An empty prompt asks nothing, and has no
    classes in conflict. The evidence has `of`, the first row that says otherwise, and `rows`, the number of rows on
    this question.

    Memory: one byte a row.

    Args:
        batches: yields the rows to compare in canonical order, with COLUMNS.
        folder: a folder that takes temporary files of some 32 to 64 bytes a row.
        format: the format of the dataset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="conflicts-") as work:
        keyed, end = Keyed(Path(work) / "said"), 0
        for texts in texts_of(batches()):
            end = int(texts.rows[-1]) + 1
            for keys, rows, values in _said(texts, format):
                keyed.append(keys, rows, values)
        named = np.zeros(end, np.bool_)
        for items, values, groups in keyed.groups():
            for row, of, count in _opposed(items, values, groups):
                if named[row]:
                    continue
                named[row] = True
                if format in {"preference", "unpaired_preference"}:
                    yield row, verdict("CONFLICT-ANSWER", of=of, rows=count)
                else:
                    yield row, verdict("CONFLICT-LABEL", of=of, rows=count)


def _said(texts: Texts, format: Format) -> Iterator[tuple[Digests, NDArray[np.int64], NDArray[np.uint64] | int]]:
    """Yields what rows say: the key of the question, the number of the row, and what the row answers to it."""
    if format == "preference":
        chosen, rejected = texts.digests(0, 1), texts.digests(0, 2)
        differ = np.any(chosen != rejected, axis=1)
        yield chosen[differ], texts.rows[differ], _CHOSEN
        yield rejected[differ], texts.rows[differ], _REJECTED
        return
    labels = np.frombuffer(b"".join(texts.labels), "<u8").reshape(-1, 2)[:, 0]
    labelled = labels != 0
    if format == "unpaired_preference":
        yield texts.digests(0, 1)[labelled], texts.rows[labelled], labels[labelled]
        return
    labelled &= ~texts.empty(0)
    yield texts.digests(0)[labelled], texts.rows[labelled], labels[labelled]


def _opposed(
    items: NDArray[np.int64], values: NDArray[np.uint64], groups: NDArray[np.int64]
) -> list[tuple[int, int, int]]:
    """Returns the rows of those groups whose values differ.

    Returns:
        For each row its number, the number of the first row with another value, and the number of rows of the group.
    """
    order = np.lexsort((items, groups))
    items, values, groups = items[order], values[order], groups[order]
    found: list[tuple[int, int, int]] = []
    ends = borders(groups)
    if len(ends) > 1:
        differ = np.minimum.reduceat(values, ends[:-1]) != np.maximum.reduceat(values, ends[:-1])
        for first, last in zip(ends[:-1][differ].tolist(), ends[1:][differ].tolist(), strict=True):
            said = values[first:last]
            other = np.flatnonzero(said != said[0])
            rows = items[first:last].tolist()
            count = len(set(rows))
            found += [
                (row, rows[0] if value != said[0] else rows[int(other[0])], count)
                for row, value in zip(rows, said, strict=True)
            ]
    return found
