"""`freshet status` against a real server: links to runs that are there, the next run, and no server at all."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Project
from tests.flows.dataset_project import DatasetProject, questions
from tests.waiting import PATIENCE

TABLES = ("corpora", "datasets", "questions", "server")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a refreshed corpus and a built dataset."""
    made = DatasetProject(tmp_path_factory.mktemp("office"))
    source = {"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}
    made.settings["corpora"] = {"docs": {"sources": [source]}}
    made.settings["deployment"] = {"project": "office"}
    made.dataset["schedule"] = {"objective": "30d"}
    made.save()
    made.put("rows/a.jsonl", questions(20))
    made.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    assert made.refresh()["outcome"] == "released"
    made.published()
    return made


def _schedule(api: str, moment: datetime, *tags: str) -> str:
    """Puts a run of refresh-index on the server, due at a moment, and returns its id."""
    from prefect.client.orchestration import get_client
    from prefect.states import Scheduled

    from freshet.flows.refresh_index import refresh_index

    with get_client(sync_client=True) as client:
        run = client.create_flow_run(refresh_index, state=Scheduled(scheduled_time=moment), tags=tags, name="due")
    return str(run.id)


def test_a_corpus_and_a_dataset_say_how_fresh_they_are_and_link_to_their_last_run(
    office: Project, prefect_server: str
) -> None:
    found = office.freshet_json("status")
    assert tuple(found) == TABLES
    assert found["server"]["state"] == "answered"
    for row, allowed in zip([*found["corpora"], *found["datasets"]], (2 * 86400, 30 * 86400), strict=True):
        assert row["objective_seconds"] == allowed
        assert 0 <= row["age_seconds"] < allowed
        assert row["overdue"] is False
        last = row["last_run"]
        page = last["url"].rpartition("/")[2]
        assert page == last["run_id"]
        assert last["url"].startswith(prefect_server.removesuffix("/api"))
        with urllib.request.urlopen(f"{prefect_server}/flow_runs/{page}", timeout=PATIENCE) as answer:
            assert json.loads(answer.read())["state_name"] == "Completed"
        assert row["next_run"] is None
    (corpus,), (dataset,) = found["corpora"], found["datasets"]
    assert (corpus["last_run"]["outcome"], dataset["last_run"]["outcome"]) == ("released", "published")
    assert dataset["rows"] == {"read": 20, "kept": 20, "rejected": 0}


def test_a_build_that_finds_nothing_new_keeps_the_dataset_fresh_and_is_its_last_run(office: DatasetProject) -> None:
    before = office.freshet_json("status")["datasets"][0]
    assert office.build()["outcome"] == "unchanged"
    after = office.freshet_json("status")["datasets"][0]
    assert after["last_run"]["outcome"] == "unchanged"
    assert after["up_to_date_at"] > before["up_to_date_at"]
    assert (after["version"], after["published_at"]) == (before["version"], before["published_at"])


def test_rows_wait_for_a_review_until_somebody_decides(tmp_path: Path) -> None:
    from freshet.tasks.datasets.review import decide, rows_for_review

    project = DatasetProject(tmp_path)
    rows = questions(20)
    for number, name in enumerate(("ada.lovelace", "charles.babbage")):
        rows[number]["completion"] += f" Write to {name}@analytical-engines.co.uk for more."
    project.put("rows/a.jsonl", rows)
    project.published()
    waiting = rows_for_review(project.store, "answers")
    assert len(waiting) == 2
    (row,) = project.freshet_json("status")["datasets"]
    assert (row["review"], row["rows"]["rejected"]) == (2, 2)
    decide(project.store, "answers", waiting[0]["digest"], "drop", who="ada", why="hers", now=datetime.now(UTC))
    (row,) = project.freshet_json("status")["datasets"]
    assert row["review"] == len(rows_for_review(project.store, "answers")) == 1
    assert "1 waiting for review" in project.freshet("status").stdout


def test_the_next_run_is_the_soonest_of_this_project(office: Project, prefect_server: str) -> None:
    day = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    _schedule(prefect_server, day - timedelta(hours=1), "freshet:another", "corpus:docs")
    _schedule(prefect_server, day + timedelta(hours=1), "freshet:office", "corpus:docs")
    soonest = _schedule(prefect_server, day, "freshet:office", "corpus:docs")
    found = office.freshet_json("status")
    (row,), (dataset,) = found["corpora"], found["datasets"]
    assert row["next_run"]["url"].endswith(soonest)
    assert datetime.fromisoformat(row["next_run"]["at"]) == day
    assert dataset["next_run"] is None
    assert f"next run {day:%Y-%m-%d %H:%M}" in office.freshet("status").stdout


def test_a_refresh_that_fails_is_the_last_run_and_makes_nothing_fresh(tmp_path: Path, prefect_server: str) -> None:
    project = Project(tmp_path)
    project.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    assert project.refresh()["outcome"] == "released"
    fresh = project.freshet_json("status")["corpora"][0]
    # The sources cannot be read, and neither can the store.
    project.source["folder"] = "nowhere"
    project.save()
    assert project.refresh()["outcome"] == "unchanged"
    row = project.freshet_json("status")["corpora"][0]
    assert row["up_to_date_at"] == fresh["up_to_date_at"]
    assert row["last_run"]["run_id"] != fresh["last_run"]["run_id"]


@pytest.fixture(params=["closed", "silent"])
def mute(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a port where nobody listens; or of one that takes connections and never says a word."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if request.param == "silent":
            taken.listen()
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/api"


def test_without_an_answer_it_does_not_wait_for_one_and_starts_no_server(
    office: Project, monkeypatch: pytest.MonkeyPatch, mute: str
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", mute)
    found: dict[str, Any] = office.freshet_json("status")
    assert found["server"]["state"] == "unreachable"
    (row,) = found["corpora"]
    assert (row["release"], row["last_run"]["url"], row["next_run"]) == (1, None, None)
    assert "the Prefect server" in office.freshet("status").stdout


def test_without_a_server_it_says_so(office: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_API_URL")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    found = office.freshet_json("status")
    assert found["server"] == {
        "address": None, "state": "none", "ui": None, "message": "no Prefect server is configured; type: freshet up",
        "outdated": [],
    }  # fmt: skip
    assert found["corpora"][0]["release"] == 1
