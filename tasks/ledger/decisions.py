"""The `decisions` table of the ledger: what people decided about refused documents and releases, for good.

An acceptance lets one version of a document in although checks block it. It names that version, so that it ends when
the document changes. Where checks never saw a text, there is nothing to accept.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.expectations.fixed_rules import is_unread
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.governance.quarantine import IN_QUARANTINE
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.settings.types import composed
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals, is_any

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


DecisionKind = Literal["accept", "retry", "retried", "override"]


@dataclass(frozen=True)
class Decision:
    """A row of `schemas.decisions`.

    Attributes:
        kind: `accept` a refused version; `retry` it; `retried`, as a refresh did; `override` the gate.
        doc_id, path: the document; None for an override.
        content_hash: the version accepted, or the one refused last; None where none could be read.
        codes: the rules that this overrules.
        release: the decision of the gate that an override makes; None else.
        who, why: as they said it; `why` is None for a retry.
        at: when, with a time zone.
    """

    corpus: str
    kind: DecisionKind
    who: str
    at: datetime
    doc_id: str | None = None
    path: str | None = None
    content_hash: str | None = None
    codes: list[str] = field(default_factory=list)
    release: int | None = None
    why: str | None = None


def accept(store: Store, corpus: str, path: str, *, who: str, why: str, now: datetime) -> Decision:
    """Accepts the refused version of the document at a path or URI, in spite of what blocks it now.

    The next refresh lets it in. The acceptance ends when the document changes, or when another rule blocks it.

    Raises:
        StoreError: there is no such document in quarantine, or none of its text was ever read.
        SettingsError: `who` or `why` is empty.
    """
    row = find_refused(store, corpus, path)
    codes = _blocking(row)
    unread = [code for code in codes if is_unread(code)]
    if unread or not codes or row["seen_hash"] is None:
        under = ", ".join(unread) or "no rule"
        raise StoreError(
            escaped(f"{row['path']} cannot be accepted: under {under} there is no text to serve"),
            escaped(f"Mend the document, or try it again: freshet quarantine {corpus} retry {row['path']}"),
        )
    named = {"doc_id": row["doc_id"], "path": row["path"], "content_hash": row["seen_hash"]}
    return _record(store, Decision(corpus, "accept", said("who", who), now, **named, codes=codes, why=said("why", why)))


def retry(store: Store, corpus: str, path: str, *, who: str, now: datetime) -> Decision:
    """Has the next refresh read the refused document at a path or URI again, though it did not change.

    Raises:
        StoreError: there is no such document in quarantine.
        SettingsError: `who` is empty.
    """
    row = find_refused(store, corpus, path)
    named = {"doc_id": row["doc_id"], "path": row["path"], "content_hash": row["seen_hash"]}
    return _record(store, Decision(corpus, "retry", said("who", who), now, **named))


def override(
    store: Store, corpus: str, release: int, *, codes: Collection[str], who: str, why: str, now: datetime
) -> Decision:
    """Records that somebody publishes what the gate rejected; publishing is the caller's.

    Args:
        release: the number of the decision that publishes it.
        codes: the rules that blocked it.

    Raises:
        SettingsError: `who` or `why` is empty.
    """
    by, because = said("who", who), said("reason", why)
    return _record(store, Decision(corpus, "override", by, now, codes=sorted(codes), release=release, why=because))


def accepted(store: Store, corpus: str) -> dict[tuple[str, str], frozenset[str]]:
    """(doc_id, content_hash) → the rules in spite of which that version was accepted."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for one in list_decisions(store, corpus, kinds=["accept"]):
        assert one.doc_id is not None
        assert one.content_hash is not None
        key = one.doc_id, one.content_hash
        found[key] = found.get(key, frozenset()) | frozenset(one.codes)
    return found


def retried(store: Store, corpus: str, since: datetime | None = None) -> frozenset[str]:
    """Ids of documents that somebody wants tried again, after `since`, and that no refresh has tried yet."""
    waiting: dict[str, datetime] = {}
    for one in list_decisions(store, corpus, kinds=["retry", "retried"]):
        assert one.doc_id is not None
        if one.kind == "retry":
            waiting[one.doc_id] = one.at
        else:
            waiting.pop(one.doc_id, None)
    return frozenset(doc_id for doc_id, at in waiting.items() if since is None or at > since)


