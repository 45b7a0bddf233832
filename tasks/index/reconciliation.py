"""Compares what the ledger records of each document's chunks with the chunks that are there.

A run that was killed between two commits leaves differences; so does damage to a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshet.tasks.embedding.vectors import as_vectors, has_unit_length
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


def reconcile(run: RefreshRun, vectors: bool = False) -> Reconciliation:
    """Compares the digest of each document's chunks, and their access, with the ledger.

    The comparison takes place at the head of the tables, in the run's embedding space.

    Args:
        vectors: whether every vector is read, too; a document with one that is not of unit length is damaged.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if head is None:
        return Reconciliation([], [])
    stored = chunk_digests(head)
    columns = ["doc_id", "chunks_digest", "chunks", "acl"]
    empty = schemas.documents().empty_table().select(columns)
    in_space = equals("space", run.model.space)
    recorded = empty if ledger is None else ledger.search().where(in_space).select(columns).to_arrow()
    recorded = recorded.set_column(3, "acl", pc.binary_join(recorded["acl"], " "))
    # A document whose row names another space is no stray: a run killed while it changed the space left its chunks.
    named = empty["doc_id"] if ledger is None else ledger.search().select(["doc_id"]).to_arrow()["doc_id"]
    strays = stored.filter(pc.invert(pc.is_in(stored["doc_id"], value_set=pc.unique(named))))
    joined = recorded.join(stored, keys="doc_id", join_type="left outer", right_suffix="_stored")
    same_chunks = pc.and_(
        pc.equal(joined["chunks_digest"], pc.fill_null(joined["digest"], 0)),
        pc.equal(pc.cast(joined["chunks"], pa.int64()), pc.fill_null(joined["rows"], 0)),
    )
    # A document without chunks shows its access nowhere but in the ledger.
    same_access = pc.or_(
        pc.equal(joined["chunks"], 0), pc.fill_null(pc.equal(joined["acl"], joined["acl_stored"]), False)
    )
    mask = pc.invert(pc.and_(same_chunks, same_access))
    damaged = set(joined.filter(mask)["doc_id"].to_pylist())
    if vectors:
        damaged |= _documents_with_unfit_vectors(head) & set(recorded["doc_id"].to_pylist())
    return Reconciliation(damaged=sorted(damaged), strays=sorted(strays["doc_id"].to_pylist()))


def chunk_digests(table: Table) -> pa.Table:
    """Sums up each document of a chunk table.

    The table is streamed: what stays in memory grows with its documents, not with its chunks.

    Returns:
        `doc_id`; `rows`, the number of chunks; `digest`, the sum of their row digests in 64 bits, which does not
        depend on their order; and `acl`, the access list as one text, null where the chunks do not all carry the same.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    for batch in table.search().select(["doc_id", "row_digest", "acl"]).to_batches():
        acl = _joined(batch["acl"])
        rows = pa.table({"doc_id": batch["doc_id"], "digest": batch["row_digest"], "acl_low": acl, "acl_high": acl})
        parts.append(_per_document(rows.append_column("rows", pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows))))
    if not parts:
        nothing = {"doc_id": pa.string(), "rows": pa.int64(), "digest": pa.int64(), "acl": pa.string()}
        return pa.schema(list(nothing.items())).empty_table()
    documents = _per_document(pa.concat_tables(parts))
    # The least and the greatest access list of a document are equal just where all are.
    alike = pc.equal(documents["acl_low"], documents["acl_high"])
    return pa.table(
        {
            "doc_id": documents["doc_id"],
            "rows": documents["rows"],
            "digest": documents["digest"],
            "acl": pc.if_else(alike, documents["acl_low"], pa.scalar(None, pa.string())),
        }
    )


def _per_document(rows: pa.Table) -> pa.Table:
    summed = rows.group_by("doc_id").aggregate(
        [("rows", "sum"), ("digest", "sum"), ("acl_low", "min"), ("acl_high", "max")]
    )
    return summed.rename_columns(["doc_id", "rows", "digest", "acl_low", "acl_high"])


def _joined(acl: Any) -> Any:
    """Access lists as one text each; an absent list becomes one that equals no real one."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.binary_join(acl, " "), "\0")


def _documents_with_unfit_vectors(table: Table) -> set[str]:
    import pyarrow as pa

    found: set[str] = set()
    for batch in table.search().select(["doc_id", "vector"]).to_batches():
        mask = ~has_unit_length(as_vectors(batch["vector"]))
        if mask.any():
            found |= set(batch["doc_id"].filter(pa.array(mask)).to_pylist())
    return found
