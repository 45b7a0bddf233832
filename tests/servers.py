"""The servers that tests start: Prefect's alone, an S3 server, and a project with a server and a worker of its own.

The fixtures are for the conftest.py of the folders that use them, which import them from here.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from freshet.tasks.runs.local_server import ServerNote, read_note
from tests.waiting import PATIENCE, until

PAGE = "# Leave\n\nEveryone has thirty days of leave a year, and may carry five of them over into the next.\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(module: str, *words: str, ready: str, log: Path) -> Iterator[None]:
    """A server, `python -m module words`, from its first answer at the address `ready` until the block ends."""
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", module, *words], stdout=out, stderr=out)

    def answers() -> bool:
        assert process.poll() is None, f"{module} ended at once: {log.read_text()}"
        with contextlib.suppress(OSError), urllib.request.urlopen(ready, timeout=10):
            return True
        return False

    try:
        until(answers, f"{module} answers at {ready}")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def having(settings: Mapping[str, str]) -> Iterator[None]:
    """This process's environment with these settings besides, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield


@contextmanager
def a_prefect_server(home: Path) -> Iterator[str]:
    """Has a Prefect server of our own, on which every flow of this process runs, and gives its API address."""
    port = str(free_port())
    api = f"http://127.0.0.1:{port}/api"
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    words = ["server", "start", "--host", "127.0.0.1", "--port", port]
    with having(settings), serving("prefect", *words, ready=f"{api}/health", log=home / "server.log"):
        from prefect.context import refresh_global_settings_context

        # A module that imports Prefect had it read its settings when tests were collected: without a server, it would
        # start another one for each of our processes.
        refresh_global_settings_context()
        yield api
    refresh_global_settings_context()


BUCKET = "freshet-tests"


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server with one empty bucket; the environment says where it is, as a user's would."""
    import s3fs

    port, folder = str(free_port()), tmp_path_factory.mktemp("moto")
    endpoint = f"http://127.0.0.1:{port}"
    settings = {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    words = ["--host", "127.0.0.1", "--port", port]
    with having(settings), serving("moto.server", *words, ready=endpoint, log=folder / "server.log"):
        # A client that an earlier module of this process made would go on asking that module's server.
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir(BUCKET)
        yield endpoint


@dataclass
class Site:
    """A project in a folder, and the server that runs for it, if any.

    Attributes:
        environment: what commands find besides what this process has, without anything of Prefect's.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "docs").mkdir(parents=True, exist_ok=True)
        (self.folder / "docs" / "leave.md").write_text(PAGE)
        # A project may have modules of its own that are called like ours.
        (self.folder / "tasks.py").write_text("raise ImportError('this is not the tasks of Freshet')\n")
        self.settings = {"store": "./store", "corpora": {"docs": self.corpus()}, **self.settings}
        self.save()

    def corpus(self, **settings: Any) -> dict[str, Any]:
        return {"sources": [{"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}], **settings}

    def add_documents(self, count: int) -> None:
        for number in range(count):
            where = f"Room {number} of the {number % 7}. floor"
            text = f"# Rule {number}\n\n{where} is open from {number % 12} o'clock on.\n"
            (self.folder / "docs" / f"rule-{number}.md").write_text(text)

    def assert_whole(self, documents: int) -> None:
        """The store has nothing wrong, each document once, and readers see them all."""
        from freshet.tasks.doctor.examine import examine
        from freshet.tasks.settings.file import load_project

        assert examine(load_project(self.folder / "freshet.yaml")) == []
        newest = self.freshet_json("releases", "docs")["releases"][0]
        assert (newest["outcome"], newest["documents"], newest["chunks"]) == ("published", documents, documents)

    def states(self, run: str) -> list[str]:
        """The names of all states that a run was in, in order."""
        return [one["name"] for one in self.api(f"flow_run_states/?flow_run_id={run}")]

    def save(self) -> None:
        (self.folder / "freshet.yaml").write_text(yaml.safe_dump(self.settings, sort_keys=False))

    @property
    def home(self) -> Path:
        return self.folder / "store" / "server"

    @property
    def note(self) -> ServerNote:
        note = read_note(self.home)
        assert note
        return note

    def freshet(self, *words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "freshet.deploy.cli", *words],
            capture_output=True, text=True, check=False, timeout=PATIENCE, cwd=self.folder,
            env={**clean_environment(), **self.environment, **environment},
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def freshet_json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.freshet(*words, "--json", code=code).stdout)

    def up(self) -> Any:
        return self.freshet_json("up", "--no-service", "--port", str(free_port()))

    def api(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Asks the server, with the secret if there is one."""
        request = urllib.request.Request(f"{self.note.api}/{path}", method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("content-type", "application/json")
        if secret := self.environment.get("PREFECT_SERVER_API_AUTH_STRING"):
            request.add_header("authorization", "Basic " + base64.b64encode(secret.encode()).decode())

        def answered() -> list[bytes]:
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                    return [answer.read()]
            except urllib.error.HTTPError as error:
                if error.code != 503:  # its database is in use; Prefect's own clients ask again as well
                    raise
                return []

        (text,) = until(answered, f"the server answers {path}, its database not being in use")
        return json.loads(text) if text else None

    def deployment(self, name: str = "refresh-index/docs") -> Any:
        return self.api(f"deployments/name/{name}")

    def deployments(self) -> list[str]:
        found = self.api("deployments/filter", {})
        return sorted(one["name"] for one in found if one["entrypoint"] is None or "refresh_index" in one["entrypoint"])

    def automations(self) -> dict[str, Any]:
        found = self.api("automations/filter", {})
        named = {one["name"]: one for one in found}
        assert len(named) == len(found), "two automations of one name"
        return named

    def start_run(self, name: str = "refresh-index/docs", **parameters: Any) -> str:
        run = self.api(f"deployments/{self.deployment(name)['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def run(self, run: str) -> Any:
        return self.api(f"flow_runs/{run}")

    def wait_for(self, run: str, *states: str) -> Any:
        return until(lambda: (r := self.run(run))["state_name"] in states and r, f"run {run} as {states}")

    def processes(self) -> list[psutil.Process]:
        """Server and worker, and all that they have started."""
        found = []
        for one in (self.note.server, self.note.worker):
            with contextlib.suppress(psutil.NoSuchProcess):
                if one and one.is_alive():
                    found += [psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)]
        return found


def clean_environment() -> dict[str, str]:
    """This process's environment without what names a server: the tests of flows set that.

    `python -m` would put the working folder first on the path; the installed command does not.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "FRESHET_"))}
    return {**kept, "PYTHONSAFEPATH": "1"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A project without a server; one that the test starts is stopped afterwards."""
    made = Site(tmp_path)
    yield made
    made.freshet("down")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A project whose server and worker run; the tests of a module share it."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.up()
    yield made
    made.freshet("down")
