"""Keeps the indices of the tables whole and the files few. Runs under the writer's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freshet.tasks.ledger.access_classes import mark_column
from freshet.tasks.search.asked_words import WORDS
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import see_whole

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

VECTOR_INDEX_ROWS = 100_000
"""Below this, comparing with every vector is faster than an approximate index, and exact."""

ROWS_PER_FRAGMENT = 256_000

_OUTDATED = frozenset({"text", "text_hash"})
"""Columns that earlier versions of Freshet indexed."""


def declared_for(table: Table) -> dict[str, Any]:
    """The indices that a table should have, the ledger or one of chunks, by column."""
    from lancedb.index import FTS, Bitmap, BTree, IvfPq, LabelList

    if table.name == schemas.DOCUMENTS:
        return {"doc_id": BTree()}
    mark = mark_column(table)
    declared: dict[str, Any] = {
        "chunk_id": BTree(),
        "doc_id": BTree(),
        mark: Bitmap() if mark == "access" else LabelList(),
    }
    if WORDS in table.schema.names:
        declared |= {
            "embedded_hash": BTree(),
            # The terms are made by `text.words.analysis`; nothing is left for LanceDB to do with them.
            WORDS: FTS(
                base_tokenizer="whitespace", lower_case=False, stem=False, remove_stop_words=False,
                ascii_folding=False, max_token_length=None,
            ),
        }  # fmt: skip
    else:
        declared |= {"text_hash": BTree(), "text": FTS()}
    if table.count_rows() >= VECTOR_INDEX_ROWS:
        declared["vector"] = IvfPq(distance_type="cosine")
    return declared


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


def indexed_columns(table: Table) -> set[str]:
    """Returns the columns of a table that have an index."""
    return {column for index in table.list_indices() for column in index.columns}


def unindexed_rows(table: Table) -> int:
    """The most rows that any index of the table does not know yet."""
    return max((index.num_unindexed_rows or 0 for index in table.list_indices()), default=0)


def _maintain(table: Table, declared: dict[str, Any]) -> None:
    held = indexed_columns(table)
    missing = declared.keys() - held
    for index in table.list_indices():
        if not declared.keys() & set(index.columns) and set(index.columns) & _OUTDATED:
            table.drop_index(index.name)
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
