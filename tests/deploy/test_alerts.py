"""Alerts arrive: events of runs and of Freshet go through the automations and the notification block to a receiver."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.servers import Site, clean_environment
from tests.waiting import PATIENCE, until

EMIT = """
import sys
from freshet.tasks.reports.events import Event, emit
run, withheld = sys.argv[1], int(sys.argv[2])
sent = emit(Event("freshet.withdrawals.withheld", "freshet", "corpus", "docs", {"run": run, "withheld": withheld}))
from prefect.events.worker import EventsWorker
EventsWorker.instance().drain()
sys.exit(not sent)
"""

OWN_FLOW = """
from prefect import flow
from freshet.flows.refresh_index import refresh_index

@flow(name="users-own")
def users_own():
    refresh_index(corpus="nowhere-either")

users_own(return_state=True)
"""


@pytest.fixture(scope="module")
def received() -> Iterator[list[dict[str, str]]]:
    """What a webhook received."""
    found: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found.append({"url": f"http://127.0.0.1:{server.server_port}/"})
        yield found
        server.shutdown()


@pytest.fixture(scope="module")
def alerted(running: Site, received: list[dict[str, str]]) -> Site:
    """The site, with a notification block, and a second corpus that is soon out of date."""
    url = received.pop()["url"]
    kind = running.api("block_types/slug/custom-webhook")["id"]
    schema = running.api("block_schemas/filter", {"block_schemas": {"block_type_id": {"any_": [kind]}}})[0]["id"]
    data = {
        "name": "receiver",
        "url": url,
        "method": "POST",
        "json_data": {"subject": "{{subject}}", "body": "{{body}}"},
        "allow_private_urls": True,
    }
    block = {"name": "freshet-alerts", "data": data, "block_type_id": kind, "block_schema_id": schema}
    running.api("block_documents/", block)
    running.settings["corpora"]["quiet"] = running.corpus(schedule={"objective": "15s"})
    running.save()
    running.freshet("deploy")
    return running


def _arrives(received: list[dict[str, str]], words: str) -> dict[str, str]:
    return until(lambda: next((one for one in received if words in one["subject"]), {}), f"an alert comes: {words}")


def test_a_failed_run_is_told_by_its_name_and_where_to_look(alerted: Site, received: list[dict[str, str]]) -> None:
    run = alerted.start_run(corpus="nowhere")
    alerted.wait_for(run, "Failed", "Crashed")
    told = _arrives(received, "is Failed")
    assert told["subject"].startswith("freshet: refresh-nowhere-")
    assert f"{alerted.note.ui}/runs/flow-run/{run}" in told["body"]
    assert "nowhere" in told["body"].partition("is Failed: ")[2].splitlines()[0], "the reason"
    assert told["body"].endswith("Type: freshet status")


def _python(site: Site, script: str, *words: str) -> None:
    environment = {**clean_environment(), "PREFECT_API_URL": site.note.api}
    command = [sys.executable, "-c", script, *words]
    subprocess.run(command, check=True, env=environment, timeout=PATIENCE, cwd=site.folder)


def test_a_run_within_a_flow_of_the_users_own_is_told_and_theirs_is_not(
    alerted: Site, received: list[dict[str, str]]
) -> None:
    _python(alerted, OWN_FLOW)
    told = _arrives(received, "refresh-nowhere-either")
    assert "is Failed" in told["subject"]
    assert not [one for one in received if "users-own" in one["body"]]


def test_an_event_of_a_flow_is_told_once_with_what_to_type(alerted: Site, received: list[dict[str, str]]) -> None:
    # The first event comes twice, as it may where a run or the server was killed; the second is of another run.
    for run, withheld in (("r1", "17"), ("r1", "17"), ("r2", "18")):
        _python(alerted, EMIT, run, withheld)

    def told() -> list[str]:
        bodies = [one["body"] for one in received if "withdrawals from docs wait for approval" in one["subject"]]
        return [body.split()[-1] for body in bodies]

    until(lambda: "18" in told(), "the alert of the second run comes")
    assert sorted(told()) == ["17", "18"]


def test_silence_is_told_though_nothing_runs(alerted: Site, received: list[dict[str, str]]) -> None:
    told = _arrives(received, "nothing brought quiet up to date")
    assert told["body"] == (
        "No refresh or version of quiet has ended well for 15s, which is its objective. Type: freshet status"
    )
    assert not [one for one in received if "docs up to date" in one["subject"]]


def test_every_end_of_a_run_tells_the_server_that_it_is_over(alerted: Site) -> None:
    """Prefect calls an event by the name of the state, so a run that ended as Degraded is not Completed."""
    from prefect.server.events.schemas.automations import EventTrigger

    from freshet.flows.frame import ended

    names = [ended({"outcome": "skipped"}, "").name, ended({"outcome": "released", "degraded": ["x"]}, "").name]
    names += ["Completed", "Failed", "Rejected", "Cancelled", "Crashed"]
    for title in ("a run without a sign of life is marked crashed", "a run that nobody can cancel is marked cancelled"):
        trigger = EventTrigger.model_validate(alerted.automations()[f"freshet: {title}"]["trigger"])
        assert [name for name in names if not trigger.expects(f"prefect.flow-run.{name}")] == []
        assert trigger.starts_after("prefect.flow-run.Waiting") == ("crashed" in title)
