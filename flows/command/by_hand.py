"""Runs a flow from the command: on the configured Prefect server, or on Prefect's temporary one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_API_URL

from freshet.tasks.errors import FreshetError, RunCancelled, ServerGone
from freshet.tasks.runs.faults import announce_faults
from freshet.tasks.runs.open_files import ask_for_files
from freshet.tasks.settings.addresses import mask_credentials
from freshet.tasks.settings.file import load_project
from freshet.tasks.store.trouble import mendable

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def run_refresh(
    corpus: str, *, config: Path, full: bool, as_of: datetime | None, allow_withdrawals: int, wait: float
) -> dict[str, Any]:
    """Refreshes a corpus and returns its report, whatever the outcome.

    A failure that a person can mend comes back as outcome `failed` with its message under `error`, and with the
    release that readers go on seeing, as far as that can be found out; a bug is raised.
    """
    with _store_library_loading():
        from freshet.flows.refresh_index import refresh_index

    asked = {"full": full, "as_of": as_of, "allow_withdrawals": allow_withdrawals, "wait": wait}
    return _run(
        refresh_index,
        {"corpus": corpus, "config": config, **asked},
        lambda: {"corpus": corpus, "release": _live(config, lambda store: _live_release(store, corpus))},
    )


def run_build(dataset: str, *, config: Path, as_of: datetime | None, wait: float) -> dict[str, Any]:
    """Builds a dataset and returns its report, whatever the outcome; a failure comes back as that of a refresh does."""
    with _store_library_loading():
        from freshet.flows.version_dataset import version_dataset

    return _run(
        version_dataset,
        {"dataset": dataset, "config": config, "as_of": as_of, "wait": wait},
        lambda: {"dataset": dataset, "version": _live(config, lambda store: _live_version(store, dataset))},
    )


def run_backfill(targets: list[str], *, config: Path, **asked: Any) -> dict[str, Any]:
    """Plans or does a backfill and returns its report, whatever the outcome.

    Args:
        asked: the other parameters of `flows/backfill.py`.
    """
    with _store_library_loading():
        from freshet.flows.backfill import backfill

    parameters = {"targets": targets, "config": config, **asked}
    return _run(backfill, parameters, lambda: {"dry_run": asked["dry_run"], "targets": []})


def _run(
    flow: Callable[..., State[Any]], parameters: dict[str, Any], known: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Runs a flow and returns its report; a bug is raised.

    Args:
        known: what can be said of a run that ended without a report.
    """
    announce_faults()
    with by_hand(parameters["config"]):
        state = flow(**parameters, return_state=True)
    # Said, since where an event loop runs, as in a notebook, Prefect would give a coroutine.
    result = state.result(raise_on_failure=False, _sync=True)  # type: ignore[call-overload]
    if isinstance(result, BaseException):
        result = mendable(result) or result
    if isinstance(result, RunCancelled):
        return {**known(), "outcome": "cancelled", "error": str(result)}
    if isinstance(result, FreshetError):
        return {**(getattr(result, "report", None) or {**known(), "outcome": "failed"}), "error": str(result)}
    if isinstance(result, BaseException):
        raise result
    return dict(result)


def _live(config: Path, look: Callable[[Store], Any]) -> Any:
    """What is live, for the report of a run that failed; None where nothing is, or the look-up fails as well."""
    from freshet.tasks.runs.run import store_of

    try:
        return look(store_of(load_project(config)))
    except Exception:  # whatever ails the store or the settings: the failure itself is what a person must be told
        logging.getLogger(__name__).debug("what is live could not be looked up", exc_info=True)
        return None


def _live_release(store: Store, corpus: str) -> int | None:
    from freshet.tasks.ledger.releases import list_releases, live_release

    live = live_release(list_releases(store, corpus))
    return None if live is None else live.release


def _live_version(store: Store, dataset: str) -> str | None:
    from freshet.tasks.ledger.versions import live_version

    live = live_version(store, dataset)
    return None if live is None else live.version


@contextmanager
def by_hand(config: Path) -> Iterator[None]:
    """Around a run that is started at a terminal.

    Raises:
        SettingsError: the settings are wrong, which is told before anything is started.
        StoreError: too few files may be open at once.
        ServerGone: the server does not answer.
    """
    load_project(config)
    ask_for_files()
    try:
        yield
    except httpx.TransportError as error:
        server = mask_credentials(PREFECT_API_URL.value() or "")
        raise ServerGone(
            f"the Prefect server at {server} does not answer ({type(error).__name__})",
            "What was committed or published stays. When the server runs again, type the same command: it goes on "
            "with what is left. Without a server in PREFECT_API_URL, Prefect starts a temporary one.",
        ) from None


@contextmanager
def _store_library_loading() -> Iterator[None]:
    """Loads LanceDB meanwhile: both take a second, and much of that is waiting for the disk."""
    loading = threading.Thread(target=_load_store_library)
    loading.start()
    yield
    loading.join()


def _load_store_library() -> None:
    import lancedb  # noqa: F401
