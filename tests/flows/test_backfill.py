"""Backfills on a real server: planned, done, killed, resumed, failing in sight, mended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.ledger import windows as ledger
from tests.conftest import COMMAND
from tests.flows.conftest import Project
from tests.waiting import PATIENCE, until

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def _write(project: Project, path: str, text: str, moment: datetime) -> Path:
    file = project.write(path, text)
    os.utime(file, (moment.timestamp(), moment.timestamp()))
    return file


def filled(project: Project) -> Project:
    """Corpus docs with a document changed on each of four days, two on the first."""
    for day in range(4):
        _write(project, f"day-{day}.md", f"# Day {day}\n\nOn day {day} the canteen serves soup.\n", FIRST + day * DAY)
    _write(project, "more.md", "# More\n\nTrains leave before planes.\n", FIRST + DAY / 2)
    project.refresh()
    return project


@pytest.fixture
def office(project: Project) -> Project:
    return filled(project)


def run(project: Project, **asked: Any) -> dict[str, Any]:
    """Runs a backfill in this process, and really does it unless told otherwise."""
    from freshet.flows.command.by_hand import run_backfill

    usual = {
        "targets": ["docs"], "start": FIRST, "end": FIRST + 4 * DAY, "window": "1d", "reprocess": "missing",
        "order": "oldest", "parallel": 1, "dry_run": False, "as_of": None, "wait": 60.0,
    }  # fmt: skip
    return run_backfill(config=project.config, **{**usual, **asked})


def windows(project: Project, kind: Any = "corpus", target: str = "docs") -> list[ledger.WindowRow]:
    return ledger.list_windows(project.store, kind, target)


def states(report: dict[str, Any]) -> list[str | None]:
    return [one["state"] for one in report["targets"][0]["windows"]]


def counted(project: Project) -> Counter[str]:
    return Counter(row.state for row in windows(project))


def test_the_plan_shows_windows_and_work_and_writes_nothing(office: Project) -> None:
    before, tables = office.versions(), office.store.ledger.names()
    report = run(office, dry_run=True)
    (docs,) = report["targets"]
    assert report["outcome"] == "planned"
    assert [(one["due"], one["why"], one["items"], one["kept"]) for one in docs["windows"]] == [
        (True, "never done", 2, 2), *[(True, "never done", 1, 1)] * 3
    ]  # fmt: skip
    assert sum(one["chunks"] for one in docs["windows"]) == office.chunks().num_rows
    assert all(one["seconds"] is not None for one in docs["windows"])
    assert office.versions() == before
    assert office.store.ledger.names() == tables


def test_windows_are_done_once_and_again_only_if_asked(office: Project) -> None:
    report = run(office)
    assert (report["outcome"], states(report)) == ("done", ["done"] * 4)
    assert [row.documents for row in sorted(windows(office), key=lambda r: r.start) if row.state == "done"] == [
        2,
        1,
        1,
        1,
    ]
    report = run(office)
    assert (report["outcome"], states(report)) == ("unchanged", [None] * 4)
    assert counted(office) == {"planned": 4, "running": 4, "done": 4}
    report = run(office, reprocess="all", order="newest", end=FIRST + 2 * DAY)
    assert [one["why"] for one in report["targets"][0]["windows"]] == ["asked for again"] * 2
    assert (states(report), counted(office)["done"]) == (["done"] * 2, 6)


def test_documents_of_the_window_are_parsed_or_cut_again(office: Project) -> None:
    """As when a parser or a rule was mended: what was kept wrong comes out right."""
    tables = office.store.corpus("docs")
    (name,) = [name for name in tables.names() if name.startswith("chunks-")]
    before = office.chunks().select(["chunk_id", "text", "headings", "row_digest"])
    doc_id = {row["path"]: row["doc_id"] for row in office.ledger().to_pylist()}
    # A document that a faulty step cut wrongly: ledger and table agree, so that no reconciliation sees it.
    tables.find(name).update(where=f"doc_id = '{doc_id['day-1.md']}'", values={"row_digest": 7, "headings": ["Wrong"]})
    tables.find("documents").update(where="path = 'day-1.md'", values={"chunks_digest": 7})
    assert office.refresh(full=True)["outcome"] == "released"
    assert office.chunks().select(before.column_names) != before
    report = run(office, start=FIRST + 2 * DAY)
    assert office.chunks().select(before.column_names) != before, "a window touches its own documents only"
    report = run(office)
    assert report["outcome"] == "done"
    assert office.chunks().select(before.column_names) == before
    assert office.search("soup", mode="text")["release"] > 1


def test_settings_that_shape_passages_make_windows_missing_again(office: Project) -> None:
    run(office)
    office.settings["corpora"]["docs"]["chunking"] = {"max_tokens": 64}
    office.save()
    plan = run(office, dry_run=True)
    assert {one["why"] for one in plan["targets"][0]["windows"]} == {"done under other settings"}
    assert "5 documents were made under other settings" in plan["targets"][0]["notes"][0]
    assert states(run(office)) == ["done"] * 4


def test_a_window_that_fails_stays_in_sight_until_failed_is_asked_for(office: Project) -> None:
    folder, away = office.folder / "docs", office.folder / "away"
    folder.rename(away)
    report = run(office, end=FIRST + 2 * DAY)
    assert (report["outcome"], states(report)) == ("failed", ["failed", "failed"])
    assert "could not be listed to the end" in report["error"]
    away.rename(folder)
    report = run(office)
    assert (report["outcome"], states(report)) == ("failed", [None, None, "done", "done"])
    assert "--reprocess failed" in report["error"]
    report = run(office, reprocess="failed")
    assert (report["outcome"], states(report)) == ("done", ["done", "done", None, None])
    assert run(office)["outcome"] == "unchanged"


KILLED = """
import sys, os, signal
from datetime import datetime
from pathlib import Path
import freshet.flows.backfill_window as module
from freshet.flows.command.by_hand import run_backfill

