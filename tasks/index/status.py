"""What the store holds of a corpus and of a document, for people who ask."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tasks import schemas
from tasks.errors import StoreError
from tasks.index.release import list_releases, live_release
from tasks.lineage.freshness import MOMENTS, is_marked_stale, staleness
from tasks.lineage.quarantine import IN_QUARANTINE
from tasks.predicates import equals

if TYPE_CHECKING:
    from tasks.store import Store


def corpus_status(store: Store, corpus: str, now: datetime) -> dict[str, Any]:
    """A corpus's live release, size, stale and quarantined documents, and last refresh; None where there is none."""
    live = live_release(list_releases(store, corpus))
    ledger = store.corpus(corpus).find(schemas.DOCUMENTS)
    stale = 0
    if ledger is not None:
        served = ledger.search().where("content_hash IS NOT NULL")
        columns = ["seen_hash", "content_hash", "verdicts", *MOMENTS.values()]
        for batch in served.select(columns).to_batches():
            stale += sum(_is_stale(row, now) for row in batch.to_pylist())
    return {
        "corpus": corpus,
        "release": live.release if live else None,
        "published_at": live.published_at if live else None,
        "documents": live.documents if live else 0,
        "chunks": live.chunks if live else 0,
        "stale": stale,
        "quarantined": ledger.count_rows(IN_QUARANTINE) if ledger is not None else 0,
        "last_run": _last_run(store, corpus),
    }


def _is_stale(row: Mapping[str, Any], now: datetime) -> bool:
    outdated = row["seen_hash"] != row["content_hash"]
    return outdated or staleness(row, now) is not None or is_marked_stale(json.loads(row["verdicts"]))


def _last_run(store: Store, corpus: str) -> dict[str, Any] | None:
    runs = store.ledger.find(schemas.RUNS)
    columns = ["run_id", "outcome", "as_of", "ended_at", "full"]
    rows = [] if runs is None else runs.search().where(equals("corpus", corpus)).select(columns).to_list()
    return max(rows, key=lambda row: row["ended_at"], default=None)


def describe_document(store: Store, corpus: str, path: str, now: datetime) -> dict[str, Any]:
    """The ledger row, the verdicts and the chunks (without their text) of the document at a path or URI.

    Raises:
        StoreError: the ledger has none, or one in several sources.
    """
    tables = store.corpus(corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    named = f"({equals('path', path)}) OR ({equals('uri', path)})"
    rows = [] if ledger is None else ledger.search().where(named).to_list()
    if not rows:
        raise StoreError(f"corpus {corpus} holds no document {path!r}", f"Refresh it: freshet refresh {corpus}")
    if len(rows) > 1:
        uris = ", ".join(sorted(row["uri"] for row in rows))
        raise StoreError(f"{path!r} stands in several sources of {corpus}", f"Give one of these: {uris}")
    (row,) = rows
    verdicts = json.loads(row.pop("verdicts"))
    aged = staleness(row, now)
    chunks = tables.find(schemas.chunks_table(row["space"]))
    columns = ["chunk_id", "ordinal", "start", "end", "headings", "page_first", "page_last", "kinds", "tokens", "acl"]
    found = [] if chunks is None else chunks.search().where(equals("doc_id", row["doc_id"])).select(columns).to_list()
    return {
        "document": row,
        "verdicts": [*verdicts, *([aged.as_dict()] if aged else [])],
        "chunks": sorted(found, key=lambda chunk: chunk["ordinal"]),
    }
