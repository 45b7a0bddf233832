"""`freshet serve` in several processes over one store: each keeps its own record, and all end well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from freshet.tasks.ledger.query_log import read_log
from freshet.tasks.ledger.query_spool import list_files
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import load_project
from tests.flows.conftest import Project
from tests.servers import clean_environment, free_port
from tests.service.serving import FLOOD
from tests.waiting import PATIENCE, until


def test_processes_share_a_store_and_answers_in_the_making_end_before_them(served: Project, tmp_path: Path) -> None:
    project = served.copy(tmp_path / "many")
    project.settings["service"] = {"anonymous": True, "limits": {"concurrent": 100, "answers": 100}}
    project.save()
    store, port = store_of(load_project(project.config)), free_port()
    before = len(list_files(store))
    words = ["serve", "--config", str(project.config), "--port", str(port), "--workers", "2"]
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen(
            [sys.executable, "-m", "freshet.deploy.cli", *words], stdout=log, stderr=log, env=clean_environment(),
            start_new_session=True,
        )  # fmt: skip
    url, seen = f"http://127.0.0.1:{port}", set[str]()

    def ask(_: int = 0) -> str:
        answer = httpx.post(f"{url}/v1/ask", json={"question": FLOOD}, timeout=PATIENCE).raise_for_status()
        seen.add(answer.json()["id"])
        return str(answer.json()["outcome"])

    def both_have_answered() -> bool:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, range(4)))
        return len(list_files(store)) == before + 2

    def listens() -> bool:
        assert service.poll() is None, (tmp_path / "log").read_text()
        try:
            return httpx.get(f"{url}/readyz", timeout=PATIENCE).is_success
        except httpx.TransportError:
            return False

    try:
        until(listens, "the service is ready")
        until(both_have_answered, "both processes have answered")
        # Told to end while answers are in the making: these are begun once they are on record as asked.
        asked = len(list(read_log(store, "docs")))
        with ThreadPoolExecutor(4) as pool:
            answers = [pool.submit(ask) for _ in range(4)]
            until(lambda: len(list(read_log(store, "docs"))) == asked + 4, "all four are asked")
            service.send_signal(signal.SIGTERM)
            assert {one.result() for one in answers} <= {"answered", "refused"}
        assert service.wait(PATIENCE) == 0
    finally:
        if service.poll() is None:
            os.killpg(service.pid, signal.SIGKILL)
            service.wait(PATIENCE)
    recorded = {row["id"]: row for row in read_log(store, "docs")}
    assert all(recorded[one]["outcome"] for one in seen)
    assert FLOOD not in (tmp_path / "log").read_text()
    assert json.dumps(FLOOD) not in (tmp_path / "log").read_text()