def read_again(store: Store, corpus: str) -> frozenset[str]:
    """Ids of refused documents that a refresh has to read although they did not change, since somebody decided so.

    These are the ones to be retried, and those whose refused version was accepted under every rule that blocks it.
    """
    asked = retried(store, corpus)
    allowed = accepted(store, corpus)
    if not (ids := asked | {doc_id for doc_id, _ in allowed}):
        return frozenset()
    where = both(IN_QUARANTINE, is_any("doc_id", sorted(ids)))
    rows = store.corpus(corpus).rows(schemas.DOCUMENTS, where, ["doc_id", "seen_hash", "verdicts"])
    return frozenset(
        row["doc_id"]
        for row in rows
        if row["doc_id"] in asked or set(_blocking(row)) <= allowed.get((row["doc_id"], row["seen_hash"]), frozenset())
    )


def mark_retried(store: Store, corpus: str, doc_ids: Iterable[str], *, who: str, now: datetime) -> None:
    """Records that a refresh tried these documents again. Those of which nobody asked it are left out.

    Args:
        who: the refresh's name.
        now: a moment before the refresh asked which to read (`read_again`): what is asked for after it is still open.
    """
    asked = retried(store, corpus) & set(doc_ids)
    rows = [asdict(Decision(corpus, "retried", who, now, doc_id=doc_id)) for doc_id in sorted(asked)]
    if rows:
        store.ledger.append(schemas.DECISIONS, schemas.decisions(), rows)


def list_decisions(
    store: Store, corpus: str, *, kinds: Collection[DecisionKind] = (), doc_id: str | None = None
) -> list[Decision]:
    """Decisions on a corpus, oldest first: of these kinds, and on this document, where one is given."""
    where = equals("corpus", corpus)
    if kinds:
        where = both(where, is_any("kind", sorted(kinds)))
    if doc_id is not None:
        where = both(where, equals("doc_id", doc_id))
    return sorted((Decision(**row) for row in store.ledger.rows(schemas.DECISIONS, where)), key=lambda one: one.at)


def find_refused(store: Store, corpus: str, path: str) -> dict[str, Any]:
    """The document in quarantine at a path or URI: doc_id, source, path, uri, serving, seen_hash, verdicts.

    Raises:
        StoreError: the corpus holds none there, several, or one that is not in quarantine.
    """
    path = composed(path)
    named = f"({equals('path', path)}) OR ({equals('uri', path)})"
    columns = ["doc_id", "source", "path", "uri", "content_hash", "seen_hash", "verdicts"]
    rows = store.corpus(corpus).rows(schemas.DOCUMENTS, named, columns)
    if not rows:
        raise StoreError(
            f"corpus {corpus} holds no document {path!r}", f"See those refused: freshet quarantine {corpus}"
        )
    refused = [row for row in rows if row["seen_hash"] is None or row["content_hash"] != row["seen_hash"]]
    if not refused:
        raise StoreError(
            f"{path!r} is not in quarantine: its newest version was let in",
            escaped(f"See what is said of it: freshet document {corpus} {path}"),
        )
    if len(refused) > 1:
        uris = ", ".join(sorted(row["uri"] for row in refused))
        raise StoreError(f"{path!r} stands in several sources of {corpus}", escaped(f"Give one of these: {uris}"))
    (row,) = refused
    serving = row.pop("content_hash") is not None
    return {**row, "serving": serving, "verdicts": json.loads(row["verdicts"])}


def _blocking(row: dict[str, Any]) -> list[str]:
    verdicts = json.loads(row["verdicts"]) if isinstance(row["verdicts"], str) else row["verdicts"]
    return sorted({v["code"] for v in verdicts if v["severity"] == "block"})


def said(key: str, text: str) -> str:
    """What somebody said of a decision, without white space around it.

    Args:
        key: what it says, `who` or `why`.

    Raises:
        SettingsError: it is empty.
    """
    if not text.strip():
        raise SettingsError(f"{key} is empty", f"A decision is recorded with {key}: give --{key} TEXT.")
    return text.strip()


def _record(store: Store, decision: Decision) -> Decision:
    store.ledger.append(schemas.DECISIONS, schemas.decisions(), [asdict(decision)])
    return decision
