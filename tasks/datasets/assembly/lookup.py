"""Rows of Arrow files by their number: all of it stays in files, of which only what is just looked at is in memory."""

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
_AT = np.dtype([("batch", "<i4"), ("offset", "<i4")])
_INDEXED = np.dtype([("row", "<u8"), ("at", _AT)])


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
        # Files that are mapped stay until they are mapped no more.
        with tempfile.TemporaryDirectory(dir=files[0].parent if files else None, prefix="lookup-") as work:
            self._mapped_numbers, self._places = self._index(files, Path(work))
        self.numbers: Numbers = self._mapped_numbers.values[: self._length]

    def _index(self, files: Sequence[Path], work: Path) -> tuple[Mapped, Mapped]:
        """Numbers in ascending order, and beside each its batch and its place there."""
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
        numbers, places = Column(work / "numbers", np.int64), Column(work / "places", _AT)
        for share in found.shares("row", below=max(end, 1)):
            ordered = share[np.argsort(share["row"], kind="stable")]
            numbers.append(ordered["row"])
            places.append(ordered["at"])
        self._length = numbers.length
        return numbers.mapped(), places.mapped()

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

        places = np.asarray(self._places.values[positions])
        self._mapped_numbers.release()
        self._places.release()
        batch = places["batch"]
        order = np.argsort(batch, kind="stable")
        parts = []
        borders = np.flatnonzero(np.diff(batch[order])) + 1
        for some in np.split(order, borders):
            file, index = self._batches[batch[some[0]]]
            memory, reader = self._reader(file)
            found = pa.Table.from_batches([reader.get_batch(index)]).select(self._columns)
            parts.append(found.take(pa.array(places["offset"][some])))
            release(memory)
        back = np.empty(len(order), dtype=np.int64)
        back[order] = np.arange(len(order))
        return pa.concat_tables(parts).take(pa.array(back))


def _open(file: Path) -> tuple[mmap.mmap, pa.ipc.RecordBatchFileReader]:
    """A file's reader, and the memory that it reads from."""
    import pyarrow as pa

    with file.open("rb") as opened:
        memory = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    return memory, pa.ipc.open_file(pa.py_buffer(memory))
