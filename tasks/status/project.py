"""The status of the whole project: what the store holds, and what the server adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from freshet.tasks.status.corpora import corpus_status
from freshet.tasks.status.datasets import dataset_status
from freshet.tasks.status.server import ask_server

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store


QUESTION_DAYS = 7


def project_tag(project: Project) -> str:
    """What all deployments of a project are tagged with on its server."""
    return project.settings.deployment.tag


def project_status(project: Project, store: Store, now: datetime) -> dict[str, Any]:
    """Every corpus and dataset, the questions and the server: `corpora`, `datasets`, `questions`, `server`.

    Asking writes nothing.

    A server that does not answer is no error: `server.state` says so, and links and next runs are None.
    """
    settings = project.settings
    corpora = [
        corpus_status(store, name, _seconds(one.schedule.objective), now) for name, one in settings.corpora.items()
    ]
    datasets = [
        dataset_status(store, name, _seconds(one.schedule.objective), now) for name, one in settings.datasets.items()
    ]
    rows = {f"corpus:{row['corpus']}": row for row in corpora} | {f"dataset:{row['dataset']}": row for row in datasets}
    named = [run for row in rows.values() for run in _runs(row)]
    server = ask_server(project_tag(project), [run["run_id"] for run in named])
    for run in named:
        run["url"] = server.page(run["run_id"])
    for tag, row in rows.items():
        row["next_run"] = server.next_runs.get(tag)
    return {"corpora": corpora, "datasets": datasets, "questions": _questions(store, now), "server": server.as_dict()}


def _questions(store: Store, now: datetime) -> dict[str, Any]:
    """The questions of the last `QUESTION_DAYS`, by outcome; those that have none yet, or never will, are `unended`."""
    from freshet.tasks.ledger.query_reading import count_outcomes
    from freshet.tasks.ledger.query_spool import count_unwritten

    counts = count_outcomes(store, now - timedelta(days=QUESTION_DAYS))
    outcomes = {outcome or "unended": counts[outcome] for outcome in sorted(counts, key=lambda one: one or "~")}
    asked = sum(outcomes.values())
    return {"days": QUESTION_DAYS, "asked": asked, "outcomes": outcomes, "unwritten": count_unwritten(store)}


def _seconds(allowed: timedelta | None) -> float | None:
    return None if allowed is None else allowed.total_seconds()


def _runs(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [run for run in (row["last_run"], row["running"]) if run is not None]
