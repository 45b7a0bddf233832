"""The server dies under a refresh, by hand or under a worker: it comes to its end, and the store is whole."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import psutil

from freshet.tasks.runs.local_server import Running
from freshet.tasks.store.locks import hold_corpus
from freshet.tasks.store.tables import Store
from tests.servers import Site, clean_environment
from tests.waiting import PATIENCE, until


def _kill(one: Running) -> None:
    family = [psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)]
    for dead in family:
        dead.kill()
    psutil.wait_procs(family, timeout=PATIENCE)


def test_a_refresh_by_hand_does_its_work_and_says_that_the_server_is_gone(site: Site) -> None:
    site.add_documents(60)
    site.up()
    process = subprocess.Popen(
        [sys.executable, "-m", "freshet.deploy.cli", "refresh", "docs"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=site.folder,
        # It would wait a minute for each answer, so that a server may be started anew.
        env={**clean_environment(), "PREFECT_CLIENT_MAX_RETRIES": "1"},
    )  # fmt: skip
    until((site.folder / "store" / "locks" / "docs.holder").exists, "the refresh holds the corpus")
    worker, server = site.note.worker, site.note.server
    assert worker
    for one in (worker, server):
        _kill(one)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "freshet: the Prefect server at" in told
    assert "type the same command" in told
    assert "Traceback" not in told
    # It could not say so, but it had come to its end.
    site.assert_whole(documents=61)

    # Whatever became of it, the next one ends as if undisturbed, on a new server.
    site.up()
    site.freshet("refresh", "docs")
    site.assert_whole(documents=61)


def test_a_run_under_a_worker_outlives_its_server(site: Site) -> None:
    site.up()
    before = site.note
    assert before.worker
    with hold_corpus(Store(str(site.folder / "store")), "docs", "another-writer", timedelta(0), print):
        run = site.start_run()
        site.wait_for(run, "Waiting")
        passed = [one["state_details"] for one in site.api(f"flow_run_states/?flow_run_id={run}")]
        (lease,) = {one["deployment_concurrency_lease_id"] for one in passed} - {None}
        _kill(before.server)
        # At the same address: the worker stays, and so does its run.
        again = site.freshet_json("up", "--no-service", "--port", before.api.rpartition(":")[2].partition("/")[0])
        assert again["started"] == ["server"]
        assert (site.note.api, site.note.worker) == (before.api, before.worker)
        # The run asks so every 225 s; told that it has lost its place, Prefect would end it.
        site.api(f"v2/concurrency_limits/leases/{lease}/renew", {"lease_duration": 300})
        assert site.run(run)["state_name"] == "Waiting"
    done = site.wait_for(run, "Completed", "Crashed", "Failed")
    assert done["state"]["message"].startswith("released")
    assert site.deployment()["global_concurrency_limit"]["active_slots"] == 0
    site.assert_whole(documents=1)
    # The worker takes the next one as well.
    again = site.wait_for(site.start_run(), "Completed")
    assert again["state"]["message"].startswith("unchanged")
