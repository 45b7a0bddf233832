"""Runs that are started from Python, what they report, and what was decided after earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.answers import Value
from freshet.tasks.errors import FreshetError
from freshet.tasks.runs.ends import EXIT_CODES
from freshet.tasks.runs.local_server import find_local_server

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

STARTUP_SECONDS = 180
"""How long Prefect's temporary server may take to start: on a busy machine more than the 20 that Prefect gives it."""


@dataclass(frozen=True)
class Release(Value):
    """A decision of the gate, or of a person, on a corpus.

    Attributes:
        release: its number.
        outcome: `published` or `rejected`.
        rollback_of: the number of the release whose state was published again; None where none was.
        reasons: why it was rejected.
        live: whether readers see it.
    """

    release: int
    outcome: str
    rollback_of: int | None
    documents: int
    chunks: int
    reasons: tuple[str, ...]
    as_of: datetime
    published_at: datetime
    live: bool


@dataclass(frozen=True)
class Version(Value):
    """A decision on a dataset.

    Attributes:
        version: its number, like 2.1.0.
        outcome: `published`, `rejected`, or `expired` after its retention.
        digest: equal for equal versions and no others.
        rows: how many were `read`, `kept` and `rejected`, and `by_code` how many each rule keeps out.
        splits: rows by side.
        change: rows `added`, `removed`, `edited` and `moved` since the version before.
        reasons: why it was rejected.
        live: whether it is the one in use.
    """

    version: str
    outcome: str
    digest: str
    rows: Mapping[str, Any]
    splits: Mapping[str, int]
    change: Mapping[str, int]
    reasons: tuple[str, ...]
    as_of: datetime
    published_at: datetime
    live: bool


@dataclass(frozen=True)
class Report:
    """What came of a refresh or a build that ended well.

    Attributes:
        outcome: `released` or `published`; `unchanged`; or `skipped`, where a newer run did the work.
        release: the release that readers of the corpus see now; None for a dataset.
        version: the version of the dataset that is live now; None for a corpus.
        degraded: what waits for a person all the same.
        details: the whole report, as `freshet refresh --json` and `freshet dataset build --json` print it.
    """

    outcome: str
    release: int | None
    version: str | None
    degraded: tuple[str, ...]
    details: Mapping[str, Any]


class RunFailed(FreshetError):
    """A refresh or a build was rejected by the gate, failed, or was cancelled; readers stay where they were.

    Args:
        report: the run's report, with `outcome` and `error`.
    """

    def __init__(self, report: Mapping[str, Any]) -> None:
        """Takes its words from the report."""
        what, _, mend = str(report.get("error") or f"the run ended as {report['outcome']}").partition("\n")
        super().__init__(what, mend.strip())
        self.args = (report,)
        self.report = report


def report_of(project: Project, run: Callable[[], Mapping[str, Any]]) -> Report:
    """Runs a flow and returns its report.

    It runs on the Prefect server that `PREFECT_API_URL` names, else on the one that `freshet up` started, else on a
    temporary one.

    Raises:
        RunFailed: it did not end well.
        SettingsError, ServerGone: it could not be started.
    """
    with _server(project):
        found = run()
    if EXIT_CODES[found["outcome"]]:
        raise RunFailed(found)
    return Report(
        found["outcome"], found.get("release"), found.get("version"), tuple(found.get("degraded") or ()), found
    )


@contextmanager
def _server(project: Project) -> Iterator[None]:
    """The Prefect server of a run, named for its time alone: what else this process does with Prefect stays."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_SERVER_API_AUTH_STRING,
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
        temporary_settings,
    )

    seconds = max(STARTUP_SECONDS, PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value())
    wanted: dict[Any, Any] = {PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: seconds}
    if not PREFECT_API_URL.value() and (api := find_local_server(project)):
        wanted[PREFECT_API_URL] = api
        if secret := PREFECT_SERVER_API_AUTH_STRING.value():
            wanted[PREFECT_API_AUTH_STRING] = PREFECT_API_AUTH_STRING.value() or secret
    with temporary_settings(updates=wanted):
        yield
