"""A project with datasets in a folder: its rows, its builds, and what they left in the store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.flows.conftest import Project
from tests.waiting import PATIENCE

WORDS = """
amber basil cedar delta ember fjord grove heron indigo jasper kelp lagoon maple nectar opal pine quartz reef sable
tundra umber violet willow yarrow zephyr
""".split()  # noqa: SIM905


def question(number: int) -> dict[str, str]:
    """A row of prompt_completion that is like no other, whatever the number; no two share eight words on end."""
    draw = sha256(str(number).encode()).digest()
    words = [WORDS[byte % len(WORDS)] for byte in draw]
    asked = f"Question {number}: where does {' '.join(words[:12])} belong?"
    return {"prompt": asked, "completion": f"Answer {number}: beside {' '.join(words[12:24])}."}


def questions(count: int, start: int = 0) -> list[dict[str, str]]:
    return [question(number) for number in range(start, start + count)]


@dataclass
class DatasetProject(Project):
    """A project with the dataset `answers` over rows/*.jsonl, of format prompt_completion.

    `build` runs in this process, `freshet` in one of its own.
    """

    name: str = "answers"

    def __post_init__(self) -> None:
        self.settings = self.settings or {"store": "./store", "datasets": {self.name: self.plain()}}
        (self.folder / "rows").mkdir(parents=True, exist_ok=True)
        self.save()

    @staticmethod
    def plain(**said: Any) -> dict[str, Any]:
        """The settings of a dataset; `said` are others, or further ones."""
        usual: dict[str, Any] = {
            "format": "prompt_completion",
            "inputs": [DatasetProject.rows_input()],
            "split": {"train": 0.8, "validation": 0.1, "test": 0.1, "tolerance": 1.0},
            "export": ["trl", "parquet"],
        }
        return {**usual, **said}

    @staticmethod
    def rows_input(rows: str = "rows/*.jsonl", **said: Any) -> dict[str, Any]:
        return {"rows": rows, "owner": "people", "licence": "CC0-1.0", "uses": ["training"], **said}

    @property
    def dataset(self) -> dict[str, Any]:
        """The settings of the dataset; `save` after changing them."""
        found: dict[str, Any] = self.settings["datasets"][self.name]
        return found

    def set(self, **said: Any) -> None:
        """Changes settings of the dataset, and saves them."""
        self.dataset.update(said)
        self.save()

    def put(self, path: str, rows: Iterable[Mapping[str, Any]]) -> Path:
        """Writes rows as JSONL."""
        return self.lay(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def lay(self, path: str, text: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def build(self, **options: Any) -> dict[str, Any]:
        """Builds the dataset and returns the report, whatever the outcome."""
        from freshet.flows.command.by_hand import run_build

        given = {"as_of": None, "wait": PATIENCE, **options}
        return run_build(self.name, config=self.config, **given)

    def published(self, **options: Any) -> dict[str, Any]:
        """Builds the dataset, which must give a version."""
        report = self.build(**options)
        assert report["outcome"] == "published", report
        return report

    @property
    def exports(self) -> Path:
        return self.folder / "store" / "datasets" / self.name / "exports"

    def exported(self, version: str, kind: str = "trl") -> list[dict[str, Any]]:
        """The rows of an export, of all its sides, each with its side."""
        files = sorted((self.exports / version / kind).glob("*.jsonl"))
        return [{**json.loads(line), "side": one.stem} for one in files for line in _lines(one)]

    def lineage(self, version: str) -> list[dict[str, Any]]:
        return _parquet(self.exports / version / "lineage.parquet")

    def rejected(self, version: str) -> list[dict[str, Any]]:
        """The rejected rows that are exported beside a version, in order of their number."""
        return [json.loads(line) for line in _lines(self.exports / version / "rejected.jsonl")]

    def decisions_on_record(self) -> list[dict[str, Any]]:
        """The rows of dataset_versions, oldest first."""
        from freshet.tasks.store import schemas

        table = self.store.ledger.find(schemas.DATASET_VERSIONS)
        rows = [] if table is None else table.to_arrow().to_pylist()
        return sorted(rows, key=lambda row: row["published_at"])

    def tables(self) -> dict[str, int]:
        """The version of every table of the dataset and of the ledger; lineage's and events' aside."""
        found: dict[str, int] = {}
        for tables in (self.store.dataset(self.name), self.store.ledger):
            found |= {name: tables.find(name).version for name in tables.names()}
        return {name: version for name, version in found.items() if "event" not in name}


def sums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder, by its path there."""
    files = (one for one in sorted(folder.rglob("*")) if one.is_file())
    return {one.relative_to(folder).as_posix(): sha256(one.read_bytes()).hexdigest() for one in files}


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").split("\n")[:-1]


def _parquet(file: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows
