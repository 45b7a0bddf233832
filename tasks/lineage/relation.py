"""The relation between things and what they were made from: compact, append-only, in both directions one query.

Nothing is written that the tables say already: where each example comes from stands with the example, what a release
holds stands in the ledger version that it names. But those are cleaned up one day, and nobody should have to open every
version to learn which of them hold a document. So there is one row where something begins or ceases to be so:

| kind | child | parent | `version` |
|---|---|---|---|
| `corpus>release` | release | corpus | of the ledger; `change` is `whole`, `since` or `unread` |
| `document>release` | release | document | its content hash; `change` is `from` or `until` |
| `bytes>document` | document version | file | the source's version of it |
| `file>version` | dataset version | file | its version; `examples` hold something of it |
| `document>version` | dataset version | document | its content hash; `examples` hold something of it |
| `version>export` | export | dataset version | SHA-256 of its manifest |

A release's row says `since` where its documents are told against the release before it: a document stays in from its
`from` until its `until`. With `whole`, all of them are told anew, and what is not among them ends there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.errors import StoreError
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import begins, both, equals

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.store.tables import Store

LINEAGE = "lineage"
AT_ONCE = 200_000
"""Documents of a ledger that are compared at a time."""

Kind = Literal[
    "corpus>release", "document>release", "bytes>document", "file>version", "document>version", "version>export"
]
_HEX = "0123456789abcdef"
_SERVED = "content_hash IS NOT NULL AND duplicate_of IS NULL"
"""Documents whose own chunks are in a release."""


def lineage() -> pa.Schema:
    """A row: `child` was made from `parent`, as the table above says. `path` is the parent's within its source.

    `run` is the run that put it on record, which need not be the one that made the child.
    """
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            pa.field("child", text, nullable=False),
            pa.field("parent", text, nullable=False),
            pa.field("kind", text, nullable=False),
            pa.field("version", text),
            pa.field("change", text),
            pa.field("path", text),
            pa.field("examples", pa.int64()),
            pa.field("run", text, nullable=False),
            pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        ]
    )


def corpus_id(corpus: str) -> str:
    return f"corpus:{corpus}"


def release_id(corpus: str, release: int) -> str:
    return f"release:{corpus}/{release}"


def document_id(corpus: str | None, doc_id: str) -> str:
    """A document of a corpus; without one, a document that a file of rows names: then `doc_id` is `URI#name`."""
    return f"document:{corpus or ''}/{doc_id}"


def file_id(uri: str) -> str:
    return f"file:{uri}"


def version_id(dataset: str, version: str) -> str:
    return f"version:{dataset}/{version}"


def export_id(dataset: str, version: str, kind: str) -> str:
    return f"export:{dataset}/{version}/{kind}"


def record_releases(store: Store, corpus: str, *, run: str, now: datetime) -> list[int]:
    """Puts on record what the published releases hold that are not on record yet, and returns their numbers.

    One commit a release. One that was published by a run that was killed then, or on a person's word, is caught up
    with. Memory follows the documents that changed, and `AT_ONCE`. Call it within the writer's lock.
    """
    known = _recorded(store, corpus)
    written = []
    before: tuple[int, int] | None = None
    for release, ledger in _published(store, corpus):
        if release not in known:
            # What was cleaned up before it was put on record cannot be told against.
            previous = None if before is None or known.get(before[0]) == "unread" else before[1]
            known[release] = _record_release(store, corpus, release, ledger, previous, run, now)
            written.append(release)
        before = release, ledger
    return written


def record_version(
    store: Store, dataset: str, version: str, *, table_version: int, exports: Iterable[Mapping[str, str]] = (),
    run: str, now: datetime,
) -> int:  # fmt: skip
    """Puts on record which files and documents a dataset version holds examples of, and its exports.

    Doing it again adds what is missing: nothing, or exports that were written since. One commit.

    Args:
        table_version: of the dataset's table of examples.
        exports: `kind` and `manifest` of each, as in the row of `schemas.dataset_versions`.

    Returns:
        How many rows were written.

    Raises:
        StoreError: the table's version is gone.
    """
    me = version_id(dataset, version)
    common = {"run": run, "at": now}
    table = store.ledger.find(LINEAGE)
    held = 0 if table is None else table.count_rows(equals("child", me))
    rows: list[dict[str, Any]] = []
    if not held:
        counted = _count_origins(store, dataset, table_version)
        rows += [
            _row(me, file_id(uri), "file>version", version=at, examples=n, **common)
            for (uri, at), n in sorted(counted.files.items())
        ]
        rows += [
            _row(me, document_id(corpus, doc), "document>version", version=at, path=name, examples=n, **common)
            for (corpus, doc, at, name), n in sorted(counted.documents.items(), key=str)
        ]
    told = set() if table is None else {
        row["child"]
        for row in table.search().where(both(equals("parent", me), equals("kind", "version>export"))).to_list()
    }  # fmt: skip
    for one in exports:
        child = export_id(dataset, version, one["kind"])
        if child not in told:
            rows.append(_row(child, me, "version>export", version=one.get("manifest"), path=one.get("path"), **common))
    if rows:
        store.ledger.append(LINEAGE, lineage(), rows)
    return len(rows)


def _row(child: str, parent: str, kind: Kind, **more: Any) -> dict[str, Any]:
    return {"child": child, "parent": parent, "kind": kind, **more}


def _published(store: Store, corpus: str) -> list[tuple[int, int]]:
    """Number and ledger version of each published release, in order. A rollback is an earlier one again."""
    table = store.ledger.find(schemas.RELEASES)
    if table is None:
        return []
    where = f"{both(equals('corpus', corpus), equals('outcome', 'published'))} AND rollback_of IS NULL"
    rows = table.search().where(where).select(["release", "ledger_version"]).to_list()
    return sorted((row["release"], row["ledger_version"]) for row in rows)


def _recorded(store: Store, corpus: str) -> dict[int, str]:
    """Releases on record, and how their documents are told."""
    table = store.ledger.find(LINEAGE)
    if table is None:
        return {}
    where = both(equals("parent", corpus_id(corpus)), equals("kind", "corpus>release"))
    rows = table.search().where(where).select(["child", "change"]).to_list()
    return {release_number(row["child"]): row["change"] for row in rows}


def release_number(child: str) -> int:
    return int(child.rpartition("/")[2])


def _record_release(
    store: Store, corpus: str, release: int, ledger: int, previous: int | None, run: str, now: datetime
) -> str:
    """Writes a release's rows in one commit, and returns how they are told."""
    import pyarrow as pa

    told = "whole"
    if previous is not None and _is_there(store, corpus, previous):
        told = "since"
    if not _is_there(store, corpus, ledger):
        told = "unread"
    common = {"run": run, "at": now}
    marker = _row(
        release_id(corpus, release), corpus_id(corpus), "corpus>release", version=str(ledger), change=told, **common
    )

    def batches() -> Iterator[pa.RecordBatch]:
        yield from pa.Table.from_pylist([marker], lineage()).to_batches()
        if told == "unread" or (told == "since" and previous == ledger):
            return
        for part in _parts(store, corpus, ledger):
            now_held = _served(store, corpus, ledger, part)
            before = _served(store, corpus, previous, part) if told == "since" and previous is not None else None
            for table in _edges(corpus, release, now_held, before, run, now):
                yield from table.to_batches()

    reader = pa.RecordBatchReader.from_batches(lineage(), batches())
    store.ledger.open(LINEAGE, lineage()).add(reader)
    return told


