"""A build killed anywhere is mended by building again: the same version, the same bytes, and nobody saw half of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from freshet.tasks.datasets.export.manifest import check_manifest
from tests.chaos import some_of
from tests.flows import dataset_killer, kill_points, killer
from tests.flows.dataset_project import DatasetProject, questions, sums
from tests.flows.killer import Fault
from tests.flows.reader import Reader

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
    after = before.copy(folder / "b")
    _lay(after, "B")
    report = after.published()
    assert (report["version"], report["rows"]["rejected"]) == (SECOND, 4), report
    assert report["change"] == {"added": NEW, "removed": 1, "edited": 1, "moved": 0}
    return {"A": before, "B": after}


class Exports:
    """What a reader saw of the exports: a version is not there, or is whole."""

    def __init__(self, project: DatasetProject) -> None:
        self._folder = project.exports
        self.seen: dict[str, set[str]] = {}
        self.faults: list[str] = []

    def look(self) -> None:
        for version in (FIRST, SECOND):
            self._look_at(version)

    def _look_at(self, version: str) -> None:
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
    "listing": Fault(at=kill_points.LIST_ROWS),
    "loading the second file": Fault(at=kill_points.READ_ROWS, call=2),
    "staged": Fault(at=kill_points.LOAD_PART, when="after"),
    "checking rows": Fault(at=kill_points.CHECK_ROWS),
    "copies": Fault(at=kill_points.FIND_COPIES),
    "split": Fault(at=kill_points.ASSIGN_SPLITS, when="after"),
    "own test split": Fault(at=kill_points.FIND_LEAKS, call=2),
    "assembling": Fault(at=kill_points.NOTE_REJECTED),
    "gate": Fault(at=kill_points.JUDGE_VERSION),
    "kept rows committed": Fault(at=kill_points.COMMIT_ROWS, when="after"),
    "one table tagged": Fault(at=kill_points.TAG_TABLE, when="after"),
    "exports half written": Fault(at=kill_points.WRITE_LINEAGE),
    "card half written": Fault(at=kill_points.EXPORT_FILES, when="after"),
    "before the manifest": Fault(at=kill_points.WRITE_MANIFEST),
    "before the move": Fault(at=kill_points.DELIVER_EXPORTS),
    "moved, not in the ledger": Fault(at=kill_points.DELIVER_EXPORTS, when="after"),
    "in the ledger": Fault(at=kill_points.NOTE_VERSION, when="after"),
    "before the record of the build": Fault(at=kill_points.RECORD_BUILD),
}
PUBLISHED = ("in the ledger", "before the record of the build")


def _build_and_die(project: DatasetProject, fault: Fault) -> None:
    killer.run_and_die(dataset_killer.command(replace(fault, config=str(project.config), notes=str(project.folder))))


def _assert_as_undisturbed(project: DatasetProject, expected: DatasetProject) -> None:
    found, wanted = project.decisions_on_record(), expected.decisions_on_record()
    told = ("version", "outcome", "digest", "rows_digest", "rows", "splits", "exports", "reasons")
    assert [{n: row[n] for n in told} for row in found] == [{n: row[n] for n in told} for row in wanted]
    assert sums(project.exports) == sums(expected.exports)
    for row, other in zip(found, wanted, strict=True):
        for table, version in (("examples", "table_version"), ("rejected", "rejected_version")):
            held = project.store.dataset("answers").at(table, row[version]).to_arrow()
            assert held.equals(expected.store.dataset("answers").at(table, other[version]).to_arrow())


# One in each part of a build: while it works, between commits, while it exports, and around its place in the ledger.
SOME = ("copies", "kept rows committed", "exports half written", "moved, not in the ledger", "in the ledger")


@pytest.mark.parametrize("moment", some_of(MOMENTS, *SOME))
def test_a_killed_build_is_mended_by_the_next(
    moment: str, undisturbed: dict[str, DatasetProject], tmp_path: Path
) -> None:
    project = undisturbed["A"].copy(tmp_path / "killed")
    _lay(project, "B")
    exports = Exports(project)
    with Reader(exports.look) as reader:
        _build_and_die(project, MOMENTS[moment])
        reader.look_again()
        visible = [row["version"] for row in project.decisions_on_record()]
        report = project.build()
    if moment in PUBLISHED:
        assert (visible, report["outcome"]) == ([FIRST, SECOND], "unchanged"), report
    else:
        assert (visible, report["outcome"]) == ([FIRST], "published"), report
    assert (report["version"], report["notes"]) == (SECOND, [])
    _assert_as_undisturbed(project, undisturbed["B"])
    assert exports.faults == []
    assert {version: len(seen) for version, seen in exports.seen.items()} == {FIRST: 1, SECOND: 1}
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

    project = undisturbed["A"].copy(tmp_path / "killed")
    _lay(project, "B")
    _build_and_die(project, MOMENTS["copies"])
    project.published()
    ends: dict[str, list[str]] = {}
    for event in list_events(project.store):
        ends.setdefault(event["run"]["runId"], []).append(event["eventType"])
    assert list(ends.values()) == [["START", "COMPLETE"], ["START", "ABORT"], ["START", "COMPLETE"]]
