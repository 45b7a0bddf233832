"""The signatures of a corpus's documents: kept in the store, searched by streaming them.

A look-up reads one column of 32-bit band keys from end to end, 80 bytes a document, and nothing else of those that
do not match: a million documents take about half a second from a cold start, in memory that depends on the batch
alone, from a disk as from a bucket. There is no index that could be stale, and documents come and go by the row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows, merge_rows
from freshet.tasks.store.predicates import in_parts, is_any
from freshet.tasks.text import minhash
from freshet.tasks.text.normalise import exact_hash, normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.store.tables import Tables

ROWS_AT_ONCE = 5000
"""Rows that are taken by their ids in one request."""

CACHED_SHINGLES = 16_000_000
"""Shingle hashes of candidates held at a time, of 8 bytes each."""

_FILTER_BITS = 22


@dataclass(frozen=True)
class Text:
    """A document's text, to be signed.

    Attributes:
        content_hash: of the document version.
        made_by: what made the text out of it, and how it is signed.
        unread: what tells apart documents whose texts are equal, since they were not read whole; empty for others.
            Documents are copies of each other only where this is equal.
    """

    doc_id: str
    content_hash: str
    made_by: str
    text: str
    unread: str = ""


def signature_rows(texts: Iterable[Text]) -> pa.Table:
    """Rows of `schemas.signatures`."""
    import pyarrow as pa

    schema = schemas.signatures(minhash.BANDS)
    columns: dict[str, list[Any]] = {name: [] for name in schema.names if name != "bands"}
    bands = []
    for text in texts:
        normal = normalise(text.text)
        exact = exact_hash(text.text, normal)
        shingles = minhash.shingle_hashes(normal)
        if text.unread:
            exact = exact_hash(f"{exact} {text.unread}", f"{exact} {text.unread}")
            shingles = minhash.salted(shingles, text.unread)
        keys = minhash.band_keys(minhash.sign(shingles)) if len(shingles) else minhash.exact_keys(exact)
        bands.append(keys.astype(np.uint32))
        values = (text.doc_id, text.content_hash, text.made_by, exact, len(shingles), shingles.astype("<u8").tobytes())
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    flat = np.concatenate(bands) if bands else np.zeros(0, np.uint32)
    arrays = {
        **columns,
        "bands": pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.uint32()), minhash.BANDS),
    }
    return pa.table({name: arrays[name] for name in schema.names}, schema=schema)


class Signatures:
    """The signatures of one corpus."""

    def __init__(self, tables: Tables, threshold: float = minhash.NEAR) -> None:
        """Reads nothing yet.

        Args:
            tables: the tables of the corpus.
            threshold: the true Jaccard similarity from which texts are near copies; from 0.8 on, candidates are
                found with a probability above 0.997.
        """
        self._tables = tables
        self._threshold = threshold
        self._shingles: dict[str, minhash.Hashes] = {}
        self._cached = 0
        self._row_ids: dict[str, int] = {}
        self._exact: dict[str, str] = {}
        self._near: dict[tuple[str, str], float] = {}

    def made_from(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """What the signatures of these documents were made from, as (content hash, made by); others are left out."""
        table = self._tables.find(schemas.SIGNATURES)
        made: dict[str, tuple[str, str]] = {}
        if table is None:
            return made
        for predicate in in_parts("doc_id", doc_ids):
            rows = table.search().where(predicate).select(["doc_id", "content_hash", "made_by"]).to_arrow()
            made |= {doc_id: (content, by) for doc_id, content, by in zip(*rows.to_pydict().values(), strict=True)}
        return made

    def write(self, rows: pa.Table) -> None:
        """Adds or replaces signatures, rows of `signature_rows`."""
        if rows.num_rows:
            merge_rows(self._tables.open(schemas.SIGNATURES, schemas.signatures(minhash.BANDS)), "doc_id", rows)

    def remove(self, doc_ids: Sequence[str]) -> None:
        """Removes the signatures of these documents."""
        table = self._tables.find(schemas.SIGNATURES)
        if table is not None:
            for predicate in in_parts("doc_id", doc_ids):
                delete_rows(table, predicate)

    def meet(self, doc_ids: Collection[str]) -> dict[str, list[str]]:
        """For each of these documents the others whose keys and length do not rule out that they are copies.

        Rows found here are read again to verify them: nothing may be written in between.
        """
        met: dict[str, list[str]] = {doc_id: [] for doc_id in doc_ids}
        table = self._tables.find(schemas.SIGNATURES)
        if table is None or not met:
            return met
        wanted = _concatenated(
            table.search().where(predicate).select(["doc_id", "bands"]).to_arrow()
            for predicate in in_parts("doc_id", sorted(met))
        )
        numbers, rows = _scan(table, _matrix(wanted["bands"]))
        distinct, places = np.unique(rows, return_inverse=True)
        found = _take(table, distinct, ["doc_id", "exact", "shingles"])
        ids = np.array(found["doc_id"].to_pylist(), object)
        exact = np.array(found["exact"].to_pylist(), object)
        counts = found["shingles"].to_numpy().astype(np.int64)
        self._exact |= dict(zip(ids, exact, strict=True))
        self._row_ids |= dict(zip(ids, distinct.tolist(), strict=True))
        own = {doc_id: place for place, doc_id in enumerate(ids)}
        mine = np.array([own[doc_id] for doc_id in wanted["doc_id"].to_pylist()], np.int64)[numbers]
        possible = self._may_be_alike(exact, counts, mine, places)
        for left, right in zip(ids[mine[possible]], ids[places[possible]], strict=True):
            met[left].append(right)
        concerned = np.unique(np.concatenate([mine[possible], places[possible]]))
        fitting = concerned[np.cumsum(counts[concerned]) <= CACHED_SHINGLES]
        self._read_shingles(_take(table, distinct[fitting], ["doc_id", "shingle_hashes"]))
        return met

    def _may_be_alike(
        self, exact: NDArray[Any], counts: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Pairs of different documents that are exact copies, or of which the shorter could fill the other."""
        small, large = np.minimum(counts[left], counts[right]), np.maximum(counts[left], counts[right])
        near = (small > 0) & (small / np.maximum(large, 1) >= self._threshold)
        same = exact[left] == exact[right]
        possible: NDArray[np.bool_] = (left != right) & (near | same.astype(np.bool_))
        return possible

    def alike(self, left: str, right: str) -> bool:
        """Whether two documents that met are exact copies, or near ones by their true Jaccard similarity."""
        if self._exact[left] == self._exact[right]:
            return True
        pair = (left, right) if left < right else (right, left)
        if pair in self._near:
            return True
        similarity = minhash.jaccard(self._shingles_of(left), self._shingles_of(right))
        if similarity < self._threshold:
            return False
        self._near[pair] = similarity
        return True

    def similarity(self, left: str, right: str) -> float | None:
        """The true similarity of two documents that are alike; None for exact copies."""
        return self._near.get((left, right) if left < right else (right, left))

    def _shingles_of(self, doc_id: str) -> minhash.Hashes:
        if doc_id not in self._shingles:
            table = self._tables.find(schemas.SIGNATURES)
            assert table is not None
            row_id = np.array([self._row_ids[doc_id]], np.uint64)
            self._read_shingles(_take(table, row_id, ["doc_id", "shingle_hashes"]))
        return self._shingles[doc_id]

    def _read_shingles(self, rows: pa.Table) -> None:
        if self._cached > CACHED_SHINGLES:
            self._shingles.clear()
            self._cached = 0
        for doc_id, hashes in zip(rows["doc_id"].to_pylist(), rows["shingle_hashes"].to_pylist(), strict=True):
            self._shingles[doc_id] = np.frombuffer(hashes, "<u8")
            self._cached += len(self._shingles[doc_id])


