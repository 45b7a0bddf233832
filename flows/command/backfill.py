"""`freshet backfill`: windows of corpora and datasets, planned or done."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from freshet.flows.command.answering import Config, Json, complain, print_answer
from freshet.tasks.backfill.targets import find_targets
from freshet.tasks.backfill.windows import length_of
from freshet.tasks.reports.backfill import backfill_text
from freshet.tasks.runs.ends import exit_code
from freshet.tasks.settings.file import load_project


def backfill(
    *targets: str,
    start: Annotated[datetime, Parameter(help="First moment that is covered; UTC, if it has no zone.")],
    end: Annotated[datetime, Parameter(help="First moment after it that is not; not in the future.")],
    window: Annotated[str, Parameter(help="Length of a window, like 1d or 6h; the last may be shorter.")] = "1d",
    reprocess: Annotated[
        Literal["missing", "failed", "all"],
        Parameter(help="Which windows: never done or stopped, failed, or every one again."),
    ] = "missing",
    order: Annotated[Literal["oldest", "newest"], Parameter(help="Which windows come first.")] = "oldest",
    parallel: Annotated[
        int, Parameter(validator=validators.Number(gte=1, lte=16), help="TARGETs at once, each in its own process.")
    ] = 1,
    dry_run: Annotated[bool, Parameter(help="Only show the plan; --no-dry-run does it.")] = True,
    as_of: Annotated[datetime | None, Parameter(help="The moment that refreshes speak for; by default, now.")] = None,
    wait: Annotated[
        float, Parameter(validator=validators.Number(gte=0), help="Seconds to wait for another writer of a TARGET.")
    ] = 3600.0,
    config: Config = None,
    as_json: Json = False,
) -> int:
    """Process windows of time again: documents of a corpus that changed in each, versions of a dataset as of its end.

    By default it only shows the plan. TARGET is a corpus or a dataset; corpus:NAME or dataset:NAME where both have one
    name. The same command again goes on with what is not done.
    """
    project = load_project(config)
    find_targets(project, targets)
    length_of(window)  # nothing is started for what cannot be
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "180")
    from freshet.flows.command.by_hand import run_backfill

    report = run_backfill(
        list(targets),
        config=project.file,
        start=start,
        end=end,
        window=window,
        reprocess=reprocess,
        order=order,
        parallel=parallel,
        dry_run=dry_run,
        as_of=as_of,
        wait=wait,
    )
    print_answer(report, as_json, backfill_text(report))
    if report.get("error"):
        complain(report["error"])
    return exit_code(report)
