"""Does one window of a backfill: a run of its own, with a name and a state that people can see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed

from freshet.flows.refresh_index import refresh_index
from freshet.flows.version_dataset import version_dataset
from freshet.tasks.backfill.work import count_documents, unread_documents
from freshet.tasks.errors import CorpusBusy, FreshetError, RunCancelled, SourceError
from freshet.tasks.ledger import windows as ledger
from freshet.tasks.ledger.windows import WindowRow
from freshet.tasks.settings.file import load_project
from freshet.tasks.store.tables import Store

MOST_NAMED = 3


def _window_name() -> str:
    row = WindowRow(**flow_run.parameters["row"]) if isinstance(flow_run.parameters["row"], dict) else None
    row = row or flow_run.parameters["row"]
    return f"backfill-{row.target}-{row.window.name}"


@flow(name="backfill-window", flow_run_name=_window_name)
def backfill_window(row: WindowRow, as_of: datetime, config: Path, wait: float) -> State[dict[str, Any]]:
    """Does one window of a backfill, and puts on record what became of it.

    Args:
        row: what the record says of the window: planned.
    """
    store = Store(load_project(config).store)
    row = row.becomes("running", datetime.now(UTC), run_id=str(flow_run.id))
    ledger.record(store, [row])
    process: Callable[..., tuple[int, str]] = {"corpus": _refresh, "dataset": _version}[row.kind]
    try:
        documents, outcome = process(store, row, as_of, config, wait)
    except (CorpusBusy, RunCancelled) as error:
        # Not the window's fault: it is tried again without being asked for.
        left = row.becomes("planned", datetime.now(UTC), attempt=row.attempt + 1, run_id=None, error=error.what)
        ledger.record(store, [left])
        if isinstance(error, RunCancelled):
            return Cancelled(message=error.what, data=error)
        raise
    except Exception as error:
        told = str(error) if isinstance(error, FreshetError) else f"{type(error).__name__}: {error}"
        ledger.record(store, [row.becomes("failed", datetime.now(UTC), error=told)])
        raise
    done = row.becomes("done", datetime.now(UTC), documents=documents, outcome=outcome)
    ledger.record(store, [done])
    counted = f"{documents} {'documents' if row.kind == 'corpus' else 'rows'}"
    return Completed(message=f"{outcome}: {counted}", data={"documents": documents, "outcome": outcome})


def _refresh(store: Store, row: WindowRow, as_of: datetime, config: Path, wait: float) -> tuple[int, str]:
    """Refreshes the corpus, and processes the window's documents again on the way.

    Raises:
        SourceError: not all that belongs to the window could be read.
    """
    report = _result(
        refresh_index(corpus=row.target, config=config, as_of=as_of, wait=wait, again=row.window, return_state=True)
    )
    broken = [one for one in report["sources"] if not one["complete"]]
    if broken:
        raise SourceError(
            f"source {broken[0]['source']} could not be listed to the end: {broken[0]['error']}",
            "Mend it, then ask for the failed windows again.",
        )
    unread = unread_documents(store, row.target, row.window)
    if unread:
        named = ", ".join(unread[:MOST_NAMED]) + (" …" if len(unread) > MOST_NAMED else "")
        raise SourceError(
            f"{len(unread)} documents of the window could not be fetched: {named}",
            f"freshet quarantine {row.target} says why. Mend it, then ask for the failed windows again.",
        )
    return count_documents(store, row.target, row.window), str(report["outcome"])


def _version(store: Store, row: WindowRow, as_of: datetime, config: Path, wait: float) -> tuple[int, str]:
    """Builds the version as of the window's end."""
    report = _result(version_dataset(dataset=row.target, config=config, as_of=row.end, wait=wait, return_state=True))
    return int(report["rows"]["read"]), f"{report['outcome']}: version {report['version']}"


def _result(state: State[Any]) -> dict[str, Any]:
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return dict(result)