def _scan(table: Any, bands: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Pairs of a row of `bands` and the row id of a document that shares a key with it; each pair once."""
    flat = bands.ravel()
    ordered = np.argsort(flat, kind="stable")
    keys, owners = flat[ordered], ordered // minhash.BANDS
    shift = np.uint32(32 - _FILTER_BITS)
    present = np.zeros(1 << _FILTER_BITS, np.bool_)  # one look decides for nearly all keys of nearly all documents
    present[keys >> shift] = True
    pairs = [(np.zeros(0, np.int64), np.zeros(0, np.uint64))]
    for batch in table.search().select(["bands"]).with_row_id(True).to_batches():
        held = batch["bands"].flatten().to_numpy()
        near = np.flatnonzero(present[held >> shift])
        first, last = np.searchsorted(keys, held[near], "left"), np.searchsorted(keys, held[near], "right")
        times = last - first
        matches = np.repeat(first - np.concatenate([[0], np.cumsum(times)[:-1]]), times) + np.arange(times.sum())
        rows = np.repeat(near // minhash.BANDS, times)
        found = np.unique(owners[matches] * batch.num_rows + rows)
        pairs.append((found // batch.num_rows, batch["_rowid"].to_numpy()[found % batch.num_rows]))
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])


def _take(table: Any, row_ids: NDArray[np.uint64], columns: list[str]) -> pa.Table:
    """Rows by their ids, which ascend."""
    if not len(row_ids):
        return table.search().where(is_any("doc_id", ())).select(columns).to_arrow()
    # The rows come in the order of the table, which is that of their ids, and each once.
    return _concatenated(
        table.take_row_ids(row_ids[start : start + ROWS_AT_ONCE].tolist()).select(columns).to_arrow()
        for start in range(0, len(row_ids), ROWS_AT_ONCE)
    )


def _concatenated(tables: Iterable[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(list(tables))


def _matrix(column: Any) -> NDArray[np.uint32]:
    return np.asarray(column.combine_chunks().flatten(), dtype=np.uint32).reshape(-1, minhash.BANDS)
