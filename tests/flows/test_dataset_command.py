"""`freshet dataset`: what it prints and returns, what it leaves alone, who waits for whom, and what it never tells."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.datasets.export.manifest import check_manifest
from freshet.tasks.store.locks import hold_dataset
from tests.conftest import COMMAND, ROOT
from tests.flows.dataset_project import DatasetProject, question, questions, sums
from tests.waiting import PATIENCE

HEAVY = ("torch", "great_expectations", "cleanlab", "sklearn", "sentence_transformers", "transformers")


@pytest.fixture
def built(tmp_path: Path) -> DatasetProject:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(20))
    assert project.published()["version"] == "1.0.0"
    return project


def test_the_command_tells_what_it_built_as_json_alone(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", [*questions(20), question(3)])
    done = project.freshet("dataset", "build", "answers", "--json")
    report = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    assert report["dataset"] == "answers"
    assert (report["version"], report["outcome"]) == ("1.0.0", "published")
    assert report["rows"] == {"read": 21, "kept": 20, "rejected": 1, "by_code": {"COPY-EXACT": 1}}
    assert sum(report["splits"].values()) == 20
    assert {one["kind"] for one in report["exports"]} == {"trl", "parquet"}
    assert all(Path(one["path"]).is_dir() for one in report["exports"])
    assert report["seconds"]["total"] > 0
    assert len(report["digest"]) == 64


def test_an_unchanged_build_writes_nothing_and_loads_nothing_heavy(built: DatasetProject) -> None:
    tables, files = built.tables(), sums(built.exports)
    times = {file: file.stat().st_mtime_ns for file in built.exports.rglob("*")}
    code = (
        "import json, sys; from pathlib import Path; from freshet.flows.command.by_hand import run_build; "
        "report = run_build('answers', config=Path(sys.argv[1]), as_of=None, wait=60); "
        f"print(json.dumps([report['outcome'], [name for name in {HEAVY!r} if name in sys.modules]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(built.config)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["unchanged", []]
    assert (built.tables(), sums(built.exports)) == (tables, files)
    assert {file: file.stat().st_mtime_ns for file in built.exports.rglob("*")} == times


@pytest.mark.parametrize(
    ("gate", "code"), [({"min_rows": 50}, "VERSION-ROWS"), ({"max_change": 0.2}, "VERSION-CHANGE")]
)
def test_what_the_gate_refuses_is_on_record_and_the_live_version_stays(
    gate: dict[str, Any], code: str, built: DatasetProject
) -> None:
    files = sums(built.exports)
    built.put("rows/a.jsonl", questions(10))
    built.set(gate=gate)
    done = built.freshet("dataset", "build", "answers", "--json", code=1)
    report = json.loads(done.stdout)
    assert (report["outcome"], report["version"]) == ("rejected", "1.0.0")
    assert code in done.stderr
    assert "Traceback" not in done.stderr
    listed = built.freshet_json("dataset", "versions", "answers")["versions"]
    assert [(row["outcome"], row["live"]) for row in listed] == [("rejected", False), ("published", True)]
    assert any(code in reason for reason in listed[0]["reasons"])
    assert sums(built.exports) == files
    assert built.freshet_json("dataset", "show", "answers")["version"] == "1.0.0"
    # The same refusal again is the same decision; and once the gate lets it through, it is a version.
    assert built.build()["outcome"] == "rejected"
    assert len(built.decisions_on_record()) == 2
    built.set(gate={"max_change": 1.0})
    assert built.published()["version"] == "2.0.0"


def test_too_few_rows_for_openai_are_for_the_gate_to_refuse_unless_they_are_meant(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(9))
    project.set(split={"train": 1.0, "validation": 0.0, "test": 0.0}, export=["trl", "openai"])
    done = project.freshet("dataset", "build", "answers", code=1)
    assert "VERSION-OPENAI" in done.stderr
    assert "Traceback" not in done.stderr
    for said in ("VERSION-OPENAI", "(rows: 9, asked_for: 10)", "Add rows, or take openai out of export."):
        assert said in done.stdout
    assert [row["outcome"] for row in project.decisions_on_record()] == ["rejected"]
    project.set(rules={"VERSION-OPENAI": {"severity": "warn"}})
    warned = project.published()
    assert any("VERSION-OPENAI" in note for note in warned["notes"])
    assert len(project.exported("1.0.0", "openai")) == len(project.exported("1.0.0", "trl")) == 9
    project.set(rules={"VERSION-OPENAI": {"severity": "off"}})
    assert not any("VERSION-OPENAI" in note for note in project.published()["notes"])
    project.put("rows/a.jsonl", questions(10))
    project.set(rules={})
    assert not any("VERSION-OPENAI" in note for note in project.published()["notes"])
    # Without an export for OpenAI nobody asks for ten rows.
    project.put("rows/a.jsonl", questions(3))
    project.set(export=["trl"], gate={"max_change": 1.0})
    assert project.published()["rows"]["kept"] == 3


def test_a_build_that_failed_names_the_version_that_is_live(built: DatasetProject) -> None:
    with hold_dataset(built.store, "answers", "somebody", timedelta(0), print):
        busy = built.freshet("dataset", "build", "answers", "--wait", "0", "--json", code=1)
    report = json.loads(busy.stdout)
    assert (report["outcome"], report["version"]) == ("failed", "1.0.0")
    assert "held by somebody" in report["error"]
    first = DatasetProject(built.folder / "first")
    failed = first.build()
    assert (failed["outcome"], failed["version"]) == ("failed", None)
    assert "rows names no file" in failed["error"]


def test_a_version_that_cannot_be_looked_up_hides_no_failure(built: DatasetProject) -> None:
    ledger = built.folder / "store" / "ledger" / "dataset_versions.lance"
    min(ledger.glob("_versions/*.manifest")).write_bytes(b"")  # the newest: names count down
    report = built.build()
    assert (report["outcome"], report["version"]) == ("failed", None)
    assert "freshet doctor" in report["error"]


def test_versions_are_compared_row_by_row(built: DatasetProject) -> None:
    rows = questions(20)
    rows[4] = {**rows[4], "completion": "Answer 4: at the far end of the harbour, since May."}
    rows[9] = {**rows[9], "prompt": "", "completion": "Answer 9: nobody asked for it."}
    built.put("rows/a.jsonl", [*rows[:15], *rows[16:], *questions(2, 70)])
    built.published()
    diff = built.freshet_json("dataset", "diff", "answers", "1.0.0", "2.0.0")
    assert diff["change"] == {"added": 2, "removed": 2, "edited": 1, "moved": 0}
    assert diff["reasons"] == {"ROW-EMPTY": 1, "its source no longer has it": 1}
    (edited,) = [row for row in diff["rows"] if row["change"] == "edited"]
    assert (edited["place"], edited["columns"]) == (5, ["completion"])
    told = built.freshet("dataset", "diff", "answers", "1.0.0", "2.0.0").stdout
    assert "harbour" not in told
    assert "rows/a.jsonl:5" in told
    unknown = built.freshet("dataset", "diff", "answers", "1.0.0", "9.9.9", code=1)
    assert "2.0.0" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_a_version_is_copied_whole_and_an_altered_one_is_not(built: DatasetProject, tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = built.freshet_json("dataset", "export", "answers", str(out))
    copied = next(path.parent for path in out.rglob("MANIFEST.sha256"))
    assert (found["version"], check_manifest(copied)) == ("1.0.0", [])
    assert sums(copied) == sums(built.exports / "1.0.0")
    altered = built.exports / "1.0.0" / "trl" / "train.jsonl"
    altered.write_text(altered.read_text() + "{}\n")
    refused = built.freshet("dataset", "export", "answers", str(tmp_path / "other"), code=1)
    assert "trl/train.jsonl" in refused.stderr
    assert not list((tmp_path / "other").rglob("train.jsonl"))


def test_of_two_builds_at_once_one_waits_and_both_end_well(built: DatasetProject) -> None:
    built.put("rows/b.jsonl", questions(15, 200))
    reports: list[dict[str, Any]] = []
    builds = [threading.Thread(target=lambda: reports.append(_in_a_process(built))) for _ in range(2)]
    for one in builds:
        one.start()
    for one in builds:
        one.join()
    assert sorted(report["outcome"] for report in reports) == ["published", "unchanged"]
    assert {report["version"] for report in reports} == {"1.1.0"}
    assert [row["version"] for row in built.decisions_on_record()] == ["1.0.0", "1.1.0"]
    assert check_manifest(built.exports / "1.1.0") == []


def _in_a_process(project: DatasetProject) -> dict[str, Any]:
    report: dict[str, Any] = project.freshet_json("dataset", "build", "answers")
    return report


def test_a_refresh_and_a_build_at_once_do_not_disturb_each_other(built: DatasetProject) -> None:
    built.settings["corpora"] = {
        "docs": {"sources": [{"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}]}
    }
    built.save()
    for number in range(5):
        built.write(
            f"{number}.md", f"# Page {number}\n\nThe harbour of page {number} opens in spring, as every year.\n"
        )
    built.put("rows/b.jsonl", questions(15, 200))
    reports: list[dict[str, Any]] = []
    build = threading.Thread(target=lambda: reports.append(_in_a_process(built)))
    build.start()
    refreshed = built.refresh()
    build.join()
    assert (refreshed["outcome"], refreshed["documents"]["added"]) == ("released", 5)
    assert (reports[0]["outcome"], reports[0]["version"]) == ("published", "1.1.0")
    assert built.build()["outcome"] == "unchanged"
    assert built.refresh()["outcome"] == "unchanged"


SECRET_WORDS = ("umbrellafish", "quagmirelamp", "torn-thistlewood")


def test_no_text_of_a_row_is_told_but_to_those_who_ask_for_rows(tmp_path: Path, prefect_server: str) -> None:
    """Neither in logs and output, nor in artifacts, run names, events, or the record of builds."""
    from freshet.tasks.lineage.events import list_events

    project = DatasetProject(tmp_path, name="quiet")
    project.put(
        "rows/a.jsonl",
        [
            *questions(12),
            {"prompt": "umbrellafish?", "completion": "<noinput>"},
            {"prompt": "quagmirelamp", "completion": 7},
        ],
    )
    project.lay("rows/b.jsonl", '{"prompt": "torn-thistlewood')
    env = {**os.environ, "PREFECT_LOGGING_LEVEL": "DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "dataset", "build", "quiet", "--config",
         str(project.config)], capture_output=True, text=True, check=False, timeout=PATIENCE, env=env, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    kept = {row["completion"].split(": ")[1] for row in questions(12)}
    artifacts = _ask(f"{prefect_server}/artifacts/filter", {"artifacts": {"key": {"any_": ["version-quiet"]}}})
    assert len(artifacts) == 1
    assert "# quiet: published" in artifacts[0]["data"]
    logs = _ask(f"{prefect_server}/logs/filter", {"limit": 200})
    builds = project.store.ledger.find("builds").to_arrow().to_pylist()
    told = [done.stdout, done.stderr, str(artifacts), str(logs), str(list_events(project.store)), str(builds)]
    told += [str(project.decisions_on_record()), (project.exports / "1.0.0" / "rejected.jsonl").read_text()]
    for text in told:
        assert not [word for word in (*SECRET_WORDS, *kept) if word in text]


def _ask(address: str, body: dict[str, Any]) -> Any:
    asked = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
        return json.load(answer)


def test_every_mistake_of_the_settings_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    given = project.rows_input(uses=["trainig"], shape="alpacca")
    del given["licence"]
    project.set(
        inputs=[given, project.rows_input("rows/b.jsonl", corpus="nowhere")], format="chat",
        split={"train": 0.5, "validation": 0.1, "test": 0.1}, checks={"near_duplicates": 0.2}, colour="red",
    )  # fmt: skip
    done = project.freshet("check", code=1)
    lines = project.config.read_text().splitlines()
    told = done.stdout + done.stderr
    for key in ("format", "uses", "shape", "licence", "near_duplicates", "colour", "split"):
        assert key in told, told
    assert told.count(f"{project.config.name}:") >= 6
    for problem in json.loads(project.freshet("check", "--json", code=1).stdout)["problems"]:
        assert 1 <= problem["line"] <= len(lines)
    built = project.freshet("dataset", "build", "answers", code=1)
    assert "Traceback" not in built.stderr
    unknown = project.freshet("dataset", "build", "answer", code=1)
    assert "Traceback" not in unknown.stderr


def test_a_dataset_that_is_not_there_is_told_with_the_nearest(built: DatasetProject) -> None:
    for command in (["build"], ["versions"], ["show"], ["review"], ["export", "out"], ["diff", "1.0.0", "1.0.0"]):
        done = built.freshet("dataset", command[0], "answer", *command[1:], code=None)
        assert done.returncode == 1
        assert "Did you mean answers?" in done.stderr
        assert "Traceback" not in done.stderr
