"""The command: exit codes, JSON alone on standard output, errors that a person can mend, nothing started in vain."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from freshet.flows.command import app as cli
from freshet.tasks.governance.policy import class_id
from tests.flows.conftest import Project
from tests.waiting import PATIENCE, until

DOCUMENT_KEYS = [
    "added", "changed", "unchanged", "moved", "access_changed", "withdrawn", "withheld", "quarantined",
]  # fmt: skip

RUN_AND_TELL = """
import json, sys
told = {"started": [], "asked": []}

def watch(event, args):
    if event in ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"):
        told["started"].append(event + " " + repr(args)[:200])
    if event in ("socket.connect", "socket.getaddrinfo"):
        told["asked"].append(event + " " + repr(args[1:])[:200])

sys.addaudithook(watch)
from freshet.flows.command.app import main
try:
    main()
finally:
    told["prefect"] = "prefect" in sys.modules
    told["torch"] = "torch" in sys.modules
    print(json.dumps(told), file=sys.stderr)
"""


INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs start with it ignored
from freshet.flows.command.app import main
main()
"""


class Shell:
    """Runs the command in this process, as its entry point does."""

    def __init__(self, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self._patch, self._capture = patch, capture

    def __call__(self, *words: str, code: int = 0) -> tuple[str, str]:
        self._patch.setattr(sys, "argv", ["freshet", *words])
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self._capture.readouterr()
        assert (ended.value.code or 0) == code, out + err
        assert "Traceback" not in out + err
        return out, err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capfd)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project with one release: two good documents, one for group:legal, one that is empty."""
    project = Project(tmp_path_factory.mktemp("released"))
    project.write("leave.md", "# Leave\n\nEverybody has thirty days of leave a year.\n")
    project.write("legal/claims.md", "# Claims\n\nClaims of leave are settled by the board.\n")
    project.write("empty.txt", "  \n")
    project.source["access"] = [{"path": "legal/**", "acl": ["group:legal"]}]
    project.save()
    done = project.freshet("refresh", "docs", "--json")
    (project.folder / "report.json").write_text(done.stdout)
    return project.folder


@pytest.fixture
def office(released: Path, tmp_path: Path) -> Project:
    shutil.copytree(released, tmp_path / "office")
    return Project(tmp_path / "office", yaml.safe_load((released / "freshet.yaml").read_text()))


def test_a_refresh_prints_its_report_alone(released: Path) -> None:
    report = json.loads((released / "report.json").read_text())
    assert {"corpus", "run_id", "outcome", "release", "documents", "chunks", "texts_embedded", "seconds"} <= set(report)
    assert list(report["documents"]) == DOCUMENT_KEYS
    assert (report["corpus"], report["outcome"], report["release"]) == ("docs", "released", 1)
    assert (report["documents"]["added"], report["documents"]["quarantined"]) == (2, 1)
    assert (report["chunks"], report["texts_embedded"]) == (2, 2)
    assert report["seconds"]["total"] > 0


def test_the_run_and_its_artifact_are_on_the_server_under_readable_names(released: Path) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    report = json.loads((released / "report.json").read_text())

    async def ask() -> tuple[Any, Any]:
        async with get_client() as client:
            run = await client.read_flow_run(report["run_id"])
            key = ArtifactFilter(key=ArtifactFilterKey(any_=["refresh-docs"]))
            return run, await client.read_artifacts(artifact_filter=key)

    run, artifacts = asyncio.run(ask())
    assert run.name == f"refresh-docs-{datetime.fromisoformat(report['as_of']):%Y-%m-%d}"
    assert run.state_type.value == "COMPLETED"
    assert "released" in run.state.message
    (artifact,) = [a for a in artifacts if str(a.flow_run_id) == report["run_id"]]
    assert "# docs: released" in artifact.data
    assert "PARSE-EMPTY" in artifact.data
    assert "thirty days" not in artifact.data, "no document text in an artifact"


def test_as_of_dates_what_was_verified(office: Project, shell: Shell) -> None:
    config = ["--config", str(office.config)]
    report = office.freshet_json("refresh", "docs", "--as-of", "2031-02-03T04:05:06")
    assert (report["outcome"], report["as_of"]) == ("unchanged", "2031-02-03T04:05:06+00:00")
    out, _ = shell("search", "leave", "--corpus", "docs", "--mode", "text", "--json", *config)
    assert json.loads(out)["hits"][0]["citation"]["verified_at"] == "2031-02-03T04:05:06+00:00"


def test_search_prints_cited_hits_by_who_asks(office: Project, shell: Shell) -> None:
    config = ["--corpus", "docs", "--config", str(office.config)]
    out, _ = shell("search", "leave", "--json", *config)
    found = json.loads(out)
    assert list(found) == ["release", "hits", "why_not"]
    (hit,) = found["hits"]
    assert list(hit) == ["text", "score", "document", "citation", "stale", "before", "after", "explain"]
    assert list(hit["document"]) == ["id", "uri", "title"]
    assert list(hit["citation"]) == ["page", "heading", "chars", "source_version", "verified_at"]
    out, _ = shell("search", "leave", "--as", "user:ada", "--as", "group:legal", "--json", *config)
    assert {h["document"]["uri"] for h in json.loads(out)["hits"]} == {"docs/leave.md", "docs/legal/claims.md"}
    out, _ = shell("search", "leave", "--limit", "1", *config)
    assert "docs/leave.md" in out
    assert "verified" in out
    out, _ = shell("search", "no such words here", "--mode", "text", "--json", *config)
    assert json.loads(out)["hits"] == []


def test_whatever_only_reads_starts_neither_server_nor_flow(office: Project) -> None:
    for words in (["search", "leave", "--corpus", "docs", "--mode", "text"], ["status"], ["releases", "docs"]):
        done = subprocess.run(
            [sys.executable, "-c", RUN_AND_TELL, *words, "--json", "--config", str(office.config)],
            capture_output=True, text=True, check=False, timeout=PATIENCE,
            env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)
        told = json.loads(done.stderr.splitlines()[-1])
        asked = told.pop("asked")
        assert told == {"started": [], "prefect": False, "torch": False}
        # Only `status` asks the server that is configured, whether or not one answers there.
        assert bool(asked) is (words == ["status"])
        assert {one for one in asked if "connect" in one} <= {"socket.connect (('127.0.0.1', 9),)"}


def test_search_by_meaning_works_where_no_prefect_server_answers(office: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_TELL, "search", "days off", "--corpus", "docs", "--json", "--config",
         str(office.config)],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
        env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["hits"][0]["document"]["title"] == "Leave"
    told = json.loads(done.stderr.splitlines()[-1])
    assert (told["asked"], told["prefect"]) == ([], False)


@pytest.mark.parametrize(
    "words", [["refresh", "dosc"], ["releases", "dosc"], ["rollback", "dosc", "1"], ["document", "dosc", "x"],
              ["quarantine", "dosc"], ["search", "leave", "--corpus", "dosc"]], ids=lambda words: words[0],
)  # fmt: skip
def test_an_unknown_corpus_is_named_with_the_nearest(office: Project, shell: Shell, words: list[str]) -> None:
    out, err = shell(*words, "--json", "--config", str(office.config), code=1)
    assert out == ""
    assert "no corpus 'dosc'" in err
    assert "Did you mean docs?" in err


@pytest.mark.parametrize(
    "words",
    [
        ["refresh"], ["refresh", "docs", "--allow-withdrawals", "-1"], ["refresh", "docs", "--fully"],
        ["refresh", "docs", "--as-of", "yesterday"], ["search", "leave"],
        ["search", "leave", "--corpus", "docs", "--mode", "best"],
        ["search", "leave", "--corpus", "docs", "--limit", "0"], ["rollback", "docs", "first"], ["refesh", "docs"],
        ["quarantine", "docs", "drop", "a.md"], ["quarantine", "docs", "show"],
        ["quarantine", "docs", "accept", "a.md"], ["quarantine", "docs", "retry", "a.md", "--why", "x"],
        ["quarantine", "docs", "list", "a.md"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_words_that_the_command_does_not_know_are_refused(office: Project, shell: Shell, words: list[str]) -> None:
    out, err = shell(*words, "--config", str(office.config), code=2)
    assert out == ""
    assert "Error" in err


def test_without_settings_it_says_where_it_looked(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FRESHET_CONFIG", raising=False)
    out, err = shell("status", "--json", code=1)
    assert out == ""
    assert "freshet.yaml" in err
    _, err = shell("status", "--config", str(tmp_path / "none.yaml"), code=1)
    assert "none.yaml" in err


def test_bad_settings_start_nothing_and_name_every_problem(tmp_path: Path) -> None:
    config = tmp_path / "freshet.yaml"
    config.write_text("store: ./store\ncorpora:\n  docs:\n    sources: [{folder: docs, ownr: me, acl: [ada]}]\n")
    for words in (["refresh", "docs"], ["search", "leave", "--corpus", "docs"]):
        done = subprocess.run(
            [sys.executable, "-c", RUN_AND_TELL, *words, "--json", "--config", str(config)],
            capture_output=True, text=True, check=False, timeout=PATIENCE, env=os.environ.copy(),
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        assert "ownr" in done.stderr
        assert "ada" in done.stderr
        told = json.loads(done.stderr.splitlines()[-1])
        assert told == {"started": [], "asked": [], "prefect": False, "torch": False}
    assert not (tmp_path / "store").exists()


def test_a_document_is_found_by_path_and_by_uri(office: Project, shell: Shell) -> None:
    config = ["--json", "--config", str(office.config)]
    by_path = json.loads(shell("document", "docs", "legal/claims.md", *config)[0])
    by_uri = json.loads(shell("document", "docs", "docs/legal/claims.md", *config)[0])
    assert by_path == by_uri
    assert list(by_path) == ["document", "verdicts", "chunks"]
    assert by_path["document"]["acl"] == ["group:legal"]
    assert by_path["document"]["access"] == class_id("docs", "docs", "legal/**")
    assert [chunk["access"] for chunk in by_path["chunks"]] == [by_path["document"]["access"]]
    assert "settled" not in json.dumps(by_path), "it shows no text to whoever may not read it"
    refused = json.loads(shell("document", "docs", "empty.txt", *config)[0])
    assert [v["code"] for v in refused["verdicts"]] == ["PARSE-EMPTY"]
    assert refused["chunks"] == []
    text, _ = shell("document", "docs", "empty.txt", "--config", str(office.config))
    assert "PARSE-EMPTY" in text
    out, err = shell("document", "docs", "nowhere.md", *config, code=1)
    assert out == ""
    assert "no document 'nowhere.md'" in err


def test_quarantine_says_what_was_refused_and_why(office: Project, shell: Shell) -> None:
    config = ["--config", str(office.config)]
    found = json.loads(shell("quarantine", "docs", "--json", *config)[0])
    assert [(d["path"], d["serving"], d["verdicts"][0]["code"]) for d in found["documents"]] == [
        ("empty.txt", False, "PARSE-EMPTY")
    ]
    text, _ = shell("quarantine", "docs", *config)
    assert "empty.txt" in text
    assert "Remove it from the source, or fill it." in text


def test_status_before_and_after_a_release(office: Project, tmp_path: Path, shell: Shell) -> None:
    fresh = Project(tmp_path / "fresh")
    (row,) = json.loads(shell("status", "--json", "--config", str(fresh.config))[0])["corpora"]
    assert (row["corpus"], row["release"], row["documents"], row["last_run"]) == ("docs", None, 0, None)
    assert "freshet refresh docs" in shell("status", "--config", str(fresh.config))[0]
    (row,) = json.loads(shell("status", "--json", "--config", str(office.config))[0])["corpora"]
    assert (row["release"], row["documents"], row["chunks"], row["quarantined"], row["stale"]) == (1, 2, 2, 1, 0)
    assert row["last_run"]["outcome"] == "released"
    assert "release 1" in shell("status", "--config", str(office.config))[0]


def test_before_the_first_release_every_query_says_what_to_type(project: Project, shell: Shell) -> None:
    config = ["--json", "--config", str(project.config)]
    out, err = shell("search", "leave", "--corpus", "docs", *config, code=1)
    assert (out, "Run freshet refresh docs." in err) == ("", True)
    assert json.loads(shell("releases", "docs", *config)[0]) == {"corpus": "docs", "releases": []}
    assert json.loads(shell("quarantine", "docs", *config)[0])["documents"] == []
    assert "published: none" in shell("rollback", "docs", "1", *config, code=1)[1]
    assert "freshet refresh docs" in shell("document", "docs", "leave.md", *config, code=1)[1]


def test_releases_and_rollback(office: Project, shell: Shell) -> None:
    config = ["--config", str(office.config)]
    office.write("travel.md", "# Travel\n\nBook trains before planes.\n")
    assert office.refresh()["release"] == 2
    assert "no published release 7; published: 2, 1" in shell("rollback", "docs", "7", *config, code=1)[1]
    made = json.loads(shell("rollback", "docs", "1", "--json", *config)[0])
    assert (made["release"], made["rollback_of"], made["outcome"]) == (3, 1, "published")
    rows = json.loads(shell("releases", "docs", "--json", *config)[0])["releases"]
    assert [(row["release"], row["live"]) for row in rows] == [(3, True), (2, False), (1, False)]
    text, _ = shell("releases", "docs", *config)
    assert "rollback to 1" in text
    out, _ = shell("search", "trains", "--corpus", "docs", "--mode", "text", "--json", *config)
    assert json.loads(out) == {"release": 3, "hits": [], "why_not": None}


def test_withheld_withdrawals_exit_with_3_and_say_what_to_type(office: Project) -> None:
    for number in range(12):
        office.write(f"many/{number}.txt", f"Notice number {number} hangs at the gate.\n")
    office.refresh()
    shutil.rmtree(office.folder / "docs" / "many")
    office.write("news.md", "# News\n\nThe canteen opens at noon.\n")
    report = office.freshet_json("refresh", "docs", code=3)
    assert (report["outcome"], report["documents"]["withheld"], report["documents"]["added"]) == ("released", 12, 1)
    assert "freshet refresh docs --allow-withdrawals 12" in " ".join(report["notes"])
    assert "freshet refresh docs --allow-withdrawals 12" in office.freshet("refresh", "docs", code=3).stdout
    report = office.freshet_json("refresh", "docs", "--allow-withdrawals", "12")
    assert (report["documents"]["withdrawn"], report["documents"]["withheld"]) == (12, 0)


def test_a_rejected_refresh_exits_with_1_and_no_traceback(office: Project) -> None:
    tables = office.store.corpus("docs")
    (name,) = [name for name in tables.names() if name.startswith("chunks-")]
    tables.find(name).update(where="true", values={"vector": [2.0] * 384})
    done = office.freshet("refresh", "docs", "--json", code=1)
    report = json.loads(done.stdout)
    assert (report["outcome"], report["release"]) == ("rejected", 1)
    assert "GATE-VECTOR" in done.stderr
    assert "Readers stay at release 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_finds_every_problem_offline(office: Project, shell: Shell) -> None:
    found = json.loads(shell("check", "--json", "--config", str(office.config))[0])
    assert found["problems"] == []
    office.config.write_text(office.config.read_text().replace("owner:", "ownr:").replace("acl:", "acll:"))
    found = json.loads(shell("check", "--json", "--config", str(office.config), code=1)[0])
    assert len(found["problems"]) >= 2
    assert all(problem["line"] for problem in found["problems"])


def _interrupted(project: Project, ready: Callable[[], bool]) -> subprocess.CompletedProcess[str]:
    """A refresh that is stopped by Ctrl-C once `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "refresh", "docs", "--json", "--config", str(project.config)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ.copy(),
    )  # fmt: skip
    until(lambda: ready() or process.poll() is not None, "it is ready to be stopped, or has ended")
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def test_ctrl_c_stops_with_a_word_and_the_next_refresh_goes_on(project: Project) -> None:
    for number in range(200):
        project.write(f"{number}.md", f"# Rule {number}\n\n" + f"Rule {number} holds on every day but Sunday. " * 30)
    elements = project.folder / "store" / "corpora" / "docs" / "elements.lance"
    done = _interrupted(project, elements.exists)
    assert (done.returncode, done.stdout) == (130, ""), done.stderr
    assert "run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert project.freshet_json("status")["corpora"][0]["release"] is None
    report = project.refresh()
    assert (report["outcome"], report["chunks"]) == ("released", len(project.chunks()))
    assert set(project.ledger()["path"].to_pylist()) == {f"{number}.md" for number in range(200)}


def test_processes_give_the_tables_that_threads_give(office: Project, released: Path, tmp_path: Path) -> None:
    threads = Project(released, yaml.safe_load((released / "freshet.yaml").read_text()))
    settings = {**threads.settings, "task_runner": "processes"}
    processes = Project(tmp_path / "processes", settings)
    shutil.copytree(threads.folder / "docs", processes.folder / "docs", dirs_exist_ok=True)
    report = processes.freshet_json("refresh", "docs")
    assert report["outcome"] == "released"
    assert processes.chunks().equals(threads.chunks())
    # The hints tell when this system wrote the files of each.
    passing = ["verified_at", "table_version", "seen_hint"]
    left, right = (p.ledger().drop_columns(passing).to_pylist() for p in (processes, threads))
    assert left == right
