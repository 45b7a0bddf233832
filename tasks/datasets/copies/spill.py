"""Numbers of very many rows on disk, brought together by key without holding more than a share of them in memory."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import Digests

SHARE_BYTES = 1 << 22
"""Bytes of records that are read, or sorted, at a time."""


class Column:
    """Numbers of one kind, appended and read again.

    Args:
        dtype: with fields, for records.
    """

    def __init__(self, file: Path, dtype: Any) -> None:
        self.file = file
        self.dtype = np.dtype(dtype)
        self.length = 0
        file.touch()

    def append(self, values: NDArray[Any]) -> None:
        with self.file.open("ab") as sink:
            values.astype(self.dtype, copy=False).tofile(sink)
        self.length += len(values)

    def pieces(self) -> Iterator[NDArray[Any]]:
        """All, in the order in which they were appended."""
        with self.file.open("rb") as source:
            while len(piece := np.fromfile(source, self.dtype, max(1, SHARE_BYTES // self.dtype.itemsize // 4))):
                yield piece

    def at(self, begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[Any]:
        """So many numbers from each of these places on, one after the other."""
        width = self.dtype.itemsize
        with self.file.open("rb", buffering=0) as source:
            found = [
                os.pread(source.fileno(), size * width, begin * width)
                for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True)
            ]
        return np.frombuffer(b"".join(found), self.dtype)

    def shares(self, key: str | None = None, below: int = 2**64) -> Iterator[NDArray[Any]]:
        """All, in shares of about SHARE_BYTES each, by ranges of their keys, in ascending order of the ranges.

        Args:
            key: the field that is the key, a uint64; none where a record is its own.
            below: what all keys are below of, and spread up to.
        """
        for low, high in ranges(self.length * self.dtype.itemsize, below):
            found = [np.zeros(0, self.dtype)]
            for piece in self.pieces():
                keys = piece if key is None else piece[key]
                found.append(piece[(keys >= low) & (keys <= high)])
            yield np.concatenate(found)

    def distinct(self) -> int:
        """How many different numbers there are."""
        return sum(len(np.unique(share)) for share in self.shares())

    def mapped(self) -> Mapped:
        return Mapped(self.file, self.dtype, self.length)


class Mapped:
    """Numbers on disk, of which only those just looked at are in memory.

    Args:
        length: how many; a file that is shorter is filled with zeros.
    """

    def __init__(self, file: Path, dtype: Any, length: int) -> None:
        size = max(length, 1) * np.dtype(dtype).itemsize
        with file.open("r+b" if file.exists() else "w+b") as handle:
            handle.truncate(max(size, file.stat().st_size))
        self.values: NDArray[Any] = np.memmap(file, dtype, "r+", shape=(max(length, 1),))

    def release(self) -> None:
        """Gives the memory of what was looked at back; the values stay."""
        release(self.values)


def release(values: NDArray[Any] | mmap.mmap) -> None:
    """Gives the memory of what was looked at of a mapped file back; what is not mapped stays as it is."""
    memory = getattr(values, "_mmap", values)
    if isinstance(memory, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        memory.madvise(mmap.MADV_DONTNEED)


def ranges(size: int, below: int = 2**64) -> Iterator[tuple[np.uint64, np.uint64]]:
    """The first and the last of the keys of each share, where all records take so many bytes."""
    parts = max(1, -(-size // SHARE_BYTES))
    for part in range(parts):
        yield np.uint64(part * below // parts), np.uint64((part + 1) * below // parts - 1)


class Keyed:
    """Numbers by 128-bit keys: who shares a key is brought together."""

    def __init__(self, file: Path) -> None:
        self._records = Column(file, [("high", "<u8"), ("low", "<u8"), ("side", "<u8"), ("item", "<i8")])

    def append(self, keys: Digests, items: NDArray[np.int64], sides: NDArray[np.uint64] | int = 0) -> None:
        """Adds items under their keys; `sides` is what tells those of one key apart, if that matters."""
        records = np.empty(len(keys), self._records.dtype)
        records["high"], records["low"] = keys[:, 0], keys[:, 1]
        records["side"], records["item"] = sides, items
        self._records.append(records)

    def groups(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]]:
        """Those that share their key with another, part by part: items, their sides, and the number of their group.

        Groups lie together; within one, items have the order in which they came.
        """
        for share in self._records.shares("high"):
            records = share[np.lexsort((share["low"], share["high"]))]
            same = (records["high"][1:] == records["high"][:-1]) & (records["low"][1:] == records["low"][:-1])
            members, numbers = neighbours(same)
            yield records["item"][members], records["side"][members], numbers


def neighbours(same: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of sorted things those that have an equal neighbour, and from 0 the number of the group that each is in.

    Args:
        same: whether each but the first equals the one before it.
    """
    if not same.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    edge = np.zeros(1, np.bool_)
    after, before = np.concatenate([edge, same]), np.concatenate([same, edge])
    members = np.flatnonzero(after | before)
    return members, np.cumsum(~after[members]) - 1


def ordinals(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of things that lie together by group, how many of its group come before each."""
    firsts = borders(groups)
    return np.arange(len(groups)) - np.repeat(firsts[:-1], np.diff(firsts))


def borders(values: NDArray[Any]) -> NDArray[np.int64]:
    """Where each run of equal neighbours begins, and the end of the last."""
    if not len(values):
        return np.zeros(1, np.int64)
    return np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1, [len(values)]])