def _is_there(store: Store, corpus: str, ledger: int) -> bool:
    try:
        store.corpus(corpus).at(schemas.DOCUMENTS, ledger)
    except StoreError:
        return False
    return True


def _parts(store: Store, corpus: str, ledger: int) -> list[str]:
    """Beginnings of ids that part a ledger into pieces of some `AT_ONCE` documents at most. Ids are hexadecimal."""
    rows = store.corpus(corpus).at(schemas.DOCUMENTS, ledger).count_rows()
    parts = [""]
    while rows > AT_ONCE * len(parts):
        parts = [part + digit for part in parts for digit in _HEX]
    return parts


def _served(store: Store, corpus: str, ledger: int, part: str) -> pa.Table:
    columns = ["doc_id", "content_hash", "source_version", "uri", "path"]
    where = both(_SERVED, begins("doc_id", part)) if part else _SERVED
    return store.corpus(corpus).at(schemas.DOCUMENTS, ledger).search().where(where).select(columns).to_arrow()


def _edges(
    corpus: str, release: int, held: pa.Table, before: pa.Table | None, run: str, now: datetime
) -> Iterator[pa.Table]:
    """Rows for what came, changed and went between two states of a ledger; for all of it where there is none before."""
    import pyarrow.compute as pc

    came = held
    if before is not None:
        old = before.select(["doc_id", "content_hash"]).rename_columns(["doc_id", "old"])
        joined = held.join(old, "doc_id", join_type="left outer")
        same = pc.fill_null(pc.equal(joined["content_hash"], joined["old"]), False)
        came = joined.filter(pc.invert(same))
        gone = before.join(held.select(["doc_id"]), "doc_id", join_type="left anti").sort_by("doc_id")
        yield _table(gone, release_id(corpus, release), _prefixed(corpus, gone), "document>release", "until", run, now)
    came = came.sort_by("doc_id")
    documents = _prefixed(corpus, came)
    yield _table(came, release_id(corpus, release), documents, "document>release", "from", run, now)
    versions = pc.binary_join_element_wise(documents, came["content_hash"], "@")
    files = pc.binary_join_element_wise("file:", came["uri"], "")
    yield _table(came, versions, files, "bytes>document", None, run, now)


