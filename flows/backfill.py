"""Backfills corpora and datasets window by window: what is missing, what failed, or all of it again."""

from __future__ import annotations

import multiprocessing
import os
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger, tags, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed
from pydantic import Field

from freshet.flows.backfill_window import backfill_window
from freshet.tasks.backfill.asked import Asked, TargetPlan, plan_target
from freshet.tasks.backfill.targets import Target, find_targets
from freshet.tasks.backfill.windows import length_of, span_of
from freshet.tasks.errors import BackfillFailed, CorpusBusy, FreshetError, RunCancelled, SettingsError
from freshet.tasks.ledger import windows as ledger
from freshet.tasks.ledger.windows import Reprocess
from freshet.tasks.reports.backfill import render_target
from freshet.tasks.runs.on_server import stop_if_cancelled
from freshet.tasks.runs.progress import Progress
from freshet.tasks.runs.runners import open_task_runner
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.spans import Order, moment_of
from freshet.tasks.settings.types import DURATION_PATTERN, duration_text
from freshet.tasks.store.locks import hold_backfill
from freshet.tasks.store.tables import Store


def _run_name() -> str:
    given = flow_run.parameters
    plan = "-plan" if given.get("dry_run", True) else ""
    return f"backfill-{'-'.join(given['targets'])}{plan}-{str(given['start'])[:10]}".replace(":", "-")


@flow(name="backfill", flow_run_name=_run_name)
def backfill(
    targets: Annotated[list[str], Field(min_length=1)],
    start: datetime,
    end: datetime,
    window: Annotated[str, Field(pattern=DURATION_PATTERN)] = "1d",
    reprocess: Reprocess = "missing",
    order: Order = "oldest",
    parallel: Annotated[int, Field(ge=1, le=16)] = 1,
    dry_run: bool = True,
    as_of: datetime | None = None,
    config: Path | None = None,
    wait: Annotated[float, Field(ge=0)] = 3600.0,
) -> State[dict[str, Any]]:
    """Processes windows of time again: a corpus's documents that changed in each, a dataset's version as of its end.

    Unless `dry_run` is turned off, it only shows the plan. Run it again whenever it was stopped: windows that are done
    are not done again. What is done is on record in the store, so the server's history may be lost.

    Args:
        targets: corpora and datasets by name; corpus:NAME or dataset:NAME where both have one of that name.
        start: the first moment that is covered; in UTC, if it has no zone.
        end: the first moment after it that is not covered; not in the future.
        window: length of a window, a number and m, h, d or w, like 1d or 6h; the last window may be shorter.
        reprocess: which windows: missing are those never done under the present settings, or stopped; failed those
            that failed; all is every window again.
        order: which windows come first.
        parallel: targets at once, each in a process of its own; windows of one target are done one after another.
        dry_run: only show the plan, and write nothing; turn it off to do it.
        as_of: the moment that refreshes speak for; by default, the start of this run.
        config: freshet.yaml; by default FRESHET_CONFIG, or the nearest one.
        wait: seconds to wait for another writer of a target before giving up.
    """
    project = load_project(config)
    moment = moment_of(as_of or flow_run.scheduled_start_time)
    chosen = find_targets(project, targets)
    if parallel > len(chosen):
        many = f"{len(chosen)} target{'s' if len(chosen) > 1 else ''}"
        raise SettingsError(
            f"--parallel {parallel} for {many}: windows of one target are done one after another, since it has one "
            "writer",
            f"Give --parallel {len(chosen)} at most, or more targets.",
        )
    asked = Asked(
        span=span_of(start, end, moment),
        length=length_of(window),
        reprocess=reprocess,
        order=order,
        as_of=moment,
        config=project.file,
        wait=wait,
        run_id=str(flow_run.id),
        name=str(flow_run.name),
    )
    plans = [plan_target(asked, one) for one in chosen]
    _tag_this_run(plans)
    try:
        done = [one.as_dict() for one in plans] if dry_run else _work_off(asked, chosen, parallel)
    except RunCancelled as cancelled:
        return Cancelled(message=cancelled.what, data=cancelled)
    report = _report(asked, done, dry_run)
    for one, target in zip(done, chosen, strict=True):
        _publish(one, target, report)
    failures = [f"{one['target']}: {told}" for one in done for told in _failures(one)]
    if failures and not dry_run:
        raise BackfillFailed(report, failures, _mend(done))
    return Completed(message=_summary(report), data=report)


def _work_off(asked: Asked, targets: list[Target], parallel: int) -> list[dict[str, Any]]:
    """Does what is due, target by target, or so many targets at once, each in a process of its own."""
    if parallel == 1:
        return [_do_target(asked, one) for one in targets]
    with open_task_runner("processes", parallel) as runner:
        futures = [runner.submit(backfill_target, {"asked": asked, "target": one}) for one in targets]
        return [future.result() for future in futures]


