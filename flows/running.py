"""Runs a flow from the command: on the configured Prefect server, or on Prefect's temporary one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from tasks.errors import FreshetError, RefreshRejected, VersionRejected


def run_refresh(
    corpus: str, *, config: Path, full: bool, as_of: datetime | None, allow_withdrawals: int, wait: float
) -> dict[str, Any]:
    """Refreshes a corpus and returns its report, whatever the outcome.

    A failure that a person can mend comes back as outcome `failed` with its message under `error`; a bug
    is raised.
    """
    with _store_library_loading():
        from flows.refresh_index import refresh_index
    _tell_faults()
    state: State[Any] = refresh_index(
        corpus=corpus,
        config=config,
        full=full,
        as_of=as_of,
        allow_withdrawals=allow_withdrawals,
        wait=wait,
        return_state=True,
    )
    result = state.result(raise_on_failure=False)
    if isinstance(result, RefreshRejected):
        return {**result.report, "error": str(result)}
    if isinstance(result, FreshetError):
        return {"corpus": corpus, "outcome": "failed", "release": None, "error": str(result)}
    if isinstance(result, BaseException):
        raise result
    return dict(result)


def run_build(dataset: str, *, config: Path, as_of: datetime | None, wait: float) -> dict[str, Any]:
    """Builds a dataset and returns the report, whatever the outcome; likewise."""
    with _store_library_loading():
        from flows.version_dataset import version_dataset
    _tell_faults()
    state: State[Any] = version_dataset(dataset=dataset, config=config, as_of=as_of, wait=wait, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, VersionRejected):
        return {**result.report, "error": str(result)}
    if isinstance(result, FreshetError):
        return {"dataset": dataset, "outcome": "failed", "version": None, "error": str(result)}
    if isinstance(result, BaseException):
        raise result
    return dict(result)


@contextmanager
def _store_library_loading() -> Iterator[None]:
    """Loads LanceDB meanwhile: both take a second, and much of that is waiting for the disk."""
    loading = threading.Thread(target=_load_store_library)
    loading.start()
    yield
    loading.join()


def _tell_faults() -> None:
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_told_not_traced)


def _told_not_traced(record: logging.LogRecord) -> bool:
    """What a person can mend is logged as it is told; a bug keeps its traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, FreshetError):
        record.msg, record.args, record.exc_info, record.exc_text = str(error), (), None, None
    return True


def _load_store_library() -> None:
    import lancedb  # noqa: F401
