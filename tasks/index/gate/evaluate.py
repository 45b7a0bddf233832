"""The gate: examines the new head before readers move to it.

Each check gives verdicts; one of severity `block` keeps the head from being published.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.embedding.vectors import as_vectors, has_unit_length
from freshet.tasks.index.reconciliation import chunk_digests
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

NAMED = 5
"""Documents that a verdict names, of those that it concerns."""


def examine_head(run: RefreshRun) -> list[Verdict]:
    """Everything that speaks against publishing the head of the corpus."""
    tables = run.store.corpus(run.corpus)
    chunks, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if chunks is None or ledger is None:
        return []
    return [*check_vectors_and_ids(chunks), *check_documents(run, chunks, ledger)]


def check_vectors_and_ids(chunks: Table) -> list[Verdict]:
    """No chunk id twice; every vector finite and of unit length. The table is streamed."""
    ids: list[Any] = []
    unfit = 0
    for batch in chunks.search().select(["chunk_id", "vector"]).to_batches():
        digits = binascii.unhexlify("".join(batch["chunk_id"].to_pylist()))
        ids.append(np.frombuffer(digits, np.uint64)[::2].copy())
        unfit += int(np.count_nonzero(~has_unit_length(as_vectors(batch["vector"]))))
    found = []
    repeated = sum(map(len, ids)) - len(np.unique(np.concatenate(ids))) if ids else 0
    if repeated:
        found.append(verdict("GATE-DUPLICATE-CHUNK", chunks=repeated))
    if unfit:
        found.append(verdict("GATE-VECTOR", chunks=unfit))
    return found


def check_documents(run: RefreshRun, chunks: Table, ledger: Table) -> list[Verdict]:
    """Every chunk's document is in the ledger, with just these chunks and just this access."""
    import pyarrow.compute as pc

    columns = ["doc_id", "chunks", "chunks_digest", "access", "space"]
    said = ledger.search().select(columns).to_arrow()
    found = chunk_digests(chunks)
    joined = said.join(found, keys="doc_id", join_type="full outer", right_suffix="_found")
    orphans = joined.filter(pc.is_null(joined["chunks"]))
    held = joined.filter(pc.is_valid(joined["chunks"]))
    elsewhere = held.filter(pc.not_equal(held["space"], run.model.space))
    held = held.filter(pc.equal(held["space"], run.model.space))
    incomplete = held.filter(
        pc.or_(
            pc.not_equal(held["chunks_digest"], pc.fill_null(held["digest"], 0)),
            pc.not_equal(held["chunks"], pc.fill_null(held["rows"], 0)),
        )
    )
    served = held.filter(pc.is_valid(held["rows"]))
    astray = served.filter(
        pc.or_(
            pc.equal(served["access"], ""), pc.fill_null(pc.not_equal(served["access"], served["access_found"]), True)
        )
    )
    return [
        *_named("GATE-ORPHAN-CHUNK", orphans),
        *_named("GATE-MISSING-CHUNK", incomplete),
        *_named("GATE-MISSING-CHUNK", elsewhere.filter(pc.greater(elsewhere["chunks"], 0))),
        *_named("GATE-ACCESS", astray),
    ]


def _named(code: str, documents: pa.Table) -> list[Verdict]:
    if not documents.num_rows:
        return []
    names = sorted(documents["doc_id"].to_pylist())
    return [verdict(code, documents=len(names), first=names[:NAMED])]
