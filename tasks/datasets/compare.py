"""Which rows of two states of a dataset are the same, moved, edited, added or removed.

Memory: some 100 bytes a row of either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.datasets.split import SIDES

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("split", "digest", "origins")
"""What is read of a kept row."""

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
    """The keys of rows that have the columns `COLUMNS`."""
    import pyarrow.compute as pc

    digests, sides, origins = [], [], []
    for table in tables:
        digests.append(digest_keys(table["digest"].to_pylist()))
        sides.append(np.array([SIDES.index(side) for side in table["split"].to_pylist()], dtype=np.uint64))
        first = pc.list_element(table["origins"].combine_chunks(), 0)
        origins.append(origin_keys(*(pc.struct_field(first, name).to_pylist() for name in ("uri", "place", "field"))))
    nothing = np.zeros((0, 2), np.uint64)
    return Keys(
        np.concatenate([nothing, *digests]),
        np.concatenate([np.zeros(0, np.uint64), *sides]),
        np.concatenate([nothing, *origins]),
    )


def digest_keys(digests: Iterable[str]) -> NDArray[np.uint64]:
    whole = bytes.fromhex("".join(digest[:32] for digest in digests))
    return np.frombuffer(whole, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def origin_keys(uris: list[str], places: list[int], fields: list[str | None]) -> NDArray[np.uint64]:
    named = (f"{uri}\0{place}\0{field or ''}" for uri, place, field in zip(uris, places, fields, strict=True))
    whole = b"".join(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest() for name in named)
    return np.frombuffer(whole, dtype=">u8").astype(np.uint64).reshape(-1, 2)


def compare(before: Keys, after: Keys) -> Comparison:
    """Pairs rows one to one: first those alike on the same side, then alike on another, then from the same place.

    What is alike counts as often as it comes: of two copies, one may stay and one go.
    """
    old, new = np.arange(len(before.side)), np.arange(len(after.side))
    same = pair(np.column_stack([before.digest, before.side]), np.column_stack([after.digest, after.side]))
    old, new = np.delete(old, same[0]), np.delete(new, same[1])
    i, j = pair(before.digest[old], after.digest[new])
    moved, old, new = (old[i], new[j]), np.delete(old, i), np.delete(new, j)
    i, j = pair(before.origin[old], after.origin[new])
    edited, old, new = (old[i], new[j]), np.delete(old, i), np.delete(new, j)
    return Comparison(added=new, removed=old, edited=edited, moved=moved)


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
