"""Maintains the store: fewer files, no old versions that nobody needs, nothing kept beyond its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from freshet.flows.frame import cancelled_state, run_name, telling_damage, this_run
from freshet.flows.project_flow import project_flow
from freshet.tasks.errors import RunCancelled
from freshet.tasks.maintenance.freed import Task
from freshet.tasks.maintenance.maintain import find_targets
from freshet.tasks.maintenance.steps import maintain_target
from freshet.tasks.runs.on_server import heeding_signals, stop_if_cancelled
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.spans import moment_of


@project_flow("maintain-store", run_name("maintain"))
def maintain_store(
    targets: Annotated[
        Sequence[str], Field(description="corpora and datasets to maintain; none: all, and what they share")
    ] = (),
    config: Annotated[Path | None, Field(description="freshet.yaml; by default FRESHET_CONFIG, or the nearest")] = None,
    dry_run: Annotated[bool, Field(description="only say what would be freed")] = False,
    keep: Annotated[
        int | None, Field(ge=1, le=1000, description="releases to keep, in place of maintenance.keep_releases")
    ] = None,
    expire_live: Annotated[
        bool, Field(description="also remove live dataset versions whose retention has passed")
    ] = False,
    as_of: Annotated[datetime | None, Field(description="what moment ages count from; by default, the start")] = None,
    wait: Annotated[float, Field(ge=0, description="seconds to wait for whoever holds a corpus or dataset")] = 600.0,
) -> State[dict[str, Any]]:
    """Joins small files, and frees what nobody needs any more: old versions, parsed texts, reports, expired datasets.

    Whatever is published, or can be rolled back to, stays. Run it again whenever it was stopped.
    """
    logger, project = get_run_logger(), load_project(config)
    if keep is not None:
        settings = project.settings
        kept = settings.maintenance.model_copy(update={"keep_releases": keep})
        project = replace(project, settings=settings.model_copy(update={"maintenance": kept}))
    moment, _, name = this_run(as_of)
    now = moment_of(moment)
    how, found = Task(dry_run, expire_live), []
    try:
        with telling_damage(project), heeding_signals():
            for target in find_targets(project, store_of(project), targets):
                stop_if_cancelled()
                found.append(maintain_target(project, target, how, name, now, wait))
                for note in found[-1].notes:
                    logger.warning(note)
    except RunCancelled as cancelled:
        return cancelled_state(cancelled)
    freed = sum(part.bytes for one in found for part in one.freed)
    report = {
        "dry_run": dry_run,
        "as_of": now.isoformat(),
        "bytes": freed,
        "maintained": [one.as_dict() for one in found],
    }
    said = "would free" if dry_run else "freed"
    return Completed(message=f"{len(found)} maintained: {said} {freed:,} bytes", data=report)
