"""Traces of what corpora hold: from a chunk back to its bytes, from a document forward to every release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.access_classes import in_force, list_classes, mark_column, mark_of, meaning_of
from freshet.tasks.ledger.releases import decided_corpora, find_standing, list_releases, published_releases
from freshet.tasks.lineage.relation import corpus_id, document_id, file_id, release_number
from freshet.tasks.lineage.trace_datasets import holding
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import begins, both, equals

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.store.tables import Store

Found = dict[str, Any]

_FACTS = [
    "doc_id", "source", "path", "uri", "owner", "licence", "uses", "content_hash", "source_version", "duplicate_of",
]  # fmt: skip


def find_chunk(store: Store, chunk_id: str, corpus: str | None) -> Found | None:
    """The trace of a chunk by its id: in the newest release that holds it; None where none does."""
    for name in [corpus] if corpus is not None else decided_corpora(store):
        where, found = equals("chunk_id", chunk_id), None
        seen: dict[tuple[str, int], Found | None] = {}
        releases: list[int] = []
        for release in (published := published_releases(list_releases(store, name))):
            key = release.table, release.table_version
            if key not in seen:
                seen[key] = _chunk_at(store, name, *key, where)
            if (row := seen[key]) is None:
                continue
            releases.append(release.release)
            if found is None:
                document = _document_at(store, name, release.ledger_version, row["doc_id"])
                found = {"thing": "chunk", "corpus": name, "chunk_id": chunk_id, "document": document, **row}
        if found is not None:
            current = published[0].release
            return {**found, "releases": sorted(releases), "live": current in releases, "live_release": current}
    return None


def _chunk_at(store: Store, corpus: str, name: str, version: int, where: str) -> Found | None:
    try:
        table = store.corpus(corpus).at(name, version)
    except StoreError:
        return None
    columns = ["doc_id", "ordinal", "start", "end", "page_first", "page_last"]
    rows: list[Found] = table.search().where(where).select(columns).limit(1).to_list()
    return rows[0] if rows else None


def _document_at(store: Store, corpus: str, ledger: int, doc_id: str) -> Found | None:
    try:
        table = store.corpus(corpus).at(schemas.DOCUMENTS, ledger)
    except StoreError:
        return None
    return _facts(store, corpus, table, doc_id)


def _facts(store: Store, corpus: str, ledger: Table, doc_id: str, *more: str) -> Found | None:
    """What a state of the ledger says of a document, and as `acl` who may see that state of it now."""
    columns = [*_FACTS, *more, mark_column(ledger)]
    rows: list[Found] = ledger.search().where(equals("doc_id", doc_id)).select(columns).limit(1).to_list()
    if not rows:
        return None
    standing = find_standing(store, corpus)
    expressions = in_force(list_classes(store, corpus), standing.published if standing else 0)
    return {**rows[0], "acl": meaning_of(mark_of(rows[0]), expressions).said}


def find_documents(store: Store, thing: str, corpus: str | None) -> list[Found]:
    """Traces of the documents with this path, URI, id or content hash, also of those that were withdrawn."""
    found = []
    for name in [corpus] if corpus is not None else decided_corpora(store):
        found += [_trace_document(store, name, doc_id) for doc_id in sorted(set(_ids_of(store, name, thing)))]
    return found


def _ids_of(store: Store, corpus: str, thing: str) -> Iterator[str]:
    named = " OR ".join(equals(column, thing) for column in ("doc_id", "path", "uri", "content_hash"))
    yield from (row["doc_id"] for row in store.corpus(corpus).rows(schemas.DOCUMENTS, named, ["doc_id"]))
    prefix = document_id(corpus, "")
    named = f"({equals('path', thing)}) OR ({equals('parent', prefix + thing)}) OR ({equals('version', thing)})"
    where = both(both(named, equals("kind", "document>release")), begins("parent", prefix))
    yield from (row["parent"][len(prefix) :] for row in store.ledger.rows(schemas.LINEAGE, where, ["parent"]))
    where = both(equals("parent", file_id(thing)), begins("child", prefix))
    for row in store.ledger.rows(schemas.LINEAGE, where, ["child"]):
        yield row["child"][len(prefix) :].partition("@")[0]


def _trace_document(store: Store, corpus: str, doc_id: str) -> Found:
    ledger = store.corpus(corpus).find(schemas.DOCUMENTS)
    bytes_of = _bytes_of(store, corpus, doc_id)
    now = None if ledger is None else _facts(store, corpus, ledger, doc_id, "verified_at")
    releases = published_releases(list_releases(store, corpus))
    history = _history(store, releases, corpus, doc_id)
    held = {one.release: history.get(one.rollback_of or one.release) for one in releases}
    kept = {number: what for number, what in held.items() if what not in (None, "?")}
    versions = [
        {
            "content_hash": what,
            **bytes_of.get(what, {"uri": None, "path": None, "source_version": None}),
            "releases": sorted(number for number, one in kept.items() if one == what),
        }
        for what in dict.fromkeys(kept[number] for number in sorted(kept))
    ]
    if now is not None:
        now["verified_at"] = now["verified_at"].isoformat()
    last = versions[-1] if versions else {}
    return {
        "thing": "document",
        "corpus": corpus,
        "doc_id": doc_id,
        "path": now["path"] if now else last.get("path"),
        "uri": now["uri"] if now else last.get("uri"),
        "now": now,
        "withdrawn": now is None,
        "live": bool(releases) and releases[0].release in kept,
        "live_release": releases[0].release if releases else None,
        "releases": sorted(kept),
        "unknown_releases": sorted(number for number, what in held.items() if what == "?"),
        "versions": versions,
        "datasets": holding(store, [document_id(corpus, doc_id)]),
    }


def _history(store: Store, releases: Sequence[Release], corpus: str, doc_id: str) -> dict[int, str | None]:
    """Content hash of the document in each release that is no rollback: None where it is not in, `?` if unknown."""
    where = both(equals("parent", corpus_id(corpus)), equals("kind", "corpus>release"))
    rows = store.ledger.rows(schemas.LINEAGE, where, ["child", "change"])
    told = {release_number(row["child"]): row["change"] for row in rows}
    where = both(equals("parent", document_id(corpus, doc_id)), equals("kind", "document>release"))
    rows = store.ledger.rows(schemas.LINEAGE, where, ["child", "change", "version"])
    changes = {release_number(row["child"]): row for row in rows}
    history: dict[int, str | None] = {}
    holds: str | None = None
    for release in reversed(releases):
        number = release.release
        if release.rollback_of is not None:
            continue
        if number not in told:
            # Published by a run that was killed before it could be put on record.
            there = _document_at(store, corpus, release.ledger_version, doc_id)
            holds = there["content_hash"] if there and there["duplicate_of"] is None else None
        elif told[number] == "unread":
            holds = "?"
        elif number in changes:
            holds = changes[number]["version"] if changes[number]["change"] == "from" else None
        elif told[number] == "whole":
            holds = None
        history[number] = holds
    return history


def _bytes_of(store: Store, corpus: str, doc_id: str) -> dict[str, Found]:
    """By content hash: the file that a document's version was read from, and the source's version of it."""
    prefix = f"{document_id(corpus, doc_id)}@"
    rows = store.ledger.rows(schemas.LINEAGE, begins("child", prefix), ["child", "parent", "version", "path"])
    return {
        row["child"][len(prefix) :]: {
            "uri": row["parent"].partition(":")[2],
            "path": row["path"],
            "source_version": row["version"],
        }
        for row in rows
    }


def known_places(store: Store, corpus: str | None) -> Iterator[str]:
    """Paths of the documents that corpora hold now, and of those that releases held once."""
    for name in [corpus] if corpus is not None else decided_corpora(store):
        ledger = store.corpus(name).find(schemas.DOCUMENTS)
        if ledger is not None:
            for batch in ledger.search().select(["path"]).to_batches(8192):
                yield from batch.column("path").to_pylist()
    table = store.ledger.find(schemas.LINEAGE)
    if table is not None:
        for batch in table.search().where("change = 'until'").select(["path"]).to_batches(8192):
            yield from batch.column("path").to_pylist()
