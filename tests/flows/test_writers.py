"""One writer a corpus: a second waits or says who holds it, and one that ignores the lock publishes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.chaos import some_of
from tests.conftest import ROOT
from tests.flows import kill_points, killer
from tests.flows.conftest import Project
from tests.flows.killer import Fault, embed_by_hash
from tests.waiting import PATIENCE, until

MERGED = Fault(at=kill_points.WRITE_LEDGER, when="held")
"""The chunks of a batch are at the head, and the ledger does not know them yet."""


@pytest.fixture(autouse=True)
def hash_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed_by_hash(monkeypatch, tmp_path)


@contextmanager
def _refreshing(project: Project, name: str, fault: Fault) -> Iterator[subprocess.Popen[str]]:
    """A refresh in a process of its own; its notes are in the folder `name`."""
    notes = project.folder / name
    notes.mkdir()
    process = subprocess.Popen(
        killer.command(replace(fault, config=str(project.config), notes=str(notes))),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _report(process: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report, err


def _assert_whole(project: Project) -> None:
    """No chunk twice, and none of a document that the ledger does not name."""
    ids = project.chunks()["chunk_id"].to_pylist()
    assert len(ids) == len(set(ids))
    assert set(project.chunks()["doc_id"].to_pylist()) == set(project.ledger()["doc_id"].to_pylist())


def test_of_two_refreshes_at_once_the_second_waits_or_says_who_holds_the_corpus(project: Project) -> None:
    for number in range(3):
        project.write(f"{number}.md", f"# Page {number}\n\nWhat page {number} says.\n")
    with ExitStack() as running:
        first = running.enter_context(_refreshing(project, "first", MERGED))
        until((project.folder / "first" / "held").exists, "the first refresh is held")
        second = running.enter_context(_refreshing(project, "second", Fault()))
        assert second.stderr
        told = next(line for line in second.stderr if "waiting: " in line)
        assert "waiting: corpus docs is held by refresh-docs-" in told
        assert f"(process {first.pid} on" in told
        refused = project.freshet("refresh", "docs", "--wait", "0", "--json", code=1)
        said = json.loads(refused.stdout)
        assert said["outcome"] == "failed"
        assert f"corpus docs is held by refresh-docs-{time.strftime('%Y-%m-%d', time.gmtime())}" in said["error"]
        assert f"process {first.pid} on" in said["error"]
        assert "--wait" in said["error"]
        assert said["error"] in refused.stderr
        assert second.poll() is None
        (project.folder / "first" / "go").touch()
        report, _ = _report(first)
        assert (report["outcome"], report["release"], report["documents"]["added"]) == ("released", 1, 3)
        report, _ = _report(second)
        assert (report["outcome"], report["release"], report["texts_embedded"]) == ("unchanged", 1, 0)
    _assert_whole(project)


def test_refused_for_another_refresh_the_command_shows_no_traceback(project: Project) -> None:
    from freshet.tasks.store.locks import hold_corpus

    project.write("a.md", "# A\n\nWhat A says.\n")
    with hold_corpus(project.store, "docs", "some-run", timedelta(0), print):
        refused = project.freshet("refresh", "docs", "--wait", "0", code=1)
    assert f"corpus docs is held by some-run (process {os.getpid()} on" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert refused.stdout == "docs: failed\n"


def test_a_refresh_that_failed_names_the_release_that_readers_see(project: Project) -> None:
    from freshet.tasks.store.locks import hold_corpus

    project.write("a.md", "# A\n\nWhat A says.\n")
    assert project.refresh()["release"] == 1
    with hold_corpus(project.store, "docs", "some-run", timedelta(0), print):
        report = project.refresh(wait=0.0)
        told = project.freshet("refresh", "docs", "--wait", "0", code=1)
    assert (report["outcome"], report["release"]) == ("failed", 1)
    assert told.stdout == "docs: failed; readers see release 1\n"


def test_a_rollback_does_not_wait_for_a_refresh_and_the_lock_dies_with_its_process(project: Project) -> None:
    page = project.write("a.md", "# A\n\nThe first edition.\n")
    assert project.refresh()["release"] == 1
    page.write_text("# A\n\nThe second edition, revised.\n")
    assert project.refresh()["release"] == 2
    page.write_text("# A\n\nThe third edition, abridged and revised.\n")
    with _refreshing(project, "running", MERGED) as running:
        until((project.folder / "running" / "held").exists, "the refresh is held")
        rolled_back = project.freshet_json("rollback", "docs", "1")
        assert (rolled_back["release"], rolled_back["rollback_of"]) == (3, 1)
        (hit,) = project.search("edition", mode="text")["hits"]
        assert "first edition" in hit["text"]
        assert running.poll() is None
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        report = project.refresh(wait=0.0)
    assert (report["outcome"], report["release"]) == ("released", 4)
    (hit,) = project.search("edition", mode="text")["hits"]
    assert "third edition" in hit["text"]


def test_a_refresh_that_ends_after_a_rollback_takes_the_next_number(project: Project) -> None:
    page = project.write("a.md", "# A\n\nThe first edition.\n")
    assert project.refresh()["release"] == 1
    page.write_text("# A\n\nThe second edition, revised.\n")
    with pytest.MonkeyPatch.context() as patch:
        from freshet.tasks.index import indices as maintain
        from freshet.tasks.index import release

        maintained = maintain.maintain_indices

        def roll_back_meanwhile(run: Any) -> None:
            maintained(run)
            assert release.roll_back(project.store, "docs", 1, now=run.as_of).release == 2

        patch.setattr(maintain, "maintain_indices", roll_back_meanwhile)
        report = project.refresh()
    assert (report["outcome"], report["release"]) == ("released", 3)
    assert project.refresh()["outcome"] == "unchanged"


def test_batches_prepared_at_once_make_a_missing_table_together(project: Project) -> None:
    from freshet.tasks.store import schemas

    together = threading.Barrier(4)

    def make(_: int) -> str:
        tables = project.store.corpus("docs")
        together.wait()
        return str(tables.open(schemas.ELEMENTS, schemas.elements()).name)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(make, range(4))) == [schemas.ELEMENTS] * 4


def _foreign_rows(table: Any, chunk_id: str) -> pa.Table:
    """A row as another program might write it: a document that nobody listed, under that id."""
    row = table.search().limit(1).to_arrow()
    for column, value in {"chunk_id": chunk_id, "doc_id": "f" * 32}.items():
        position = row.column_names.index(column)
        row = row.set_column(position, row.schema.field(column), pa.array([value]))
    return row.cast(table.schema)


def _meddle(project: Project, how: str, rows: pa.Table | None = None) -> None:
    """Commits to the chunk table without the writer's lock, on a connection of its own."""
    tables = project.store.corpus("docs")
    (name,) = [n for n in tables.names() if n.startswith("chunks-")]
    table = tables.find(name)
    if how == "delete":
        assert table.delete(f"chunk_id = '{table.to_arrow()['chunk_id'][0].as_py()}'").num_deleted_rows == 1
    elif how == "insert the same":
        assert rows is not None
        table.add(rows)
    else:
        table.add(_foreign_rows(table, "0" * 32))


