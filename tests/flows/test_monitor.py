"""The monitor on a real server: what is out of date, quarantines that grow, the artifact, and what refreshes tell."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.flows.conftest import Project
from tests.flows.dataset_project import DatasetProject, questions
from tests.waiting import PATIENCE, until


class Server:
    """Asks the server for the events of one project."""

    def __init__(self, api: str, project: str) -> None:
        self._api, self._project = api, project

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(
            f"{self._api}/{path}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def events(self, name: str) -> list[dict[str, Any]]:
        """Oldest first."""
        asked = {"filter": {"event": {"name": [name]}, "resource": {"labels": {"freshet.project": [self._project]}}}}
        return list(reversed(self.post("events/filter", asked)["events"]))

    def wait_for(self, name: str, count: int) -> list[dict[str, Any]]:
        def enough() -> list[dict[str, Any]]:
            found = self.events(name)
            return found if len(found) >= count else []

        return until(enough, f"{count} {name}")


@pytest.fixture
def server(prefect_server: str, request: pytest.FixtureRequest) -> Server:
    return Server(prefect_server, _named(request))


def _named(request: pytest.FixtureRequest) -> str:
    """A name of a project of its own for a test: events of all of them are on one server."""
    return f"p{crc32(request.node.name.encode())}"


@pytest.fixture
def named(project: Project, request: pytest.FixtureRequest) -> Project:
    project.settings["deployment"] = {"project": _named(request)}
    project.save()
    return project


def _monitor(project: Project) -> dict[str, Any]:
    from freshet.flows.monitor_quality import monitor_quality

    state: Any = monitor_quality(config=project.config, return_state=True)
    return dict(state.result())


def _settle(server: Server, then: Callable[[], Any], name: str, count: int) -> None:
    """An event that was not to be sent would have come before one that was sent after it."""
    then()
    server.wait_for(name, count)


def test_a_refresh_tells_what_it_published_and_that_readers_see_what_sources_hold(
    named: Project, server: Server
) -> None:
    named.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    report = named.refresh()
    (published,) = server.wait_for("freshet.release.published", 1)
    assert published["payload"] == {"run": report["run_id"], "release": 1, "documents": {"added": 1}}
    assert published["resource"]["freshet.corpus"] == "docs"
    assert named.refresh()["outcome"] == "unchanged"
    current = server.wait_for("freshet.corpus.current", 2)
    assert [one["payload"]["release"] for one in current] == [1, 1]
    assert len(server.events("freshet.release.published")) == 1


def test_a_dataset_tells_its_version_and_a_build_of_the_past_is_no_sign_of_life(
    tmp_path: Path, request: pytest.FixtureRequest, server: Server
) -> None:
    from datetime import UTC, datetime

    project = DatasetProject(tmp_path)
    project.settings["deployment"] = {"project": _named(request)}
    project.save()
    file = project.put("rows/a.jsonl", questions(20))
    os.utime(file, (0, 0))
    project.put("rows/b.jsonl", questions(5, 100))
    report = project.published()
    past = project.published(as_of=datetime(2026, 1, 1, tzinfo=UTC))
    assert past["version"].startswith("0.")
    versions = [one["payload"]["version"] for one in server.wait_for("freshet.dataset.published", 2)]
    assert versions == [report["version"], past["version"]]
    (current,) = server.wait_for("freshet.dataset.current", 1)
    assert current["payload"]["version"] == report["version"]


def test_what_the_first_refresh_refuses_is_no_growth(named: Project, server: Server) -> None:
    assert _monitor(named) == {"missed": [], "grown": []}
    named.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    named.write("empty.md", "\n")
    named.refresh()
    assert _monitor(named) == {"missed": [], "grown": []}
    named.write("blank.md", "\n")
    named.refresh()
    assert _monitor(named) == {"missed": [], "grown": ["docs"]}
    (grown,) = server.wait_for("freshet.quarantine.grew", 1)
    assert (grown["payload"]["before"], grown["payload"]["now"]) == (1, 2)


def test_the_monitor_tells_a_growth_of_the_quarantine_once(named: Project, server: Server) -> None:
    named.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    named.refresh()
    assert _monitor(named) == {"missed": [], "grown": []}
    named.write("empty.md", "\n")
    named.refresh()
    assert _monitor(named) == {"missed": [], "grown": ["docs"]}
    (grown,) = server.wait_for("freshet.quarantine.grew", 1)
    assert grown["payload"] == {"before": 0, "now": 1, "codes": ["PARSE-EMPTY"]}
    assert _monitor(named) == {"missed": [], "grown": []}
    # It shrinks, which is no news, and grows to what it was, which is.
    (named.folder / "docs" / "empty.md").unlink()
    named.refresh()
    assert _monitor(named) == {"missed": [], "grown": []}
    named.write("empty.md", "\n")
    named.refresh()
    _settle(server, lambda: _monitor(named), "freshet.quarantine.grew", 2)
    assert len(server.events("freshet.quarantine.grew")) == 2


def test_the_monitor_tells_every_time_that_an_objective_is_missed_and_shows_the_status(
    named: Project, server: Server, prefect_server: str
) -> None:
    named.settings["corpora"]["docs"]["schedule"] = {"objective": "1s"}
    named.save()
    named.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    named.refresh()
    until(lambda: _monitor(named)["missed"] == ["docs"], "its objective of a second is missed")
    assert _monitor(named)["missed"] == ["docs"]
    missed = server.wait_for("freshet.freshness.missed", 2)
    assert {one["payload"]["objective_seconds"] for one in missed} == {1}
    assert all(one["payload"]["age_seconds"] >= 1 for one in missed)
    key = f"status-{named.settings['deployment']['project']}"
    with urllib.request.urlopen(f"{prefect_server}/artifacts/{key}/latest", timeout=PATIENCE) as answer:
        artifact = json.loads(answer.read())
    assert "**1 out of date**: docs" in artifact["data"]
    assert "runs/flow-run/" in artifact["data"]
    run = server.post("flow_runs/filter", {"flow_runs": {"id": {"any_": [artifact["flow_run_id"]]}}})[0]
    assert run["name"].startswith("monitor-20")
    assert server.post("task_runs/count", {"flow_runs": {"id": {"any_": [run["id"]]}}}) == 0


def test_a_corpus_that_was_never_refreshed_misses_its_objective_from_its_first_look_on(named: Project) -> None:
    named.settings["corpora"]["docs"]["schedule"] = {"objective": "3s"}
    named.save()
    assert _monitor(named) == {"missed": [], "grown": []}
    until(lambda: _monitor(named)["missed"] == ["docs"], "three seconds after its first look it is missed")
