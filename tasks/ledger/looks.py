"""What the monitor saw of each corpus and dataset, in the store: what has grown is told once and not every hour."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from freshet.tasks.store import schemas
from freshet.tasks.store.files import has_folder
from freshet.tasks.store.predicates import both, equals

if TYPE_CHECKING:
    from freshet.tasks.settings.spans import Kind
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Look:
    """What the monitor sees of a corpus or dataset.

    Attributes:
        since: when it was first seen: now, if that is the first time.
        before: documents in quarantine by code, as of the last look on record.
        quarantine: the same, as the newest refresh left it; always empty for a dataset.
        is_first: whether there is no look on record.
    """

    kind: Kind
    target: str
    since: datetime
    before: Mapping[str, int]
    quarantine: Mapping[str, int]
    is_first: bool

    @property
    def is_new(self) -> bool:
        """Whether it has to be put on record."""
        return self.is_first or self.before != self.quarantine


def look(store: Store, kind: Kind, target: str, now: datetime) -> Look:
    """Looks at a corpus or dataset; the first look compares with an empty quarantine."""
    there = has_folder(store, "ledger")
    table = store.ledger.find(schemas.LOOKS) if there else None
    which = both(equals("kind", kind), equals("target", target))
    rows = [] if table is None else sorted(table.search().where(which).to_list(), key=lambda row: row["at"])
    return Look(
        kind=kind,
        target=target,
        since=rows[0]["at"] if rows else now,
        before=json.loads(rows[-1]["quarantine"]) if rows else {},
        quarantine=_newest_quarantine(store, target) if there and kind == "corpus" else {},
        is_first=not rows,
    )


def remember(store: Store, seen: Look, now: datetime) -> None:
    """Puts a look on record, once what it saw was told."""
    held = json.dumps(dict(seen.quarantine), sort_keys=True)
    row = {"kind": seen.kind, "target": seen.target, "quarantine": held, "at": now}
    store.ledger.append(schemas.LOOKS, schemas.looks(), [row])


def misses_objective(row: Mapping[str, Any], since: datetime, now: datetime) -> bool:
    """Whether something is older than its objective allows; what never was up to date is as old as its first look.

    Args:
        row: of `corpus_status` or `dataset_status`.
    """
    if row["objective_seconds"] is None:
        return False
    return bool(now - (row["up_to_date_at"] or since) > timedelta(seconds=row["objective_seconds"]))


def _newest_quarantine(store: Store, corpus: str) -> dict[str, int]:
    runs = store.ledger.find(schemas.RUNS)
    if runs is None:
        return {}
    ended = runs.search().where(equals("corpus", corpus)).select(["run_id", "ended_at"]).to_list()
    newest = max(ended, key=lambda row: row["ended_at"], default=None)
    if newest is None:
        return {}
    (row, *_) = runs.search().where(equals("run_id", newest["run_id"])).select(["report"]).to_list()
    found: dict[str, int] = json.loads(row["report"])["quarantine"]
    return found
