"""A store of an earlier version, with lists of principals in its rows: it answers, and its next refresh converts it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import pyarrow as pa
import pytest
from lancedb.index import FTS, BTree, LabelList

from freshet.tasks.documents.surroundings import path_words
from freshet.tasks.index import conversion
from freshet.tasks.ledger.access_classes import in_force, list_classes, meaning_of
from freshet.tasks.store import schemas
from tests.flows.conftest import Project
from tests.flows.killer import embed_by_hash, read_embedded
from tests.flows.test_access_at_once import shown

ASKERS = ("everyone", "group:staff", "group:legal", "user:ada", "user:stranger")
PAGES = ("open/one.md", "open/two.md", "legal/a.md", "legal/b.md", "staff.md")


@pytest.fixture(scope="module")
def old_folder(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Path:
    folder = tmp_path_factory.mktemp("old")
    with pytest.MonkeyPatch.context() as patch:
        embed_by_hash(patch, folder)
        project = Project(folder / "project")
        for number, path in enumerate(PAGES):
            project.write(path, f"# Page {path}\n\nPage {number} says {number * 7919} of the spring.\n")
        copy = project.write("open/copy.md", (project.folder / "docs" / PAGES[0]).read_text())
        os.utime(copy, (1_700_000_000, 1_700_000_000))  # the newest of two is kept
        project.source["acl"] = ["group:staff", "user:ada"]
        project.source["access"] = [
            {"path": "open/**", "acl": ["everyone"]},
            {"path": "legal/**", "acl": ["group:legal"]},
        ]
        project.settings["embedding"] = {"context": "none"}
        project.save()
        assert project.refresh()["outcome"] == "released"
    del project.settings["embedding"]
    project.save()
    _make_old(project)
    return folder / "project"


def _make_old(project: Project) -> None:
    """Writes the tables as they were: each row with a list in place of a class, no words, and readers sent to that."""
    tables = project.store.corpus("docs")
    expressions = in_force(list_classes(project.store, "docs"), 1)
    versions: dict[str, int] = {}
    for name in [*(one for one in tables.names() if one.startswith("chunks-")), schemas.DOCUMENTS, schemas.DUPLICATES]:
        table = tables.find(name)
        assert table is not None
        rows = table.to_arrow()
        lists = [meaning_of(access, expressions).said for access in rows["access"].to_pylist()]
        acl = pa.array(lists, pa.list_(pa.string()))
        field = pa.field("acl", acl.type, nullable=False)
        since = {"access", "chunks_access", "expression", *conversion.WORD_COLUMNS}
        rows = rows.drop_columns([one for one in rows.column_names if one in since])
        lance.write_dataset(rows.append_column(field, acl), table.to_lance().uri, mode="overwrite")
        table.checkout_latest()
        if name.startswith("chunks-"):
            table.create_index("acl", config=LabelList())
            table.create_index("text", config=FTS())
        for column in (
            {"doc_id", "chunk_id", "text_hash"} & set(rows.column_names) if name != schemas.DUPLICATES else ()
        ):
            table.create_index(column, config=BTree())
        versions[name] = table.version
        if name != schemas.DUPLICATES:
            table.tags.update("release-1", table.version)
    (chunks,) = [name for name in versions if name.startswith("chunks-")]
    releases = project.store.ledger.find(schemas.RELEASES)
    assert releases is not None
    releases.update(
        values={"table_version": versions[chunks], "ledger_version": versions[schemas.DOCUMENTS]}, where="true"
    )
    shutil.rmtree(project.folder / "store" / "ledger" / "access_classes.lance")


@pytest.fixture
def old(old_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    shutil.copytree(old_folder, tmp_path / "project")
    embed_by_hash(monkeypatch, tmp_path)
    import yaml

    return Project(tmp_path / "project", yaml.safe_load((old_folder / "freshet.yaml").read_text()))


def _answers(project: Project) -> dict[str, set[str]]:
    return {one: shown(project, one) for one in ASKERS}


OPEN, LEGAL = set(PAGES[:2]), set(PAGES[2:4])
EXPECTED = {
    "everyone": OPEN, "group:staff": OPEN | {"staff.md"}, "group:legal": OPEN | LEGAL, "user:ada": OPEN | {"staff.md"},
    "user:stranger": OPEN,
}  # fmt: skip


def _columns(project: Project) -> dict[str, set[str]]:
    tables = project.store.corpus("docs")
    found = {name: tables.find(name) for name in tables.names()}
    return {name: {"acl", "access"} & set(table.schema.names) for name, table in found.items() if table is not None}


def test_an_old_store_answers_as_it_did_and_nothing_is_wrong_with_it(old: Project) -> None:
    assert _answers(old) == EXPECTED
    found = old.freshet_json("document", "docs", "legal/a.md")
    assert (found["document"]["acl"], found["chunks"][0]["acl"]) == (["group:legal"], ["group:legal"])
    listed = old.freshet_json("access", "list", "docs")["classes"]
    assert [(row["acl"], row["documents"]) for row in listed] == [
        (["everyone"], 3), (["group:legal"], 2), (["group:staff", "user:ada"], 1),
    ]  # fmt: skip
    explained = old.freshet_json("access", "explain", "group:legal", "legal/a.md")
    assert (explained["may_see"], explained["now"]["access"]) == (True, None)
    assert [one["code"] for one in old.freshet_json("doctor", code=None)["findings"]] == []
    assert old.freshet_json("trace", "legal/a.md")


def test_its_refresh_converts_it_and_embeds_nothing(old: Project, tmp_path: Path) -> None:
    assert set(map(frozenset, _columns(old).values())) == {frozenset(), frozenset({"acl"})}
    report = old.refresh()
    assert (report["outcome"], report["release"], report["texts_embedded"]) == ("released", 2, 0), report["reasons"]
    assert report["documents"]["unchanged"] + report["documents"]["access_changed"] == len(PAGES) + 1
    assert read_embedded(tmp_path) == []
    assert set(map(frozenset, _columns(old).values())) == {frozenset(), frozenset({"access"})}
    assert _answers(old) == EXPECTED
    assert [one["code"] for one in old.freshet_json("doctor", code=None)["findings"]] == []
    (chunks,) = [name for name in _columns(old) if name.startswith("chunks-")]
    rows = old.store.corpus("docs").rows(chunks)
    assert {row["context"] for row in rows} == {""}
    assert all("spring" in row["words"].split() and row["embedded_hash"] == row["text_hash"] for row in rows)
    assert all(set(path_words(PAGES[1]).split()) <= set(row["words"].split()) for row in rows if "two" in row["text"])
    assert old.refresh()["outcome"] == "unchanged"
    old.freshet("rollback", "docs", "1")
    assert _answers(old) == EXPECTED
    assert old.freshet_json("document", "docs", "open/copy.md")["document"]["duplicate_of"]


def test_what_the_settings_narrowed_meanwhile_is_in_force_with_the_conversion_and_what_they_widened_waits(
    old: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.flows.test_access_at_once import _reject

    old.source["acl"] = ["group:staff"]
    old.source["access"] = [{"path": "open/**", "acl": ["everyone"]}]
    old.save()
    narrowed = {**EXPECTED, "user:ada": OPEN, "group:legal": OPEN}
    with monkeypatch.context() as patch:
        _reject(patch)
        assert old.refresh()["outcome"] == "rejected"
        assert _answers(old) == narrowed
    assert old.refresh()["outcome"] == "released"
    widened = {**narrowed, "group:staff": OPEN | LEGAL | {"staff.md"}}
    assert _answers(old) == widened
    old.freshet("rollback", "docs", "1")
    assert _answers(old) == widened


class Stopped(BaseException):
    """Stands for a kill between two commits."""


@pytest.mark.parametrize("after", range(1, 10))
def test_a_conversion_that_was_stopped_goes_on_and_readers_are_answered_meanwhile(
    old: Project, after: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It stops after so many of its commits; of the tables, of their columns, and of a table that goes."""
    from freshet.tasks.documents.begin import begin_run
    from freshet.tasks.store.tables import Tables

    done: list[str] = []

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            result = function(*given, **named)
            done.append(function.__name__)
            if len(done) == after:
                raise Stopped
            return result

        return call

    from lancedb.table import LanceTable

    with monkeypatch.context() as patch:
        patch.setattr(conversion, "record_settings", counted(conversion.record_settings))
        for name in ("merge", "add_columns"):
            patch.setattr(lance.LanceDataset, name, counted(getattr(lance.LanceDataset, name)))
        patch.setattr(Tables, "drop", counted(Tables.drop))
        for name in ("alter_columns", "drop_columns"):
            patch.setattr(LanceTable, name, counted(getattr(LanceTable, name)))
        with pytest.raises(Stopped):
            conversion.convert_corpus(begin_run(old.config, "docs", None, "run", "refresh-docs"))
    assert _answers(old) == EXPECTED, done
    report = old.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0), done
    assert _answers(old) == EXPECTED
    assert set(map(frozenset, _columns(old).values())) == {frozenset(), frozenset({"access"})}
    fields = {
        field.name: field.nullable for name in _columns(old) for field in _schema(old, name) if "access" in field.name
    }
    assert set(fields.values()) == {False}
    assert json.loads(old.freshet("doctor", "--json", code=None).stdout)["findings"] == []


def _schema(project: Project, name: str) -> pa.Schema:
    table = project.store.corpus("docs").find(name)
    assert table is not None
    return table.schema
