"""A worker that is killed in the middle of a refresh: its run is marked crashed, and the next one takes over."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from freshet.deploy.alerts import AUTOMATIONS
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


@pytest.fixture
def hasty(site: Site, tmp_path: Path) -> Site:
    """A site whose server marks a silent run crashed soon."""
    site.add_documents(60)
    # A waiting run asks for its place again every 30 s otherwise.
    site.environment["PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS"] = "3"
    site.up()
    text, changed = re.subn(r"within: 90\b", f"within: {CRASH_SECONDS}", AUTOMATIONS.read_text())
    assert changed == 1
    (tmp_path / "automations.yaml").write_text(text)
    _python(site, APPLY, str(tmp_path / "automations.yaml"))
    return site


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
