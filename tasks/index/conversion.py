"""Converts the tables of a corpus that an earlier version of Freshet made.

Its rows carry lists of principals in place of access classes, and its chunks have no words to search by.

Each step is one commit, and whatever is done already is left alone: a conversion that was killed is continued by the
next refresh. Readers are not concerned: releases are pinned, and a document of the newest ledger is held against its
list until it has a class. No text is embedded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.surroundings import Surroundings
from freshet.tasks.documents.titles import is_title
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.governance.policy import Scope, class_id
from freshet.tasks.index.access import classes_now, record_settings
from freshet.tasks.ledger.access_classes import record_scopes
from freshet.tasks.store import schemas
from freshet.tasks.text.words.language import language_of_text

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Tables

_LISTS = "acl"
_ROWS_AT_ONCE = 10_000

WORD_COLUMNS = ("context", "embedded_hash", "language", "words")
"""Columns of chunks that earlier versions of Freshet did not write."""


def convert_corpus(run: RefreshRun) -> bool:
    """Gives documents and chunks access classes, and chunks their words; tells whether anything was left to do."""
    tables = run.store.corpus(run.corpus)
    names = (schemas.chunks_table(run.model.space), schemas.DOCUMENTS)
    head, ledger = (tables.find(name) for name in names)
    found = False
    if ledger is not None and "access" not in ledger.schema.names:
        found = True
        record_settings(run)
        _add_classes(ledger, _classes_of_documents(run, ledger), ["access", "chunks_access"])
    if head is not None and "access" not in head.schema.names:
        found = True
        _add_classes(head, _classes_of_chunks(head, tables.find(schemas.DOCUMENTS)), ["access"])
    if head is not None and "words" not in head.schema.names:
        found = True
        add_words(head, tables.find(schemas.DOCUMENTS))
    for table in (tables.find(name) for name in names):
        if table is not None and (columns := _nullable(table)):
            found = True
            table.alter_columns(*({"path": column, "nullable": False} for column in columns))
    # Decisions between copies were made on lists. They are made anew, from the signatures that are kept.
    if _has_lists(tables, schemas.DUPLICATES):
        found = True
        tables.drop(schemas.DUPLICATES)
    for name in names:
        if _has_lists(tables, name) and (table := tables.find(name)) is not None:
            found = True
            table.drop_columns([_LISTS])
    return found


def _has_lists(tables: Tables, name: str) -> bool:
    table = tables.find(name)
    return table is not None and _LISTS in table.schema.names


def _nullable(table: Table) -> list[str]:
    """Columns that have been added and may still be null."""
    added = {"access", "chunks_access", *WORD_COLUMNS}
    return [field.name for field in table.schema if field.name in added and field.nullable]


def _add_classes(table: Table, classes: pa.Table, columns: list[str]) -> None:
    """Adds columns that hold the class of each row's document. The other columns are not written again.

    Args:
        classes: `doc_id` and `access`, of every document that the table names.
    """
    import pyarrow as pa

    added = pa.table({"doc_id": classes["doc_id"], **dict.fromkeys(columns, classes["access"])})
    table.to_lance().merge(added, "doc_id")


def add_words(head: Table, ledger: Table | None) -> None:
    """Adds to chunks that were embedded without context what says so, and the words that full text is searched by.

    The table is streamed: what stays in memory are the titles and paths of its documents.
    """
    import lance
    import pyarrow as pa

    rows = [] if ledger is None else ledger.search().select(["doc_id", "title", "path"]).to_arrow().to_pylist()
    called = {row["doc_id"]: (_title(row), row["path"]) for row in rows}
    schema = schemas.chunk_rows()

    def made(batch: pa.RecordBatch) -> pa.RecordBatch:
        said = [_words_of(row, *called.get(row["doc_id"], ("", ""))) for row in batch.to_pylist()]
        columns = [pa.array([row[name] for row in said], pa.string()) for name in WORD_COLUMNS]
        return pa.RecordBatch.from_arrays(columns, names=list(WORD_COLUMNS))

    added = pa.schema([schema.field(name).with_nullable(True) for name in WORD_COLUMNS])
    making = lance.batch_udf(output_schema=added)(made)
    head.to_lance().add_columns(making, read_columns=["doc_id", "text", "text_hash", "headings"])
    head.checkout_latest()


def _title(row: Mapping[str, Any]) -> str:
    title = row["title"] or ""
    return title if is_title(title) and title != PurePosixPath(row["path"]).name else ""


def _words_of(row: Mapping[str, Any], title: str, path: str) -> dict[str, str]:
    around = Surroundings(title, path, language_of_text(row["text"]))
    words = around.words(row["headings"], row["text"])
    return {"context": "", "embedded_hash": row["text_hash"], "language": around.language, "words": words}


def _classes_of_documents(run: RefreshRun, ledger: Table) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    held = ledger.search().select(["doc_id", "source", "path", _LISTS]).to_arrow()
    known = classes_now(run, held)
    rest = held.filter(pc.invert(pc.is_in(held["doc_id"], value_set=known["doc_id"].combine_chunks())))
    # Documents of a source that the settings do not name any more keep their lists, each as a class of its own.
    scopes: dict[str, Scope] = {}
    parts = [known]
    for batch in rest.to_batches(_ROWS_AT_ONCE):
        access = []
        for row in batch.select(["source", _LISTS]).to_pylist():
            rule = json.dumps(sorted(set(row[_LISTS])), ensure_ascii=False)
            scope = Scope(class_id(run.corpus, row["source"], rule), row["source"], rule, Expression.of(row[_LISTS]))
            scopes[scope.access] = scope
            access.append(scope.access)
        parts.append(pa.table({"doc_id": batch["doc_id"], "access": pa.array(access, pa.string())}))
    record_scopes(
        run.store, run.corpus, scopes.values(), published=0, decided=0, now=datetime.now(UTC), run_id=run.run_id
    )
    return pa.concat_tables(parts)


def _classes_of_chunks(head: Table, ledger: Table | None) -> pa.Table:
    """The classes of the documents that a chunk table names; one that the ledger does not has none, for nobody."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [batch.column("doc_id").unique() for batch in head.search().select(["doc_id"]).to_batches()]
    ids = pa.chunked_array(parts, pa.string()).unique()
    empty = {"doc_id": pa.array([], pa.string()), "access": pa.array([], pa.string())}
    held = pa.table(empty) if ledger is None else ledger.search().select(["doc_id", "access"]).to_arrow()
    joined = pa.table({"doc_id": ids}).join(held, keys="doc_id")
    return joined.set_column(1, "access", pc.fill_null(joined["access"], ""))
