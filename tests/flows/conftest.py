"""A real Prefect server for the session, and projects that refresh against it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pytest
import yaml

from tests.conftest import COMMAND
from tests.waiting import PATIENCE

__all__ = ["Project", "project"]


@pytest.fixture(scope="session", autouse=True)
def _on_a_server(prefect_server: str) -> None:
    """Every flow runs on a server that is there already."""


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

    def copy(self, folder: Path) -> Self:
        """The project as it stands, store and all, in another folder."""
        shutil.copytree(self.folder, folder)
        return type(self)(folder, deepcopy(self.settings))

    def write(self, path: str, text: str) -> Path:
        file = self.folder / "docs" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def refresh(self, **options: Any) -> dict[str, Any]:
        """Refreshes corpus docs and returns the report, whatever the outcome."""
        from freshet.flows.command.by_hand import run_refresh

        given = {"full": False, "as_of": None, "allow_withdrawals": 0, "wait": PATIENCE, **options}
        return run_refresh("docs", config=self.config, **given)

    def freshet(self, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Runs the command in a process of its own; `code` is the exit code it must have."""
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words, "--config", str(self.config)],
            capture_output=True, text=True, check=False, timeout=PATIENCE, env=os.environ.copy(),
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    def freshet_json(self, *words: str, code: int | None = 0) -> Any:
        return json.loads(self.freshet(*words, "--json", code=code).stdout)

    def search(self, question: str, *as_: str, mode: str = "hybrid", limit: int = 5) -> dict[str, Any]:
        """Searches corpus docs in this process, as the command does."""
        from datetime import UTC, datetime

        from freshet.tasks.governance.roster import asker_of, load_roster
        from freshet.tasks.search.ordering import ordering_of
        from freshet.tasks.search.retrieve import query_embedder, search
        from freshet.tasks.settings.file import load_project

        loaded, now = load_project(self.config), datetime.now(UTC)
        answer = search(
            self.store, "docs", question, asker=asker_of(as_, load_roster(loaded), now), mode=mode, limit=limit,
            now=now, embed_query=query_embedder(loaded), ordering=ordering_of(loaded),
        )  # fmt: skip
        return answer.as_dict()

    def ask(self, question: str, *as_: str, corpus: str = "docs", model: Any = None, **more: Any) -> Any:
        """Asks in this process, as the command does; `model` in place of the extractive one. Gives `Explained`."""
        from dataclasses import replace
        from datetime import UTC, datetime

        from freshet.tasks.answers.ask import ask, writer_of
        from freshet.tasks.governance.roster import asker_of, load_roster
        from freshet.tasks.ledger.query_log import QueryLog
        from freshet.tasks.settings.file import load_project

        loaded, now = load_project(self.config), datetime.now(UTC)
        return ask(
            loaded, self.store, corpus, question, asker=asker_of(as_, load_roster(loaded), now), asked_as=as_,
            writer=replace(writer_of(loaded, "extractive"), model=model), log=QueryLog.of(loaded), now=now, **more,
        )  # fmt: skip

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
