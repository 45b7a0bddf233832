"""The record of builds: what each depended on, and what came of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.versions.publish import has_exports
from freshet.tasks.ledger.versions import Version, live_version
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.reports.build import BuildReport
    from freshet.tasks.runs.run import BuildRun
    from freshet.tasks.store.tables import Store


def still_live(run: BuildRun, fingerprint: str) -> Version | None:
    """The live version, where building again must come to it: nothing changed since, and its exports are there."""
    last, live = last_build(run.store, run.dataset), live_version(run.store, run.dataset)
    if last is None or live is None or last["outcome"] == "rejected":
        return None
    same = last["fingerprint"] == fingerprint and last["version"] == live.version
    return live if same and has_exports(run.store, live) else None


def last_build(store: Store, dataset: str) -> dict[str, Any] | None:
    """The newest build of a dataset that ran to an end: a row of `schemas.builds()`."""
    table = store.ledger.find(schemas.BUILDS)
    rows = [] if table is None else table.search().where(equals("dataset", dataset)).to_list()
    return max(rows, key=lambda row: row["ended_at"], default=None)


def record_build(run: BuildRun, report: BuildReport, fingerprint: str) -> None:
    """Adds the build to the store's record."""
    row = {
        "run_id": run.run_id,
        "dataset": run.dataset,
        "outcome": report.outcome,
        "version": report.version,
        "fingerprint": fingerprint,
        "as_of": run.as_of,
        "ended_at": datetime.now(UTC),
        "report": json.dumps(report.as_dict()),
    }
    run.store.ledger.append(schemas.BUILDS, schemas.builds(), [row])
