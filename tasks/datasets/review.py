"""The rows that wait for a person's decision, and what a decision does to a row (`ledger.row_decisions`)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.row_decisions import (
    RowDecision,
    RowDecisionKind,
    newest_row_decisions,
    record_row_decision,
)
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import begins

if TYPE_CHECKING:
    from freshet.tasks.datasets.stage import RowVerdict, Stage
    from freshet.tasks.store.tables import Store

_NOT_A_PERSONS = (
    "ROW-UNREADABLE", "ROW-ENCODING", "ROW-REPEATED-KEY", "ROW-LONG", "ROW-SCHEMA", "ROW-ROLE", "ROW-EMPTY", "USE-",
    "COPY-EXACT", "COPY-PROMPT", "REVIEW-", "SPAN-MISSING",
)  # fmt: skip
"""Codes, or beginnings of codes, that no decision overrules: there is no row to keep, the owner does not permit the
row, or nothing is wrong with it.
"""


def is_reviewable(code: str) -> bool:
    """Returns whether a person may decide about rows to which the rule applies."""
    return not code.startswith(_NOT_A_PERSONS)


def rows_for_review(store: Store, dataset: str) -> list[dict[str, Any]]:
    """Returns the rows of the last build about which a person may decide and nobody has; rejected rows come first.

    Returns:
        For each row, `digest`, `example_id` (None for a rejected row), `state` (`kept` or `rejected`), `uri`, `place`,
        `field`, `content` and `verdicts`.
    """
    decided = newest_row_decisions(store, dataset)
    found: dict[str, dict[str, Any]] = {}
    for state, row in _last_build(store, dataset):
        open_ones = _open_verdicts(row, decided)
        if not open_ones:
            continue
        origin = row["origins"][0] if state == "kept" else row
        found.setdefault(
            row["digest"],
            {
                "digest": row["digest"],
                "example_id": row["example_id"] if state == "kept" else None,
                "state": state,
                "uri": origin["uri"],
                "place": origin["place"],
                "field": origin["field"],
                "content": json.loads(row["content"]) if row["content"] else None,
                "verdicts": open_ones,
            },
        )
    return list(found.values())


def count_for_review(store: Store, dataset: str) -> int:
    """How many rows wait for a person's decision (`rows_for_review`); reads no content."""
    decided = newest_row_decisions(store, dataset)
    rows = _last_build(store, dataset, ["digest", "verdicts"])
    return len({row["digest"] for _, row in rows if _open_verdicts(row, decided)})


def _open_verdicts(row: Mapping[str, Any], decided: Mapping[str, RowDecision]) -> list[dict[str, Any]]:
    """Returns the verdicts on a row that a person may overrule.

    The list is empty where a decision has been made, and where a verdict that nobody can overrule rejects the row.
    """
    if row["digest"] is None or row["digest"] in decided:
        return []
    verdicts = [one for one in json.loads(row["verdicts"]) if one["severity"] != "note"]
    if any(one["severity"] == "block" and not is_reviewable(one["code"]) for one in verdicts):
        return []
    return [one for one in verdicts if is_reviewable(one["code"])]


def decide(
    store: Store, dataset: str, digest: str, kind: RowDecisionKind, *, who: str, why: str, now: datetime
) -> RowDecision:
    """Records what is to become of a row; the next build honours it.

    Args:
        digest: the row's digest, or at least its first eight characters.
        kind: what is to become of the row.
        who: the person who decides.
        why: the reason.
        now: the moment of the decision.

    Raises:
        StoreError: the last build has no such row, or several, or a verdict that nobody can overrule rejects the row.
        SettingsError: `who` or `why` is empty.
    """
    row = _find(store, dataset, digest)
    codes = sorted({one["code"] for one in json.loads(row["verdicts"]) if one["severity"] != "note"})
    fixed = [code for code in codes if not is_reviewable(code) and code != "REVIEW-DROPPED"]
    if kind == "keep" and fixed:
        raise StoreError(
            f"row {row['digest'][:12]} cannot be kept: nobody can overrule {', '.join(fixed)}",
            "Mend what the rule names: freshet rules says how.",
        )
    kept = [code for code in codes if code != "REVIEW-DROPPED"] if kind == "keep" else []
    return record_row_decision(store, dataset, kind, row["digest"], who=who, why=why, now=now, codes=kept)


def honour_decisions(stage: Stage, store: Store, dataset: str) -> Iterator[RowVerdict]:
    """Finds the rows about which somebody decided: overrules what a `keep` names, and gives a verdict for a `drop`."""
    decided = newest_row_decisions(store, dataset)
    kept: dict[int, list[str]] = {}
    dropped: list[int] = []
    for batch in stage.batches(["row", "digest"]) if decided else ():
        for row, digest in zip(batch["row"].to_pylist(), batch["digest"].to_pylist(), strict=True):
            if (one := decided.get(digest)) is not None:
                if one.kind == "keep":
                    kept[row] = one.codes
                else:
                    dropped.append(row)
    stage.overrule(kept)
    yield from ((row, verdict("REVIEW-DROPPED")) for row in dropped)


def _last_build(store: Store, dataset: str, columns: list[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the state and the row for each row of the last build that has a verdict; rejected rows come first."""
    tables = store.dataset(dataset)
    for state, name in (("rejected", schemas.REJECTED), ("kept", schemas.EXAMPLES)):
        table = tables.find(name)
        if table is None:
            continue
        query = table.search().where("verdicts <> '[]'")
        for batch in (query if columns is None else query.select(columns)).to_batches(1024):
            yield from ((state, row) for row in batch.to_pylist())


def _find(store: Store, dataset: str, digest: str) -> dict[str, Any]:
    """Returns digest and verdicts of the one row of the last build whose digest begins so."""
    where = _begins(digest)
    found: dict[str, dict[str, Any]] = {}
    for name in (schemas.REJECTED, schemas.EXAMPLES):
        table = store.dataset(dataset).find(name)
        if table is not None:
            rows = table.search().where(where).select(["digest", "verdicts"]).limit(1000).to_list()
            found |= {row["digest"]: row for row in rows}
    if len(found) == 1:
        return next(iter(found.values()))
    what = f"{len(found)} rows begin with {digest!r}" if found else f"the last build has no row {digest!r}"
    raise StoreError(f"dataset {dataset}: {what}", f"See those to decide about: freshet dataset review {dataset}")


def _begins(digest: str) -> str:
    """Returns a predicate for rows whose digest begins so."""
    if len(digest) < 8 or not set(digest) <= set("0123456789abcdef"):
        raise StoreError(
            f"{digest!r} is no digest of a row", "Give at least its first eight characters, as review lists it."
        )
    return begins("digest", digest)
