"""Looks whether everything is as fresh as it should be, and whether quarantines grow; tells the server if not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from freshet.flows.frame import ended, run_name, telling_damage
from freshet.flows.project_flow import project_flow
from freshet.tasks.ledger.looks import Look, look_at, misses_objective, record_look
from freshet.tasks.reports.events import Event, emit, freshness_event, quarantine_event
from freshet.tasks.reports.status import publish_status
from freshet.tasks.runs.late import covered_by
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project
from freshet.tasks.status.project import project_status
from freshet.tasks.store.tables import Store

if TYPE_CHECKING:
    from freshet.tasks.settings.spans import Kind


@project_flow("monitor-quality", run_name("monitor"))
def monitor_quality(
    config: Annotated[Path | None, Field(description="freshet.yaml; by default FRESHET_CONFIG, or the nearest")] = None,
) -> State[dict[str, Any]]:
    """Compares the age of each corpus and dataset with its objective, and its quarantine with what it was.

    What is amiss is sent as events, for automations to act on. The artifact `status` shows all of it; that of a project
    with a name of its own is called `status-PROJECT`.
    """
    if later := covered_by():
        return ended({"outcome": "skipped"}, f"late; {later} does it all")
    logger, project = get_run_logger(), load_project(config)
    store, name = store_of(project), project.settings.deployment.project
    # What matters is how old things are when this runs, not when it was to run.
    now = datetime.now(UTC)
    missed, grown = [], []
    with telling_damage(project):
        found = project_status(project, store, now)
        for kind, row in _rows(found):
            seen = look_at(store, kind, row[kind], now)
            if misses_objective(row, seen.since, now):
                missed.append(row[kind])
                emit(freshness_event(name, kind, row[kind], row["age_seconds"], row["objective_seconds"]))
                logger.warning("%s %s was not brought up to date for longer than it is allowed to be", kind, row[kind])
            event = quarantine_event(name, row[kind], seen.before, seen.quarantine)
            if event is not None:
                grown.append(row[kind])
                now_in, before_in = event.payload["now"], event.payload["before"]
                logger.warning("corpus %s has %s documents in quarantine, up from %s", row[kind], now_in, before_in)
            _tell_once(store, seen, event, now)
        publish_status(found, now, project.settings.deployment.own("status"))
    message = f"{len(missed)} out of date, {len(grown)} with a quarantine that grew"
    return Completed(message=message, data={"missed": missed, "grown": grown})


def _rows(found: dict[str, Any]) -> Iterator[tuple[Kind, dict[str, Any]]]:
    yield from (("corpus", row) for row in found["corpora"])
    yield from (("dataset", row) for row in found["datasets"])


def _tell_once(store: Store, seen: Look, event: Event | None, now: datetime) -> None:
    """Puts the look on record after its event was handed over, so that a killed run's event is sent again."""
    if seen.is_new and (event is None or emit(event)):
        record_look(store, seen, now)
