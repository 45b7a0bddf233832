"""Keeps the indices of the tables whole and the files few. Runs under the writer's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freshet.tasks.ledger.access_classes import mark_column
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import see_whole

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

VECTOR_INDEX_ROWS = 100_000
"""Below this, comparing with every vector is faster than an approximate index, and exact."""

ROWS_PER_FRAGMENT = 256_000


def declared_for(table: Table) -> dict[str, Any]:
    """The indices that a table should have, the ledger or one of chunks, by column."""
    from lancedb.index import BTree

    if table.name == schemas.DOCUMENTS:
        return {"doc_id": BTree()}
    return declared_indices(table.count_rows(), mark_column(table))


def make_indices(table: Table, declared: dict[str, Any]) -> None:
    """Makes the declared indices that are not there, and takes new rows into the others."""
    _maintain(table, declared)


def maintain_indices(run: RefreshRun) -> None:
    """Makes the indices that should be there and takes new rows into them; nothing to do writes nothing."""
    tables = run.store.corpus(run.corpus)
    chunks, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if chunks is not None:
        _maintain(chunks, declared_for(chunks))
    if ledger is not None:
        _maintain(ledger, declared_for(ledger))


def declared_indices(rows: int, mark: str = "access") -> dict[str, Any]:
    """The indices that a chunk table of so many rows should have, by column.

    Args:
        mark: the column that says whom a row lets in (`mark_column`).
    """
    from lancedb.index import FTS, Bitmap, BTree, IvfPq, LabelList

    declared: dict[str, Any] = {
        "chunk_id": BTree(),
        "doc_id": BTree(),
        "text_hash": BTree(),
        mark: Bitmap() if mark == "access" else LabelList(),
        "text": FTS(),
    }
    if rows >= VECTOR_INDEX_ROWS:
        declared["vector"] = IvfPq(distance_type="cosine")
    return declared


def indexed_columns(table: Table) -> set[str]:
    """Returns the columns of a table that have an index."""
    return {column for index in table.list_indices() for column in index.columns}


def unindexed_rows(table: Table) -> int:
    """The most rows that any index of the table does not know yet."""
    return max((index.num_unindexed_rows or 0 for index in table.list_indices()), default=0)


def _maintain(table: Table, declared: dict[str, Any]) -> None:
    missing = declared.keys() - indexed_columns(table)
    # Old rows are indexed once, by the new index; the others take in what they lack.
    if unindexed_rows(table):
        table.to_lance().optimize.optimize_indices()
        table.checkout_latest()
    if table.count_rows():
        for column in sorted(missing):
            table.create_index(column, config=declared[column])


def compact(run: RefreshRun) -> None:
    """Joins the small files that daily refreshes leave. LanceDB's own `optimize` fails beside tagged versions."""
    tables = run.store.corpus(run.corpus)
    for name in (schemas.chunks_table(run.model.space), schemas.DOCUMENTS, schemas.ELEMENTS):
        table = tables.find(name)
        if table is not None:
            table.to_lance().optimize.compact_files(target_rows_per_fragment=ROWS_PER_FRAGMENT)
            see_whole(table.to_lance())
