"""A Prefect server and a worker on this machine, in the background: `freshet up` and `freshet down`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.deploy.client import ServerError
from freshet.deploy.definitions import run_environment
from freshet.tasks.runs.local_server import Running, ServerNote, read_note, server_folder
from freshet.tasks.runs.run import store_of
from freshet.tasks.store.modes import PRIVATE, written_with

if TYPE_CHECKING:
    import psutil

    from freshet.tasks.settings.file import Project

SERVER_START = 180.0
"""Seconds that a server may take to answer; a first start builds its database."""
WORKER_START = 90.0
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Where a server keeps who has a deployment's place: files. In memory, where Prefect has it, that dies with the server,
and Prefect ends every run that outlives it."""
GRACE = 20.0
"""Seconds between asking a process to end and ending it."""


@dataclass(frozen=True)
class Started:
    """What `up` did.

    Attributes:
        new: names of what was started now; empty where all ran already.
    """

    note: ServerNote
    folder: Path
    new: list[str]


def start_server(project: Project, host: str, port: int) -> Started:
    """Starts the server, unless it runs, and waits until it answers. The environment then names it.

    Raises:
        ServerError: the port is taken, or the server does not come up.
    """
    folder, store = server_folder(project), store_of(project)
    # Whoever may read the store finds the server; its database and logs are for its owner only.
    with store.writing():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prefect").mkdir(PRIVATE, exist_ok=True)
    (folder / "prefect").chmod(PRIVATE)
    with store.writing(), _one_at_a_time(folder):
        note, new = read_note(folder), []
        if note is None or not note.server.is_alive():
            worker = note.worker if note else None
            if note and note.ui != _address(host, port):
                # They would go on asking a server that is gone.
                _end([*([worker] if worker else []), *_left_alone(note.api)])
            # At the same address a worker finds the new server, and its runs come to their end.
            note, new = replace(_start_server(folder, host, port), worker=worker), ["server"]
            note.write(folder)
    os.environ.update(_environment(folder, note))
    return Started(note, folder, new)


def start_worker(project: Project, started: Started) -> Started:
    """Starts the worker, unless it runs, and waits until the server knows it.

    Raises:
        ServerError: it does not come up.
    """
    with store_of(project).writing(), _one_at_a_time(started.folder):
        note = read_note(started.folder) or started.note
        if note.worker and note.worker.is_alive():
            return replace(started, note=note)
        pool, name = project.settings.deployment.work_pool, f"freshet-{socket.gethostname()}-{time.time_ns():x}"
        words = ["worker", "start", "--pool", pool, "--name", name, "--type", "process", "--install-policy", "never"]
        # Runs inherit it; what they need besides comes with the deployment.
        environment = {**_environment(started.folder, note), **run_environment(project)}
        worker = _spawn(words, started.folder / "worker.log", environment, started.folder)
        note = replace(note, worker=worker)
        note.write(started.folder)
        try:
            _wait(worker, started.folder / "worker.log", WORKER_START, "worker", lambda: _is_online(pool, name))
        except ServerError:
            _end([worker])
            raise
    return replace(started, note=note, new=[*started.new, "worker"])


def stop(project: Project) -> list[str]:
    """Stops worker and server, with the runs that the worker, or one before it, has begun; says which of them ran.

    What the runs had committed stays; the next ones go on from there.
    """
    folder = server_folder(project)
    if not folder.is_dir():
        return []
    with _one_at_a_time(folder):
        note = read_note(folder)
        if note is None:
            return []
        # The server last: as long as it answers, the others can still say what became of the runs.
        worker = [note.worker] if note.worker else []
        named = {"worker": worker, "runs": _left_alone(note.api), "server": [note.server]}
        stopped = []
        for name, processes in named.items():
            if alive := [one for one in processes if one.is_alive()]:
                _end(alive)
                stopped.append(name)
        (folder / "server.json").unlink(missing_ok=True)
        return stopped


def _start_server(folder: Path, host: str, port: int) -> ServerNote:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"port {port} of {host} cannot be used: {error.strerror}",
                "Stop what uses it, or choose another: freshet up --port 4201 (make up PORT=4201)",
            ) from None
    ui = _address(host, port)
    environment = {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_UI_URL": os.environ.get("PREFECT_UI_URL", ui),  # for the links in alerts
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": os.environ.get("PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE", LEASES),
    }
    # Pages ask for their API at port 4200 unless told otherwise; somebody behind a proxy tells otherwise themselves.
    environment["PREFECT_SERVER_UI_API_URL"] = os.environ.get("PREFECT_SERVER_UI_API_URL", f"{ui}/api")
    words = ["server", "start", "--host", host, "--port", str(port)]
    server = _spawn(words, folder / "server.log", environment, folder)
    note = ServerNote(f"{ui}/api", ui, server)
    try:
        _wait(server, folder / "server.log", SERVER_START, "server", lambda: _is_healthy(note.api))
    except ServerError:
        _end([server])
        raise
    return note


def _address(host: str, port: int) -> str:
    """Where clients on this machine reach the server."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reached}:{port}"


def _environment(folder: Path, note: ServerNote) -> dict[str, str]:
    """What a client of the server needs. The secret travels in the environment, never on a command line."""
    secret = os.environ.get("PREFECT_API_AUTH_STRING") or os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    return {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": note.api,
        "DO_NOT_TRACK": "1",
        **({"PREFECT_API_AUTH_STRING": secret} if secret else {}),
    }


def _spawn(words: list[str], log: Path, environment: Mapping[str, str], folder: Path) -> Running:
    import psutil

    given = {**os.environ, **environment}
    if "PREFECT_API_URL" not in environment:
        given.pop("PREFECT_API_URL", None)  # a server is nobody's client
    with written_with(PRIVATE), log.open("ab") as file:
        log.chmod(0o600)  # one of an earlier version may be open to others
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *words],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=given, cwd=folder, start_new_session=True,
        )  # fmt: skip
    return Running(process.pid, psutil.Process(process.pid).create_time())


def _wait(process: Running, log: Path, seconds: float, what: str, ready: Callable[[], bool]) -> None:
    give_up = time.monotonic() + seconds
    while not ready():
        if not process.is_alive():
            raise ServerError(f"the {what} ended at once; its last words:\n{_tail(log)}", f"All of them: {log}")
        if time.monotonic() > give_up:
            raise ServerError(f"the {what} is not ready after {seconds:.0f} seconds", f"See why in {log}")
        time.sleep(0.2)


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _is_healthy(api: str) -> bool:
    import httpx

    try:
        return httpx.get(f"{api}/health", timeout=2).is_success
    except httpx.TransportError:
        return False


def _is_online(pool: str, name: str) -> bool:
    from freshet.deploy.client import open_client

    with open_client() as client:
        return any(worker.name == name for worker in client.read_workers_for_work_pool(pool))


def _left_alone(api: str) -> list[Running]:
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


def _end(processes: list[Running]) -> None:
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


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "up.lock", timeout=SERVER_START + WORKER_START):
            yield
    except Timeout:
        raise ServerError("another freshet up or down has not ended yet", "Wait for it, or end it.") from None
