"""Nothing leaves the machine: refresh, search and Prefect's own temporary server, watched in every process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import COMMAND, ROOT
from tests.flows.conftest import Project

WATCH = '''
"""Loaded by every Python process at its start: refuses and writes down whatever would leave this machine."""
import sys

LOG = {log!r}
LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "::", "")


def _refuse(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1] if len(args) > 1 else None
        if not isinstance(address, tuple):
            return  # a socket of this machine's own, or one that is connected already
        host = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = args[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host is None or host in LOCAL or str(host).startswith("127."):
        return
    with open(LOG, "a") as log:
        log.write(event + " " + str(host) + " in " + " ".join(sys.orig_argv) + "\\n")
    raise OSError("this machine is offline: " + str(host))


sys.addaudithook(_refuse)
with open(LOG + ".processes", "a") as processes:
    processes.write(" ".join(sys.orig_argv) + "\\n")
'''


def _run(project: Project, words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words, "--json", "--config", str(project.config)],
        capture_output=True, text=True, check=False, env=environment, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_cold_refresh_and_a_search_reach_nothing_beyond_loopback(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    shutil.copytree(ROOT / "examples" / "handbook", project.folder / "docs", dirs_exist_ok=True)
    watch, log = tmp_path / "watch", tmp_path / "attempts"
    watch.mkdir()
    (watch / "sitecustomize.py").write_text(WATCH.format(log=str(log)))
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(watch), str(ROOT)]), "PREFECT_HOME": str(tmp_path / "prefect"),
    }  # fmt: skip
    for name in ("DO_NOT_TRACK", "GX_ANALYTICS_ENABLED", "PREFECT_SERVER_ANALYTICS_ENABLED", "HF_HUB_OFFLINE"):
        environment.pop(name, None)  # Freshet itself has to see to it
    del environment["PREFECT_API_URL"]  # so that Prefect's temporary server is watched as well

    report = json.loads(_run(project, ["refresh", "docs"], environment))
    assert report["outcome"] == "released"
    kinds = {Path(row["path"]).suffix for row in project.ledger().to_pylist() if row["content_hash"]}
    assert kinds >= {".md", ".docx", ".pptx", ".xlsx", ".pdf", ".html", ".csv", ".txt", ".eml"}
    for mode in ("hybrid", "text"):
        words = ["search", "How long is leave?", "--corpus", "docs", "--mode", mode]
        assert json.loads(_run(project, words, environment))["hits"]

    watched = Path(f"{log}.processes").read_text()
    assert "freshet.tasks.documents.parse.worker" in watched, "the parsers were watched"
    assert "prefect" in watched, "the server was watched"
    assert not log.exists(), log.read_text()


def test_the_watch_itself_sees_an_attempt(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    log = tmp_path / "attempts"
    (tmp_path / "sitecustomize.py").write_text(WATCH.format(log=str(log)))
    attempt = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run(
        [sys.executable, "-c", attempt], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "192.0.2.1" in log.read_text()
