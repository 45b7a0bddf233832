"""Chunks that the gate rejected for what they hold, although they are what the ledger says of them.

Comparing with the ledger does not find these, and the next refresh would take their vectors for good ones. So a full
refresh, which is what the rules ask for, first deletes them: what is missing is made anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.ledger.releases import list_releases, live_release, newest_decision
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from freshet.tasks.runs.run import RefreshRun

BLAMED = ("CHUNK-", "DOCUMENT-GAP", "DOCUMENT-UNSERVED", "GATE-EMBEDDING", "GATE-LOSS")
"""Rules whose reason lies in the chunks themselves. An exam may be failed with the best of them."""


def discard_rejected(run: RefreshRun) -> int:
    """Deletes from the head what was written since the live release, if the gate's last decision blames the chunks.

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
    return sum(delete_rows(head, predicate) for predicate in in_parts("doc_id", written))
