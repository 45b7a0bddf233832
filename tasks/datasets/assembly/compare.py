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
from freshet.tasks.datasets.split import SIDES

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("split", "digest", "origins")
"""What is read of a kept row."""

_RECORD = np.dtype(
    [("digest", "<u8"), ("digest_more", "<u8"), ("origin", "<u8"), ("origin_more", "<u8"), ("side", "u1"), ("new", "?")]
)

Places = NDArray[np.int64]
"""Rows by where they come in their state, from 0."""


@dataclass(frozen=True)
class Keys:
    """What rows are told apart by. Shapes (rows, 2), (rows,), (rows, 2).

    Attributes:
        digest: the first 128 bits of the digest.
        side: the index of the side.
        origin: 128 bits of a hash over the address, place and field that the row was read from.
    """

    digest: NDArray[np.uint64]
    side: NDArray[np.uint64]
    origin: NDArray[np.uint64]

    def records(self, *, new: bool) -> NDArray[Any]:
        """A record for each row; whether it is of the state after goes with it."""
        records = np.empty(len(self.side), _RECORD)
        records["digest"], records["digest_more"] = self.digest.T
        records["origin"], records["origin_more"] = self.origin.T
        records["side"], records["new"] = self.side, new
        return records

    @classmethod
    def of_records(cls, records: NDArray[Any]) -> Keys:
        digest, origin = (np.column_stack([records[n], records[f"{n}_more"]]) for n in ("digest", "origin"))
        return cls(digest, records["side"].astype(np.uint64), origin)


@dataclass(frozen=True)
class Comparison:
    """Rows of the state before and of the one after; of `edited` and `moved` each row, and beside it what it became."""

    added: Places
    removed: Places
    edited: tuple[Places, Places]
    moved: tuple[Places, Places]

    def counts(self) -> dict[str, int]:
        return {
            "added": len(self.added),
            "removed": len(self.removed),
            "edited": len(self.edited[0]),
            "moved": len(self.moved[0]),
        }


def read_keys(tables: Iterable[pa.Table]) -> Keys:
    """The keys of all rows of tables that have the columns `COLUMNS`: 40 bytes a row."""
    found, nothing = [keys_of(table) for table in tables], np.zeros((0, 2), np.uint64)
    return Keys(
        np.concatenate([nothing, *(keys.digest for keys in found)]),
        np.concatenate([np.zeros(0, np.uint64), *(keys.side for keys in found)]),
        np.concatenate([nothing, *(keys.origin for keys in found)]),
    )


def keys_of(table: pa.Table) -> Keys:
    """The keys of the rows of a table that has the columns `COLUMNS`."""
    import pyarrow.compute as pc

    side = np.array([SIDES.index(side) for side in table["split"].to_pylist()], dtype=np.uint64)
    first = pc.list_element(table["origins"].combine_chunks(), 0)
    origin = origin_keys(*(pc.struct_field(first, name).to_pylist() for name in ("uri", "place", "field")))
    return Keys(digest_keys(table["digest"].to_pylist()), side, origin)


def digest_keys(digests: Iterable[str]) -> NDArray[np.uint64]:
    whole = bytes.fromhex("".join(digest[:32] for digest in digests))
    return np.frombuffer(whole, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def origin_keys(uris: list[str], places: list[int], fields: list[str | None]) -> NDArray[np.uint64]:
    named = (f"{uri}\0{place}\0{field or ''}" for uri, place, field in zip(uris, places, fields, strict=True))
    whole = b"".join(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest() for name in named)
    return np.frombuffer(whole, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def compare(before: Keys, after: Keys) -> Comparison:
    """Pairs rows one to one: first those alike on the same side, then alike on another, then from the same place.

    What is alike counts as often as it comes: of two copies, one may stay and one go. Memory: some 100 bytes a row of
    either state; `count_changes` counts the same without.
    """
    old, new, moved = _differing(before, after)
    i, j = pair(before.origin[old], after.origin[new])
    edited, old, new = (old[i], new[j]), np.delete(old, i), np.delete(new, j)
    return Comparison(added=new, removed=old, edited=edited, moved=moved)


def count_changes(before: Iterable[Keys], after: Iterable[Keys], folder: Path) -> dict[str, int]:
    """What `compare` counts, for states of any number of rows: they are brought together on disk.

    Args:
        before, after: the keys of the rows, some at a time.
        folder: where 34 bytes a row of either state are kept meanwhile.
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
            counts["removed"] += len(held.side) - edited
            counts["added"] += len(came.side) - edited
    return counts


def _differing(before: Keys, after: Keys) -> tuple[Places, Places, tuple[Places, Places]]:
    """Rows of either state that no row of the other is alike, and those that are alike on another side."""
    old, new = np.arange(len(before.side)), np.arange(len(after.side))
    same = pair(np.column_stack([before.digest, before.side]), np.column_stack([after.digest, after.side]))
    old, new = np.delete(old, same[0]), np.delete(new, same[1])
    i, j = pair(before.digest[old], after.digest[new])
    return np.delete(old, i), np.delete(new, j), (old[i], new[j])


def pair(before: NDArray[np.uint64], after: NDArray[np.uint64]) -> tuple[Places, Places]:
    """Places of rows with equal keys, one to one, in order: the n-th of a key before with the n-th of it after.

    Args:
        before, after: shapes (rows, parts of a key); as many parts in both.
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
    by_place = np.argsort(i, kind="stable")
    return i[by_place].astype(np.int64), j[by_place].astype(np.int64)


def _ranked(codes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Numbers that differ for each occurrence of a code, and are the same for the n-th of it on either side."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    first = np.searchsorted(ordered, ordered, "left")
    ranked = np.empty(len(codes), dtype=np.int64)
    ranked[order] = ordered * most + (np.arange(len(codes)) - first)
    return ranked
