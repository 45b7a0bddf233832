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
sent = emit(Event("freshet.withdrawals.withheld", "freshet", "corpus", "docs", {"run": "r", "withheld": 17}))
from prefect.events.worker import EventsWorker
EventsWorker.instance().drain()
sys.exit(not sent)
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


def test_an_event_of_a_flow_is_told_with_what_to_type(alerted: Site, received: list[dict[str, str]]) -> None:
    environment = {**clean_environment(), "PREFECT_API_URL": alerted.note.api}
    subprocess.run([sys.executable, "-c", EMIT], check=True, env=environment, timeout=PATIENCE, cwd=alerted.folder)
    told = _arrives(received, "withdrawals from docs wait for approval")
    assert "freshet refresh docs --allow-withdrawals 17" in told["body"]


def test_silence_is_told_though_nothing_runs(alerted: Site, received: list[dict[str, str]]) -> None:
    told = _arrives(received, "nothing brought quiet up to date")
    assert told["body"].endswith("Type: freshet status")
    assert not [one for one in received if "docs up to date" in one["subject"]]
