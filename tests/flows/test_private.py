"""What a refresh and a build write is for the eyes of the store's owner, whatever the umask of whoever starts them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import Project


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _open_to_others(folder: Path) -> list[str]:
    return [
        str(one.relative_to(folder)) for one in (folder, *folder.rglob("*")) if stat.S_IMODE(one.stat().st_mode) & 0o77
    ]


@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_all_files_of_a_refresh_and_a_build_are_private_and_exports_of_a_users_own_follow_the_umask(
    project: Project, runner: str
) -> None:
    row = {"prompt": "When is the garden open?", "completion": "From eight in the morning until six."}
    (project.folder / "rows.jsonl").write_text(json.dumps(row) + "\n")
    one: Any = {"rows": "rows.jsonl", "owner": "ada", "licence": "CC0-1.0", "uses": ["training"]}
    project.settings["task_runner"] = runner
    project.settings["datasets"] = {"sums": {"format": "prompt_completion", "inputs": [one]}}
    project.save()
    project.write("garden.md", "# Garden\n\nThe garden is open from eight in the morning.\n")
    project.write("broken.pdf", "no PDF at all")
    report = project.refresh()
    assert report["outcome"] == "released", report
    project.freshet("dataset", "build", "sums", code=None)
    store = project.folder / "store"
    written = {one.relative_to(store).parts[0] for one in store.rglob("*")}
    assert {"corpora", "datasets", "ledger", "reports", "locks"} <= written
    assert _open_to_others(store) == []
    project.freshet("dataset", "export", "sums", str(project.folder / "mine"))
    assert stat.S_IMODE((project.folder / "mine").stat().st_mode) == 0o755
    assert {stat.S_IMODE(one.stat().st_mode) for one in (project.folder / "mine").rglob("*.jsonl")} == {0o644}
