"""Runs a flow from the command: on the configured Prefect server, or on Prefect's temporary one."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State

from tasks.errors import FreshetError, RefreshRejected


def run_refresh(
    corpus: str, *, config: Path, full: bool, as_of: datetime | None, allow_withdrawals: int, wait: float
) -> dict[str, Any]:
    """Refreshes a corpus and returns its report, whatever the outcome.

    A failure that a person can mend comes back as outcome `failed` with its message under `error`; a bug
    is raised.
    """
    # Prefect's temporary server takes seconds to start, in a process of its own: long enough to load the store's library.
    threading.Thread(target=_load_store_library, daemon=True).start()
    from flows.refresh_index import refresh_index

    state: State[dict[str, Any]] = refresh_index(
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


def _load_store_library() -> None:
    import lancedb  # noqa: F401
