"""The `looks` table of the ledger: what the monitor saw of each corpus and dataset, so that growth is told once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from freshet.tasks.ledger.ended import newest_reports
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals

if TYPE_CHECKING:
    from freshet.tasks.settings.spans import Kind
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Look:
    """What the monitor sees of a corpus or dataset.

    Attributes:
        since: the moment of the first look; now, if this is the first.
        before: documents in quarantine by code, as of the last look on record; None where there is none, or no refresh
            had ended by then, so that there is nothing to compare with.
        quarantine: documents in quarantine by code, as the newest refresh left them; None before the first one, and
            empty for a dataset.
        is_first: whether there is no look on record.
    """

    kind: Kind
    target: str
    since: datetime
    before: Mapping[str, int] | None
    quarantine: Mapping[str, int] | None
    is_first: bool

    @property
    def is_new(self) -> bool:
        """Whether the look has to be put on record."""
        return self.is_first or self.before != self.quarantine


def look_at(store: Store, kind: Kind, target: str, now: datetime) -> Look:
    """Compares a corpus or dataset with the last look on record."""
    rows = store.ledger.rows(schemas.LOOKS, both(equals("kind", kind), equals("target", target)))
    rows.sort(key=lambda row: row["at"])
    report = {"quarantine": {}} if kind == "dataset" else next(iter(newest_reports(store, kind, target, 1)), None)
    return Look(
        kind=kind,
        target=target,
        since=rows[0]["at"] if rows else now,
        before=json.loads(rows[-1]["quarantine"]) if rows else None,
        quarantine=report["quarantine"] if report else None,
        is_first=not rows,
    )


def record_look(store: Store, seen: Look, now: datetime) -> None:
    """Puts a look on record. Call it once what was seen has been told."""
    held = json.dumps(seen.quarantine, sort_keys=True)
    row = {"kind": seen.kind, "target": seen.target, "quarantine": held, "at": now}
    store.ledger.append(schemas.LOOKS, schemas.looks(), [row])


def misses_objective(row: Mapping[str, Any], since: datetime, now: datetime) -> bool:
    """Whether a corpus or dataset is older than its objective allows.

    One that never was up to date is as old as its first look.

    Args:
        row: what `corpus_status` or `dataset_status` says of it.
        since: the moment of its first look.
    """
    if row["objective_seconds"] is None:
        return False
    return bool(now - (row["up_to_date_at"] or since) > timedelta(seconds=row["objective_seconds"]))
