"""Chunks that the gate rejected for what they hold, although they are what the ledger says of them.

Comparing with the ledger does not find these, and the next refresh would take their vectors for good ones. So a full
refresh, which is what the rules ask for, first deletes them: what is missing is made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.embedding.vectors import as_vectors
from freshet.tasks.index.release import pinned_chunks
from freshet.tasks.ledger.releases import list_releases, live_release, newest_decision
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

BLAMED = (
    "CHUNK-",
    "DOCUMENT-GAP",
    "DOCUMENT-UNSERVED",
    "GATE-CHUNKING",
    "GATE-EMBEDDING",
    "GATE-EXAM-VECTOR",
    "GATE-LOSS",
)
"""Rules whose reason lies in the chunks themselves. An exam of both halves may be failed with the best of them."""

SAME_VECTOR = 0.98
"""The cosine from which two vectors of one text count as the same: what GATE-EMBEDDING asks for, too."""


def discard_rejected(run: RefreshRun) -> int:
    """Deletes from the head what was written since the live release, if the gate's last decision blames the chunks.

    Documents that hold a passage with another vector than in that release are deleted, too, whoever wrote it.
    Readers are pinned to the live release and see none of it.

    Returns:
        Chunks deleted.
    """
    releases = list_releases(run.store, run.corpus)
    newest, live = newest_decision(releases), live_release(releases)
    if newest is None or newest.outcome != "rejected" or not any(r.startswith(BLAMED) for r in newest.reasons):
        return 0
    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if head is None or ledger is None:
        return 0
    since = live.table_version if live is not None and live.space == run.model.space else 0
    written = ledger.search().where(f"table_version > {int(since)}").select(["doc_id"]).to_arrow()["doc_id"].to_pylist()
    if pinned := pinned_chunks(run, releases):
        written = sorted({*written, *_with_other_vectors(head, pinned[0])})
    return sum(delete_rows(head, predicate) for predicate in in_parts("doc_id", written))


def _with_other_vectors(head: Table, released: Table) -> set[str]:
    """Ids of documents of which a chunk has another vector than the same chunk of a release in this space."""
    import numpy as np

    found: set[str] = set()
    columns = ["chunk_id", "doc_id", "vector"]
    for batch in head.search().select(columns).to_batches():
        for predicate in in_parts("chunk_id", batch["chunk_id"].to_pylist()):
            known = released.search().where(predicate).select(["chunk_id", "vector"]).to_arrow()
            places = {chunk_id: place for place, chunk_id in enumerate(batch["chunk_id"].to_pylist())}
            mine = as_vectors(batch["vector"])[[places[chunk_id] for chunk_id in known["chunk_id"].to_pylist()]]
            is_other = np.sum(mine * as_vectors(known["vector"]), axis=1) < SAME_VECTOR
            others = known.filter(is_other)["chunk_id"].to_pylist()
            found |= {batch["doc_id"][places[chunk_id]].as_py() for chunk_id in others}
    return found
