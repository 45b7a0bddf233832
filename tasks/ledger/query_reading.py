"""Reads the table `query_log`, and with it the events that still wait in files."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.ledger import query_spool
from freshet.tasks.ledger.query_events import KINDS, MOMENTS, event_of, first_id, key_of, row_of
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, either, equals, sorts_within

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

_TRIES = 5
_AFTER_ALL_IDS = "g"


def read_log(store: Store, corpus: str | None, since: datetime | None = None) -> list[dict[str, Any]]:
    """A row for each question, in the order in which they were asked: `asked` with its `ended` and newest `feedback`.

    Args:
        corpus: None for all.
        since: those that were asked earlier are left out.

    Returns:
        Rows with all attributes of the three events. Where an event is not there, its attributes are None: a question
        without an `outcome` is being answered, or its process died.
    """
    where = sorts_within("id", first_id(since), _AFTER_ALL_IDS) if since is not None else None
    if corpus is not None:
        own = either(equals("corpus", corpus), equals("event", "feedback"))
        where = own if where is None else both(own, where)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in sorted(_rows(store, where, None), key=lambda row: row["at"]):
        found.setdefault(row["id"], {})[row["event"]] = row
    kept = [events for events in found.values() if "asked" in events]
    kept.sort(key=lambda events: (events["asked"]["at"], events["asked"]["id"]))
    return [
        _joined(events)
        for events in kept
        if corpus in (None, events["asked"]["corpus"]) and (since is None or events["asked"]["at"] >= since)
    ]


def count_outcomes(store: Store, since: datetime) -> dict[str | None, int]:
    """How many questions of all corpora were asked since a moment, by outcome; None is the outcome of those without."""
    where = sorts_within("id", first_id(since), _AFTER_ALL_IDS)
    rows = _rows(store, where, ["id", "event", "at", "outcome"])
    outcomes = {row["id"]: row["outcome"] for row in rows if row["event"] == "ended"}
    return Counter(outcomes.get(row["id"]) for row in rows if row["event"] == "asked" and row["at"] >= since)


def _rows(store: Store, where: str | None, columns: Sequence[str] | None) -> list[dict[str, Any]]:
    """Events in the table that meet a predicate, and all that wait in files; each once."""
    for _ in range(_TRIES):
        waiting, rows = _waiting(store)
        for row in store.ledger.rows(schemas.QUERY_LOG, where, columns):
            row["at"] = row["at"].astimezone(UTC)
            rows.setdefault(key_of(row), row)
        # What was folded between the two looks would be in neither: a file that was there is still there otherwise.
        if waiting <= set(query_spool.list_files(store)):
            break
    return list(rows.values())


def _waiting(store: Store) -> tuple[set[Path], dict[tuple[Any, ...], dict[str, Any]]]:
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    files = query_spool.list_files(store)
    for path in files:
        try:
            events = [event for line in query_spool.lines_of(path) if (event := event_of(line)) is not None]
        except OSError:  # it was folded just now, or belongs to somebody else
            continue
        rows |= {key_of(row): row for row in map(row_of, events)}
    return set(files), rows


def _joined(events: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for name, kind in KINDS.items():
        row, moment = events.get(name, {}), MOMENTS[name]
        joined |= {
            one: row.get("at" if one == moment else one) for one in kind.__dataclass_fields__ if one not in joined
        }
    joined["findings"] = json.loads(joined["findings"] or "{}")
    joined["cited"] = list(joined["cited"] or [])
    return joined


def newest_by_key(store: Store) -> dict[str, datetime]:
    """When a question was last asked whose hashes are by a key, by the key's id; of those in the table."""
    newest: dict[str, datetime] = {}
    rows = store.ledger.rows(schemas.QUERY_LOG, "key_id IS NOT NULL", ["key_id", "at"])
    for row in rows:
        newest[row["key_id"]] = max(newest.get(row["key_id"], row["at"]), row["at"])
    return newest