kept, calls, when = module.count_documents, 0, int(sys.argv[3])

def dying(*given):
    global calls
    calls += 1
    if calls == when:
        Path(sys.argv[2]).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return kept(*given)

module.count_documents = dying
run_backfill(["docs"], config=Path(sys.argv[1]), start=datetime(2026, 3, 1), end=datetime(2026, 3, 5),
             window="1d", reprocess=sys.argv[4], order="oldest", parallel=1, dry_run=False, as_of=None, wait=60.0)
"""


def _killed(project: Project, call: int, reprocess: str = "missing") -> None:
    """A backfill whose process dies while the window of that number runs."""
    died = project.folder / f"died-{reprocess}"
    words = [sys.executable, "-c", KILLED, str(project.config), str(died), str(call), reprocess]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, died.exists()) == (-signal.SIGKILL, True), done.stderr


@pytest.mark.parametrize("reprocess", ["missing", "all"])
def test_a_killed_backfill_goes_on_where_it_stopped(office: Project, reprocess: str) -> None:
    _killed(office, 3, reprocess)
    assert counted(office) == {"planned": 4, "running": 3, "done": 2}
    report = run(office, reprocess=reprocess)
    assert (report["outcome"], states(report)) == ("done", [None, None, "done", "done"])
    assert [one["why"] for one in report["targets"][0]["windows"]] == ["done", "done", "was stopped", "never done"]
    done = [row for row in windows(office) if row.state == "done"]
    assert sorted((row.start.day, row.attempt) for row in done) == [(1, 1), (2, 1), (3, 2), (4, 1)]
    assert run(office)["outcome"] == "unchanged"


def test_two_at_once_do_every_window_once(office: Project) -> None:
    words = [sys.executable, "-c", COMMAND]
    script = (
        "import sys; from datetime import datetime; from pathlib import Path\n"
        "from freshet.flows.command.by_hand import run_backfill\nimport json\n"
        "print(json.dumps(run_backfill(['docs'], config=Path(sys.argv[1]), start=datetime(2026, 3, 1),"
        " end=datetime(2026, 3, 5), window='1d', reprocess='missing', order='oldest', parallel=1, dry_run=False,"
        " as_of=None, wait=120.0)))"
    )
    words = [sys.executable, "-c", script, str(office.config)]
    both = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy())
        for _ in range(2)
    ]
    told = [one.communicate(timeout=PATIENCE) for one in both]
    assert [one.returncode for one in both] == [0, 0], told
    assert counted(office) == {"planned": 4, "running": 4, "done": 4}
    reports = [json.loads(out.splitlines()[-1]) for out, _ in told]
    assert sorted(report["outcome"] for report in reports) in (["done", "unchanged"], ["done", "done"])


def test_a_backfill_waits_for_a_refresh_and_gives_up_without_blaming_the_window(office: Project) -> None:
    from freshet.tasks.store.locks import hold_corpus

    with hold_corpus(office.store, "docs", "refresh-docs-today", timedelta(0), lambda _: None):
        report = run(office, wait=1.0)
    assert report["outcome"] == "failed"
    assert "held by refresh-docs-today" in report["error"]
    assert counted(office)["failed"] == 0
    assert states(run(office)) == ["done"] * 4


def test_runs_are_tagged_and_named_after_their_windows(office: Project) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter, FlowRunFilterTags

    report = run(office, start=FIRST - 1.5 * DAY, end=FIRST + 2.5 * DAY, window="2d")
    mark = f"backfill:{report['targets'][0]['backfill']}"
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[mark])))
        artifacts = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["backfill-docs"])))
    names = {one.name for one in found}
    assert {"backfill-docs-2026-02-27T12:00", "backfill-docs-2026-03-01T12:00"} <= names
    assert sum(one.parent_task_run_id is None for one in found) == 1
    assert any("| 2026-02-27 12:00 – 2026-03-01 12:00 | yes | never done | 1 |" in str(one.data) for one in artifacts)


def _rows(project: Project, day: int, count: int = 12) -> None:
    file = project.folder / "rows" / f"{day}.jsonl"
    file.parent.mkdir(exist_ok=True)
    lines = [
        {
            "prompt": f"What does parcel {day}-{i} weigh in the {i}th store?",
            "completion": f"It weighs {day * 31 + i} kg.",
        }
        for i in range(count)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    moment = (FIRST + day * DAY + DAY / 2).timestamp()
    os.utime(file, (moment, moment))


@pytest.fixture
def parcels(project: Project) -> Project:
    """Dataset parcels, with a file of rows for each of three days; corpus docs beside it, refreshed."""
    project.settings["datasets"] = {
        "parcels": {
            "format": "prompt_completion",
            "inputs": [
                {"rows": "rows/*.jsonl", "name": "rows", "owner": "me", "licence": "CC0-1.0", "uses": ["training"]}
            ],
            "split": {"train": 0.8, "validation": 0.1, "test": 0.1, "tolerance": 1.0},
            "gate": {"max_change": 1.0},
        }
    }  # fmt: skip
    project.save()
    for day in range(3):
        _rows(project, day)
    return project


def _numbers(project: Project) -> list[tuple[str, int]]:
    """Published versions by the moment that they speak for, and the rows that each read."""
    from freshet.tasks.ledger.versions import list_versions

    found = sorted(list_versions(project.store, "parcels"), key=lambda one: one.as_of)
    return [(one.version, one.facts.rows["read"]) for one in found if one.outcome == "published"]


def test_a_dataset_gets_its_versions_as_of_each_windows_end(parcels: Project) -> None:
    plan = run(parcels, targets=["parcels"], end=FIRST + 3 * DAY, dry_run=True)
    assert [one["items"] for one in plan["targets"][0]["windows"]] == [None] * 3
    report = run(parcels, targets=["parcels"], end=FIRST + 3 * DAY)
    assert (report["outcome"], states(report)) == ("done", ["done"] * 3)
    assert [read for _, read in _numbers(parcels)] == [12, 24, 36]
    numbers = [version for version, _ in _numbers(parcels)]
    assert numbers[0] == "1.0.0"
    assert all(not number.startswith("0.") for number in numbers)
    again = run(parcels, targets=["parcels"], end=FIRST + 3 * DAY, reprocess="all")
    assert again["outcome"] == "done"
    assert [version for version, _ in _numbers(parcels)] == numbers, "the same rows are the same version"
    plan = run(parcels, targets=["parcels"], end=FIRST + 3 * DAY, dry_run=True)
    assert [one["items"] for one in plan["targets"][0]["windows"]] == [12, 24, 36]


def test_versions_of_the_past_never_become_live(parcels: Project) -> None:
    from freshet.flows.command.by_hand import run_build
    from freshet.tasks.ledger.versions import find_version, live_version

    assert run_build("parcels", config=parcels.config, as_of=None, wait=10.0)["version"] == "1.0.0"
    report = run(parcels, targets=["parcels"], end=FIRST + 2 * DAY, order="newest")
    assert (report["outcome"], states(report)) == ("done", ["done"] * 2)
    assert _numbers(parcels) == [("0.20260302.0", 12), ("0.20260303.0", 24), ("1.0.0", 36)]
    live = live_version(parcels.store, "parcels")
    assert live is not None
    assert live.version == "1.0.0"
    past = find_version(parcels.store, "parcels", "0.20260302.0")
    folder = Path(parcels.store.export_folder("parcels")) / past.version
    assert folder.is_dir()
    assert sum(len(file.read_text().splitlines()) for file in folder.glob("trl/*.jsonl")) == past.facts.rows["kept"]
    assert run_build("parcels", config=parcels.config, as_of=None, wait=10.0)["outcome"] == "unchanged"


def test_a_window_before_all_files_fails_and_says_so(parcels: Project) -> None:
    report = run(parcels, targets=["parcels"], start=FIRST - DAY, end=FIRST + DAY)
    assert (report["outcome"], states(report)) == ("failed", ["failed", "done"])
    assert (
        "no input file is from before 2026-03-01 00:00 UTC; the first was modified at 2026-03-01 12:00:00"
        in report["error"]
    )


def test_targets_at_once_run_in_processes_of_their_own(parcels: Project) -> None:
    _write(parcels, "soup.md", "# Soup\n\nThe canteen serves soup at noon.\n", FIRST)
    parcels.refresh()
    with_one = run(parcels, targets=["docs"], parallel=2)
    assert "one after another, since it has one writer" in with_one["error"]
    report = run(parcels, targets=["docs", "parcels"], end=FIRST + 3 * DAY, parallel=2)
    assert report["outcome"] == "done", report
    assert [one["target"] for one in report["targets"]] == ["docs", "parcels"]
    assert [one["state"] for told in report["targets"] for one in told["windows"]] == ["done"] * 6
    assert len({row.run_id for row in [*windows(parcels), *windows(parcels, "dataset", "parcels")] if row.run_id}) == 6


def test_a_backfill_goes_on_after_its_parent_and_a_child_were_killed(parcels: Project) -> None:
    """Targets at once run in processes of their own: the parent dies, and one of them; the other ends with it."""
    import psutil

    for day in range(3):
        _write(parcels, f"day-{day}.md", f"# Day {day}\n\nOn day {day} there is soup.\n", FIRST + day * DAY)
    parcels.refresh()
    words = ["backfill", "docs", "parcels", "--start", "2026-03-01", "--end", "2026-03-04", "--parallel", "2"]
    script = "import sys; from freshet.flows.command.app import app, main\n"
    script += "from freshet.flows.command.backfill import backfill\n"
    script += "if 'backfill' not in set(app): app.command(backfill)\nmain()"
    command = [sys.executable, "-c", script, *words, "--no-dry-run", "--json", "--config", str(parcels.config)]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def begun() -> bool:
        assert parent.poll() is None, "it ended before a window was done"
        return any(row.state == "done" for row in windows(parcels))

    until(begun, "a window is done")
    (holder,) = (parcels.folder / "store" / "locks").glob("backfill.corpus.docs.holder")
    child = json.loads(holder.read_text())["pid"]
    others = [one for one in psutil.Process(parent.pid).children(recursive=True) if one.pid != child]
    os.kill(child, signal.SIGKILL)
    parent.kill()
    parent.wait(PATIENCE)
    _, alive = psutil.wait_procs(others, timeout=PATIENCE)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    before = {row.window for row in windows(parcels) if row.state == "done"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["outcome"] in ("done", "unchanged")
    times = Counter(row.window for row in windows(parcels) if row.state == "done")
    assert len(times) == 3
    assert all(times[one] == 1 for one in before), "what was done is not done again"
    versions = [row for row in windows(parcels, "dataset", "parcels") if row.state == "done"]
    assert sorted(Counter(row.window for row in versions).values()) == [1, 1, 1]


def test_the_command_shows_the_plan_unless_told_to_do_it(office: Project) -> None:
    script = "from freshet.flows.command.app import app, main\n"
    script += "from freshet.flows.command.backfill import backfill\n"
    script += "if 'backfill' not in set(app): app.command(backfill)\nmain()"

    def command(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        given = [sys.executable, "-c", script, "backfill", *words, "--config", str(office.config)]
        done = subprocess.run(given, capture_output=True, text=True, check=False, timeout=PATIENCE)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    shown = command("docs", "--start", "2026-03-01", "--end", "2026-03-05").stdout
    assert "corpus docs: 4 of 4 windows to do" in shown
    assert "--no-dry-run" in shown
    wrong = command("doc", "--start", "2026-03-01", "--end", "2026-03-05", code=1).stderr
    assert "Did you mean docs?" in wrong
    assert "Traceback" not in wrong
    assert (
        "no duration"
        in command("docs", "--start", "2026-03-01", "--end", "2026-03-05", "--window", "day", code=1).stderr
    )
    far = command("docs", "--start", "2026-03-01", "--end", "2126-03-05", code=1).stderr
    assert "the moment that it speaks for" in far
    assert "Traceback" not in far


def test_the_form_in_the_ui_explains_every_parameter() -> None:
    from prefect.utilities.callables import parameter_schema

    from freshet.flows.backfill import backfill

    form = parameter_schema(backfill).model_dump_for_openapi()
    assert all(len(one["description"]) > 10 for one in form["properties"].values())
    assert (form["properties"]["dry_run"]["default"], form["required"]) == (True, ["targets", "start", "end"])
    assert form["properties"]["window"]["default"] == "1d"
    assert form["properties"]["parallel"]["maximum"] == 16
