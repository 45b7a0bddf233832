"""Brings who may see what up to what the settings say: before a source is listed, and whatever becomes of the listing.

What an access class means is one row of the ledger. A document that comes into another class is narrowed at once by
its row of the document ledger, which every search looks up; its chunks follow afterwards, without embedding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.sources.of_corpus import sources_by_name
from freshet.tasks.governance.policy import column_of_classes, scopes_of
from freshet.tasks.ledger.access_classes import list_classes, mark_column, record_scopes
from freshet.tasks.ledger.releases import list_releases, standing_of
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import merge_rows, update_rows
from freshet.tasks.store.predicates import IDS_PER_PREDICATE, both, is_any, is_none

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

ROWS_AT_ONCE = 20_000
"""Rows that are written in one commit, of the document ledger or, about, of chunks. Memory depends on it."""


@dataclass(frozen=True)
class AccessNews:
    """What no release has published yet of who may see what.

    Attributes:
        classes: ids of the access classes that mean something else.
        documents: how many documents are in one of those, or came into another class.
        moved: how many of those came into another class, so that their chunks are to follow.
        converted: whether tables of an earlier version of Freshet were converted.
    """

    classes: tuple[str, ...]
    documents: int
    moved: int
    converted: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether all is as readers have it already."""
        return not self.classes and not self.moved and not self.converted


def apply_access(run: RefreshRun) -> AccessNews:
    """Puts into force what the settings say now of who may see what, for all documents, listed or not.

    What narrows holds when this has returned; what widens waits for a release. Whatever is in force already is left
    alone, so that a run that was killed here is made up for by the next.
    """
    record_settings(run)
    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if ledger is not None:
        _restate(run, ledger)
    return access_news(run)


def record_settings(run: RefreshRun) -> None:
    """Puts on record what the settings say of each access class of the corpus."""
    releases = list_releases(run.store, run.corpus)
    standing = standing_of(releases)
    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    has_classes = standing is not None and ledger is not None and mark_column(ledger) == "access"
    record_scopes(
        run.store,
        run.corpus,
        [scope for source in run.settings.sources for scope in scopes_of(run.corpus, source)],
        published=standing.published if standing else 0,
        decided=max((one.release for one in releases), default=0),
        now=datetime.now(UTC),
        run_id=run.run_id,
        are_lost=has_classes and not list_classes(run.store, run.corpus),
    )


def classes_now(run: RefreshRun, documents: pa.Table) -> pa.Table:
    """The access class that the settings give each document: `doc_id` and `access`.

    A document whose source the settings do not name any more is left out: it keeps what it has until it is withdrawn.

    Args:
        documents: `doc_id`, `source`, `path`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [pa.table({"doc_id": pa.array([], pa.string()), "access": pa.array([], pa.string())})]
    for name, source in sources_by_name(run).items():
        own = documents.filter(pc.equal(documents["source"], name))
        access = column_of_classes(run.corpus, own["path"], source)
        parts.append(pa.table({"doc_id": own["doc_id"], "access": access}))
    return pa.concat_tables(parts)


def _restate(run: RefreshRun, ledger: Table) -> None:
    """Gives each row of the document ledger the class that the settings give its document."""
    import pyarrow.compute as pc

    held = ledger.search().select(["doc_id", "source", "path", "access"]).to_arrow()
    joined = classes_now(run, held).join(held.select(["doc_id", "access"]), keys="doc_id", right_suffix="_held")
    moved = joined.filter(pc.not_equal(joined["access"], joined["access_held"])).combine_chunks()
    if not moved.num_rows:
        return
    ids = moved["doc_id"].combine_chunks()
    # Very many rows are read faster by the class that they leave than by their ids.
    leaving = is_any("access", sorted(pc.unique(moved["access_held"]).to_pylist()))
    where = is_any("doc_id", ids.to_pylist()) if len(ids) <= IDS_PER_PREDICATE else leaving
    for rows in _rows_in_parts(run, ledger.version, where):
        places = pc.index_in(rows["doc_id"], value_set=ids)
        _merge_column(ledger, rows.filter(pc.is_valid(places)), "access", moved["access"].take(places.drop_null()))


def _rows_in_parts(run: RefreshRun, version: int, where: str) -> Iterator[pa.Table]:
    """Rows of a version of the document ledger, in tables of about ROWS_AT_ONCE rows. The head may change meanwhile."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    for batch in run.store.corpus(run.corpus).at(schemas.DOCUMENTS, version).search().where(where).to_batches():
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _merge_column(table: Table, rows: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> None:
    """Writes rows of a document ledger again, with another column."""
    if rows.num_rows:
        at = rows.column_names.index(name)
        merge_rows(table, "doc_id", rows.set_column(at, rows.schema.field(name), column))


def access_news(run: RefreshRun) -> AccessNews:
    """What no release has published yet of who may see what."""
    import pyarrow as pa
    import pyarrow.compute as pc

    standing = standing_of(list_releases(run.store, run.corpus))
    published = standing.published if standing else 0
    classes = list_classes(run.store, run.corpus)
    waiting = sorted(access for access, one in classes.items() if one.is_waiting(published))
    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if ledger is None:
        return AccessNews(tuple(waiting), 0, 0)
    rows = ledger.search().select(["access", "chunks_access"]).to_arrow()
    is_moved = pc.not_equal(rows["access"], rows["chunks_access"])
    is_other = pc.is_in(rows["access"], value_set=pa.array(waiting, pa.string()))
    documents, moved = (int(pc.sum(mask).as_py() or 0) for mask in (pc.or_(is_moved, is_other), is_moved))
    return AccessNews(tuple(waiting), documents, moved)


def restamp_chunks(run: RefreshRun) -> int:
    """Gives the chunks of documents that came into another access class that class, and returns how many those are.

    Nothing is embedded. Listed or not, every document is among them.
    """
    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return 0
    is_moved, columns = "access != chunks_access", ["doc_id", "access", "chunks"]
    moved = ledger.search().where(is_moved).select(columns).to_arrow().sort_by([("access", "ascending")])
    rows = (row for batch in moved.to_batches(ROWS_AT_ONCE) for row in batch.to_pylist())
    written = 0
    for access, of_class in groupby(rows, key=lambda row: str(row["access"])):
        for doc_ids in _in_parts_of_chunks(of_class):
            if head is not None:
                other = both(is_any("doc_id", doc_ids), is_none("access", [access]))
                written += update_rows(head, other, {"access": access})
    for part in _rows_in_parts(run, ledger.version, is_moved):
        _merge_column(ledger, part, "chunks_access", part["access"])
    return written


def _in_parts_of_chunks(documents: Iterable[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Ids of documents, so many at a time that they have about ROWS_AT_ONCE chunks."""
    part: list[str] = []
    chunks = 0
    for row in documents:
        part.append(row["doc_id"])
        chunks += row["chunks"]
        if chunks >= ROWS_AT_ONCE or len(part) >= ROWS_AT_ONCE:
            yield part
            part, chunks = [], 0
    if part:
        yield part
