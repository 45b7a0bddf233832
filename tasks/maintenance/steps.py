"""Maintenance as Prefect tasks: thin, one a corpus or dataset."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from freshet.tasks.maintenance.freed import Maintained, Task

if TYPE_CHECKING:
    from freshet.tasks.maintenance.maintain import Target
    from freshet.tasks.settings.file import Project


@task(cache_policy=NO_CACHE, name="maintain-target", task_run_name="maintain-{target}")
def maintain_target(project: Project, target: Target, how: Task, run: str, now: datetime, wait: float) -> Maintained:
    """Maintains one corpus or dataset, or the tables that all share."""
    from freshet.tasks.maintenance.maintain import maintain
    from freshet.tasks.runs.run import store_of

    tell = logging.getLogger("prefect.task_runs").warning
    return maintain(
        project,
        store_of(project),
        target,
        project.settings.maintenance,
        task=how,
        run=run,
        now=now,
        wait=timedelta(seconds=wait),
        tell=tell,
    )
