"""What runs the batches of a refresh: a setting, with the same results whichever is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import MissingExtra

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

    from freshet.tasks.settings.project import TaskRunnerName


def open_task_runner(name: TaskRunnerName, workers: int) -> TaskRunner[Any]:
    """A task runner bounded to so many workers; a context manager.

    Raises:
        MissingExtra: Ray was chosen and is not installed.
    """
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    if name == "processes":
        return ProcessPoolTaskRunner(max_workers=workers)
    if name == "ray":
        try:
            from prefect_ray import RayTaskRunner
        except ImportError:
            raise MissingExtra(
                "task_runner: ray needs the package prefect-ray", "Install it: pip install 'freshet[ray]'"
            ) from None
        runner: TaskRunner[Any] = RayTaskRunner(init_kwargs={"num_cpus": workers, "include_dashboard": False})
        return runner
    return ThreadPoolTaskRunner(max_workers=workers)
