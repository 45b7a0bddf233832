"""Rows of Arrow files by their number: 16 bytes a row in memory, the rest stays in the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.int64]

_OPEN_FILES = 64


class RowLookup:
    """Finds rows of Arrow IPC files by their column `row`, in whatever order they stand there.

    Args:
        files: in an order that settles which of several rows of one number comes first.
        columns: what is read of a row.
    """

    def __init__(self, files: Sequence[Path], columns: Sequence[str]) -> None:
        self._columns = list(columns)
        self._reader = lru_cache(_OPEN_FILES)(_open)
        self._batches: list[tuple[Path, int]] = []
        numbers, batches, offsets = [], [], []
        for file in files:
            reader = self._reader(file)
            for index in range(reader.num_record_batches):
                found = reader.get_batch(index).column("row").to_numpy()
                numbers.append(found)
                batches.append(np.full(len(found), len(self._batches), dtype=np.int32))
                offsets.append(np.arange(len(found), dtype=np.int32))
                self._batches.append((file, index))
        joined = np.concatenate(numbers) if numbers else np.zeros(0, np.int64)
        order = np.argsort(joined, kind="stable")
        self.numbers: Numbers = joined[order]
        self._batch = np.concatenate(batches)[order] if batches else np.zeros(0, np.int32)
        self._offset = np.concatenate(offsets)[order] if offsets else np.zeros(0, np.int32)

    def count(self, rows: Numbers) -> Numbers:
        """How many rows there are of each number."""
        return np.searchsorted(self.numbers, rows, "right") - np.searchsorted(self.numbers, rows, "left")

    def fetch(self, rows: Numbers) -> pa.Table | None:
        """All rows of these numbers, one number after the other; None where there are none."""
        first, counts = np.searchsorted(self.numbers, rows, "left"), self.count(rows)
        total = int(counts.sum())
        if not total:
            return None
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._take(np.repeat(first, counts) + within)

    def between(self, after: int, up_to: int, size: int) -> Iterator[pa.Table]:
        """The rows whose numbers are in (after, up_to], in tables of at most `size` rows."""
        first = int(np.searchsorted(self.numbers, after, "right"))
        end = int(np.searchsorted(self.numbers, up_to, "right"))
        for start in range(first, end, size):
            yield self._take(np.arange(start, min(end, start + size)))

    def _take(self, positions: NDArray[np.intp]) -> pa.Table:
        import pyarrow as pa

        batch = self._batch[positions]
        order = np.argsort(batch, kind="stable")
        parts = []
        borders = np.flatnonzero(np.diff(batch[order])) + 1
        for some in np.split(order, borders):
            file, index = self._batches[batch[some[0]]]
            found = pa.Table.from_batches([self._reader(file).get_batch(index)]).select(self._columns)
            parts.append(found.take(pa.array(self._offset[positions[some]])))
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_tables(parts).take(pa.array(back))


def _open(file: Path) -> pa.ipc.RecordBatchFileReader:
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(file)))
