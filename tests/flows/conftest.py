"""A real Prefect server for the session, and projects that refresh against it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from tests.conftest import COMMAND


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API address of a Prefect server of our own; every flow of these tests runs on it."""
    home, port = tmp_path_factory.mktemp("prefect"), _free_port()
    api = f"http://127.0.0.1:{port}/api"
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        with (home / "server.log").open("w") as log:
            command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
            server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _wait_until_healthy(api, server)
            yield api
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_healthy(api: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the Prefect server ended at once"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{api}/health", timeout=2):
            return
        time.sleep(0.2)
    raise AssertionError("the Prefect server did not answer within two minutes")


@dataclass
class Project:
    """A project in a folder: settings, documents, and the command run on them.

    `refresh` runs in this process (the model stays loaded), `freshet` in one of its own.
    """

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = self.settings or {
            "store": "./store",
            "corpora": {"docs": {"sources": [{"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}]}},
        }
        (self.folder / "docs").mkdir(parents=True, exist_ok=True)
        self.save()

    @property
    def config(self) -> Path:
        return self.folder / "freshet.yaml"

    @property
    def source(self) -> dict[str, Any]:
        """The settings of the first source of corpus docs; `save` after changing them."""
        first: dict[str, Any] = self.settings["corpora"]["docs"]["sources"][0]
        return first

    def save(self) -> None:
        self.config.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    def write(self, path: str, text: str) -> Path:
        file = self.folder / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def refresh(self, **options: Any) -> dict[str, Any]:
        """Refreshes corpus docs and returns the report, whatever the outcome."""
        from freshet.flows.command.by_hand import run_refresh

        given = {"full": False, "as_of": None, "allow_withdrawals": 0, "wait": 60.0, **options}
        return run_refresh("docs", config=self.config, **given)

    def freshet(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs the command in a process of its own; `code` is the exit code it must have."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words, "--config", str(self.config)],
            capture_output=True, text=True, check=False, timeout=300, env=os.environ.copy(),
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    def freshet_json(self, *words: str, code: int | None = 0) -> Any:
        return json.loads(self.freshet(*words, "--json", code=code).stdout)

    def search(self, question: str, *as_: str, mode: str = "hybrid", limit: int = 5) -> dict[str, Any]:
        """Searches corpus docs in this process, as the command does."""
        from datetime import UTC, datetime

        from freshet.tasks.governance.policy import principals_of
        from freshet.tasks.search.retrieve import query_embedder, search
        from freshet.tasks.settings.file import load_project

        answer = search(
            self.store, "docs", question, principals=principals_of(as_), mode=mode, limit=limit,
            now=datetime.now(UTC), embed_query=query_embedder(load_project(self.config)),
        )  # fmt: skip
        return answer.as_dict()

    @property
    def store(self) -> Any:
        from freshet.tasks.store.tables import Store

        return Store(str(self.folder / "store"))

    def chunks(self) -> pa.Table:
        """The head of the chunk table (of the newest embedding space), sorted by id."""
        tables = self.store.corpus("docs")
        (name,) = [n for n in tables.names() if n.startswith("chunks-")]
        return tables.find(name).to_arrow().sort_by("chunk_id")

    def ledger(self) -> pa.Table:
        return self.store.corpus("docs").find("documents").to_arrow().sort_by("path")

    def versions(self) -> dict[str, int]:
        """The version of every table of the corpus: equal before and after means that nothing was written."""
        tables = self.store.corpus("docs")
        return {name: tables.find(name).version for name in tables.names()}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project with one corpus, docs, over the folder docs."""
    return Project(tmp_path)
