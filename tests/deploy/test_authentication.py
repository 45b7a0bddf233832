"""A server with authentication: who has the secret is served, who has not is refused, and nothing tells it."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Site
from tests.waiting import PATIENCE

SECRET = "keeper:a-l0ng-s3cret-of-this-test"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("guarded"), environment={"PREFECT_SERVER_API_AUTH_STRING": SECRET})
    made.up()
    yield made
    made.freshet("down")


def test_over_http_the_secret_decides(guarded: Site) -> None:
    for credentials in (None, "Basic bm9ib2R5OndpdGhvdXQ="):
        request = urllib.request.Request(f"{guarded.note.api}/deployments/filter", data=b"{}", method="POST")
        request.add_header("content-type", "application/json")
        if credentials:
            request.add_header("authorization", credentials)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=PATIENCE)
        assert refused.value.code == 401
    assert guarded.deployments() == ["docs"]


@pytest.mark.parametrize("way", ["in", "out"])
def test_over_the_event_socket_the_secret_decides(guarded: Site, way: str) -> None:
    assert asyncio.run(_knock(guarded, way, SECRET)) == "auth_success"
    assert asyncio.run(_knock(guarded, way, "wrong:guess")) != "auth_success"
    assert asyncio.run(_knock(guarded, way, None)) != "auth_success"


async def _knock(site: Site, way: str, secret: str | None) -> Any:
    """What the server answers to a client of its event socket."""
    import websockets

    address = site.note.api.replace("http", "ws", 1) + f"/events/{way}"
    try:
        async with websockets.connect(address, subprotocols=[websockets.Subprotocol("prefect")]) as socket:
            await socket.send(json.dumps({"type": "auth", "token": secret}))
            return json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))["type"]
    except websockets.exceptions.ConnectionClosed as closed:
        return f"closed {closed.rcvd.code if closed.rcvd else ''}"


def test_worker_and_commands_work_with_it_and_tell_it_to_nobody(guarded: Site) -> None:
    run = guarded.start_run()
    done = guarded.wait_for(run, "Completed")
    assert done["state"]["message"].startswith("released")
    by_hand = guarded.freshet("refresh", "docs")
    assert "unchanged" in by_hand.stdout
    completed = guarded.api("flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
    # The monitor runs by its own schedule, whenever that comes.
    assert sum(one["name"].startswith("refresh-docs-") for one in completed) == 2
    said = [
        by_hand.stdout + by_hand.stderr,
        guarded.freshet("deploy").stdout,
        guarded.freshet("up", "--no-service").stdout,
    ]

    password = SECRET.partition(":")[2]
    lines = [" ".join(one.cmdline()) for one in guarded.processes()]
    assert len(lines) >= 2
    logs = [file.read_text(errors="replace") for file in guarded.home.glob("*.log")]
    assert len(logs) == 2
    told = [json.dumps(guarded.api(f"{kind}/filter", {})) for kind in ("logs", "artifacts", "flow_runs", "variables")]
    told += [json.dumps(guarded.api("events/filter", {})), json.dumps(guarded.deployment())]
    assert not [text for text in [*lines, *logs, *said, *told] if password in text]
    assert password not in (guarded.home / "server.json").read_text()
    for file in Path(guarded.folder).glob("store/**/*.json"):
        assert password not in file.read_text(errors="replace")


def test_a_command_without_the_secret_says_what_is_missing(guarded: Site) -> None:
    stranger = Site(guarded.folder.parent / "stranger")
    told = stranger.freshet("deploy", code=1, PREFECT_API_URL=guarded.note.api).stderr
    assert "refuses" in told
    assert "PREFECT_API_AUTH_STRING" in told
    assert "Traceback" not in told
