"""Long work shows how far it is: on a terminal, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import COMMAND
from tests.flows.conftest import Project
from tests.flows.dataset_project import DatasetProject, questions
from tests.waiting import PATIENCE


def _at_a_terminal(project: Project, *words: str) -> tuple[str, str]:
    """Standard output of a command, and what a terminal shows of its standard error."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", COMMAND, *words, "--config", str(project.config)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=os.environ.copy())
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # how a terminal ends on Linux
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, shown
    return out, shown.decode()


def test_a_refresh_tells_a_terminal_its_batches_and_a_pipe_nothing(project: Project) -> None:
    project.write("leave.md", "# Leave\n\nEveryone has thirty days of leave a year.\n")
    out, shown = _at_a_terminal(project, "refresh", "docs", "--json")
    assert "Refresh of corpus docs: 1 of 4, 1 documents, " in shown
    assert json.loads(out)["outcome"] == "released"
    project.write("leave.md", "# Leave\n\nEveryone has forty days of leave a year.\n")
    done = project.freshet("refresh", "docs", "--json")
    assert "Refresh of" not in done.stderr + done.stdout


def test_a_build_tells_a_terminal_its_steps(tmp_path: Path) -> None:
    project = DatasetProject(tmp_path)
    project.put("rows/a.jsonl", questions(20))
    out, shown = _at_a_terminal(project, "dataset", "build", "answers", "--json")
    assert json.loads(out)["outcome"] == "published"
    lines = [line for line in shown.splitlines() if line.startswith("Build of dataset answers: ")]
    assert lines[0].startswith("Build of dataset answers: 1 of 9, 20 rows, ")
    assert lines[-1].startswith("Build of dataset answers: 9 of 9, publish, ")
    assert len(lines) == 9
