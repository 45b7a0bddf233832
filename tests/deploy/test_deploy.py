"""`freshet deploy`: the server comes to hold what freshet.yaml says, no more, and nothing of what others own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Site


@pytest.fixture(autouse=True)
def as_it_was(running: Site) -> Iterator[None]:
    """Each test starts from the same settings, applied."""
    before = deepcopy(running.settings)
    yield
    if running.settings != before:
        running.settings = before
        running.save()
        running.freshet("deploy")


def _changes(site: Site, *words: str) -> list[tuple[str, str, str]]:
    found = site.freshet_json("deploy", *words)["changes"]
    return [(one["action"], one["kind"], one["name"]) for one in found]


def _state(site: Site) -> Any:
    """What is on the server, moments of change included; not what a polling worker alters."""
    polled = {"last_polled", "status"}
    return {k: v for k, v in site.deployment().items() if k not in polled}, site.automations()


def test_a_second_deploy_changes_nothing(running: Site) -> None:
    running.freshet("deploy")
    before = _state(running)
    said = running.freshet("deploy")
    assert "The server is as it should be; nothing was changed." in said.stdout
    assert _state(running) == before


def test_a_dry_run_tells_and_does_not(running: Site) -> None:
    running.settings["corpora"]["more"] = running.corpus()
    running.save()
    told = _changes(running, "--dry-run")
    assert told == [
        ("create", "deployment", "refresh-index/more"),
        ("create", "automation", "freshet: nothing brought more up to date"),
    ]
    assert running.deployments() == ["docs"]
    assert _changes(running) == told
    assert running.deployments() == ["docs", "more"]


def test_what_a_removed_corpus_had_goes(running: Site) -> None:
    running.settings["corpora"]["more"] = running.corpus(schedule={"objective": "36h"})
    running.save()
    running.freshet("deploy")
    silent = running.automations()["freshet: nothing brought more up to date"]
    assert silent["trigger"]["within"] == 36 * 3600
    del running.settings["corpora"]["more"]
    running.save()
    assert _changes(running) == [
        ("delete", "deployment", "refresh-index/more"),
        ("delete", "automation", "freshet: nothing brought more up to date"),
    ]
    assert running.deployments() == ["docs"]
    assert not [name for name in running.automations() if "more" in name]


def test_schedules_follow_the_settings_and_one_that_is_off_is_gone(running: Site) -> None:
    running.settings["schedules"] = {"timezone": "Europe/Berlin", "daily": "30 1 * * mon-fri"}
    running.settings["corpora"]["docs"] = running.corpus(schedule={"weekly": "off"})
    running.save()
    assert _changes(running) == [
        ("update", "schedule", "refresh-index/docs daily"),
        ("delete", "schedule", "refresh-index/docs weekly"),
        ("update", "schedule", "maintain-store/all maintenance"),
        ("update", "schedule", "monitor-quality/all monitor"),
    ]
    (daily,) = running.deployment()["schedules"]
    assert (daily["schedule"]["cron"], daily["schedule"]["timezone"]) == ("30 1 * * mon-fri", "Europe/Berlin")
    running.settings["corpora"]["docs"] = running.corpus(schedule={"weekly": "off", "daily": "off"})
    running.save()
    running.freshet("deploy")
    assert running.deployment()["schedules"] == []
    assert _changes(running) == []


def test_what_a_person_paused_stays_paused(running: Site) -> None:
    found = running.deployment()
    daily = next(one for one in found["schedules"] if one["slug"] == "daily")
    running.api(f"deployments/{found['id']}/schedules/{daily['id']}", {"active": False}, "PATCH")
    failed = running.automations()["freshet: a run failed"]
    running.api(f"automations/{failed['id']}", {"enabled": False}, "PATCH")
    assert _changes(running) == []
    # Also where the thing itself has to change.
    running.settings["schedules"] = {"daily": "15 5 * * *"}
    running.save()
    assert _changes(running) == [("update", "schedule", "refresh-index/docs daily")]
    (paused,) = [one for one in running.deployment()["schedules"] if one["slug"] == "daily"]
    assert (paused["active"], paused["schedule"]["cron"]) == (False, "15 5 * * *")
    assert running.automations()["freshet: a run failed"]["enabled"] is False


def test_deployments_of_an_earlier_version_are_told_and_brought_along(running: Site) -> None:
    deployment = running.deployment()["id"]
    running.api(f"deployments/{deployment}", {"entrypoint": "flows." + "refresh_index.refresh_index"}, "PATCH")
    status = json.loads(running.freshet("status", "--json", PREFECT_API_URL=running.note.api).stdout)
    assert status["server"]["outdated"] == ["docs"]
    assert "type: freshet deploy" in status["server"]["message"]
    told = running.freshet("doctor", code=1, PREFECT_API_URL=running.note.api).stdout
    assert "DOCTOR-DEPLOYMENTS" in told
    assert _changes(running) == [("update", "deployment", "refresh-index/docs")]
    running.freshet("deploy")
    assert running.deployment()["entrypoint"] == "freshet.flows.refresh_index.refresh_index"
    assert _changes(running) == []


def test_what_others_own_is_left_alone_and_a_clash_is_told(running: Site) -> None:
    flow = running.api("flows/", {"name": "refresh-index"})["id"]
    foreign = running.api("deployments/", {"name": "theirs", "flow_id": flow, "tags": ["somebody"]})
    other = {"name": "freshet: theirs", "trigger": {"type": "event", "threshold": 1, "within": 0}, "actions": []}
    other["trigger"] |= {"posture": "Reactive", "expect": ["x.y"]}  # type: ignore[operator]
    made = running.api("automations/", {**other, "actions": [{"type": "do-nothing"}]})
    assert _changes(running) == []
    running.settings["corpora"]["theirs"] = running.corpus()
    running.save()
    told = running.freshet("deploy", code=1).stderr
    assert "refresh-index/theirs is on this server already" in told
    assert running.api(f"deployments/{foreign['id']}")["tags"] == ["somebody"]
    running.api(f"deployments/{foreign['id']}", method="DELETE")
    running.api(f"automations/{made['id']}", method="DELETE")
    del running.settings["corpora"]["theirs"]
    running.save()


def test_another_project_of_the_same_name_is_refused(running: Site, tmp_path: Path) -> None:
    other = Site(tmp_path)
    told = other.freshet("deploy", code=1, PREFECT_API_URL=running.note.api).stderr
    assert "is deployed on this server from another file" in told
    other.settings["deployment"] = {"project": "second"}
    other.settings["corpora"] = {"elsewhere": other.corpus()}
    other.save()
    other.freshet("deploy", PREFECT_API_URL=running.note.api)
    assert running.deployments() == ["docs", "elsewhere"]
    assert _changes(running) == []  # neither sees what the other has
    other.settings["corpora"] = {}
    other.save()
    other.freshet("deploy", PREFECT_API_URL=running.note.api)
    assert running.deployments() == ["docs"]


def test_alerts_go_through_the_block_as_soon_as_there_is_one(running: Site) -> None:
    said = running.freshet("deploy").stdout
    assert "there is no notification block freshet-alerts" in said
    assert running.automations()["freshet: a run failed"]["actions"][0]["type"] == "do-nothing"
    block = _make_block(running, "freshet-alerts")
    changed = _changes(running)
    alerts = [name for _, _, name in changed]
    assert {(action, kind) for action, kind, _ in changed} == {("update", "automation")}
    assert "freshet: a run failed" in alerts
    assert "freshet: a run without a sign of life is marked crashed" not in alerts
    action = running.automations()["freshet: a run failed"]["actions"][0]
    assert (action["type"], action["block_document_id"]) == ("send-notification", block)
    assert "there is no notification block" not in running.freshet("deploy").stdout
    running.api(f"block_documents/{block}", method="DELETE")


def _make_block(site: Site, name: str) -> str:
    kind = site.api("block_types/slug/custom-webhook")["id"]
    schemas = site.api("block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})
    assert "notify" in schemas[0]["capabilities"]
    data: dict[str, Any] = {"name": "alerts", "url": "http://127.0.0.1:9/hook", "method": "POST"}
    body = {"name": name, "data": data, "block_type_id": kind, "block_schema_id": schemas[0]["id"]}
    return str(site.api("block_documents/", body)["id"])
