"""Runs that are cancelled from the UI: they end as Cancelled, publish nothing, and the next one goes on.

A worker stops its run by a signal. A run asks for itself as well: no worker watches one that was typed at a terminal,
and a signal may come late or be lost.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from freshet.flows import refresh_index
from freshet.tasks.datasets import steps
from freshet.tasks.errors import RunCancelled
from freshet.tasks.ledger import windows as ledger
from freshet.tasks.runs.on_server import heeding_signals
from tests.flows import test_backfill as backfills
from tests.flows.conftest import Project
from tests.flows.dataset_project import DatasetProject, questions
from tests.waiting import until

ROOT = Path(__file__).parents[2]
POOL = "cancelling"
DOCUMENTS = 300


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
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:  # a worker that is asked to end waits for what it thinks goes on
            process.kill()
            process.wait()


def _deploy(project: Project) -> UUID:
    """A deployment of the project's refresh, as `freshet deploy` makes them."""
    from prefect.client.orchestration import get_client

    from freshet.flows.refresh_index import refresh_index

    with get_client(sync_client=True) as client:
        return client.create_deployment(
            client.create_flow(refresh_index),
            "docs",
            entrypoint="freshet.flows.refresh_index.refresh_index",
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

    from freshet.tasks.doctor.examine import examine
    from freshet.tasks.settings.file import load_project

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
    until(lambda: _state(run) != "Cancelling", "somebody stops the run")
    assert _state(run) == "Cancelled"
    until(lambda: not _children_of(str(run)), "no process of the run is left")

    (row,) = project.freshet_json("status")["corpora"]
    assert (row["release"], row["running"], row["up_to_date_at"]) == (None, None, None)
    assert row["last_run"]["outcome"] == "stopped"
    assert row["last_run"]["run_id"] == str(run)
    done = set(project.ledger()["path"].to_pylist())
    assert 0 < len(done) < DOCUMENTS, "it was to be cancelled in the middle"

    with get_client(sync_client=True) as client:
        again = client.create_flow_run_from_deployment(deployment).id
    until(lambda: _state(again) in ("Completed", "Failed", "Crashed"), "the next run ends")
    assert _state(again) == "Completed"
    (row,) = project.freshet_json("status")["corpora"]
    assert (row["release"], row["documents"], row["last_run"]["outcome"]) == (1, DOCUMENTS, "released")
    assert set(project.ledger()["path"].to_pylist()) == {f"{number}.md" for number in range(DOCUMENTS)}
    assert len(set(project.chunks()["chunk_id"].to_pylist())) == len(project.chunks()) == row["chunks"]
    assert examine(load_project(project.config)) == []


def _cancel(state_name: str) -> None:
    """What the UI does to the run of this process: Cancelling; or Cancelled at once, where no worker has it."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run
    from prefect.states import Cancelled, Cancelling

    wanted = {"Cancelling": Cancelling(), "Cancelled": Cancelled()}[state_name]
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(flow_run.root_flow_run_id), wanted, force=True)


def _after(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, state_name: str = "Cancelling", call: int = 1
) -> None:
    """Somebody cancels the run just when this step of it has been done for the so-manieth time."""
    step, calls = getattr(where, name), []

    def then_cancel(*given: Any, **named: Any) -> Any:
        result = step(*given, **named)
        calls.append(1)
        if len(calls) == call:
            _cancel(state_name)
        return result

    monkeypatch.setattr(where, name, then_cancel)


def _newest_state(flow: str) -> str | None:
    """The state of the newest run of a flow that is no part of another."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        name = FlowFilter(name=FlowFilterName(any_=[flow]))
        (run,) = client.read_flow_runs(flow_filter=name, sort=FlowRunSort.START_TIME_DESC, limit=1)
    return run.state_name


@pytest.mark.parametrize("state_name", ["Cancelling", "Cancelled"])
def test_a_refresh_that_nobody_signals_stops_before_it_publishes(
    project: Project, monkeypatch: pytest.MonkeyPatch, state_name: str
) -> None:
    project.write("rule.md", "# Rule\n\nNobody works on Sunday.\n")
    with monkeypatch.context() as patch:
        _after(patch, refresh_index, "examine_head", state_name)
        report = project.refresh()
    assert (report["outcome"], report["release"]) == ("cancelled", None)
    assert report["error"].startswith("the run was cancelled")
    assert _newest_state("refresh-index") == "Cancelled"
    (row,) = project.freshet_json("status")["corpora"]
    assert (row["release"], row["running"], row["last_run"]["outcome"]) == (None, None, "stopped")

    assert project.refresh()["outcome"] == "released"
    assert project.chunks().num_rows == 1


def test_a_signal_without_a_word_of_why_ends_a_run_as_cancelled_only_if_it_was(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker tells why before it sends the signal; a run that is too busy does not hear it in time."""
    from prefect.exceptions import TerminationSignal

    project.write("rule.md", "# Rule\n\nNobody works on Sunday.\n")

    def cancelled_and_signalled(*_: Any, **__: Any) -> None:
        _cancel("Cancelling")
        raise TerminationSignal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(refresh_index, "plan_refresh", cancelled_and_signalled)
        assert project.refresh()["outcome"] == "cancelled"
    assert _newest_state("refresh-index") == "Cancelled"
    with pytest.raises(TerminationSignal), heeding_signals():
        raise TerminationSignal(signal.SIGTERM)


def test_a_refresh_that_nobody_signals_stops_between_two_batches(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(130):
        project.write(f"{number}.md", f"# Rule {number}\n\nRule {number} holds on Sunday.\n")
    with monkeypatch.context() as patch:
        _after(patch, refresh_index, "index_batch")
        assert project.refresh()["outcome"] == "cancelled"
    assert project.ledger().num_rows == 64
    assert _newest_state("refresh-index") == "Cancelled"
    report = project.refresh()
    assert (report["outcome"], report["documents"]["added"]) == ("released", 130 - 64)


@pytest.mark.parametrize("step", ["load_rows", "examine_version"])
def test_a_build_that_nobody_signals_stops_before_it_publishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(20))
    with monkeypatch.context() as patch:
        _after(patch, steps, step)
        report = project.build()
    assert (report["outcome"], report["version"]) == ("cancelled", None)
    assert report["error"].startswith("the run was cancelled")
    assert _newest_state("version-dataset") == "Cancelled"
    (row,) = project.freshet_json("status")["datasets"]
    assert (row["version"], row["running"], row["last_run"]["outcome"]) == (None, None, "stopped")

    assert project.build()["outcome"] == "published"


def test_maintenance_that_is_cancelled_stops_before_its_next_target(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freshet.flows import maintain_store

    project.write("rule.md", "# Rule\n\nNobody works on Sunday.\n")
    project.refresh()
    _after(monkeypatch, maintain_store, "maintain_target")
    with pytest.raises(RunCancelled):
        maintain_store.maintain_store(config=project.config)
    assert _newest_state("maintain-store") == "Cancelled"


@pytest.mark.parametrize(
    ("step", "window", "done"), [("plan_refresh", "Cancelled", 1), ("maintain_indices", "Completed", 2)]
)
def test_a_backfill_that_is_cancelled_goes_on_where_it_stopped(
    project: Project, monkeypatch: pytest.MonkeyPatch, step: str, window: str, done: int
) -> None:
    office = backfills.filled(project)
    with monkeypatch.context() as patch:
        _after(patch, refresh_index, step, call=2)
        report = backfills.run(office)
    assert report["outcome"] == "cancelled"
    assert report["error"].startswith("the run was cancelled")
    assert _newest_state("backfill") == "Cancelled"
    assert _newest_state("backfill-window") == window
    newest = ledger.newest_rows(backfills.windows(office)).values()
    assert Counter(row.state for row in newest) == {"done": done, "planned": 4 - done}

    again = backfills.run(office)
    assert again["outcome"] == "done"
    assert backfills.counted(office)["done"] == 4