WAYS = [(how, during) for how in ("insert another", "insert the same", "delete") for during in ("merge", "delete")]


@pytest.mark.parametrize(("how", "during"), some_of(WAYS, ("insert the same", "merge"), ("delete", "delete")))
def test_a_writer_that_ignores_the_lock_is_noticed_and_nothing_is_published(
    project: Project, monkeypatch: pytest.MonkeyPatch, how: str, during: str
) -> None:
    from lancedb.table import LanceTable

    from freshet.tasks.ledger.releases import list_releases

    edited = project.write("edited.md", "# Edited\n\nAs it was.\n")
    project.write("other.md", "# Other\n\nAs it stays.\n")
    assert project.refresh()["release"] == 1
    edited.write_text("# Edited\n\nAs it is from now on.\n")
    method = {"merge": "merge_insert", "delete": "delete"}[during]
    real = getattr(LanceTable, method)
    meddled: list[str] = []

    def meddling(table: Any, *args: Any, **kwargs: Any) -> Any:
        if table.name.startswith("chunks-") and not meddled:
            meddled.append(how)
            _meddle(project, how, table.search().limit(1).to_arrow().cast(table.schema))
        return real(table, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(LanceTable, method, meddling)
        report = project.refresh()
    assert meddled
    assert (report["outcome"], report["release"]) == ("failed", 1)
    assert "Another process writes to this corpus without holding its lock" in report["error"]
    assert [r.release for r in list_releases(project.store, "docs")] == [1]
    report = project.refresh()
    assert (report["outcome"], report["release"]) == ("released", 2), report
    _assert_whole(project)
    texts = sorted(project.chunks()["text"].to_pylist())
    assert [text.splitlines()[-1] for text in texts] == ["As it is from now on.", "As it stays."]


def test_what_a_foreign_writer_leaves_between_two_commits_is_rejected_by_the_gate_and_then_removed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from freshet.tasks.index.gate import evaluate

    page = project.write("a.md", "# A\n\nAs it was.\n")
    assert project.refresh()["release"] == 1
    page.write_text("# A\n\nAs it is from now on.\n")
    examine = evaluate.examine_head

    def meddled(run: Any) -> Any:
        _meddle(project, "insert another")
        return examine(run)

    with monkeypatch.context() as patch:
        patch.setattr(evaluate, "examine_head", meddled)
        report = project.refresh()
    assert (report["outcome"], report["release"]) == ("rejected", 1)
    assert "GATE-ORPHAN-CHUNK" in report["error"]
    report = project.refresh()
    assert (report["outcome"], report["release"], report["texts_embedded"]) == ("released", 3, 0), report
    _assert_whole(project)
