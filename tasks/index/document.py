"""What the store holds of one document, for people who ask."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.elements import from_json
from freshet.tasks.documents.keep import element_id, find_parsed, find_parsed_by_content
from freshet.tasks.errors import StoreError
from freshet.tasks.governance.freshness import staleness
from freshet.tasks.ledger.access_classes import in_force, list_classes, mark_column, mark_of, meaning_of
from freshet.tasks.ledger.releases import find_standing
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.settings.types import composed
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def describe_document(store: Store, corpus: str, path: str, now: datetime) -> dict[str, Any]:
    """The ledger row, the verdicts and the chunks (without their text) of the document at a path or URI.

    The row has `acl` as well: who may see the document now, in the form that the settings have.

    Raises:
        StoreError: the ledger has none, or one in several sources.
    """
    tables, row = store.corpus(corpus), _ledger_row(store, corpus, path)
    standing = find_standing(store, corpus)
    expressions = in_force(list_classes(store, corpus), standing.published if standing else 0)
    row["acl"] = meaning_of(mark_of(row), expressions).said
    verdicts = json.loads(row.pop("verdicts"))
    aged = staleness(row, now)
    chunks = tables.find(schemas.chunks_table(row["space"]))
    columns = ["chunk_id", "ordinal", "start", "end", "headings", "page_first", "page_last", "kinds", "tokens"]
    columns += [] if chunks is None else [mark_column(chunks)]
    found = [] if chunks is None else chunks.search().where(equals("doc_id", row["doc_id"])).select(columns).to_list()
    return {
        "document": row,
        "verdicts": [*verdicts, *([aged.as_dict()] if aged else [])],
        "chunks": sorted(found, key=lambda chunk: chunk["ordinal"]),
    }


def what_was_read(store: Store, corpus: str, path: str) -> dict[str, Any]:
    """The text that was read of the document at a path or URI, and what of its file was not.

    Returns:
        `path`, `text`, `coverage` (`words`, `share`, `missing`; or `error`; None where it was not compared) and
        `left_out` (kind → how many parts cannot be read).

    Raises:
        StoreError: the ledger has none, or one in several sources; or no text of it is kept.
    """
    row = _ledger_row(store, corpus, path)
    content, tables = row["content_hash"] or row["seen_hash"] or "", store.corpus(corpus)
    own = element_id(content, row["parser"] or "")
    kept = find_parsed(tables, [own]).get(own) or find_parsed_by_content(tables, [content]).get(content)
    if kept is None:
        raise StoreError(
            escaped(f"corpus {corpus} keeps no text of {row['path']}: nothing of it could be read"),
            escaped(f"See why: freshet document {corpus} {row['path']}"),
        )
    parsed = from_json(kept)
    coverage = dict(parsed.properties.get("coverage") or {})
    coverage.pop("unread", None)
    return {
        "path": row["path"],
        "text": parsed.text,
        "coverage": {"missing": [], **coverage} if "share" in coverage else coverage or None,
        "left_out": parsed.properties.get("left_out", {}),
    }


def _ledger_row(store: Store, corpus: str, path: str) -> dict[str, Any]:
    path = composed(path)
    ledger = store.corpus(corpus).find(schemas.DOCUMENTS)
    named = " OR ".join(f"({equals(column, path)})" for column in ("path", "uri", "doc_id"))
    rows: list[dict[str, Any]] = [] if ledger is None else ledger.search().where(named).to_list()
    if not rows:
        raise StoreError(f"corpus {corpus} holds no document {path!r}", f"Refresh it: freshet refresh {corpus}")
    if len(rows) > 1:
        uris = ", ".join(sorted(row["uri"] for row in rows))
        raise StoreError(f"{path!r} stands in several sources of {corpus}", escaped(f"Give one of these: {uris}"))
    return rows[0]
