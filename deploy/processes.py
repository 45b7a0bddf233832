"""Processes in the background: started with a log of their own, waited for, and ended with all that they started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.deploy.client import ServerError
from freshet.tasks.runs.local_server import Running
from freshet.tasks.store.modes import PRIVATE, written_with

if TYPE_CHECKING:
    import psutil

GRACE = 25.0
"""Seconds between asking a process to end and ending it; the service takes up to 20 to end its answers."""


def spawn(words: list[str], log: Path, environment: Mapping[str, str], folder: Path) -> Running:
    """Starts `python -m words` in a folder, with what is in this process's environment and what is given."""
    import psutil

    given = {**os.environ, **environment}
    if "PREFECT_API_URL" not in environment:
        given.pop("PREFECT_API_URL", None)  # a server is nobody's client
    with written_with(PRIVATE), log.open("ab") as file:
        log.chmod(0o600)  # one of an earlier version may be open to others
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=given, cwd=folder, start_new_session=True,
        )  # fmt: skip
    return Running(process.pid, psutil.Process(process.pid).create_time())


def wait_until_ready(process: Running, log: Path, seconds: float, what: str, ready: Callable[[], bool]) -> None:
    """Waits until a process that was started is ready.

    Args:
        what: what it is called.

    Raises:
        ServerError: it ended, or is not ready after so many seconds.
    """
    give_up = time.monotonic() + seconds
    while not ready():
        if not process.is_alive():
            raise ServerError(f"the {what} ended at once; its last words:\n{_tail(log)}", f"All of them: {log}")
        if time.monotonic() > give_up:
            raise ServerError(f"the {what} is not ready after {seconds:.0f} seconds", f"See why in {log}")
        time.sleep(0.2)


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def left_alone(api: str) -> list[Running]:
    """The runs on this machine that report to the server, and whose worker was killed."""
    import psutil

    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # another user's, or gone by now
            environment = process.environ()
            if environment.get("PREFECT_API_URL") == api and "PREFECT__FLOW_RUN_ID" in environment:
                parent = process.parent()
                if parent is None or "prefect" not in " ".join(parent.cmdline()):
                    found.append(Running(process.pid, process.create_time()))
    return found


def end(processes: list[Running]) -> None:
    """Ends processes and all that they started: asked first, then killed."""
    import psutil

    families: list[psutil.Process] = []
    for one in processes:
        if one.is_alive():
            parent = psutil.Process(one.pid)
            families += [parent, *parent.children(recursive=True)]
            _quietly(parent.terminate)
    for process in _still_running(families):
        _quietly(process.kill)
    _still_running(families)


def _still_running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run after some grace. One that ended and that its parent has not yet asked about has ended."""
    import psutil

    def runs(process: psutil.Process) -> bool:
        try:
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    give_up = time.monotonic() + GRACE
    while (left := [one for one in processes if runs(one)]) and time.monotonic() < give_up:
        time.sleep(0.1)
    return left


def _quietly(act: Callable[[], None]) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        act()
