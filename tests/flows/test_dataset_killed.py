"""A build killed anywhere is mended by building again: the same version, the same bytes, and nobody saw half of it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from freshet.tasks.datasets.export.manifest import check_manifest
from tests.conftest import ROOT
from tests.flows import dataset_killer
from tests.flows.dataset_project import DatasetProject, questions, sums
from tests.flows.killer import Fault

OLD, NEW = 40, 30
FIRST, SECOND = "1.0.0", "2.0.0"


def _lay(project: DatasetProject, state: str) -> None:
    """State B adds rows to A, edits one and takes one away; three cannot be read, and one is a copy."""
    rows = questions(OLD)
    if state == "B":
        rows[7] = {**rows[7], "completion": "Answer 7: it has moved to the harbour since then."}
        rows = [*rows[:20], *rows[21:], rows[0]]
        project.put("rows/b.jsonl", questions(NEW, 100))
        project.lay("rows/torn.jsonl", '{"prompt": "torn\n' * 3)
    project.put("rows/a.jsonl", rows)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetProject]:
    """A project with version 1.0.0 of state A; and a copy of it with version 2.0.0 of state B besides."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "a").mkdir()
    before = DatasetProject(folder / "a")
    before.set(checks={"decontaminate": ["benchmark.jsonl"]}, export=["trl", "openai", "parquet"])
    before.put("benchmark.jsonl", questions(3, 500))
    _lay(before, "A")
    assert before.published()["version"] == FIRST
    after = _copy(before, folder / "b")
    _lay(after, "B")
    report = after.published()
    assert (report["version"], report["rows"]["rejected"]) == (SECOND, 4), report
    assert report["change"] == {"added": NEW, "removed": 1, "edited": 1, "moved": 0}
    return {"A": before, "B": after}


def _copy(project: DatasetProject, folder: Path) -> DatasetProject:
    shutil.copytree(project.folder, folder)
    return DatasetProject(folder, json.loads(json.dumps(project.settings)))


class Reader:
    """Looks at the exports over and over: a version is not there, or is whole."""

    def __init__(self, project: DatasetProject) -> None:
        self._folder = project.exports
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.seen: dict[str, set[str]] = {}
        self.faults: list[str] = []
        self.rounds = 0

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        while True:
            last = self._stop.is_set()
            for version in (FIRST, SECOND):
                self._look(version)
            self.rounds += 1
            if last:
                return
            time.sleep(0.02)

    def _look(self, version: str) -> None:
        folder = self._folder / version
        if not folder.exists():
            return
        try:
            wrong = check_manifest(folder)
            manifest = (folder / "MANIFEST.sha256").read_text()
        except FileNotFoundError:
            # A build that comes after a kill may replace what nobody was told of, between two looks at it.
            return
        if wrong and folder.exists():
            self.faults += [f"{version}: {one}" for one in wrong]
        self.seen.setdefault(version, set()).add(manifest)


MOMENTS = {
    "listing": Fault(at="freshet.tasks.datasets.inputs.files:list_files"),
    "loading the second file": Fault(at="freshet.tasks.datasets.loading.load:read_rows", call=2),
    "staged": Fault(at="freshet.tasks.datasets.loading.load:load_part", when="after"),
    "checking rows": Fault(at="freshet.tasks.datasets.checks.batch:look_at"),
    "copies": Fault(at="freshet.tasks.datasets.copies.find:find_copies"),
    "split": Fault(at="freshet.tasks.datasets.split:assign_splits", when="after"),
    "own test split": Fault(at="freshet.tasks.datasets.leaks.find:find_leaks", call=2),
    "assembling": Fault(at="freshet.tasks.datasets.assembly.assemble:_Work.rejected"),
    "gate": Fault(at="freshet.tasks.datasets.versions.gate:judge_version"),
    "kept rows committed": Fault(at="freshet.tasks.datasets.versions.publish:_commit", when="after"),
    "one table tagged": Fault(at="freshet.tasks.datasets.versions.publish:_tag", when="after"),
    "exports half written": Fault(at="freshet.tasks.datasets.export:write_lineage"),
    "card half written": Fault(at="freshet.tasks.datasets.export.files:export_files", when="after"),
    "before the manifest": Fault(at="freshet.tasks.datasets.versions.exports:write_manifest"),
    "before the move": Fault(at="freshet.tasks.datasets.versions.publish:deliver"),
    "moved, not in the ledger": Fault(at="freshet.tasks.datasets.versions.publish:deliver", when="after"),
    "in the ledger": Fault(at="freshet.tasks.datasets.versions.publish:_append", when="after"),
    "before the record of the build": Fault(at="freshet.flows.version_dataset:record_build"),
}
PUBLISHED = ("in the ledger", "before the record of the build")


