"""What the store holds of a dataset, for people who ask."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.status.runs import StoredRun, newest_spoken_for, recorded_runs, told_objective, told_run

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

_OUTCOMES = {"completed": "unchanged"}
"""What a run came to that left no record of a build: it ended well when it saw that nothing had changed."""


def dataset_status(store: Store, dataset: str, objective: float | None, now: datetime) -> dict[str, Any]:
    """A dataset's live version, age, rows, splits, rows that wait for a person, and runs; None where there is none.

    Args:
        objective: seconds that it may go without being brought up to date; None for any.
    """
    from freshet.tasks.datasets.review import count_for_review
    from freshet.tasks.ledger.versions import live_version
    from freshet.tasks.lineage.openlineage import version_job
    from freshet.tasks.store.locks import dataset_files

    recorded = recorded_runs(store, version_job(dataset).name, dataset_files(dataset))
    live = live_version(store, dataset)
    rows = live.facts.rows if live else {}
    return {
        "dataset": dataset,
        "version": live.version if live else None,
        "published_at": live.published_at if live else None,
        "rows": {name: rows.get(name, 0) for name in ("read", "kept", "rejected")},
        "splits": {side: one["rows"] for side, one in live.facts.splits.items()} if live else {},
        "review": count_for_review(store, dataset),
        **told_objective(newest_spoken_for(store, recorded.others), objective, now),
        "last_run": _last_run(store, dataset, recorded.others[0] if recorded.others else None),
        "running": told_run(recorded.running),
    }


def _last_run(store: Store, dataset: str, run: StoredRun | None) -> dict[str, Any] | None:
    from freshet.tasks.ledger.ended import list_ended
    from freshet.tasks.lineage.openlineage import run_uuid

    if run is None:
        return None
    row = next((row for row in list_ended(store, "dataset", dataset) if run_uuid(row["run_id"]) == run.run_id), None)
    return {
        "run_id": run.run_id,
        "outcome": row["outcome"] if row else _OUTCOMES.get(run.ending or "", run.ending),
        "as_of": row["as_of"] if row else None,
        "began_at": run.began_at,
        "ended_at": run.ended_at,
        "url": None,
    }
