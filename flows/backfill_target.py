"""Does what is due for one target of a backfill: its windows, one after another, each a run of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect import get_run_logger, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from freshet.flows.backfill_window import backfill_window
from freshet.tasks.backfill.asked import Asked, TargetPlan, plan_target
from freshet.tasks.backfill.targets import Target
from freshet.tasks.errors import CorpusBusy, FreshetError, RunCancelled
from freshet.tasks.ledger.windows import record_windows
from freshet.tasks.runs.faults import announce_faults
from freshet.tasks.runs.on_server import stop_if_cancelled
from freshet.tasks.runs.parents import die_with_parent
from freshet.tasks.runs.progress import Progress
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project
from freshet.tasks.store.locks import hold_backfill
from freshet.tasks.store.tables import Store


@task(cache_policy=NO_CACHE, name="backfill-target", task_run_name="backfill-{target.label}")
def backfill_target(asked: Asked, target: Target) -> dict[str, Any]:
    """Does what is due for one target, in a process of its own, which ends when the backfill's does."""
    die_with_parent()
    announce_faults()
    return do_target(asked, target)


def do_target(asked: Asked, target: Target) -> dict[str, Any]:
    """Does a target's due windows one after another; one that fails stops none of the others.

    Returns:
        What was done, as `TargetPlan.as_dict` has it; `busy` says who held the target until the end of the wait.
    """
    store = store_of(load_project(asked.config))
    wait = timedelta(seconds=asked.wait)
    try:
        with hold_backfill(store, target.kind, target.name, asked.name, wait, get_run_logger().warning):
            # What another backfill did while this one waited is on record by now.
            plan = plan_target(asked, target)
            return _do_windows(asked, store, plan)
    except CorpusBusy as error:
        return {**plan_target(asked, target).as_dict(), "busy": error.what}


def _do_windows(asked: Asked, store: Store, plan: TargetPlan) -> dict[str, Any]:
    rows, target = plan.rows(asked), plan.as_dict()
    record_windows(store, rows)
    due = [one for one in target["windows"] if one["due"]]
    progress = Progress(f"Windows of {plan.target.kind} {plan.target.name}", len(rows)) if rows else None
    for row, window in zip(rows, due, strict=True):
        stop_if_cancelled()
        with tags(f"backfill:{plan.backfill}", f"{plan.target.kind}:{plan.target.name}"):
            state: State[Any] = backfill_window(
                row=row, as_of=asked.as_of, config=asked.config, wait=asked.wait, return_state=True
            )
        result = state.result(raise_on_failure=False)
        window["run_id"] = str(state.state_details.flow_run_id)
        if isinstance(result, RunCancelled):
            raise result
        if isinstance(result, CorpusBusy):
            target["busy"] = result.what
            break
        if isinstance(result, BaseException):
            window["state"], window["error"] = "failed", _one_line(result)
        else:
            window["state"], window["outcome"], window["error"] = "done", result["outcome"], None
            window["items"] = result["documents"]
            # What waits for a person waits until the last of the windows has looked.
            target["degraded"] = result["degraded"]
        if progress:
            progress.step()
    return target


def _one_line(error: BaseException) -> str:
    return error.what if isinstance(error, FreshetError) else f"{type(error).__name__}: {error}"
