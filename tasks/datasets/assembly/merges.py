"""Rows that were merged into others as their copies: each adds its origin to the origins of the row that was kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.assembly.lookup import RowLookup
from freshet.tasks.errors import StoreError
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.stage import Mask, Stage

ORIGIN = (
    "input", "uri", "source_version", "place", "field", "document", "corpus", "doc_id", "doc_version", "chunk_ids",
    "start", "end",
)  # fmt: skip
"""The columns of a staged row that say where it comes from."""

_COPY = np.dtype([("row", "<i8"), ("of", "<i8"), ("near", "?")])

RELATIONS = {"COPY-EXACT": "copy", "COPY-NEAR": "near copy"}
"""By the code that rejects a copy, the relation of its origin to the example."""


@dataclass(frozen=True)
class Merges:
    """Which rows were merged into which kept rows; the arrays have the shape (merges,).

    Attributes:
        into: the number of the kept row, ascending.
        row: the number of the merged row, ascending within `into`.
        near: whether the merged row is a near copy.
    """

    into: NDArray[np.int64]
    row: NDArray[np.int64]
    near: NDArray[np.bool_]

    def count(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns how many rows were merged into each of these rows."""
        return np.searchsorted(self.into, rows, "right") - np.searchsorted(self.into, rows, "left")

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the positions, in the arrays, of all merges into these rows, one row after the other."""
        first, counts = np.searchsorted(self.into, rows, "left"), self.count(rows)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        positions: NDArray[np.int64] = np.repeat(first, counts) + within
        return positions


@dataclass(frozen=True)
class Origins:
    """The origins of a batch.

    Attributes:
        column: the origins as a column of `schemas.examples()`.
        lists: the same values as plain lists, which digests are made over: by row, by origin, by field.
    """

    column: pa.Array
    lists: list[list[list[Any]]]


def find_merges(stage: Stage, mask: Mask) -> Merges:
    """Returns the copies of kept rows, as deduplication found them.

    A copy of a copy counts as a copy of the row that is kept in the end. Rows that another finding excludes as well
    were not merged into any row. Memory: a byte a row, and some 60 bytes for each row that is a copy.

    Raises:
        StoreError: rows are copies of one another in a circle, which is a fault of an earlier step.
    """
    copies, otherwise = _copies(stage, len(mask))
    row, of, near = copies["row"], copies["of"], copies["near"]
    # Each turn doubles the reach; more steps than there are bits in a row's number means a circle.
    for _ in range(64):
        position = np.minimum(np.searchsorted(row, of), max(len(row) - 1, 0))
        further = row[position] == of
        if not further.any():
            break
        near[further] |= near[position[further]]
        of[further] = of[position[further]]
    else:
        raise StoreError("rows are copies of one another in a circle", "It is a fault of Freshet: report it.")
    merged = ~mask[row] & ~otherwise[row] & mask[of]
    row, of, near = row[merged], of[merged], near[merged]
    order = np.lexsort((row, of))
    return Merges(of[order], row[order], near[order])


def _copies(stage: Stage, rows: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Returns each copy once, with the row that it is a copy `of`; and by row, whether another finding excludes it.

    Where a row is a copy in more than one way, exact copies count before near ones, and then what was found first.
    """
    found, otherwise = [np.zeros(0, _COPY)], np.zeros(rows, dtype=np.bool_)
    for table in stage.findings("block"):
        columns = [table[name].to_pylist() for name in ("row", "code", "evidence")]
        said = [*zip(*columns, strict=True)]
        otherwise[[row for row, code, _ in said if code not in RELATIONS]] = True
        these = [(row, json.loads(given)["of"], code == "COPY-NEAR") for row, code, given in said if code in RELATIONS]
        found.append(np.array(these, _COPY))
    copies = np.concatenate(found)
    copies = copies[np.lexsort((copies["near"], copies["row"]))]
    return copies[np.diff(copies["row"], prepend=-1) > 0], otherwise


def join_origins(table: pa.Table, merges: Merges, staged: RowLookup) -> Origins:
    """Returns where each of the kept rows comes from: its own origin first, then those of the rows merged into it.

    Args:
        table: a batch of kept rows, with the columns ORIGIN.
        staged: finds staged rows, with the columns ORIGIN.
    """
    import pyarrow as pa

    rows = table["row"].to_numpy()
    own = table.select(list(ORIGIN)).append_column("relation", pa.array(["source"] * len(rows), pa.string()))
    counts, positions = merges.count(rows), merges.of(rows)
    found = staged.fetch(merges.row[positions])
    offsets = np.concatenate([[0], np.cumsum(counts + 1)]).astype(np.int32)
    if found is not None:
        kinds = [RELATIONS["COPY-NEAR" if near else "COPY-EXACT"] for near in merges.near[positions].tolist()]
        merged = found.select(list(ORIGIN)).append_column("relation", pa.array(kinds, pa.string()))
        # Own row i goes to offsets[i]; what was merged into it follows.
        order = np.empty(int(offsets[-1]), dtype=np.int64)
        order[offsets[:-1]] = np.arange(len(rows))
        is_merged = np.ones(len(order), dtype=np.bool_)
        is_merged[offsets[:-1]] = False
        order[is_merged] = len(rows) + np.arange(len(positions))
        own = pa.concat_tables([own, merged]).take(pa.array(order))
    kind = schemas.examples().field("origins").type
    names = [one.name for one in kind.value_type]
    whole = own.select(names).combine_chunks()
    arrays = [_one_chunk(whole[name]) for name in names]
    struct = pa.StructArray.from_arrays(arrays, fields=list(kind.value_type))
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct, type=kind)
    flat = [list(one) for one in zip(*(array.to_pylist() for array in arrays), strict=True)]
    ends = offsets.tolist()
    return Origins(column, [flat[start:end] for start, end in pairwise(ends)])


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks or [pa.array([], column.type)])
