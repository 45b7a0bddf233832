"""A worker that is killed in the middle of a refresh: its run is marked crashed, and the next one takes over."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import psutil
import pytest

from freshet.deploy.alerts import AUTOMATIONS
from freshet.tasks.runs.local_server import Running
from freshet.tasks.store.locks import hold_corpus
from freshet.tasks.store.tables import Store
from tests.servers import Site, clean_environment
from tests.waiting import PATIENCE, until

CRASH_SECONDS = 35
"""In place of 90: the automation's window, for this test. Heartbeats come every 30 s."""

APPLY = """
import sys
from pathlib import Path
from freshet.deploy.apply import apply_changes, find_changes
from freshet.deploy.client import open_client
from freshet.tasks.runs.local_server import use_local_server
from freshet.tasks.settings.file import load_project
project = load_project()
use_local_server(project)
with open_client() as client:
    apply_changes(find_changes(client, project, automations=Path(sys.argv[1]))[0])
"""

# `freshet up` would put the usual window back.
START_WORKER = """
from freshet.deploy.serve import start_server, start_worker
from freshet.tasks.settings.file import load_project
project = load_project()
started = start_worker(project, start_server(project, "127.0.0.1", 1))
assert started.new == ["worker"], started
"""


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose server marks a silent run crashed soon."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.add_documents(60)
    # A waiting run asks for its place again every 30 s otherwise.
    site.environment["PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS"] = "3"
    site.up()
    text, changed = re.subn(r"within: 90\b", f"within: {CRASH_SECONDS}", AUTOMATIONS.read_text())
    assert changed == 1
    (site.folder / "automations.yaml").write_text(text)
    _python(site, APPLY, str(site.folder / "automations.yaml"))
    yield site
    site.freshet("down")


def _python(site: Site, script: str, *words: str) -> None:
    command = [sys.executable, "-c", script, *words]
    subprocess.run(command, check=True, env=clean_environment(), cwd=site.folder, timeout=PATIENCE)


def _kill_worker_and_runs(site: Site) -> list[psutil.Process]:
    worker = site.note.worker
    assert worker
    family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    for one in family:
        one.kill()
    psutil.wait_procs(family, timeout=PATIENCE)
    return family


def test_a_killed_refresh_is_marked_crashed_and_the_next_one_ends_as_if_undisturbed(hasty: Site) -> None:
    run = hasty.start_run()
    hasty.wait_for(run, "Running")
    holder = hasty.folder / "store" / "locks" / "docs.holder"
    until(holder.exists, "the refresh holds the corpus")
    family = _kill_worker_and_runs(hasty)
    assert len(family) >= 2
    assert hasty.freshet_json("releases", "docs")["releases"] == []

    _python(hasty, START_WORKER)
    # The dead run still holds the deployment's one place, so the next one waits, and is seen to.
    next_run = hasty.start_run()
    hasty.wait_for(next_run, "AwaitingConcurrencySlot")
    crashed = hasty.wait_for(run, "Crashed")
    assert "no sign of life" in crashed["state"]["message"]
    done = hasty.wait_for(next_run, "Completed")
    assert done["state"]["message"].startswith("released")

    assert len(hasty.freshet_json("releases", "docs")["releases"]) == 1
    hasty.assert_whole(documents=61)
    limit = hasty.deployment()["global_concurrency_limit"]
    assert (limit["limit"], limit["active_slots"]) == (1, 0)
    assert not holder.exists()
    # Nothing is left to do.
    again = hasty.wait_for(hasty.start_run(), "Completed")
    assert again["state"]["message"].startswith("unchanged")


def _orphan(site: Site) -> tuple[str, psutil.Process]:
    """A run that waits for the corpus, which the caller holds, and whose worker has just been killed, alone."""
    if not (site.note.worker and site.note.worker.is_alive()):
        _python(site, START_WORKER)
    run = site.start_run()
    site.wait_for(run, "Waiting")
    worker = site.note.worker
    assert worker
    (process,) = psutil.Process(worker.pid).children()
    killed = psutil.Process(worker.pid)
    killed.kill()
    psutil.wait_procs([killed], timeout=PATIENCE)
    return run, process


def test_a_run_whose_worker_alone_is_killed_ends_as_if_undisturbed(hasty: Site) -> None:
    (hasty.folder / "docs" / "more.md").write_text("# More\n\nA rule that came later.\n")
    with hold_corpus(Store(str(hasty.folder / "store")), "docs", "a test", timedelta(seconds=PATIENCE), print):
        run, process = _orphan(hasty)
    done = hasty.wait_for(run, "Completed", "Crashed", "Failed")
    assert done["state"]["message"].startswith("released")
    psutil.wait_procs([process], timeout=PATIENCE)
    hasty.assert_whole(documents=62)
    printed = hasty.home / "runs" / f"{run}.log"
    assert "Finished in state Completed" in printed.read_text()
    assert printed.stat().st_mode & 0o777 == 0o600


def test_a_run_whose_worker_was_killed_is_cancelled_from_the_ui(hasty: Site) -> None:
    (hasty.folder / "docs" / "most.md").write_text("# Most\n\nA rule that came last.\n")
    with hold_corpus(Store(str(hasty.folder / "store")), "docs", "a test", timedelta(seconds=PATIENCE), print):
        run, process = _orphan(hasty)
        _python(hasty, START_WORKER)
        hasty.api(f"flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    done = hasty.wait_for(run, "Cancelled", "Crashed", "Completed", "Failed")
    assert done["state_name"] == "Cancelled"
    psutil.wait_procs([process], timeout=PATIENCE)
    releases = hasty.freshet_json("releases", "docs")["releases"]
    assert all(one["documents"] < 63 for one in releases), "readers stay where they were"


def test_down_ends_a_run_whose_worker_was_killed(hasty: Site) -> None:
    with hold_corpus(Store(str(hasty.folder / "store")), "docs", "a test", timedelta(seconds=PATIENCE), print):
        _, process = _orphan(hasty)
        assert hasty.freshet_json("down")["stopped"] == ["runs", "server"]
    # Ended, whether or not the process that inherited it has asked how.
    assert not Running(process.pid, process.create_time()).is_alive()
