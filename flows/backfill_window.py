"""Does one window of a backfill: a run of its own, with a name and a state that people can see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run

from freshet.flows.frame import cancelled_state, ended, result_of
from freshet.flows.project_flow import project_flow
from freshet.flows.refresh_index import refresh_index
from freshet.flows.version_dataset import version_dataset
from freshet.tasks.backfill.work import check_all_read, count_documents
from freshet.tasks.errors import CorpusBusy, FreshetError, RunCancelled
from freshet.tasks.ledger.windows import WindowRow, record_windows
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project


def _window_name() -> str:
    given = flow_run.parameters["row"]
    row = WindowRow(**given) if isinstance(given, dict) else given
    return f"backfill-{row.target}-{row.window.name}"


@project_flow("backfill-window", _window_name)
def backfill_window(row: WindowRow, as_of: datetime, config: Path, wait: float) -> State[dict[str, Any]]:
    """Does one window of a backfill, and puts on record what became of it.

    A corpus is refreshed, and the window's documents are processed again on the way; a dataset's version is built as
    of the window's end.

    Args:
        row: what the record says of the window: planned.
    """
    store = store_of(load_project(config))
    row = row.becomes("running", datetime.now(UTC), run_id=str(flow_run.id))
    record_windows(store, [row])
    try:
        if row.kind == "corpus":
            report = result_of(
                refresh_index(
                    corpus=row.target, config=config, as_of=as_of, wait=wait, again=row.window, return_state=True
                )
            )
            check_all_read(store, row, report["sources"])
            items, outcome, what = count_documents(store, row.target, row.window), report["outcome"], "documents"
        else:
            report = result_of(
                version_dataset(dataset=row.target, config=config, as_of=row.end, wait=wait, return_state=True)
            )
            items, outcome, what = report["rows"]["read"], f"{report['outcome']}: version {report['version']}", "rows"
    except (CorpusBusy, RunCancelled) as error:
        # Not the window's fault: it is tried again without being asked for.
        left = row.becomes("planned", datetime.now(UTC), attempt=row.attempt + 1, run_id=None, error=error.what)
        record_windows(store, [left])
        if isinstance(error, RunCancelled):
            return cancelled_state(error)
        raise
    except Exception as error:
        why = str(error) if isinstance(error, FreshetError) else f"{type(error).__name__}: {error}"
        record_windows(store, [row.becomes("failed", datetime.now(UTC), error=why)])
        raise
    record_windows(store, [row.becomes("done", datetime.now(UTC), documents=items, outcome=outcome)])
    done = {"outcome": outcome, "degraded": report["degraded"], "documents": items}
    return ended(done, f"{outcome}: {items} {what}")
