"""Documents that went missing: a release serves them, their sources list them, and the ledger does not know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.documents.listing import still_listed
from freshet.tasks.index.gate.golden import Lost
from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

NAMED = 5
"""Documents that a verdict names, of those that it concerns."""


def find_lost(run: RefreshRun, old_ledger: Table, ledger: Table) -> Lost | None:
    """The documents that went missing since a release; None where none did.

    What a source does not list any more was withdrawn by it, and a source that could not be listed withdraws nothing:
    so whoever is listed and gone was lost on the way.
    """
    before = old_ledger.search().where("chunks > 0").select(["doc_id", "source", "path"]).to_arrow()
    gone = before.join(ledger.search().select(["doc_id"]).to_arrow(), "doc_id", join_type="left anti")
    lost = still_listed(run, gone)["doc_id"].to_pylist()
    return Lost(old_ledger, frozenset(lost)) if lost else None


def check_lost(lost: Lost | None) -> list[Verdict]:
    """What speaks against publishing while documents are missing."""
    if lost is None:
        return []
    return [verdict("GATE-DOCUMENT-LOST", documents=len(lost.documents), first=sorted(lost.documents)[:NAMED])]
