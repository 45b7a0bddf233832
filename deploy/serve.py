"""A Prefect server, a worker and the service on this machine, in the background: `freshet up` and `freshet down`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.deploy.client import ServerError
from freshet.deploy.definitions import run_environment
from freshet.deploy.processes import end, left_alone, spawn, wait_until_ready
from freshet.tasks.runs.local_server import ServerNote, read_note, server_folder
from freshet.tasks.runs.run import store_of
from freshet.tasks.store.modes import PRIVATE

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

SERVER_START = 180.0
"""Seconds that a server may take to answer; a first start builds its database."""
WORKER_START = 90.0
SERVICE_START = 90.0
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Where a server keeps who has a deployment's place: files. In memory, where Prefect has it, that dies with the server,
and Prefect ends every run that outlives it."""


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
            before, worker = note, note.worker if note else None
            if note and note.ui != _address(host, port):
                # They would go on asking a server that is gone.
                end([*([worker] if worker else []), *left_alone(note.api)])
            # At the same address a worker finds the new server, and its runs come to their end.
            note, new = replace(_start_server(folder, host, port), worker=worker), ["server"]
            if before:
                note = replace(note, service=before.service, service_url=before.service_url)
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
        words = ["prefect", "worker", "start", "--pool", pool, "--name", name]
        words += ["--type", "process", "--install-policy", "never"]
        # Runs inherit it; what they need besides comes with the deployment.
        environment = {**_environment(started.folder, note), **run_environment(project)}
        worker = spawn(words, started.folder / "worker.log", environment, started.folder)
        note = replace(note, worker=worker)
        note.write(started.folder)
        try:
            wait_until_ready(
                worker, started.folder / "worker.log", WORKER_START, "worker", lambda: _is_online(pool, name)
            )
        except ServerError:
            end([worker])
            raise
    return replace(started, note=note, new=[*started.new, "worker"])


def start_service(project: Project, started: Started) -> Started:
    """Starts the service, unless it runs, and waits until it answers. Its models are loaded beside that.

    Raises:
        ServerError: it does not come up; server and worker run on.
    """
    said = project.settings.service
    with store_of(project).writing(), _one_at_a_time(started.folder):
        note = read_note(started.folder) or started.note
        if note.service and note.service.is_alive():
            return replace(started, note=note)
        log, url = started.folder / "service.log", _address(said.host, said.port)
        _check_port(
            said.host, said.port, "service: {port: 4281} in freshet.yaml; or leave it out: freshet up --no-service"
        )
        words = ["freshet.deploy.cli", "serve", "--config", str(project.file)]
        service = spawn(words, log, {}, started.folder)
        try:
            wait_until_ready(service, log, SERVICE_START, "service", lambda: _is_healthy(url, "healthz"))
        except ServerError:
            end([service])
            raise
        note = replace(note, service=service, service_url=url)
        note.write(started.folder)
    return replace(started, note=note, new=[*started.new, "service"])


def stop(project: Project) -> list[str]:
    """Stops the service, the worker and the server, with the runs that the worker, or one before it, has begun.

    Returns:
        Which of them ran.

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
        service, worker = ([one] if one else [] for one in (note.service, note.worker))
        named = {"service": service, "worker": worker, "runs": left_alone(note.api), "server": [note.server]}
        stopped = []
        for name, processes in named.items():
            if alive := [one for one in processes if one.is_alive()]:
                end(alive)
                stopped.append(name)
        (folder / "server.json").unlink(missing_ok=True)
        return stopped


def _start_server(folder: Path, host: str, port: int) -> ServerNote:
    _check_port(host, port, "freshet up --port 4201 (make up PORT=4201)")
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
    words = ["prefect", "server", "start", "--host", host, "--port", str(port)]
    server = spawn(words, folder / "server.log", environment, folder)
    note = ServerNote(f"{ui}/api", ui, server)
    try:
        wait_until_ready(server, folder / "server.log", SERVER_START, "server", lambda: _is_healthy(note.api))
    except ServerError:
        end([server])
        raise
    return note


def _check_port(host: str, port: int, other: str) -> None:
    """Sees that nothing else listens there, since that would pass for what is started.

    Args:
        other: how to choose another port.

    Raises:
        ServerError: something does.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ServerError(
                f"port {port} of {host} cannot be used: {error.strerror}",
                f"Stop what uses it, or choose another: {other}",
            ) from None


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


def _is_healthy(address: str, path: str = "health") -> bool:
    import httpx

    try:
        return httpx.get(f"{address}/{path}", timeout=2).is_success
    except httpx.TransportError:
        return False


def _is_online(pool: str, name: str) -> bool:
    from freshet.deploy.client import open_client

    with open_client() as client:
        return any(worker.name == name for worker in client.read_workers_for_work_pool(pool))


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    try:
        with FileLock(folder / "up.lock", timeout=SERVER_START + WORKER_START + SERVICE_START):
            yield
    except Timeout:
        raise ServerError("another freshet up or down has not ended yet", "Wait for it, or end it.") from None
