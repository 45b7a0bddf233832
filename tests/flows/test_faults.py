"""One bad thing costs itself: whatever one document, date or setting is like, the others are released."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import COMMAND
from tests.flows.conftest import Project
from tests.flows.killer import HashEmbedder
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def hash_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = HashEmbedder(tmp_path / "embedded")
    monkeypatch.setattr("freshet.tasks.embedding.embed.load_embedder", lambda model, precision="auto": embedder)


def _page(about: str) -> str:
    return f"# About the {about}\n\nThe {about} is looked after by the crew of the {about} hall, all the year round.\n"


def test_a_file_above_the_limit_waits_and_the_others_are_released(project: Project) -> None:
    project.write("valve.md", _page("valve"))
    project.write("large.md", _page("ladder") + "More of it. " * 500)
    project.source["max_size"] = "2KB"
    project.save()
    new = project.refresh()
    assert (new["outcome"], new["quarantine"]) == ("released", {"SOURCE-SIZE": 1})
    # Grown, and a limit that was lowered.
    project.write("valve.md", _page("valve") + "More of it. " * 500)
    grown = project.refresh()
    assert (grown["outcome"], grown["quarantine"]) == ("released", {"SOURCE-SIZE": 2})
    assert [hit["stale"] for hit in project.search("Who looks after the valve?")["hits"]] == [True]
    project.write("kettle.md", _page("kettle"))
    project.source["max_size"] = "40B"
    project.save()
    lowered = project.refresh()
    assert (lowered["outcome"], lowered["quarantine"]) == ("released", {"SOURCE-SIZE": 3})
    project.source["max_size"] = "1MB"
    project.save()
    assert project.refresh()["quarantine"] == {}


@pytest.mark.parametrize("moment", [datetime(2446, 5, 10, tzinfo=UTC), datetime(1901, 12, 14, tzinfo=UTC)])
@pytest.mark.parametrize("span", ["180d", "9000y"])
def test_a_strange_date_or_a_very_long_span_ends_no_refresh(project: Project, moment: datetime, span: str) -> None:
    project.write("valve.md", _page("valve"))
    file = project.write("ladder.md", _page("ladder"))
    os.utime(file, (moment.timestamp(), moment.timestamp()))
    project.source["freshness"] = {"warn_after": span}
    project.save()
    first = project.refresh()
    assert (first["outcome"], first["documents"]["added"]) == ("released", 2), first
    assert len(project.search("Who looks after the ladder?")["hits"]) > 0
    project.write("valve.md", _page("valve and the pipe"))
    assert project.refresh(full=True)["outcome"] == "released"
    assert project.refresh()["outcome"] == "unchanged"


def test_a_run_that_may_open_too_few_files_is_told_so_before_it_begins(project: Project) -> None:
    """Where files run out in the middle, a thread of Prefect dies, and the run waits for it for ever."""
    project.write("rule.md", "# Rule\n\nNobody works on Sunday.\n")
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)); {COMMAND}"
    done = subprocess.run(
        [sys.executable, "-c", limited, "refresh", "docs", "--config", str(project.config)],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1
    assert "only 100 files may be open at once" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project.folder / "store" / "corpora").exists()
