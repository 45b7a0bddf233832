"""Versions as of a moment in the past: which files, which release, which number."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.backfill.work import dataset_work
from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.origins.permission import Permissions
from freshet.tasks.datasets.versions.past import files_by, modified_at, past_number, version_before
from freshet.tasks.datasets.versions.publish import publish
from freshet.tasks.errors import SettingsError, SourceError
from freshet.tasks.ledger.releases import release_at
from freshet.tasks.ledger.versions import Version, list_versions, live_version, published_versions
from freshet.tasks.runs.run import BuildRun
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.project import Settings
from freshet.tasks.settings.spans import Window
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.built_dataset import AS_OF, Rows, assembled, declared, no_extras, pairs, put_on_record
from tests.unit.small_corpus import Document, build, document_id

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TRAINING = {"uses": ["retrieval", "training"], "licence": "CC0-1.0"}


def _file(folder: Path, name: str, moment: datetime) -> InputFile:
    path = folder / name
    path.write_text("{}\n")
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return InputFile("rows", name, str(path), "jsonl", "0" * 64)


def test_files_of_a_later_moment_are_left_out_and_that_is_told(tmp_path: Path) -> None:
    files = [_file(tmp_path, f"{day}.jsonl", MARCH + day * DAY) for day in range(3)]
    kept, notes = files_by(files, MARCH + DAY)
    assert [one.uri for one in kept] == ["0.jsonl", "1.jsonl"]
    assert notes[0].startswith("1 of 3 files were modified after 2026-03-02 00:00 UTC")
    assert files_by(files, MARCH + 2 * DAY) == (files, [])
    with pytest.raises(SourceError, match="the first was modified at 2026-03-01"):
        files_by(files, MARCH - DAY)


def test_a_file_of_which_nobody_knows_the_time_is_taken_and_that_is_told() -> None:
    import fsspec

    begun = datetime.now(UTC).replace(microsecond=0)
    fsspec.filesystem("memory").pipe_file("/known.jsonl", b"{}\n")
    known = InputFile("rows", "memory://known.jsonl", "memory://known.jsonl", "jsonl", "0" * 64)
    moment = modified_at(known)
    assert moment is not None
    assert begun <= moment <= datetime.now(UTC)
    gone = replace(known, address="memory://gone.jsonl")
    kept, notes = files_by([gone], MARCH)
    assert kept == [gone]
    assert "of 1 of 1 files nobody can tell" in notes[0]


def _publish(store: Store, folder: Path, count: int, as_of: datetime) -> Version:
    from freshet.tasks.datasets.versions.candidate import propose

    folder.mkdir()
    dataset = declared()
    done = assembled(folder, Rows(pairs(count)), dataset)
    candidate = propose(store, done, "sums", dataset, as_of=as_of, backdated=as_of < AS_OF)
    return publish(store, done, candidate, no_extras, run_id="r", now=datetime.now(UTC))


def test_a_version_of_the_past_is_numbered_below_all_that_were_live(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    assert _publish(store, tmp_path / "now", 30, AS_OF).version == "1.0.0"
    past = _publish(store, tmp_path / "a", 10, MARCH)
    assert (past.version, past.facts.previous, past.facts.change["added"]) == ("0.20260301.0", None, 10)
    later = _publish(store, tmp_path / "b", 20, MARCH + DAY)
    assert (later.version, later.facts.previous, later.facts.change["added"]) == ("0.20260302.0", "0.20260301.0", 10)
    other = _publish(store, tmp_path / "c", 11, MARCH + DAY / 2)
    assert other.version == "0.20260301.1"
    assert _publish(store, tmp_path / "d", 20, MARCH + 5 * DAY).version == "0.20260302.0", "the same rows over again"
    live = live_version(store, "sums")
    assert live is not None
    assert live.version == "1.0.0"
    order = [one.version for one in published_versions(list_versions(store, "sums"))]
    assert order == ["1.0.0", "0.20260302.0", "0.20260301.1", "0.20260301.0"]
    project = Project(Settings(store=store.address, datasets={"sums": declared()}), tmp_path, tmp_path / "freshet.yaml")
    run = BuildRun(project=project, dataset="sums", run_id="r", name="version-sums", as_of=AS_OF)
    (work,) = dataset_work(run, [Window(start=MARCH, end=AS_OF)])
    assert work.items == 30, "a window takes as many rows as the live version was made of"
    assert _publish(store, tmp_path / "next", 31, AS_OF + DAY).version == "1.1.0"


def test_from_the_first_moment_on_versions_are_live_one_after_another(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    made = [_publish(store, tmp_path / str(day), 10 + day, MARCH + day * DAY).version for day in range(3)]
    assert made[0] == "1.0.0"
    assert all(one >= "1.0.0" for one in made)
    assert live_version(store, "sums") == list_versions(store, "sums")[0]


def test_a_number_of_the_past_is_given_once_although_its_version_expired(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    _publish(store, tmp_path / "now", 30, AS_OF)
    past = _publish(store, tmp_path / "a", 10, MARCH)
    versions = [*list_versions(store, "sums"), replace(past, outcome="expired")]
    assert past_number(versions, MARCH) == "0.20260301.1"
    assert version_before(published_versions(versions), MARCH + DAY) is None


def _releases(store: Store, *said: dict[str, Any]) -> None:
    usual: dict[str, Any] = {
        "corpus": "docs", "outcome": "published", "rollback_of": None, "model": "m", "space": "s", "table_version": 1,
        "ledger_version": 1, "documents": 1, "chunks": 1, "reasons": [], "exam": None, "site": None, "run_id": "r",
        "as_of": MARCH,
    }  # fmt: skip
    store.ledger.append(schemas.RELEASES, schemas.releases(), [{**usual, **one} for one in said])


def test_the_release_of_a_moment_is_the_one_that_readers_saw(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert release_at(store, "docs", MARCH) is None
    _releases(
        store,
        {"release": 1, "published_at": MARCH},
        {"release": 2, "published_at": MARCH + DAY, "outcome": "rejected"},
        {"release": 3, "published_at": MARCH + 2 * DAY},
        {"release": 4, "published_at": MARCH + 3 * DAY, "rollback_of": 1},
    )
    found = [release_at(store, "docs", MARCH + days * DAY) for days in (-1, 0, 1.5, 2, 9)]
    assert [one and one.release for one in found] == [None, 1, 1, 3, 4]
    assert release_at(store, "other", MARCH) is None


def _permissions(folder: Path, past: datetime | None) -> Permissions:
    rows = {"rows": "x.jsonl", "owner": "me", "licence": "MIT", "uses": ["training"], "corpus": "docs"}
    dataset: Any = {"d": {"format": "prompt_completion", "inputs": [rows]}}
    settings = Settings(store=str(folder), datasets=dataset)
    project = Project(settings, folder, folder / "freshet.yaml")
    return Permissions(settings.datasets["d"].inputs[0], settings.datasets["d"], project, Store(str(folder)), past=past)


def test_documents_are_those_of_then_and_what_was_forbidden_since_is_forbidden(tmp_path: Path) -> None:
    names = ("kept", "edited", "gone", "forbidden", "hidden")
    build(tmp_path, {f"{name}.md": Document([f"{name}."], changes=TRAINING) for name in names}, indexed=False)
    store = Store(str(tmp_path))
    ledger = store.corpus("docs").find(schemas.DOCUMENTS)
    chunks = store.corpus("docs").find(schemas.chunks_table("s"))
    assert ledger is not None
    assert chunks is not None
    _releases(
        store,
        {"release": 1, "published_at": MARCH, "ledger_version": ledger.version, "table_version": chunks.version},
    )
    then = ledger.to_arrow().to_pylist()
    version = {row["path"]: row["content_hash"] for row in then}
    ledger.update(where="path = 'edited.md'", values={"content_hash": "f" * 64})
    ledger.update(where="path = 'forbidden.md'", values={"uses": ["retrieval"]})
    put_on_record(store, {"legal": ["group:legal"]})
    ledger.update(where="path = 'hidden.md'", values={"access": "legal"})
    ledger.delete("path = 'gone.md'")
    asked = _permissions(tmp_path, MARCH + DAY)
    codes = {name: [one.code for one in asked.of(f"{name}.md").verdicts] for name in names}
    assert codes == {
        "kept": [], "edited": [], "gone": ["USE-DOCUMENT"], "forbidden": ["USE-TRAINING"], "hidden": ["USE-AUDIENCE"]
    }  # fmt: skip
    assert asked.of("gone.md").verdicts[0].evidence["why"] == "the document has been withdrawn since"
    assert asked.of("edited.md").doc_version == version["edited.md"]
    assert _permissions(tmp_path, None).of("edited.md").doc_version == "f" * 64
    assert asked.ledger is not None
    assert [doc_id for doc_id, _ in asked.ledger.texts([document_id("kept.md")])] == [document_id("kept.md")]
    with pytest.raises(SettingsError, match="no release by 2026-02-28"):
        _permissions(tmp_path, MARCH - DAY)
