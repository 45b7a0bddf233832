"""Puts on record which documents each release holds, as its difference to the release before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.releases import list_releases, published_releases
from freshet.tasks.lineage.relation import Kind, corpus_id, document_id, relation_row, release_id, release_number
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import begins, both, equals
from freshet.tasks.store.schemas import LINEAGE, lineage

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.store.tables import Store

AT_ONCE = 200_000
"""Documents of a ledger that are compared at a time: memory follows this, not the size of the corpus."""

_HEX = "0123456789abcdef"
_SERVED = "content_hash IS NOT NULL AND duplicate_of IS NULL"
"""Documents whose own chunks are in a release."""


def record_releases(store: Store, corpus: str, *, run: str, now: datetime) -> list[int]:
    """Puts on record what the published releases hold that are not on record yet, and returns their numbers.

    Each release is one commit. A release whose run was killed after it was published, or that was published on a
    person's word, is caught up with. Memory follows the documents that changed, and `AT_ONCE`. The caller holds the
    writer's lock of the corpus.
    """
    recorded = _recorded(store, corpus)
    written = []
    before: tuple[int, int] | None = None
    for release, ledger in _published(store, corpus):
        if release not in recorded:
            # What was cleaned up before it was put on record cannot be compared with.
            previous = None if before is None or recorded.get(before[0]) == "unread" else before[1]
            recorded[release] = _record_release(store, corpus, release, ledger, previous, run, now)
            written.append(release)
        before = release, ledger
    return written


def _published(store: Store, corpus: str) -> list[tuple[int, int]]:
    """Number and ledger version of each published release, in order. A rollback is an earlier one again."""
    published = published_releases(list_releases(store, corpus))
    return sorted((one.release, one.ledger_version) for one in published if one.rollback_of is None)


def _recorded(store: Store, corpus: str) -> dict[int, str]:
    """The `change` of each release on record, by its number."""
    table = store.ledger.find(LINEAGE)
    if table is None:
        return {}
    where = both(equals("parent", corpus_id(corpus)), equals("kind", "corpus>release"))
    rows = table.search().where(where).select(["child", "change"]).to_list()
    return {release_number(row["child"]): row["change"] for row in rows}


def _record_release(
    store: Store, corpus: str, release: int, ledger: int, previous: int | None, run: str, now: datetime
) -> str:
    """Writes a release's rows in one commit, and returns its `change`.

    Args:
        ledger, previous: versions of the ledger, of this release and of the one before; None to list all anew.
    """
    import pyarrow as pa

    change = "whole"
    if previous is not None and _is_readable(store, corpus, previous):
        change = "since"
    if not _is_readable(store, corpus, ledger):
        change = "unread"
    marker = relation_row(
        release_id(corpus, release), corpus_id(corpus), "corpus>release",
        version=str(ledger), change=change, run=run, at=now,
    )  # fmt: skip

    def batches() -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pylist([marker], lineage()).to_batches()
        if change == "unread" or (change == "since" and previous == ledger):
            return
        for prefix in _id_prefixes(store, corpus, ledger):
            held = _served(store, corpus, ledger, prefix)
            before = _served(store, corpus, previous, prefix) if change == "since" and previous is not None else None
            for rows in _difference(corpus, release, held, before, run, now):
                yield from rows.to_batches()

    reader = pa.RecordBatchReader.from_batches(lineage(), batches())
    store.ledger.open(LINEAGE, lineage()).add(reader)
    return change


def _is_readable(store: Store, corpus: str, ledger: int) -> bool:
    """Whether a version of the ledger has not been cleaned up."""
    try:
        store.corpus(corpus).at(schemas.DOCUMENTS, ledger)
    except StoreError:
        return False
    return True


def _id_prefixes(store: Store, corpus: str, ledger: int) -> list[str]:
    """Beginnings of ids, each of some `AT_ONCE` documents at most. Ids are hashes in hexadecimal, so they are even."""
    rows = store.corpus(corpus).at(schemas.DOCUMENTS, ledger).count_rows()
    prefixes = [""]
    while rows > AT_ONCE * len(prefixes):
        prefixes = [prefix + digit for prefix in prefixes for digit in _HEX]
    return prefixes


def _served(store: Store, corpus: str, ledger: int, prefix: str) -> pa.Table:
    """The documents of a version of the ledger whose own chunks are served and whose ids begin so."""
    columns = ["doc_id", "content_hash", "source_version", "uri", "path"]
    where = both(_SERVED, begins("doc_id", prefix)) if prefix else _SERVED
    return store.corpus(corpus).at(schemas.DOCUMENTS, ledger).search().where(where).select(columns).to_arrow()


def _difference(
    corpus: str, release: int, held: pa.Table, before: pa.Table | None, run: str, now: datetime
) -> Iterator[pa.Table]:
    """Rows for what came, changed and went between two states of a ledger; for all of it where there is none before."""
    import pyarrow.compute as pc

    me, came = release_id(corpus, release), held
    if before is not None:
        old = before.select(["doc_id", "content_hash"]).rename_columns(["doc_id", "old"])
        joined = held.join(old, "doc_id", join_type="left outer")
        mask = pc.fill_null(pc.equal(joined["content_hash"], joined["old"]), False)
        came = joined.filter(pc.invert(mask))
        gone = before.join(held.select(["doc_id"]), "doc_id", join_type="left anti").sort_by("doc_id")
        yield _relation_rows(gone, me, _document_ids(corpus, gone), "document>release", "until", run, now)
    came = came.sort_by("doc_id")
    documents = _document_ids(corpus, came)
    yield _relation_rows(came, me, documents, "document>release", "from", run, now)
    versions = pc.binary_join_element_wise(documents, came["content_hash"], "@")
    files = pc.binary_join_element_wise("file:", came["uri"], "")
    yield _relation_rows(came, versions, files, "bytes>document", None, run, now)


def _document_ids(corpus: str, documents: pa.Table) -> Any:
    """`document_id` of each document, as a column."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(document_id(corpus, ""), documents["doc_id"], "")


def _relation_rows(
    documents: pa.Table, child: Any, parent: Any, kind: Kind, change: str | None, run: str, now: datetime
) -> pa.Table:
    """A row of the relation for each document; `child` and `parent` are one value for all, or a column."""
    import pyarrow as pa

    schema, rows = lineage(), documents.num_rows
    version = documents["source_version" if kind == "bytes>document" else "content_hash"]
    values = {
        "child": child, "parent": parent, "kind": kind, "version": version, "change": change, "path": documents["path"],
        "examples": None, "run": run, "at": now,
    }  # fmt: skip
    columns = []
    for name in schema.names:
        value, column_type = values[name], schema.field(name).type
        is_column = isinstance(value, pa.Array | pa.ChunkedArray)
        columns.append(value.cast(column_type) if is_column else pa.repeat(pa.scalar(value, column_type), rows))
    return pa.table(columns, schema=schema)
