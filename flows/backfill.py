"""Backfills corpora and datasets window by window: what is missing, what failed, or all of it again."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import Field

from freshet.flows.backfill_target import backfill_target, do_target
from freshet.flows.frame import cancelled_state, ended, this_run
from freshet.flows.project_flow import project_flow
from freshet.tasks.backfill.asked import Asked, plan_target
from freshet.tasks.backfill.report import advice, failures_of, make_report, summary
from freshet.tasks.backfill.targets import check_parallel, find_targets
from freshet.tasks.backfill.windows import length_of, span_of
from freshet.tasks.errors import BackfillFailed, RunCancelled
from freshet.tasks.ledger.windows import Reprocess
from freshet.tasks.reports.backfill import publish_target
from freshet.tasks.runs.on_server import heeding_signals, tag_this_run
from freshet.tasks.runs.runners import open_task_runner
from freshet.tasks.settings.file import load_project
from freshet.tasks.settings.spans import Order, moment_of
from freshet.tasks.settings.types import DURATION_PATTERN


def _run_name() -> str:
    given = flow_run.parameters
    plan = "-plan" if given.get("dry_run", True) else ""
    return f"backfill-{'-'.join(given['targets'])}{plan}-{str(given['start'])[:10]}".replace(":", "-")


@project_flow("backfill", _run_name)
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
    moment, run_id, name = this_run(as_of)
    chosen = find_targets(project, targets)
    check_parallel(parallel, chosen)
    asked = Asked(
        span=span_of(start, end, moment_of(moment)),
        length=length_of(window),
        reprocess=reprocess,
        order=order,
        as_of=moment_of(moment),
        config=project.file,
        wait=wait,
        run_id=run_id,
        name=name,
    )
    plans = [plan_target(asked, one) for one in chosen]
    # So that it is found with its windows' runs.
    tag_this_run({tag for one in plans for tag in (f"backfill:{one.backfill}", f"{one.target.kind}:{one.target.name}")})
    try:
        with heeding_signals():
            if dry_run:
                done = [one.as_dict() for one in plans]
            elif parallel == 1:
                done = [do_target(asked, one) for one in chosen]
            else:
                with open_task_runner("processes", parallel) as runner:
                    futures = [runner.submit(backfill_target, {"asked": asked, "target": one}) for one in chosen]
                    done = [future.result() for future in futures]
    except RunCancelled as cancelled:
        return cancelled_state(cancelled)
    report = make_report(asked, done, dry_run)
    for one, target in zip(done, chosen, strict=True):
        publish_target(one, report, target.artifact)
    if report["outcome"] == "failed":
        failures = [f"{one['target']}: {why}" for one in done for why in failures_of(one)]
        raise BackfillFailed(report, failures, advice(done))
    return ended(report, summary(report))