def _prefixed(corpus: str, table: pa.Table) -> Any:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(document_id(corpus, ""), table["doc_id"], "")


def _table(table: pa.Table, child: Any, parent: Any, kind: Kind, change: str | None, run: str, now: datetime) -> Any:
    import pyarrow as pa

    schema, rows = lineage(), table.num_rows
    version = table["source_version" if kind == "bytes>document" else "content_hash"]
    values = {
        "child": child, "parent": parent, "kind": kind, "version": version, "change": change, "path": table["path"],
        "examples": None, "run": run, "at": now,
    }  # fmt: skip
    columns = []
    for name in schema.names:
        value, kind_of = values[name], schema.field(name).type
        is_column = isinstance(value, pa.Array | pa.ChunkedArray)
        columns.append(value.cast(kind_of) if is_column else pa.repeat(pa.scalar(value, kind_of), rows))
    return pa.table(columns, schema=schema)


@dataclass
class _Counted:
    """In how many examples something of a file, or of a document, stands."""

    files: dict[tuple[str, str], int] = field(default_factory=dict)
    documents: dict[tuple[str | None, str, str | None, str | None], int] = field(default_factory=dict)

    def add(self, corpus: str | None, document: str, version: str | None, name: str | None, examples: int) -> None:
        key = corpus, document, version, name
        self.documents[key] = self.documents.get(key, 0) + examples


def _count_origins(store: Store, dataset: str, table_version: int) -> _Counted:
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = _Counted()
    table = store.dataset(dataset).at(schemas.EXAMPLES, table_version)
    for batch in table.search().select(["origins"]).to_batches(8192):
        lists = batch.column("origins")
        flat = pa.Table.from_struct_array(pc.list_flatten(lists)).append_column("row", pc.list_parent_indices(lists))
        for row in _distinct(flat, ["uri", "source_version"]):
            key = row["uri"], row["source_version"]
            counted.files[key] = counted.files.get(key, 0) + row["row_count"]
        in_corpus = flat.filter(pc.is_valid(flat["corpus"]))
        for row in _distinct(in_corpus, ["corpus", "doc_id", "doc_version", "document"]):
            counted.add(row["corpus"], row["doc_id"], row["doc_version"], row["document"], row["row_count"])
        named = flat.filter(pc.and_(pc.is_null(flat["corpus"]), pc.is_valid(flat["document"])))
        for row in _distinct(named, ["uri", "source_version", "document"]):
            who = f"{row['uri']}#{row['document']}"
            counted.add(None, who, row["source_version"], row["document"], row["row_count"])
    return counted


def _distinct(origins: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    """Each combination of the keys, and in how many rows it occurs."""
    once = origins.group_by([*keys, "row"]).aggregate([])
    found: list[dict[str, Any]] = once.group_by(keys).aggregate([("row", "count")]).to_pylist()
    return found
