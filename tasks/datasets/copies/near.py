"""Finds near copies among rows: proposed by MinHash, decided by true similarity, and only against a row that is kept.

Rows are decided in canonical order. A row is a near copy of the first kept row that is near enough. A row that was
dropped counts no more, so that no row is dropped for the sake of a row that is not in the dataset (no chains). The
numbers of rows are on disk: memory holds one byte a row, and what a block of rows and a share of the keys take.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import Texts
from freshet.tasks.datasets.copies.spill import Column, Mapped, borders, neighbours
from freshet.tasks.text import minhash

PAIRS = 1 << 17
"""Pairs of rows that are compared at a time."""

BLOCK = 1 << 16
"""Rows whose groups are brought together at a time."""

_SHINGLES = 1 << 20
"""Shingles of the pairs that are verified at a time."""

_KEY_BITS = np.uint64(32)
"""Bits of a record of a band that hold the row; the higher bits hold the band's key."""

Index = NDArray[np.int64]
Near = tuple[int, int, float]
"""A row, the kept row that it is a near copy of, and their similarity; rows are named by their position, from 0."""


class NearCopies:
    """Finds the near copies among rows, which are added in canonical order and then decided once.

    Args:
        folder: an empty folder, which takes the numbers of the rows.
        near: the true Jaccard similarity of word 5-grams from which two rows are near copies.
    """

    def __init__(self, folder: Path, near: float) -> None:
        """Creates the files for the numbers of the rows, empty."""
        self._folder = folder
        self._near = near
        self._bands = [Column(folder / f"band-{number:02}", np.uint64) for number in range(minhash.BANDS)]
        self._shingles = Column(folder / "shingles", np.uint64)
        self._rows = Column(folder / "rows", [("begin", "<i8"), ("size", "<i8"), ("context", "<u8")])

    def add(self, texts: Texts) -> None:
        """Adds the next rows in canonical order."""
        shingles, bounds = minhash.gram_hashes(texts.forms.every(3))
        digests = np.frombuffer(b"".join(texts.contexts()), "<u8").reshape(-1, 4)
        contexts = digests[:, 0] ^ (digests[:, 2] << np.uint64(1))  # random bits of the passage's and of the label's
        rows = np.empty(len(texts.rows), self._rows.dtype)
        rows["begin"], rows["size"], rows["context"] = bounds[:-1] + self._shingles.length, np.diff(bounds), contexts
        signed = np.flatnonzero(np.diff(bounds))
        if len(signed):
            signatures = minhash.sign_many(shingles, np.append(bounds[:-1][signed], bounds[-1]))
            keys = minhash.band_keys_of_many(signatures) ^ contexts[signed]
            records = (keys & ~np.uint64(2**32 - 1)) | (signed + self._rows.length).astype(np.uint64)
            for band, column in zip(self._bands, records, strict=True):
                band.append(column)
        self._rows.append(rows)
        self._shingles.append(shingles)

    def decide(self, kept: NDArray[np.bool_]) -> Iterator[list[Near]]:
        """Yields the near copies in canonical order, some at a time.

        Args:
            kept: for each row, whether no other finding excludes it; near copies are set to False.
        """
        blocks, sizes = self._meet(kept)
        if not sizes.length:
            return
        search = _Search(_Groups(self._folder, sizes), _Verifier(self._shingles, self._rows), kept)
        for block in blocks:
            if not block.length:
                continue
            records = np.concatenate([*block.pieces(), np.zeros(0, block.dtype)])
            order = np.argsort(records["row"], kind="stable")
            found = search.decide(records["row"][order], records["group"][order], self._near)
            yield sorted(found)
            search.release()

    def _meet(self, kept: NDArray[np.bool_]) -> tuple[list[Column], Column]:
        """Finds the rows that share a key of some band with another row.

        Returns:
            For each block of rows, records of row and group; and the size of each group.
        """
        dtype = [("row", "<i8"), ("group", "<i8")]
        blocks = [Column(self._folder / f"block-{n:06}", dtype) for n in range(-(-self._rows.length // BLOCK))]
        sizes = Column(self._folder / "sizes", np.int64)
        for band in self._bands:
            for share in band.shares():
                records = np.sort(share[kept[(share & np.uint64(2**32 - 1)).astype(np.int64)]])
                keys = records >> _KEY_BITS
                members, numbers = neighbours(keys[1:] == keys[:-1])
                if not len(members):
                    continue
                met = np.empty(len(members), dtype)
                met["row"] = records[members] & np.uint64(2**32 - 1)
                met["group"] = numbers + sizes.length
                sizes.append(np.bincount(numbers))
                block_of = met["row"] // BLOCK
                order = np.argsort(block_of, kind="stable")
                met, block_of = met[order], block_of[order]
                borders = np.flatnonzero(np.diff(block_of)) + 1
                for part in np.split(met, borders):
                    blocks[int(part["row"][0] // BLOCK)].append(part)
        return blocks, sizes


class _Groups:
    """The kept rows of each group, in canonical order."""

    def __init__(self, folder: Path, sizes: Column) -> None:
        begins, total = Column(folder / "group-begins", np.int64), 0
        for piece in sizes.pieces():
            ends = np.cumsum(piece) + total
            begins.append(ends - piece)
            total = int(ends[-1])
        self.begins = begins.mapped()
        self.filled = Mapped(folder / "group-filled", np.int64, sizes.length)
        self.members = Mapped(folder / "group-members", np.int64, total)

    def add(self, rows: Index, groups: Index) -> None:
        """Adds kept rows, in order, each to a group of its own."""
        if not len(rows):
            return
        order = np.argsort(groups, kind="stable")
        rows, groups = rows[order], groups[order]
        firsts = borders(groups)
        counts, firsts = np.diff(firsts), firsts[:-1]
        position = np.arange(len(groups)) - np.repeat(firsts, counts)
        self.members.values[self.begins.values[groups] + self.filled.values[groups] + position] = rows
        self.filled.values[groups[firsts]] += counts

    def release(self) -> None:
        """Gives back the memory of the numbers that were read."""
        for numbers in (self.begins, self.filled, self.members):
            numbers.release()


class _Verifier:
    """Computes true similarities from the shingles on disk."""

    def __init__(self, shingles: Column, rows: Column) -> None:
        self._shingles, self._rows = shingles, rows

    def near(self, left: Index, right: Index, least: float) -> tuple[Index, Index, NDArray[np.float64]]:
        """Returns the pairs that are at least so similar and have one context, and their similarities.

        Args:
            left: the first row of each pair.
            right: the second row of each pair.
            least: the smallest similarity that counts.
        """
        rows, positions = np.unique(np.concatenate([left, right]), return_inverse=True)
        records = self._rows.at(rows, np.ones(len(rows), np.int64))
        one, other = positions[: len(left)], positions[len(left) :]
        same = records["context"][one] == records["context"][other]
        left, right, one, other = left[same], right[same], one[same], other[same]
        volume = np.cumsum(records["size"][one] + records["size"][other])
        found, first = [(left[:0], right[:0], np.zeros(0))], 0
        while first < len(left):
            done = int(volume[first - 1]) if first else 0
            last = max(int(np.searchsorted(volume, done + _SHINGLES, "right")), first + 1)
            similarity = self._similarity(records, one[first:last], other[first:last])
            enough = similarity >= least
            found.append((left[first:last][enough], right[first:last][enough], similarity[enough]))
            first = last
        return tuple(np.concatenate(column) for column in zip(*found, strict=True))  # type: ignore[return-value]

    def _similarity(self, records: NDArray[Any], left: Index, right: Index) -> NDArray[np.float64]:
        from scipy.sparse import csr_array

        needed, positions = np.unique(np.concatenate([left, right]), return_inverse=True)
        sizes = records["size"][needed]
        bounds = np.zeros(len(needed) + 1, np.int64)
        np.cumsum(sizes, out=bounds[1:])
        # A set of shingles as a row of a matrix whose columns are the hashes: 63 bits, since columns are signed.
        columns = (self._shingles.at(records["begin"][needed], sizes) >> np.uint64(1)).astype(np.int64)
        sets = csr_array((np.ones(len(columns), np.bool_), columns, bounds), shape=(len(needed), 2**63 - 1))
        sets.sum_duplicates()
        counts = np.diff(sets.indptr)
        one, other = positions[: len(left)], positions[len(left) :]
        shared = np.diff(sets[one].multiply(sets[other]).indptr)
        similarity: NDArray[np.float64] = shared / (counts[one] + counts[other] - shared)
        return similarity


class _Search:
    """Decides rows in canonical order.

    Args:
        kept: for each row, whether it is in the dataset so far; rows that are dropped are set to False.
    """

    def __init__(self, groups: _Groups, verifier: _Verifier, kept: NDArray[np.bool_]) -> None:
        self._groups = groups
        self._verifier = verifier
        self._kept = kept

    def decide(self, rows: Index, groups: Index, near: float) -> list[Near]:
        """Decides some rows; all rows before them must have been decided.

        Args:
            rows: the rows, ascending, each once for each of its groups.
            groups: the group beside each of them.
            near: the similarity from which two rows are near copies.
        """
        if rows[0] != rows[-1] and _pairs_within(groups) > PAIRS:
            middle = _border(rows, len(rows) // 2)
            left = self.decide(rows[:middle], groups[:middle], near)
            return left + self.decide(rows[middle:], groups[middle:], near)
        found = self._against_kept(rows, groups, near)
        left_over = self._kept[rows]
        rows, groups = rows[left_over], groups[left_over]
        found += self._drop(*self._verifier.near(*_distinct(*_pairs(rows, groups)), near))
        stay = self._kept[rows]
        self._groups.add(rows[stay], groups[stay])
        return found

    def _against_kept(self, rows: Index, groups: Index, near: float) -> list[Near]:
        """Drops rows that are near copies of a row that was kept before."""
        filled = self._groups.filled.values[groups]
        total = np.cumsum(filled)
        found, first = [], 0
        while first < len(rows):
            done = int(total[first - 1]) if first else 0
            last = _border(rows, max(int(np.searchsorted(total, done + PAIRS, "right")), first + 1), forward=True)
            times, begins = filled[first:last], self._groups.begins.values[groups[first:last]]
            ends = np.cumsum(times)
            where = np.arange(ends[-1]) + np.repeat(begins - (ends - times), times)
            pairs = _distinct(self._groups.members.values[where], np.repeat(rows[first:last], times))
            found += self._drop(*self._verifier.near(*pairs, near))
            first = last
        return found

    def _drop(self, kept: Index, rows: Index, similarity: NDArray[np.float64]) -> list[Near]:
        """Drops the second row of each near pair whose first row is kept when the second is decided.

        Args:
            kept: the first row of each pair.
            rows: the second row of each pair; pairs are sorted by it, and then by the first row.
            similarity: the similarity of each pair.
        """
        found = []
        for other, row, how in zip(kept.tolist(), rows.tolist(), similarity.tolist(), strict=True):
            if self._kept[row] and self._kept[other]:
                self._kept[row] = False
                found.append((row, other, how))
        return found

    def release(self) -> None:
        """Gives back the memory of the groups that were read."""
        self._groups.release()


def _pairs_within(groups: Index) -> int:
    _, counts = np.unique(groups, return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def _pairs(rows: Index, groups: Index) -> tuple[Index, Index]:
    """Returns all pairs of rows that share a group, the earlier row first."""
    order = np.argsort(groups, kind="stable")
    rows, groups = rows[order], groups[order]
    firsts = borders(groups)
    begins = np.repeat(firsts[:-1], np.diff(firsts))
    before = np.arange(len(groups)) - begins
    where = np.arange(int(before.sum())) + np.repeat(begins - (np.cumsum(before) - before), before)
    return rows[where], np.repeat(rows, before)


def _distinct(earlier: Index, later: Index) -> tuple[Index, Index]:
    """Returns each pair once, sorted by the later row and then by the earlier."""
    pairs = np.unique((later << 32) | earlier)
    return pairs & (2**32 - 1), pairs >> 32


def _border(rows: Index, position: int, forward: bool = False) -> int:
    """Returns the nearest position at which another row begins, but not the first position.

    Args:
        forward: whether the nearest position is sought after `position`, and not before it.
    """
    if position >= len(rows):
        return len(rows)
    first = int(np.searchsorted(rows, rows[position], "left"))
    if (forward and first < position) or first == 0:
        return int(np.searchsorted(rows, rows[position], "right"))
    return first
