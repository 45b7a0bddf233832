"""Finds rows of Arrow files by their number; rows and index stay in files, of which memory holds what is being read."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.spill import Column, Mapped, release

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = NDArray[np.int64]

_OPEN_FILES = 64
"""Files that are kept open at a time."""

_AT = np.dtype([("batch", "<i4"), ("offset", "<i4")])
_INDEXED = np.dtype([("row", "<u8"), ("at", _AT)])


class RowLookup:
    """Finds rows of Arrow IPC files by their column `row`, in whatever order the files hold them.

    Args:
        files: the files; of several rows with one number, the row of the earlier file comes first.
        columns: the columns that are read of a row.

    Attributes:
        numbers: the numbers of all rows, ascending. Shape (rows,).
    """

    def __init__(self, files: Sequence[Path], columns: Sequence[str]) -> None:
        """Builds the index, which takes one pass over the files."""
        self._columns = list(columns)
        self._reader = lru_cache(_OPEN_FILES)(_open)
        self._batches: list[tuple[Path, int]] = []
        # Files that are mapped stay until they are mapped no more.
        with tempfile.TemporaryDirectory(dir=files[0].parent if files else None, prefix="lookup-") as work:
            self._mapped_numbers, self._positions = self._index(files, Path(work))
        self.numbers: Numbers = self._mapped_numbers.values[: self._length]

    def _index(self, files: Sequence[Path], work: Path) -> tuple[Mapped, Mapped]:
        """Returns the row numbers in ascending order, and for each its batch and its offset in the batch."""
        found, end = Column(work / "found", _INDEXED), 0
        for file in files:
            memory, reader = self._reader(file)
            for index in range(reader.num_record_batches):
                rows = reader.get_batch(index).column("row").to_numpy()
                records = np.empty(len(rows), _INDEXED)
                records["row"] = rows
                records["at"]["batch"], records["at"]["offset"] = len(self._batches), np.arange(len(rows))
                found.append(records)
                end = max(end, int(rows.max(initial=-1)) + 1)
                self._batches.append((file, index))
                del rows
                release(memory)
        numbers, positions = Column(work / "numbers", np.int64), Column(work / "positions", _AT)
        for share in found.shares("row", below=max(end, 1)):
            ordered = share[np.argsort(share["row"], kind="stable")]
            numbers.append(ordered["row"])
            positions.append(ordered["at"])
        self._length = numbers.length
        return numbers.mapped(), positions.mapped()

    def count(self, rows: Numbers) -> Numbers:
        """Returns how many rows there are of each number. Shape (len(rows),)."""
        return np.searchsorted(self.numbers, rows, "right") - np.searchsorted(self.numbers, rows, "left")

    def fetch(self, rows: Numbers) -> pa.Table | None:
        """Returns all rows of these numbers, one number after the other; None where there is no such row."""
        first, counts = np.searchsorted(self.numbers, rows, "left"), self.count(rows)
        total = int(counts.sum())
        if not total:
            return None
        within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._take(np.repeat(first, counts) + within)

    def between(self, after: int, up_to: int, size: int) -> Iterator[pa.Table]:
        """Yields the rows whose numbers are in (after, up_to], in tables of at most `size` rows."""
        first = int(np.searchsorted(self.numbers, after, "right"))
        end = int(np.searchsorted(self.numbers, up_to, "right"))
        for start in range(first, end, size):
            yield self._take(np.arange(start, min(end, start + size)))

    def _take(self, positions: NDArray[np.intp]) -> pa.Table:
        import pyarrow as pa

        found_at = np.asarray(self._positions.values[positions])
        self._mapped_numbers.release()
        self._positions.release()
        batch = found_at["batch"]
        order = np.argsort(batch, kind="stable")
        parts = []
        borders = np.flatnonzero(np.diff(batch[order])) + 1
        for some in np.split(order, borders):
            file, index = self._batches[batch[some[0]]]
            memory, reader = self._reader(file)
            found = pa.Table.from_batches([reader.get_batch(index)]).select(self._columns)
            parts.append(found.take(pa.array(found_at["offset"][some])))
            release(memory)
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_tables(parts).take(pa.array(back))


def _open(file: Path) -> tuple[mmap.mmap, pa.ipc.RecordBatchFileReader]:
    """Returns the memory that a file is mapped into, and a reader of that memory."""
    import pyarrow as pa

    with file.open("rb") as opened:
        memory = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    return memory, pa.ipc.open_file(pa.py_buffer(memory))