def _build_and_die(project: DatasetProject, fault: Fault) -> None:
    done = subprocess.run(
        dataset_killer.command(replace(fault, config=str(project.config), notes=str(project.folder))),
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, f"it lived: {done.stdout}{done.stderr}"


def _assert_as_undisturbed(project: DatasetProject, expected: DatasetProject) -> None:
    found, wanted = project.decisions_on_record(), expected.decisions_on_record()
    told = ("version", "outcome", "digest", "rows_digest", "rows", "splits", "exports", "reasons")
    assert [{n: row[n] for n in told} for row in found] == [{n: row[n] for n in told} for row in wanted]
    assert sums(project.exports) == sums(expected.exports)
    for row, other in zip(found, wanted, strict=True):
        for table, version in (("examples", "table_version"), ("rejected", "rejected_version")):
            held = project.store.dataset("answers").at(table, row[version]).to_arrow()
            assert held.equals(expected.store.dataset("answers").at(table, other[version]).to_arrow())


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_build_is_mended_by_the_next(
    moment: str, undisturbed: dict[str, DatasetProject], tmp_path: Path
) -> None:
    project = _copy(undisturbed["A"], tmp_path / "killed")
    _lay(project, "B")
    with Reader(project) as reader:
        _build_and_die(project, MOMENTS[moment])
        visible = [row["version"] for row in project.decisions_on_record()]
        report = project.build()
    if moment in PUBLISHED:
        assert (visible, report["outcome"]) == ([FIRST, SECOND], "unchanged"), report
    else:
        assert (visible, report["outcome"]) == ([FIRST], "published"), report
    assert (report["version"], report["notes"]) == (SECOND, [])
    _assert_as_undisturbed(project, undisturbed["B"])
    assert reader.faults == []
    assert {version: len(seen) for version, seen in reader.seen.items()} == {FIRST: 1, SECOND: 1}
    assert reader.rounds > 20
    before = project.tables()
    assert project.build()["outcome"] == "unchanged"
    assert project.tables() == before


def test_a_first_build_killed_in_the_middle_of_its_publishing_leaves_nothing_that_is_offered(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    _lay(project, "A")
    _build_and_die(project, MOMENTS["moved, not in the ledger"])
    assert project.freshet_json("dataset", "versions", "answers")["versions"] == []
    refused = project.freshet("dataset", "export", "answers", str(tmp_path / "out"), code=1)
    assert "has no version yet" in refused.stderr
    # Other rows meanwhile: the folder that was left there is another version's, and is replaced.
    project.put("rows/a.jsonl", questions(12, 300))
    assert (project.published()["version"], len(project.exported(FIRST))) == (FIRST, 12)
    assert check_manifest(project.exports / FIRST) == []
    assert [one.name for one in project.exports.iterdir()] == [FIRST]


def test_what_killed_the_build_is_told_by_the_next_ones_events(
    undisturbed: dict[str, DatasetProject], tmp_path: Path
) -> None:
    from freshet.tasks.lineage.events import list_events

    project = _copy(undisturbed["A"], tmp_path / "killed")
    _lay(project, "B")
    _build_and_die(project, MOMENTS["copies"])
    project.published()
    ends: dict[str, list[str]] = {}
    for event in list_events(project.store):
        ends.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert list(ends.values()) == [["START", "COMPLETE"], ["START", "ABORT"], ["START", "COMPLETE"]]