@task(cache_policy=NO_CACHE, name="backfill-target", task_run_name="backfill-{target.label}")
def backfill_target(asked: Asked, target: Target) -> dict[str, Any]:
    """Does what is due for one target."""
    from freshet.tasks.runs.faults import tell_faults

    _die_with_parent()
    tell_faults()
    return _do_target(asked, target)


def _die_with_parent() -> None:
    """Ends this process when the one that started it is gone, however that ended.

    Nobody would read what comes of it, and a worker of a pool waits for its next task for good. Ending at any moment
    is safe: the locks go with the process, and the same backfill goes on where this one stopped.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait_for([sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _do_target(asked: Asked, target: Target) -> dict[str, Any]:
    """Does a target's due windows one after another; one that fails stops none of the others."""
    logger = get_run_logger()
    store = Store(load_project(asked.config).store)
    wait = timedelta(seconds=asked.wait)
    try:
        with hold_backfill(store, target.kind, target.name, asked.name, wait, logger.warning):
            # What another backfill did while this one waited is on record by now.
            plan = plan_target(asked, target)
            return _do_windows(asked, store, plan)
    except CorpusBusy as error:
        return {**plan_target(asked, target).as_dict(), "busy": error.what}


def _do_windows(asked: Asked, store: Store, plan: TargetPlan) -> dict[str, Any]:
    rows, told = plan.rows(asked), plan.as_dict()
    ledger.record(store, rows)
    due = [one for one in told["windows"] if one["due"]]
    progress = Progress(f"Windows of {plan.target.kind} {plan.target.name}", len(rows)) if rows else None
    for row, said in zip(rows, due, strict=True):
        stop_if_cancelled()
        with tags(f"backfill:{plan.backfill}", f"{plan.target.kind}:{plan.target.name}"):
            state: State[Any] = backfill_window(
                row=row, as_of=asked.as_of, config=asked.config, wait=asked.wait, return_state=True
            )
        result = state.result(raise_on_failure=False)
        said["run_id"] = str(state.state_details.flow_run_id)
        if isinstance(result, RunCancelled):
            raise result
        if isinstance(result, CorpusBusy):
            told["busy"] = result.what
            break
        if isinstance(result, BaseException):
            said["state"], said["error"] = "failed", _one_line(result)
        else:
            said["state"], said["outcome"], said["error"] = "done", result["outcome"], None
            said["items"] = result["documents"]
        if progress:
            progress.step()
    return told


def _one_line(error: BaseException) -> str:
    return error.what if isinstance(error, FreshetError) else f"{type(error).__name__}: {error}"


def _failures(told: dict[str, Any]) -> list[str]:
    """What of a target is not done after the backfill, those included that had failed before and were not tried."""
    failed = [f"{one['start'][:16]}: {one['error'].splitlines()[0]}" for one in told["windows"] if one["error"]]
    return failed + ([told["busy"]] if told.get("busy") else [])


def _mend(done: list[dict[str, Any]]) -> str:
    if all(not one["error"] for told in done for one in told["windows"]):
        return "Type the same again when nobody else writes."
    return "Mend the cause, then type the same with: --reprocess failed"


def _report(asked: Asked, done: list[dict[str, Any]], dry_run: bool) -> dict[str, Any]:
    windows = [one for told in done for one in told["windows"]]
    if dry_run:
        outcome = "planned" if any(one["due"] for one in windows) else "unchanged"
    elif any(_failures(told) for told in done):
        outcome = "failed"
    else:
        outcome = "done" if any(one["state"] == "done" for one in windows) else "unchanged"
    return {
        "outcome": outcome,
        "dry_run": dry_run,
        "run_id": asked.run_id,
        "as_of": asked.as_of.isoformat(),
        "start": asked.span.start.isoformat(),
        "end": asked.span.end.isoformat(),
        "window": duration_text(asked.length),
        "reprocess": asked.reprocess,
        "order": asked.order,
        "targets": done,
    }


def _summary(report: dict[str, Any]) -> str:
    windows = [one for told in report["targets"] for one in told["windows"]]
    counted = sum(one["due"] if report["dry_run"] else one["state"] == "done" for one in windows)
    return f"{report['outcome']}: {counted} of {len(windows)} windows {'to do' if report['dry_run'] else 'done now'}"


def _publish(told: dict[str, Any], target: Target, report: dict[str, Any]) -> None:
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(
        render_target(told, report), key=target.artifact, description=f"Backfill of {target.kind} {target.name}"
    )


def _tag_this_run(plans: list[TargetPlan]) -> None:
    """Tags the run, so that it is found with its windows' runs. A tag is no reason to fail."""
    from prefect.client.orchestration import get_client

    marks = {f"backfill:{one.backfill}" for one in plans}
    marks |= {f"{one.target.kind}:{one.target.name}" for one in plans}
    with suppress(Exception), get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, tags={*flow_run.tags, *marks})
