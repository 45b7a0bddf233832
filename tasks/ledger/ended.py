"""The runs of a corpus or dataset that came to an end: refreshes are in the table `runs`, builds in `builds`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals, is_any

if TYPE_CHECKING:
    from freshet.tasks.settings.spans import Kind
    from freshet.tasks.store.tables import Store

_TABLES: Mapping[Kind, str] = {"corpus": schemas.RUNS, "dataset": schemas.BUILDS}
"""By what the runs are of. The column that names the corpus or dataset is called like that too."""


def list_ended(store: Store, kind: Kind, target: str) -> list[dict[str, Any]]:
    """The runs of a corpus or dataset, the one that ended last first: rows of its table without `report`."""
    columns = [name for name in schemas.LEDGER_TABLES[_TABLES[kind]]().names if name != "report"]
    rows = store.ledger.rows(_TABLES[kind], equals(kind, target), columns)
    return sorted(rows, key=lambda row: row["ended_at"], reverse=True)


def report_of(store: Store, kind: Kind, run_id: str) -> dict[str, Any]:
    """What a run reported, as `newest_reports` says; nothing where it never came to an end."""
    rows = store.ledger.rows(_TABLES[kind], equals("run_id", run_id), ["report"])
    return dict(json.loads(rows[0]["report"])) if rows else {}


def newest_reports(store: Store, kind: Kind, target: str, most: int) -> list[dict[str, Any]]:
    """What the runs that ended last reported, `most` of them at most, newest first.

    Returns:
        `RefreshReport.as_dict` or `BuildReport.as_dict` of each.
    """
    ended = [row["run_id"] for row in list_ended(store, kind, target)[:most]]
    rows = store.ledger.rows(_TABLES[kind], is_any("run_id", ended), ["ended_at", "report"])
    return [json.loads(row["report"]) for row in sorted(rows, key=lambda row: row["ended_at"], reverse=True)[:most]]
