"""Staged rows for tests of what comes after the checks, and a build of them up to what the gate decides on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from freshet.tasks.datasets.assembly.assemble import assemble
from freshet.tasks.datasets.assembly.assembled import Assembled
from freshet.tasks.datasets.shapes.example import canonical_json, example_digest, parts_of
from freshet.tasks.datasets.split import Splits, assign_splits
from freshet.tasks.datasets.stage import RowVerdict, Stage, row_schema
from freshet.tasks.datasets.versions.candidate import Candidate, propose
from freshet.tasks.ledger.versions import VersionFacts
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.store.tables import Store

AS_OF = datetime(2026, 11, 22, 9, tzinfo=UTC)


def declared(format: str = "prompt_completion", **said: Any) -> Dataset:
    one = {"rows": "a.jsonl", "name": "a", "owner": "ada", "licence": "CC0-1.0", "uses": ["training"]}
    return Dataset.model_validate({"format": format, "inputs": [one], **said})


def pair(prompt: str, completion: str) -> dict[str, Any]:
    return {"prompt": prompt, "completion": completion}


def pairs(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [pair(f"How much is {i} and {i}?", f"It is {2 * i}.") for i in range(start, start + count)]


@dataclass
class Rows:
    """Rows as a loader would stage them.

    Attributes:
        contents: canonical contents in order; None for a row that could not be read.
        said: by number of the row, columns of the staged row that are other than usual.
        found: what checks say.
    """

    contents: Sequence[Mapping[str, Any] | None]
    format: Any = "prompt_completion"
    said: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    found: Sequence[RowVerdict] = ()
    batch: int = 4

    def stage(self, folder: Path) -> Stage:
        stage = Stage(folder)
        rows = [staged(self.format, i, one, self.said.get(i, {})) for i, one in enumerate(self.contents) if one]
        stage.write_rows(0, (pa.Table.from_pylist(some, row_schema()) for some in _batches(rows, self.batch)))
        unread = [_unread(i, self.said.get(i, {})) for i, one in enumerate(self.contents) if not one]
        with pa.ipc.new_file(folder / "unread-000000.arrow", _unread_schema()) as sink:
            for some in _batches(unread, self.batch):
                sink.write_table(pa.Table.from_pylist(some, _unread_schema()))
        stage.record("checks", self.found, lambda verdict: verdict)
        return stage


def staged(format: Any, row: int, content: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    canonical, parts = canonical_json(content), parts_of(format, content)
    usual = {
        "row": row,
        "input": "a",
        "uri": "a.jsonl",
        "source_version": sha256(b"a").hexdigest(),
        "place": row + 1,
        "chunk_ids": [],
        "content": canonical,
        "digest": example_digest(format, canonical),
        "prompt": parts.prompt,
        "answer": parts.answer,
        "other": parts.other,
        "transforms": [],
        "licence": "CC0-1.0",
        "owner": "ada",
        "uses": ["training"],
        "access": '["everyone"]',
    }
    return {**dict.fromkeys(row_schema().names), **usual, **said}


def _unread_schema() -> pa.Schema:
    known = row_schema()
    names = ("row", "input", "uri", "source_version", "place", "field")
    return pa.schema([*(known.field(name) for name in names), pa.field("raw", pa.string())])


def _unread(row: int, said: Mapping[str, Any]) -> dict[str, Any]:
    usual = {"row": row, "input": "a", "uri": "a.jsonl", "source_version": sha256(b"a").hexdigest(), "place": row + 1}
    return {"field": None, **usual, "raw": "{torn", **said}


def _batches(rows: list[dict[str, Any]], size: int) -> Iterable[list[dict[str, Any]]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))


def splits_of(stage: Stage, rows: int, dataset: Dataset) -> Splits:
    return assign_splits(stage, dataset.split, stage.mask(rows))


def assembled(folder: Path, rows: Rows, dataset: Dataset, name: str = "sums") -> Assembled:
    stage = rows.stage(folder)
    return assemble(stage, len(rows.contents), splits_of(stage, len(rows.contents), dataset), name, dataset)


def proposed(store: Store, folder: Path, rows: Rows, dataset: Dataset) -> tuple[Assembled, Candidate]:
    done = assembled(folder, rows, dataset)
    return done, propose(store, done, "sums", dataset, as_of=AS_OF)


def no_extras(folder: Path, facts: VersionFacts) -> None:
    (folder / "README.md").write_text(f"# {facts.dataset} {facts.version}\n", "utf-8")


def all_rows(tables: Iterable[pa.Table]) -> list[dict[str, Any]]:
    return [row for table in tables for row in table.to_pylist()]


def put_on_record(store: Store, said: Mapping[str, Any], *, published: int = 0, decided: int = 0) -> None:
    """Records what access classes of corpus docs mean from now on, by their ids, as settings state it."""
    from freshet.tasks.governance.expressions import Expression
    from freshet.tasks.governance.policy import Scope
    from freshet.tasks.ledger.access_classes import record_scopes

    meant = {access: Expression.read(json.dumps(one)) for access, one in said.items()}
    scopes = [Scope(access, "docs", access, expression) for access, expression in meant.items()]
    record_scopes(store, "docs", scopes, published=published, decided=decided, now=AS_OF, run_id="r")


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
