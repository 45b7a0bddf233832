"""Which rows of two states of a dataset are the same, moved, edited, added or removed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.spill import Column
from freshet.tasks.datasets.split import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("split", "digest", "origins")
"""The columns of a kept row that are read."""

_RECORD = np.dtype(
    [
        ("digest", "<u8"),
        ("digest_more", "<u8"),
        ("origin", "<u8"),
        ("origin_more", "<u8"),
        ("split", "u1"),
        ("new", "?"),
    ]
)

Positions = NDArray[np.int64]
"""Positions of rows in their state, from 0. Shape (rows,)."""


@dataclass(frozen=True)
class Keys:
    """What rows are told apart by.

    Attributes:
        digest: the first 128 bits of each row's digest. Shape (rows, 2).
        split: the index of each row's split. Shape (rows,).
        origin: 128 bits of a hash over the address, place and field that the row was read from. Shape (rows, 2).
    """

    digest: NDArray[np.uint64]
    split: NDArray[np.uint64]
    origin: NDArray[np.uint64]

    def records(self, *, new: bool) -> NDArray[Any]:
        """Returns one record for each row, marked by whether the row belongs to the state after."""
        records = np.empty(len(self.split), _RECORD)
        records["digest"], records["digest_more"] = self.digest.T
        records["origin"], records["origin_more"] = self.origin.T
        records["split"], records["new"] = self.split, new
        return records

    @classmethod
    def of_records(cls, records: NDArray[Any]) -> Keys:
        """Returns the keys that records hold; it is the inverse of `records`."""
        digest, origin = (np.column_stack([records[n], records[f"{n}_more"]]) for n in ("digest", "origin"))
        return cls(digest, records["split"].astype(np.uint64), origin)


@dataclass(frozen=True)
class Comparison:
    """How two states of a dataset differ.

    Attributes:
        added: positions of rows in the state after that the state before lacks.
        removed: positions of rows in the state before that the state after lacks.
        edited: positions in the state before, and beside each the row's position in the state after.
        moved: positions in the state before of rows that lie in another split now, and beside each the position after.
    """

    added: Positions
    removed: Positions
    edited: tuple[Positions, Positions]
    moved: tuple[Positions, Positions]

    def counts(self) -> dict[str, int]:
        """Returns the number of `added`, `removed`, `edited` and `moved` rows."""
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "edited": len(self.edited[0]),
            "moved": len(self.moved[0]),
        }


def read_keys(tables: Iterable[pa.Table]) -> Keys:
    """Returns the keys of all rows of tables that have the columns `COLUMNS`. Memory: 40 bytes a row."""
    found, nothing = [keys_of(table) for table in tables], np.zeros((0, 2), np.uint64)
    return Keys(
        np.concatenate([nothing, *(keys.digest for keys in found)]),
        np.concatenate([np.zeros(0, np.uint64), *(keys.split for keys in found)]),
        np.concatenate([nothing, *(keys.origin for keys in found)]),
    )


def keys_of(table: pa.Table) -> Keys:
    """Returns the keys of the rows of a table that has the columns `COLUMNS`."""
    import pyarrow.compute as pc

    split = np.array([SPLITS.index(name) for name in table["split"].to_pylist()], dtype=np.uint64)
    first = pc.list_element(table["origins"].combine_chunks(), 0)
    origin = origin_keys(*(pc.struct_field(first, name).to_pylist() for name in ("uri", "place", "field")))
    return Keys(digest_keys(table["digest"].to_pylist()), split, origin)


def digest_keys(digests: Iterable[str]) -> NDArray[np.uint64]:
    """Returns the first 128 bits of digests that are given in hexadecimal digits. Shape (digests, 2)."""
    whole = bytes.fromhex("".join(digest[:32] for digest in digests))
    return np.frombuffer(whole, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def origin_keys(uris: list[str], places: list[int], fields: list[str | None]) -> NDArray[np.uint64]:
    """Returns 128 bits of a hash over the address, place and field of each row. Shape (rows, 2)."""
    named = (f"{uri}\0{place}\0{field or ''}" for uri, place, field in zip(uris, places, fields, strict=True))
    whole = b"".join(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest() for name in named)
    return np.frombuffer(whole, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def compare(before: Keys, after: Keys) -> Comparison:
    """Pairs rows one to one: first rows alike in the same split, then rows alike in another, then rows of one origin.

    Rows that are alike count as often as they come: of two copies, one may stay and one go. Memory: some 100 bytes for
    each row of either state; `count_changes` takes less, and only counts.
    """
    old, new, moved = _differing(before, after)
    i, j = pair(before.origin[old], after.origin[new])
    edited, old, new = (old[i], new[j]), np.delete(old, i), np.delete(new, j)
    return Comparison(added=new, removed=old, edited=edited, moved=moved)


def count_changes(before: Iterable[Keys], after: Iterable[Keys], folder: Path) -> dict[str, int]:
    """Returns what `compare` counts, for states of any number of rows, whose keys are brought together on disk.

    Args:
        before: the keys of the rows of the state before, some rows at a time.
        after: the keys of the rows of the state after, some rows at a time.
        folder: a folder that takes temporary files of 34 bytes for each row of either state.
    """
    counts = dict.fromkeys(("added", "removed", "edited", "moved"), 0)
    with tempfile.TemporaryDirectory(dir=folder, prefix="changes-") as work:
        rows, left = Column(Path(work) / "rows", _RECORD), Column(Path(work) / "left", _RECORD)
        for is_new, state in ((False, before), (True, after)):
            for keys in state:
                rows.append(keys.records(new=is_new))
        for share in rows.shares("digest"):
            held, came = share[~share["new"]], share[share["new"]]
            old, new, moved = _differing(Keys.of_records(held), Keys.of_records(came))
            counts["moved"] += len(moved[0])
            left.append(held[old])
            left.append(came[new])
        for share in left.shares("origin"):
            held, came = (Keys.of_records(share[share["new"] == is_new]) for is_new in (False, True))
            edited = len(pair(held.origin, came.origin)[0])
            counts["edited"] += edited
            counts["removed"] += len(held.split) - edited
            counts["added"] += len(came.split) - edited
    return counts


def _differing(before: Keys, after: Keys) -> tuple[Positions, Positions, tuple[Positions, Positions]]:
    """Returns the rows of each state that are like no row of the other, and the pairs that are alike in two splits."""
    old, new = np.arange(len(before.split)), np.arange(len(after.split))
    same = pair(np.column_stack([before.digest, before.split]), np.column_stack([after.digest, after.split]))
    old, new = np.delete(old, same[0]), np.delete(new, same[1])
    i, j = pair(before.digest[old], after.digest[new])
    return np.delete(old, i), np.delete(new, j), (old[i], new[j])


def pair(before: NDArray[np.uint64], after: NDArray[np.uint64]) -> tuple[Positions, Positions]:
    """Returns the positions of rows with equal keys, one to one, ascending.

    The n-th row of a key before is paired with the n-th row of the key after.

    Args:
        before: keys of the rows before. Shape (rows, parts of a key).
        after: keys of the rows after, with as many parts.
    """
    both = np.concatenate([before, after])
    if not len(both):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort(both.T)
    changes = np.any(both[order][1:] != both[order][:-1], axis=1)
    codes = np.empty(len(both), dtype=np.int64)
    codes[order] = np.concatenate([[0], np.cumsum(changes)])
    old, new = _ranked(codes[: len(before)], len(both)), _ranked(codes[len(before) :], len(both))
    _, i, j = np.intersect1d(old, new, assume_unique=True, return_indices=True)
    ascending = np.argsort(i, kind="stable")
    return i[ascending].astype(np.int64), j[ascending].astype(np.int64)


def _ranked(codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Returns numbers that differ for each occurrence of a code; the n-th occurrence has the same in either state."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    first = np.searchsorted(ordered, ordered, "left")
    ranked = np.empty(len(codes), dtype=np.int64)
    ranked[order] = ordered * most + (np.arange(len(codes)) - first)
    return ranked
