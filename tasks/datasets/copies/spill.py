"""Numbers of very many rows on disk, brought together by key while memory holds only a share of them."""

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
    """A file of numbers of one kind, to which numbers are appended, and from which they are read.

    Args:
        file: the file; it is created.
        dtype: the type of the numbers; a type with fields makes them records.

    Attributes:
        length: how many numbers there are.
    """

    def __init__(self, file: Path, dtype: Any) -> None:
        """Creates the file, empty."""
        self.file = file
        self.dtype = np.dtype(dtype)
        self.length = 0
        file.touch()

    def append(self, values: NDArray[Any]) -> None:
        """Adds numbers at the end."""
        with self.file.open("ab") as sink:
            values.astype(self.dtype, copy=False).tofile(sink)
        self.length += len(values)

    def pieces(self) -> Iterator[NDArray[Any]]:
        """Yields all numbers in the order in which they were appended, some at a time."""
        with self.file.open("rb") as source:
            while len(piece := np.fromfile(source, self.dtype, max(1, SHARE_BYTES // self.dtype.itemsize // 4))):
                yield piece

    def at(self, begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[Any]:
        """Returns runs of numbers, one after the other.

        Args:
            begins: the position of the first number of each run.
            sizes: the length of each run.
        """
        width = self.dtype.itemsize
        with self.file.open("rb", buffering=0) as source:
            found = [
                os.pread(source.fileno(), size * width, begin * width)
                for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True)
            ]
        return np.frombuffer(b"".join(found), self.dtype)

    def shares(self, key: str | None = None, below: int = 2**64) -> Iterator[NDArray[Any]]:
        """Yields all numbers in shares of about SHARE_BYTES each, by ranges of their keys, the lowest range first.

        Args:
            key: the field that is the key, of type uint64; None where a number is its own key.
            below: a bound that all keys are below of. Keys must be spread evenly up to it for the shares to be alike.
        """
        for low, high in ranges(self.length * self.dtype.itemsize, below):
            found = [np.zeros(0, self.dtype)]
            for piece in self.pieces():
                keys = piece if key is None else piece[key]
                found.append(piece[(keys >= low) & (keys <= high)])
            yield np.concatenate(found)

    def distinct(self) -> int:
        """Returns how many different numbers there are."""
        return sum(len(np.unique(share)) for share in self.shares())

    def mapped(self) -> Mapped:
        """Returns the numbers as an array that is mapped from the file."""
        return Mapped(self.file, self.dtype, self.length)


class Mapped:
    """An array of numbers that is mapped from a file, so that memory holds only those that were just read.

    Args:
        file: the file; it is created where it does not exist.
        dtype: the type of the numbers.
        length: how many numbers there are; a file that is shorter is filled with zeros.

    Attributes:
        values: the array, of at least one number, since an empty file cannot be mapped.
    """

    def __init__(self, file: Path, dtype: Any, length: int) -> None:
        """Maps the file."""
        size = max(length, 1) * np.dtype(dtype).itemsize
        with file.open("r+b" if file.exists() else "w+b") as handle:
            handle.truncate(max(size, file.stat().st_size))
        self.values: NDArray[Any] = np.memmap(file, dtype, "r+", shape=(max(length, 1),))

    def release(self) -> None:
        """Gives back the memory of the numbers that were read; the numbers stay in the file."""
        release(self.values)


def release(values: NDArray[Any] | mmap.mmap) -> None:
    """Gives back the memory of what was read of a mapped file; an array that is not mapped stays as it is."""
    memory = getattr(values, "_mmap", values)
    if isinstance(memory, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        memory.madvise(mmap.MADV_DONTNEED)


def ranges(size: int, below: int = 2**64) -> Iterator[tuple[np.uint64, np.uint64]]:
    """Yields the first and the last key of each share.

    Args:
        size: the bytes that all records take together.
        below: a bound that all keys are below of.
    """
    parts = max(1, -(-size // SHARE_BYTES))
    for part in range(parts):
        yield np.uint64(part * below // parts), np.uint64((part + 1) * below // parts - 1)


class Keyed:
    """Items under 128-bit keys on disk: items that share a key are brought together.

    Args:
        file: the file; it is created.
    """

    def __init__(self, file: Path) -> None:
        """Creates the file, empty."""
        self._records = Column(file, [("high", "<u8"), ("low", "<u8"), ("value", "<u8"), ("item", "<i8")])

    def append(self, keys: Digests, items: NDArray[np.int64], values: NDArray[np.uint64] | int = 0) -> None:
        """Adds items under their keys, each with a value that comes back with the item."""
        records = np.empty(len(keys), self._records.dtype)
        records["high"], records["low"] = keys[:, 0], keys[:, 1]
        records["value"], records["item"] = values, items
        self._records.append(records)

    def groups(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64]]]:
        """Yields the items that share their key with another item, one share of the keys after the other.

        The items of a group lie together, in the order in which they were added.

        Yields:
            The items, their values, and the number of the group of each item.
        """
        for share in self._records.shares("high"):
            records = share[np.lexsort((share["low"], share["high"]))]
            same = (records["high"][1:] == records["high"][:-1]) & (records["low"][1:] == records["low"][:-1])
            members, numbers = neighbours(same)
            yield records["item"][members], records["value"][members], numbers


def neighbours(same: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Finds those of some sorted things that have an equal neighbour.

    Args:
        same: for each thing but the first, whether it equals the thing before it.

    Returns:
        The positions of these things, and for each the number of its group, from 0.
    """
    if not same.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    edge = np.zeros(1, np.bool_)
    after, before = np.concatenate([edge, same]), np.concatenate([same, edge])
    members = np.flatnonzero(after | before)
    return members, np.cumsum(~after[members]) - 1


def ordinals(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns for each thing how many of its group come before it, where the things of a group lie together."""
    firsts = borders(groups)
    return np.arange(len(groups)) - np.repeat(firsts[:-1], np.diff(firsts))


def borders(values: NDArray[Any]) -> NDArray[np.int64]:
    """Returns where each run of equal neighbours begins, and where the last run ends."""
    if not len(values):
        return np.zeros(1, np.int64)
    return np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1, [len(values)]])
