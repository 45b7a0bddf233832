"""Refreshes, searches, builds and Prefect's own temporary server, watched in every process.

Nothing leaves the machine, and Freshet is loaded by one name: a module under two names would be two modules.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import COMMAND, ROOT
from tests.flows.conftest import Project
from tests.flows.dataset_project import DatasetProject, questions
from tests.servers import free_port
from tests.waiting import PATIENCE, until

WATCH = '''
"""Loaded by every Python process at its start.

It refuses and writes down whatever would leave this machine. It writes down what is loaded under a name of ours that is
not below freshet, as soon as that is seen, since parsers are killed and have no exit; and once more at the exit.
"""
import atexit
import json
import sys

LOG = {log!r}
LOCAL = ("127.", "::1", "localhost", "0.0.0.0", "::", "")
OURS = ("deploy", "expectations", "flows", "tasks")
seen = set()


def _tell(kind, what):
    with open(LOG + "." + kind, "a") as log:
        log.write(json.dumps([what, " ".join(sys.orig_argv)]) + "\\n")


def _watch(event, args):
    for name in OURS:
        if name in sys.modules and name not in seen:
            seen.add(name)
            _tell("loaded", name)
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
    _tell("attempts", event + " " + str(host))
    raise OSError("this machine is offline: " + str(host))


sys.addaudithook(_watch)
_tell("started", "")
atexit.register(lambda: _tell("ended", [name for name in OURS if name in sys.modules]))
'''


class Watch:
    """The watch over all Python processes that are started with `environment`, and what it has written down."""

    def __init__(self, folder: Path) -> None:
        (folder / "watch").mkdir()
        self._log = folder / "log"
        (folder / "watch" / "sitecustomize.py").write_text(WATCH.format(log=str(self._log)))
        self.environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder / "watch"), str(ROOT)])}

    def told(self, kind: str) -> list[tuple[Any, str]]:
        """What was told of a kind, each with the command line of its process: attempts, started, loaded or ended."""
        log = Path(f"{self._log}.{kind}")
        return [tuple(json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []

    def processes(self, *words: str) -> list[str]:
        """The command lines of the processes that had all these words in theirs."""
        return [line for _, line in self.told("started") if all(word in line for word in words)]


def _run(project: Project, words: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *words, "--json", "--config", str(project.config)],
        capture_output=True, text=True, check=False, env=environment, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _serve(project: Project, environment: dict[str, str]) -> None:
    """Starts the service, asks it by each of its ways, and ends it."""
    made = json.loads(_run(project, ["token", "create", "--as", "user:ada"], environment))
    port = free_port()
    words = [sys.executable, "-c", COMMAND, "serve", "--port", str(port), "--config", str(project.config)]
    service = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)

    def is_ready() -> bool:
        assert service.poll() is None
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE).is_success
        except httpx.TransportError:
            return False

    try:
        until(is_ready, "the service is ready")
        question = "On which day of the month are salaries paid?"
        called = {"jsonrpc": "2.0", "id": 1, "method": "tools/call"}
        called |= {"params": {"name": "ask", "arguments": {"question": question}}}
        headers = {"Authorization": f"Bearer {made['token']}", "Accept": "application/json, text/event-stream"}
        for path, body in (
            ("/v1/search", {"question": question}),
            ("/v1/ask", {"question": question}),
            ("/v1/chat/completions", {"model": "docs", "messages": [{"role": "user", "content": question}]}),
            ("/v1/embeddings", {"model": "default", "input": question}),
            ("/mcp", called),
        ):
            sent = httpx.post(f"http://127.0.0.1:{port}{path}", json=body, headers=headers, timeout=PATIENCE)
            assert sent.status_code == 200, sent.text
    finally:
        service.terminate()
        assert service.wait(PATIENCE) == 0


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watch:
    """The watch over a cold refresh, searches, answers, the service and a build, and over the server of these."""
    folder = tmp_path_factory.mktemp("watched")
    project = DatasetProject(folder / "project")
    project.settings["corpora"] = {"docs": {"sources": [{"folder": "docs", "owner": "me", "acl": ["everyone"]}]}}
    project.save()
    project.put("rows/a.jsonl", questions(20))
    shutil.copytree(ROOT / "examples" / "handbook", project.folder / "docs", dirs_exist_ok=True)
    watch = Watch(folder)
    environment = {**watch.environment, "PREFECT_HOME": str(folder / "prefect")}
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
    for model in ("extractive", "bundled"):
        words = ["ask", "On which day of the month are salaries paid?", "--corpus", "docs", "--model", model]
        assert json.loads(_run(project, words, environment))["model"] == model
    _serve(project, environment)
    assert json.loads(_run(project, ["dataset", "build", "answers"], environment))["outcome"] == "published"
    assert watch.processes("freshet.tasks.documents.parse.worker"), "the parsers were watched"
    assert watch.processes("prefect", "server"), "the server was watched"
    return watch


def test_a_cold_refresh_a_search_and_an_answer_reach_nothing_beyond_loopback(watched: Watch) -> None:
    assert watched.told("attempts") == []


def test_no_process_loads_freshet_under_a_second_name(watched: Watch) -> None:
    assert watched.told("loaded") == []
    ended = watched.told("ended")
    for words in (" refresh docs ", " search ", " ask ", " serve ", " dataset build "):
        assert any(words in line for _, line in ended), words
    assert [one for one in ended if one[0]] == []


def test_the_watch_itself_sees_an_attempt_and_a_second_name(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    watch = Watch(tmp_path)
    attempt = "import socket; socket.create_connection(('192.0.2.1', 80))"
    name = "import os, signal, tasks; open(os.devnull).close(); os.kill(os.getpid(), signal.SIGKILL)"
    ends = [
        subprocess.run([sys.executable, "-c", program], check=False, timeout=PATIENCE, env=watch.environment).returncode
        for program in (attempt, name, "import flows")
    ]
    assert ends == [1, -signal.SIGKILL, 0]
    assert [what for what, _ in watch.told("attempts")] == ["socket.getaddrinfo 192.0.2.1"]
    assert [what for what, _ in watch.told("loaded")][:1] == ["tasks"]
    assert [what for what, _ in watch.told("ended")] == [[], ["flows"]]
