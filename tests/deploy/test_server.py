"""`freshet up` and `freshet down`, and runs that come by themselves."""

from __future__ import annotations

import json
import os
import socket
import stat
import urllib.request
from typing import Any

import httpx
import psutil

from tests.servers import Site, free_port
from tests.waiting import PATIENCE, until


def test_up_starts_what_a_scheduled_run_needs_and_down_leaves_nothing(site: Site) -> None:
    site.settings["schedules"] = {"daily": "* * * * *"}  # a minute that was named could be over when all is started
    site.save()
    said = site.freshet("up", "--no-service", "--port", str(free_port())).stdout
    note = site.note
    assert f"pages   {note.ui}" in said
    assert "Server and worker started." in said
    settings = urllib.request.urlopen(f"{note.ui}/ui-settings", timeout=PATIENCE).read().decode()
    assert f"{note.api}" in settings  # pages find their API at any port

    again = site.freshet("up", "--no-service", "--port", str(free_port())).stdout
    assert "All run already." in again
    assert site.note == note

    schedules = {one["slug"]: one for one in site.deployment()["schedules"]}
    assert schedules["daily"]["schedule"]["timezone"] == "UTC"
    assert schedules["weekly"]["parameters"] == {"full": True}

    def by_itself() -> list[dict[str, Any]]:
        found = site.api("flow_runs/filter", {"flow_runs": {"state": {"name": {"any_": ["Completed"]}}}})
        return [one for one in found if one["auto_scheduled"] and "corpus" in one["parameters"]]

    run, *_ = until(by_itself, "a scheduled run completed")
    assert run["parameters"] == {"corpus": "docs", "wait": 21600}
    assert "freshet:freshet" in run["tags"]
    assert site.freshet_json("releases", "docs")["releases"][0]["release"] == 1
    assert not list(site.folder.glob("store/store"))

    # A command by hand finds the server: its run is there as well.
    site.freshet("refresh", "docs")
    runs = site.api("flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
    by_hand = [sorted(one["tags"]) for one in runs if not one["auto_scheduled"]]
    assert by_hand == [["corpus:docs", "freshet:freshet"]]

    ours = site.processes()
    assert len(ours) >= 2
    assert "Worker and server stopped." in site.freshet("down").stdout
    assert not [one for one in ours if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert "Nothing was running." in site.freshet("down").stdout


def test_up_starts_the_service_as_well_and_artifacts_link_to_it_until_down_ends_it(site: Site) -> None:
    site.settings["service"] = {"port": free_port(), "anonymous": True}
    site.save()
    up = site.freshet_json("up", "--port", str(free_port()))
    url = f"http://127.0.0.1:{site.settings['service']['port']}"
    assert (up["started"], up["service"]) == (["server", "worker", "service"], url)
    assert httpx.get(f"{url}/healthz", timeout=PATIENCE).is_success
    run = site.freshet_json("refresh", "docs")["run_id"]
    (artifact,) = site.api("artifacts/filter", {"artifacts": {"key": {"any_": ["refresh-docs"]}}})
    assert f"[Report page]({url}/page/reports#corpora/docs/{run}/index.html)" in artifact["data"]
    found = (
        httpx.post(f"{url}/v1/search", json={"question": "How much leave is there?"}, timeout=PATIENCE)
        .raise_for_status()
        .json()
    )
    assert found["release"] == 1
    assert "How much leave" not in (site.home / "service.log").read_text()

    ours = site.note.service
    assert ours
    again = site.freshet_json("up", "--port", str(free_port()))
    assert (again["started"], again["service"], site.note.service) == ([], url, ours)
    assert site.freshet_json("down")["stopped"] == ["service", "worker", "server"]
    assert not ours.is_alive()


def test_where_the_service_cannot_start_the_rest_runs_and_says_why(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site.settings["service"] = {"port": port}
        site.save()
        up = site.freshet_json("up", "--port", str(free_port()))
    assert (up["started"], up["service"]) == (["server", "worker"], None)
    assert f"port {port} of 127.0.0.1 cannot be used" in up["notes"][-1]
    assert "freshet up --no-service" in up["notes"][-1]


def test_the_database_and_the_logs_of_the_server_are_private_where_a_group_may_read_the_store(site: Site) -> None:
    site.settings["store_mode"] = "group"
    site.save()
    before = os.umask(0o022)
    try:
        site.up()
    finally:
        os.umask(before)
    modes = {str(one.relative_to(site.home)): stat.S_IMODE(one.stat().st_mode) for one in site.home.rglob("*")}
    private = {name: mode for name, mode in modes.items() if name.startswith("prefect") or name.endswith(".log")}
    assert {"prefect", "prefect/prefect.db", "server.log", "worker.log"} <= private.keys()
    assert {name: mode for name, mode in private.items() if mode & 0o77} == {}
    assert modes["server.json"] == 0o640, "commands of the group find the server"
    assert stat.S_IMODE((site.folder / "store").stat().st_mode) & 0o777 == 0o750


def test_a_note_of_processes_that_are_gone_is_no_obstacle_and_kills_nobody(site: Site) -> None:
    innocent = psutil.Process()
    site.home.mkdir(parents=True)
    gone = {"pid": innocent.pid, "started": innocent.create_time() - 1000}
    note = {"api": "http://127.0.0.1:1/api", "ui": "http://127.0.0.1:1", "server": gone, "worker": gone}
    (site.home / "server.json").write_text(json.dumps(note))
    assert "Nothing was running." in site.freshet("down").stdout
    assert innocent.is_running()


def test_a_port_that_is_taken_is_told_with_what_to_type(site: Site) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = site.freshet("up", "--port", str(port), code=1).stderr
    assert f"port {port} of 127.0.0.1 cannot be used" in told
    assert "freshet up --port" in told


def test_without_a_server_deploy_says_what_to_type(site: Site) -> None:
    assert "Type: freshet up" in site.freshet("deploy", code=1).stderr
    told = site.freshet("deploy", code=1, PREFECT_API_URL=f"http://127.0.0.1:{free_port()}/api").stderr
    assert "cannot be reached" in told
    assert "Traceback" not in told
