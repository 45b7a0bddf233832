"""The Prefect server that `freshet up` starts on this machine: what is noted of it, and whether it still runs.

The note lies in the store, so that every command on the same store finds the server that runs for it.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

HEARTBEAT_SECONDS = 30
"""How often a run gives a sign of life; Prefect allows no shorter time. deploy/automations.yaml counts on three."""

CLOCK_SLACK = 2.0
"""Seconds by which two readings of a process's start may differ."""


@dataclass(frozen=True)
class Running:
    """A process that was started, told apart from a later one of the same number by when it started.

    Attributes:
        started: seconds since 1970.
    """

    pid: int
    started: float

    def is_alive(self) -> bool:
        """Whether it still runs: an ended process may leave its number to another."""
        import psutil

        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < CLOCK_SLACK
            return same and bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class ServerNote:
    """What `freshet up` noted.

    Attributes:
        api: address of the API, as clients want it.
        ui: address of the pages.
        worker: None while there is none yet.
        service: the process of `freshet serve`; None where there is none.
        service_url: address of the service.
    """

    api: str
    ui: str
    server: Running
    worker: Running | None = None
    service: Running | None = None
    service_url: str | None = None

    def write(self, folder: Path) -> None:
        """Replaces the note whole, so that no reader finds half of it."""
        new = folder / "server.json.new"
        new.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        new.replace(folder / "server.json")


def server_folder(project: Project) -> Path:
    """Where logs, process numbers and the database of the server are: in the store, if it is a local one."""
    local = "://" not in project.store
    return (Path(project.store) if local else project.root / ".freshet") / "server"


def read_note(folder: Path) -> ServerNote | None:
    """What was noted of the last server that was started, whether or not it still runs."""
    try:
        found: dict[str, Any] = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        # A note of an earlier version names no service.
        worker, service = (Running(**found[one]) if found.get(one) else None for one in ("worker", "service"))
        return ServerNote(
            found["api"], found["ui"], Running(**found["server"]), worker, service, found.get("service_url")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_local_server(project: Project) -> str | None:
    """The address of the API of the server that `freshet up` started; None where none runs."""
    note = read_note(server_folder(project))
    return note.api if note is not None and note.server.is_alive() else None


def use_local_server(project: Project) -> str | None:
    """Has this process use the server that `freshet up` started, unless the environment names one.

    Call it before Prefect is loaded.

    Returns:
        The address of its API; None where there is no such server, or another is named.
    """
    if os.environ.get("PREFECT_API_URL"):
        return None
    if (api := find_local_server(project)) is None:
        return None
    os.environ["PREFECT_API_URL"] = api
    if secret := os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        os.environ.setdefault("PREFECT_API_AUTH_STRING", secret)
    return api
