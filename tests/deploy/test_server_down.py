"""The server dies under a refresh that was started by hand: it ends cleanly, and the store is whole."""

from __future__ import annotations

import subprocess
import sys

import psutil

from tests.deploy.conftest import Site, clean_environment, until


def test_a_refresh_by_hand_does_its_work_and_says_that_the_server_is_gone(site: Site) -> None:
    site.add_documents(60)
    site.up()
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "refresh", "docs"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=site.folder,
        # It would wait a minute for each answer, so that a server may be started anew.
        env={**clean_environment(), "PREFECT_CLIENT_MAX_RETRIES": "1"},
    )  # fmt: skip
    until((site.folder / "store" / "locks" / "docs.holder").exists, 60, "the refresh holds the corpus")
    worker, server = site.note.worker, site.note.server
    assert worker
    for one in (worker, server):
        family = [psutil.Process(one.pid), *psutil.Process(one.pid).children(recursive=True)]
        for dead in family:
            dead.kill()
        psutil.wait_procs(family, timeout=10)
    _, told = process.communicate(timeout=180)
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
