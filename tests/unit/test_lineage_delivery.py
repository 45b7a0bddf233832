"""Events reach an endpoint, or wait for it: a real server that answers, fails, hangs or is not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.lineage.delivery import (
    AT_ONCE,
    KEEP_TRYING,
    Endpoint,
    Sending,
    deliver,
    endpoint_from,
    pending,
)
from freshet.tasks.lineage.event_json import build_event
from freshet.tasks.lineage.events import RunEvents
from freshet.tasks.lineage.openlineage import refresh_job, run_uuid
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.openlineage_schema import problems
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).parents[2]


class Receiver:
    """A server that takes events as it is told to.

    Attributes:
        status: what it answers; or by the event's type.
        hangs: it answers nothing until it is released.
        taken: the events that it answered 2xx.
    """

    def __init__(self) -> None:
        self.status: int | dict[str, int] = 201
        self.hangs = False
        self.released = threading.Event()
        self.requests: list[tuple[str, str | None, dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.requests.append((self.path, self.headers.get("Authorization"), event))
                if receiver.hangs:
                    receiver.released.wait(PATIENCE)
                    return
                status = receiver.status if isinstance(receiver.status, int) else receiver.status[event["eventType"]]
                if status < 300:
                    receiver.taken.append(event)
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def types(self) -> list[str]:
        return [event["eventType"] for event in self.taken]


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.delenv("FRESHET_LINEAGE_API_KEY", raising=False)
    monkeypatch.delenv("OPENLINEAGE_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    receiver = Receiver()
    yield receiver
    receiver.released.set()
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def _run(store: Store, url: str | None, run_id: str = "r", budget: float = PATIENCE) -> RunEvents:
    with RunEvents(store, refresh_job("docs"), run_id, endpoint=url, budget=budget) as told:
        pass
    return told


def _deliveries(store: Store) -> list[dict[str, Any]]:
    table = store.ledger.find(schemas.LINEAGE_DELIVERIES)
    return [] if table is None else table.search().to_list()


def test_both_events_of_a_run_arrive_once_each_in_their_order(store: Store, receiver: Receiver) -> None:
    told = _run(store, receiver.url)
    assert told.notes == []
    assert receiver.types() == ["START", "COMPLETE"]
    assert {path for path, _, _ in receiver.requests} == {"/api/v1/lineage"}
    assert [problem for event in receiver.taken for problem in problems(event)] == []
    assert [row["outcome"] for row in _deliveries(store)] == ["delivered", "delivered"]
    assert pending(store, datetime.now(UTC)) == []


def test_the_start_is_sent_while_the_run_goes_on(store: Store, receiver: Receiver) -> None:
    with RunEvents(store, refresh_job("docs"), "r", endpoint=receiver.url):
        until(lambda: receiver.taken, "the first event has arrived")
        assert receiver.types() == ["START"]


def test_an_endpoint_with_a_path_is_asked_at_that_path(store: Store, receiver: Receiver) -> None:
    _run(store, f"{receiver.url}/lineage/in")
    assert {path for path, _, _ in receiver.requests} == {"/lineage/in"}


def test_the_key_comes_from_the_environment_and_stays_out_of_the_store(
    store: Store, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "the-clients-own")
    _run(store, receiver.url, "a")
    monkeypatch.setenv("FRESHET_LINEAGE_API_KEY", "hunter2")
    _run(store, receiver.url, "b")
    assert [key for _, key, _ in receiver.requests] == ["Bearer the-clients-own"] * 2 + ["Bearer hunter2"] * 2
    assert not any(b"hunter2" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    endpoint = endpoint_from("http://me:pw@host:5000/x")
    assert "hunter2" not in repr(endpoint)
    assert endpoint is not None
    assert endpoint.called == "http://host:5000"


def test_what_was_not_taken_is_sent_at_the_next_runs_end(store: Store, receiver: Receiver) -> None:
    receiver.status = 500
    told = _run(store, receiver.url, "a")
    assert len(told.notes) == 1
    assert told.notes[0].startswith("2 lineage event(s)")
    assert "it answers 500; they wait" in told.notes[0]
    assert receiver.taken == []
    receiver.status = 201
    assert _run(store, receiver.url, "b").notes == []
    runs = [event["run"]["runId"] for event in receiver.taken]
    assert len(receiver.taken) == 4
    assert len(set(runs)) == 2
    assert receiver.types().count("COMPLETE") == 2
    assert _run(store, receiver.url, "c").notes == []
    assert len(receiver.taken) == 6


def test_an_event_that_is_never_answered_well_does_not_hold_up_the_others(store: Store, receiver: Receiver) -> None:
    receiver.status = {"START": 500, "COMPLETE": 201}
    _run(store, receiver.url, "a")
    assert receiver.types() == ["COMPLETE"]


def test_an_event_that_is_refused_for_good_is_not_sent_again(store: Store, receiver: Receiver) -> None:
    receiver.status = {"START": 422, "COMPLETE": 201}
    told = _run(store, receiver.url, "a")
    assert "refused 1 lineage event(s) for good (422)" in told.notes[0]
    assert receiver.types() == ["COMPLETE"]
    assert sorted((row["outcome"], row["status"]) for row in _deliveries(store)) == [
        ("delivered", 201),
        ("refused", 422),
    ]
    asked = len(receiver.requests)
    receiver.status = 201
    _run(store, receiver.url, "b")
    assert len(receiver.requests) == asked + 2


@pytest.mark.parametrize("status", [401, 403, 404, 429, 503])
def test_what_can_be_mended_at_the_other_end_is_tried_again(store: Store, receiver: Receiver, status: int) -> None:
    receiver.status = status
    _run(store, receiver.url)
    assert len(pending(store, datetime.now(UTC))) == 2


def test_a_redirect_is_not_taken_for_delivery(store: Store, receiver: Receiver) -> None:
    receiver.status = 302
    told = _run(store, receiver.url)
    assert "it redirects elsewhere" in told.notes[0]
    assert {path for path, _, _ in receiver.requests} == {"/api/v1/lineage"}
    assert len(pending(store, datetime.now(UTC))) == 2


def test_a_server_that_hangs_is_not_waited_for_and_costs_no_event(store: Store, receiver: Receiver) -> None:
    _run(store, None, "warm")
    receiver.hangs = True
    told = _run(store, receiver.url, budget=1.0)
    assert "it does not answer" in told.notes[0]
    receiver.hangs = False
    receiver.released.set()
    assert _run(store, receiver.url, "b").notes == []
    assert len(receiver.taken) == 4


def test_a_server_that_is_not_there_fails_no_run(store: Store, receiver: Receiver) -> None:
    _run(store, None, "warm")
    receiver.server.shutdown()
    receiver.server.server_close()
    told = _run(store, receiver.url)
    assert "it cannot be reached; they wait" in told.notes[0]


def test_an_address_that_is_none_fails_no_run(store: Store) -> None:
    told = _run(store, "marquez")
    assert "its address is no URL" in told.notes[0]


def test_what_happened_before_an_endpoint_was_set_is_not_sent(store: Store, receiver: Receiver) -> None:
    _run(store, None, "a")
    _run(store, receiver.url, "b")
    assert len(receiver.taken) == 2


def _keep(store: Store, at: datetime, number: int) -> dict[str, Any]:
    event = build_event("COMPLETE", refresh_job("docs"), f"r{number}", at)
    row = {"event_id": f"{number:032x}", "run_id": event["run"]["runId"], "job": "j", "event_type": "COMPLETE"}
    return {**row, "event_time": at, "event": json.dumps(event), "due": True}


def test_events_are_not_tried_for_ever(store: Store) -> None:
    now = datetime.now(UTC)
    old = [_keep(store, now - KEEP_TRYING - timedelta(minutes=1), 1), _keep(store, now, 2)]
    store.ledger.append(schemas.LINEAGE_EVENTS, schemas.lineage_events(), old)
    assert [row["event_id"] for row in pending(store, now)] == [f"{2:032x}"]


def test_a_backlog_is_sent_oldest_first_and_in_parts(store: Store, receiver: Receiver) -> None:
    now = datetime.now(UTC)
    rows = [_keep(store, now - timedelta(seconds=number), number) for number in range(AT_ONCE + 5)]
    store.ledger.append(schemas.LINEAGE_EVENTS, schemas.lineage_events(), rows)
    waiting = pending(store, now)
    assert len(waiting) == AT_ONCE
    assert waiting[0]["event_id"] == f"{AT_ONCE + 4:032x}"
    sent = Sending(Endpoint(receiver.url), waiting[:20], PATIENCE)
    assert len(sent.wait(PATIENCE)) == 20


def test_delivering_twice_at_once_sends_nothing_twice(store: Store, receiver: Receiver) -> None:
    now = datetime.now(UTC)
    store.ledger.append(
        schemas.LINEAGE_EVENTS, schemas.lineage_events(), [_keep(store, now, number) for number in range(30)]
    )
    threads = [
        threading.Thread(target=deliver, args=(store, Endpoint(receiver.url)), kwargs={"now": now, "budget": PATIENCE})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.taken) == 30


KILLED = """
import sys
from freshet.tasks.lineage.events import RunEvents
from freshet.tasks.lineage.openlineage import refresh_job
from freshet.tasks.store.tables import Store
with RunEvents(Store(sys.argv[1]), refresh_job("docs"), "killed", endpoint=sys.argv[2], budget=60):
    pass
"""


def test_a_run_that_is_killed_while_it_sends_loses_no_event(store: Store, receiver: Receiver, tmp_path: Path) -> None:
    receiver.hangs = True
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), receiver.url], cwd=ROOT)
    until(lambda: sorted(_events(store)) == ["COMPLETE", "START"], "both events are on record")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    receiver.hangs = False
    receiver.released.set()
    assert _run(store, receiver.url, "next").notes == []
    sent = [(event["eventType"], event["run"]["runId"]) for event in receiver.taken]
    assert sorted(sent) == sorted((kind, run_uuid(run)) for kind in ("START", "COMPLETE") for run in ("killed", "next"))


def _events(store: Store) -> list[str]:
    table = store.ledger.find(schemas.LINEAGE_EVENTS)
    return [] if table is None else [row["event_type"] for row in table.search().select(["event_type"]).to_list()]
