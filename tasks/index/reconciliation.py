"""Compares what the ledger records of each document's chunks with the chunks that are there.

A run that was killed between two commits leaves differences; so does damage to a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.embedding.vectors import as_vectors, has_unit_length
from freshet.tasks.ledger.access_classes import mark_column
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class Reconciliation:
    """Documents, by id and in order, of which the ledger and the chunk table say different things.

    Attributes:
        damaged: documents whose chunks, or whose chunks' access, are not what the ledger records.
        strays: documents that the ledger does not name, although the table holds chunks of them.
    """

    damaged: list[str]
    strays: list[str]


def reconcile(run: RefreshRun, contents: bool = False) -> Reconciliation:
    """Compares the digest of each document's chunks, and their access, with the ledger.

    The comparison takes place at the head of the tables, in the run's embedding space.

    Args:
        contents: whether every vector and every text is read, too; a document with a vector that is not of unit length,
            or with a text that is not the one that its hash was made of, is damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if head is None:
        return Reconciliation([], [])
    stored = chunk_digests(head)
    recorded, named = _recorded(run, ledger)
    strays = stored.filter(pc.invert(pc.is_in(stored["doc_id"], value_set=pc.unique(named))))
    joined = recorded.join(stored, keys="doc_id", join_type="left outer", right_suffix="_stored")
    same_chunks = pc.and_(
        pc.equal(joined["chunks_digest"], pc.fill_null(joined["digest"], 0)),
        pc.equal(pc.cast(joined["chunks"], pa.int64()), pc.fill_null(joined["rows"], 0)),
    )
    # A document without chunks shows its access nowhere but in the ledger. One that came into another class may have
    # been left between the commit of its chunks and that of its row.
    # Where a conversion was stopped half way, one table has lists and the other classes, which cannot be compared.
    is_mixed = ledger is not None and mark_column(ledger) != mark_column(head)
    same_access = pc.or_(
        pc.or_(pc.equal(joined["chunks"], 0), pa.scalar(is_mixed)),
        pc.or_(
            pc.fill_null(pc.equal(joined["chunks_access"], joined["access_stored"]), False),
            pc.fill_null(pc.equal(joined["access"], joined["access_stored"]), False),
        ),
    )
    mask = pc.invert(pc.and_(same_chunks, same_access))
    damaged = set(joined.filter(mask)["doc_id"].to_pylist())
    if contents:
        damaged |= _documents_with_unfit_contents(head) & set(recorded["doc_id"].to_pylist())
    return Reconciliation(damaged=sorted(damaged), strays=sorted(strays["doc_id"].to_pylist()))


def _recorded(run: RefreshRun, ledger: Table | None) -> tuple[pa.Table, pa.ChunkedArray]:
    """What the ledger says of the documents in the run's space: `doc_id`, `chunks_digest`, `chunks`, and as text
    `access` and `chunks_access`; and the ids of all documents.

    A document whose row names another space is no stray: a run killed while it changed the space left its chunks.
    """
    columns = ["doc_id", "chunks_digest", "chunks"]
    if ledger is None:
        empty = schemas.documents().empty_table().select([*columns, "access", "chunks_access"])
        return empty, empty["doc_id"]
    mark = mark_column(ledger)
    carried = "chunks_access" if mark == "access" else mark
    query = ledger.search().where(equals("space", run.model.space)).select(list({*columns, mark, carried}))
    rows = query.to_arrow()
    recorded = rows.select(columns)
    for name, column in (("access", mark), ("chunks_access", carried)):
        recorded = recorded.append_column(name, _as_text(rows[column]))
    return recorded, ledger.search().select(["doc_id"]).to_arrow()["doc_id"]


def _as_text(marks: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Whom rows let in, as texts: their classes, or the lists that an earlier version of Freshet wrote.

    An absent list becomes a text that equals no real one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.fill_null(pc.binary_join(marks, " "), "\0") if pa.types.is_list(marks.type) else marks


def chunk_digests(table: Table) -> pa.Table:
    """Sums up each document of a chunk table.

    The table is streamed: what stays in memory grows with its documents, not with its chunks.

    Returns:
        `doc_id`; `rows`, the number of chunks; `digest`, the sum of their row digests in 64 bits, which does not
        depend on their order; and `access`, the access class or list as text, null where the chunks do not all carry
        the same.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    mark = mark_column(table)
    for batch in table.search().select(["doc_id", "row_digest", mark]).to_batches():
        low = high = _as_text(batch[mark])
        rows = pa.table({"doc_id": batch["doc_id"], "digest": batch["row_digest"], "low": low, "high": high})
        parts.append(_per_document(rows.append_column("rows", pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows))))
    if not parts:
        nothing = {"doc_id": pa.string(), "rows": pa.int64(), "digest": pa.int64(), "access": pa.string()}
        return pa.schema(list(nothing.items())).empty_table()
    documents = _per_document(pa.concat_tables(parts))
    # The least and the greatest class of a document are equal just where all are.
    alike = pc.equal(documents["low"], documents["high"])
    return pa.table(
        {
            "doc_id": documents["doc_id"],
            "rows": documents["rows"],
            "digest": documents["digest"],
            "access": pc.if_else(alike, documents["low"], pa.scalar(None, pa.string())),
        }
    )


def _per_document(rows: pa.Table) -> pa.Table:
    summed = rows.group_by("doc_id").aggregate([("rows", "sum"), ("digest", "sum"), ("low", "min"), ("high", "max")])
    return summed.rename_columns(["doc_id", "rows", "digest", "low", "high"])


def _documents_with_unfit_contents(table: Table) -> set[str]:
    import pyarrow as pa

    found: set[str] = set()
    for batch in table.search().select(["doc_id", "vector", "text", "text_hash"]).to_batches():
        mask = unfit_contents(batch)
        if mask.any():
            found |= set(batch["doc_id"].filter(pa.array(mask)).to_pylist())
    return found


def unfit_contents(rows: pa.Table | pa.RecordBatch) -> NDArray[np.bool_]:
    """Where a chunk has a vector that nobody can use, or a text that is not the one that its hash was made of.

    Args:
        rows: `vector`, `text` and `text_hash` of chunks.

    Returns:
        shape (rows,).
    """
    pairs = zip(rows["text"].to_pylist(), rows["text_hash"].to_pylist(), strict=True)
    altered = np.fromiter((sha256(text.encode()).hexdigest() != known for text, known in pairs), np.bool_)
    return np.asarray(~has_unit_length(as_vectors(rows["vector"])) | altered)
