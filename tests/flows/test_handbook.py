"""Work follows change: the bundled handbook before and after some edits, and a public one of 256 documents."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.chaos import some_of
from tests.conftest import Handbook
from tests.flows.conftest import Project
from tests.waiting import PATIENCE

SAME = (
    "chunk_id", "doc_id", "text", "start", "end", "headings", "page_first", "page_last", "kinds", "access",
    "row_digest",
)  # fmt: skip
"""What two builds of the same documents must agree on, row for row."""

NOT_LOADED = {"torch", "great_expectations", "unstructured", "sentence_transformers", "transformers", "spacy"}

REFRESH_AND_TELL = """
import json, sys
from pathlib import Path
from freshet.flows.command.by_hand import run_refresh
report = run_refresh(
    "docs", config=Path(sys.argv[1]), full=False, as_of=None, allow_withdrawals=0, wait=10.0
)
print(json.dumps({"report": report, "loaded": sorted(sys.modules)}))
"""


def _refresh_alone(project: Project) -> tuple[dict[str, object], set[str]]:
    """Refreshes in a process of its own: the report, and the modules that it had loaded at the end."""
    done = subprocess.run(
        [sys.executable, "-c", REFRESH_AND_TELL, str(project.config)],
        capture_output=True, text=True, check=True, env=os.environ.copy(), timeout=PATIENCE,
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    return told["report"], set(told["loaded"])


def _rows(table: pa.Table) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = table.select(SAME).to_pylist()
    return rows


# The public one, which takes minutes, says at its size what the bundled one says.
HANDBOOKS = pytest.mark.parametrize("handbook", some_of(["bundled", "public"], "bundled"), indirect=True)


@HANDBOOKS
def test_work_follows_change(handbook: Handbook, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    docs = project.folder / "docs"
    handbook.lay("before", docs)
    cold = project.refresh()
    files = [file for file in docs.rglob("*") if file.is_file()]
    assert (cold["outcome"], cold["documents"]["added"] + cold["documents"]["quarantined"]) == ("released", len(files))
    assert len(files) > 15
    old = project.chunks()
    assert cold["texts_embedded"] == len(set(old["text"].to_pylist()))

    # Nothing changed: nothing embedded, no version made, nothing heavy loaded.
    versions = project.versions()
    report, loaded = _refresh_alone(project)
    assert (report["outcome"], report["texts_embedded"]) == ("unchanged", 0)
    assert project.versions() == versions
    assert not loaded & NOT_LOADED

    # Some changes later, thirty commits of the public one: just the texts that were nowhere are embedded.
    handbook.lay("after", docs)
    report = project.refresh()
    new = project.chunks()
    news = set(new["text"].to_pylist()) - set(old["text"].to_pylist())
    assert report["outcome"] == "released"
    assert report["texts_embedded"] == len(news) > 0

    # The table is what a fresh build of the same files gives, row for row.
    fresh = Project(tmp_path / "fresh")
    handbook.lay("after", fresh.folder / "docs")
    assert fresh.refresh()["outcome"] == "released"
    built = fresh.chunks()
    assert _rows(new) == _rows(built)
    cosines = np.sum(np.asarray(new["vector"].to_pylist()) * np.asarray(built["vector"].to_pylist()), axis=1)
    assert float(cosines.min()) > 1 - 1e-3

    # Back to where it was: the release still holds every text.
    handbook.lay("before", docs)
    report = project.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert _rows(project.chunks()) == _rows(old)


@pytest.fixture
def part(handbook: Handbook, tmp_path: Path) -> Project:
    """A part of the handbook; 34 documents of the public one are enough where nothing is embedded."""
    project = Project(tmp_path / "project")
    whole = tmp_path / "whole"
    handbook.lay("before", whole)
    (project.folder / "docs").rmdir()
    shutil.rmtree(whole / handbook.unreadable, ignore_errors=True)
    (whole / handbook.part).rename(project.folder / "docs")
    return project


@HANDBOOKS
def test_what_changes_no_text_embeds_nothing(part: Project, handbook: Handbook) -> None:
    cold = part.refresh()
    assert cold["outcome"] == "released"
    docs, texts = part.folder / "docs", sorted(part.chunks()["text"].to_pylist())
    count = cold["documents"]["added"]

    # A folder inside the source gets another name.
    (docs / handbook.moving).rename(docs / "chat")
    moved = len([file for file in (docs / "chat").rglob("*") if file.is_file()])
    report = part.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert [report["documents"][what] for what in ("moved", "added", "withdrawn")] == [moved, 0, 0]
    assert report["documents"]["unchanged"] == count - moved
    assert sorted(part.chunks()["text"].to_pylist()) == texts
    assert not [row for row in part.ledger().to_pylist() if row["path"].startswith(f"{handbook.moving}/")]

    # The source's own folder gets another name, and the source keeps its own.
    docs.rename(part.folder / "papers")
    part.source["folder"] = "papers"
    part.save()
    report = part.refresh()
    assert (report["outcome"], report["texts_embedded"], report["documents"]["withheld"]) == ("released", 0, 0)
    assert {row["uri"].split("/")[0] for row in part.ledger().to_pylist()} == {"papers"}
    assert sorted(part.chunks()["text"].to_pylist()) == texts

    # Another name for the source itself: other document ids, the same texts.
    (part.folder / "papers").rename(part.folder / "library")
    part.source["folder"] = "library"
    del part.source["name"]
    part.save()
    report = part.refresh()
    assert (report["outcome"], report["texts_embedded"], report["documents"]["withheld"]) == ("released", 0, 0)
    assert report["documents"]["moved"] == count
    assert sorted(part.chunks()["text"].to_pylist()) == texts
    assert part.ledger()["source"].unique().to_pylist() == ["library"]

    # Who may read it changes.
    part.source["access"] = [{"path": "chat/**", "acl": ["group:staff"]}]
    part.save()
    report = part.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert report["documents"]["access_changed"] == moved
    assert report["documents"]["unchanged"] == count - moved
    assert sorted(part.chunks()["text"].to_pylist()) == texts
    versions = part.versions()
    assert part.refresh()["outcome"] == "unchanged"
    assert part.versions() == versions
