"""A refresh that is cancelled from the UI while a worker does it: it ends as Cancelled, and the next one goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from tests.flows.conftest import Project

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
POOL = "cancelling"
DOCUMENTS = 300


def until(true: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def worker(prefect_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A process worker on the session's server, and its pool."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    log = tmp_path_factory.mktemp("worker") / "worker.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [*command, "--install-policy", "never"], stdout=out, stderr=out, env=os.environ.copy(), cwd=ROOT
        )
        yield
        process.terminate()
        process.wait(60)


def _deploy(project: Project) -> UUID:
    """A deployment of the project's refresh, as `freshet deploy` makes them."""
    from prefect.client.orchestration import get_client

    from flows.refresh_index import refresh_index

    with get_client(sync_client=True) as client:
        return client.create_deployment(
            client.create_flow(refresh_index),
            "docs",
            entrypoint="flows.refresh_index.refresh_index",
            parameters={"corpus": "docs", "config": str(project.config)},
            work_pool_name=POOL,
            pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        )


def _state(run: UUID) -> str:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = client.read_flow_run(run)
    return found.state_name or ""


def _children_of(text: str) -> list[psutil.Process]:
    """The processes that have this in their environment: those of a run, whoever their parent is by now."""
    found = []
    for process in psutil.process_iter():
        try:
            if text in process.environ().values() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.usefixtures("worker")
def test_a_refresh_cancelled_from_the_ui_leaves_the_store_whole_and_the_next_one_goes_on(project: Project) -> None:
    from prefect.client.orchestration import get_client
    from prefect.states import Cancelling

    from tasks.doctor.examine import examine
    from tasks.settings_file import load_project

    for number in range(DOCUMENTS):
        project.write(f"{number}.md", f"# Rule {number}\n\n" + f"Rule {number} holds on every day but Sunday. " * 30)
    deployment = _deploy(project)
    with get_client(sync_client=True) as client:
        run = client.create_flow_run_from_deployment(deployment).id
    corpus = project.folder / "store" / "corpora" / "docs"
    until((corpus / "documents.lance").exists, "the first batch is written")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(run, Cancelling())  # what the UI's button does
    # Whoever runs it hears of it over a socket, or when it next asks.
    until(lambda: _state(run) != "Cancelling", "somebody stops the run", 300)
    assert _state(run) == "Cancelled"
    until(lambda: not _children_of(str(run)), "no process of the run is left", 30)

    (row,) = project.freshet_json("status")["corpora"]
    assert (row["release"], row["running"], row["up_to_date_at"]) == (None, None, None)
    assert row["last_run"]["outcome"] == "stopped"
    assert row["last_run"]["run_id"] == str(run)
    done = set(project.ledger()["path"].to_pylist())
    assert 0 < len(done) < DOCUMENTS, "it was to be cancelled in the middle"

    with get_client(sync_client=True) as client:
        again = client.create_flow_run_from_deployment(deployment).id
    until(lambda: _state(again) in ("Completed", "Failed", "Crashed"), "the next run ends", 240)
    assert _state(again) == "Completed"
    (row,) = project.freshet_json("status")["corpora"]
    assert (row["release"], row["documents"], row["last_run"]["outcome"]) == (1, DOCUMENTS, "released")
    assert set(project.ledger()["path"].to_pylist()) == {f"{number}.md" for number in range(DOCUMENTS)}
    assert len(set(project.chunks()["chunk_id"].to_pylist())) == len(project.chunks()) == row["chunks"]
    assert examine(load_project(project.config)) == []
