"""The runs of a corpus or dataset, as the store has them on record: the server forgets, the store does not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals, is_any

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

_AT_A_TIME = 50
_ENDINGS = {"COMPLETE": "completed", "FAIL": "failed", "ABORT": "stopped"}


@dataclass(frozen=True)
class StoredRun:
    """A run that the store has on record.

    Attributes:
        ended_at: None while it goes on, and where it was killed.
        ending: `completed`, `failed`, or `stopped` (cancelled, interrupted or killed); None while it goes on.
    """

    run_id: str
    began_at: datetime
    ended_at: datetime | None
    ending: str | None

    @property
    def newest(self) -> datetime:
        """The moment of the newest that is known of the run: of its end, or else of its beginning."""
        return self.ended_at or self.began_at


@dataclass(frozen=True)
class Recorded:
    """The runs of a job: the one that goes on now, if any, and the others, newest first."""

    running: StoredRun | None
    others: Sequence[StoredRun]


def recorded_runs(store: Store, job: str, lock: str) -> Recorded:
    """The runs of a job.

    Args:
        job: its name in lineage events.
        lock: name of the writer's lock. A run that began and never ended goes on only while somebody holds that;
            otherwise it was killed. In a bucket only the machine of the writer could tell, so that it counts as going
            on there until the next run finds it dead.
    """
    rows = store.ledger.rows(schemas.LINEAGE_EVENTS, equals("job", job), ["run_id", "event_type", "event_time"])
    began = {row["run_id"]: row["event_time"] for row in rows if row["event_type"] == "START"}
    ended = {row["run_id"]: row for row in rows if row["event_type"] in _ENDINGS}
    found = [StoredRun(run_id, at, None, None) for run_id, at in began.items() if run_id not in ended]
    for run_id, end in ended.items():
        at = end["event_time"]
        found.append(StoredRun(run_id, began.get(run_id, at), at, _ENDINGS[end["event_type"]]))
    found.sort(key=lambda run: (run.newest, run.run_id), reverse=True)
    open_ones = [run for run in found if run.ending is None]
    running = open_ones[0] if open_ones and _goes_on(store, lock) else None
    killed = [StoredRun(run.run_id, run.began_at, None, "stopped") for run in open_ones if run is not running]
    others = [*(run for run in found if run.ending is not None), *killed]
    return Recorded(running, sorted(others, key=lambda run: (run.newest, run.run_id), reverse=True))


def _goes_on(store: Store, lock: str) -> bool:
    from freshet.tasks.store.locks import is_held

    try:
        return not store.is_local or is_held(store, lock)
    except OSError:  # whoever asks may not open the writer's lock
        return True


def newest_spoken_for(store: Store, runs: Sequence[StoredRun]) -> datetime | None:
    """The newest moment that completed runs speak for, and not one that lies after their end.

    Args:
        runs: newest first. Only as many are read as the answer takes: mostly one.
    """
    newest: datetime | None = None
    completed = [run for run in runs if run.ending == "completed"]
    for start in range(0, len(completed), _AT_A_TIME):
        part = completed[start : start + _AT_A_TIME]
        if newest is not None and newest >= part[0].newest:
            break
        spoken = dict(_nominal_times(store, part))
        moments = [min(spoken.get(run.run_id, run.newest), run.newest) for run in part]
        newest = max([*moments, *([newest] if newest else [])])
    return newest


def _nominal_times(store: Store, runs: Sequence[StoredRun]) -> Iterator[tuple[str, datetime]]:
    wanted = both(equals("event_type", "COMPLETE"), is_any("run_id", [run.run_id for run in runs]))
    for row in store.ledger.rows(schemas.LINEAGE_EVENTS, wanted, ["run_id", "event"]):
        facets: Mapping[str, Any] = json.loads(row["event"])["run"]["facets"]
        if said := facets.get("nominalTime"):
            yield row["run_id"], datetime.fromisoformat(said["nominalStartTime"])


def told_run(run: StoredRun | None) -> dict[str, Any] | None:
    """The run as JSON has it. `url` is filled in once the server was asked."""
    return None if run is None else {"run_id": run.run_id, "began_at": run.began_at, "url": None}


def told_objective(up_to_date: datetime | None, allowed: float | None, now: datetime) -> dict[str, Any]:
    """How old something is against what is allowed.

    Args:
        up_to_date: when a run last brought it up to date; None for never.
        allowed: seconds; None where it has no objective.
    """
    age = None if up_to_date is None else max(0.0, (now - up_to_date).total_seconds())
    return {
        "up_to_date_at": up_to_date,
        "age_seconds": age,
        "objective_seconds": allowed,
        "overdue": allowed is not None and (age is None or age > allowed),
    }
