"""Takes documents out of the head of the tables: withdrawn ones, and chunks that a killed run left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from freshet.tasks.runs.run import RefreshRun


def withdraw(run: RefreshRun, doc_ids: Sequence[str]) -> None:
    """Takes documents out: their ledger rows, then their chunks.

    The ledger rows go first, since a withdrawal that somebody approved must not need a second word after a kill:
    chunks that no ledger row names are deleted at the next start.
    """
    tables = run.store.corpus(run.corpus)
    for name in (schemas.DOCUMENTS, schemas.chunks_table(run.model.space)):
        table = tables.find(name)
        if table is not None:
            for predicate in in_parts("doc_id", doc_ids):
                delete_rows(table, predicate)


def delete_strays(run: RefreshRun, doc_ids: Sequence[str]) -> None:
    """Deletes the chunks of those of the documents that the ledger still does not name.

    A document that this run has brought back meanwhile is named by now, and keeps its chunks.
    """
    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if head is None:
        return
    named: set[str] = set()
    if ledger is not None:
        for predicate in in_parts("doc_id", doc_ids):
            rows = ledger.search().where(predicate).select(["doc_id"]).to_arrow()
            named.update(rows["doc_id"].to_pylist())
    for predicate in in_parts("doc_id", sorted(set(doc_ids) - named)):
        delete_rows(head, predicate)
