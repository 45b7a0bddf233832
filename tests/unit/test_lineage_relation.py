"""The relation: one row where something begins or ends, from which every release's contents follow."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.releases import list_releases, published_releases
from freshet.tasks.lineage import release_contents
from freshet.tasks.lineage.release_contents import record_releases
from freshet.tasks.lineage.trace_corpora import _history
from freshet.tasks.lineage.version_contents import record_version
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.small_corpus import Document, document_id, ledger_row
from tests.unit.small_dataset import ROWS, example, origin, publish

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def set_ledger(store: Store, documents: Mapping[str, str], **changes: Any) -> int:
    """Makes the ledger hold just these documents, and returns its version."""
    table = store.corpus("docs").open(schemas.DOCUMENTS, schemas.documents())
    rows = [ledger_row(path, Document([text], changes=changes)) for path, text in documents.items()]
    table.add(pa.Table.from_pylist(rows, schema=schemas.documents()), mode="overwrite")
    return int(table.version)


def add_release(
    store: Store,
    number: int,
    ledger: int,
    *,
    outcome: str = "published",
    rollback_of: int | None = None,
    table: int = 1,
) -> None:
    row = {
        "corpus": "docs", "release": number, "outcome": outcome, "rollback_of": rollback_of, "model": "m", "space": "s",
        "table_version": table, "ledger_version": ledger, "documents": 1, "chunks": 1, "reasons": [], "exam": None,
        "site": None, "run_id": "r", "as_of": NOW, "published_at": NOW,
    }  # fmt: skip
    store.ledger.append(schemas.RELEASES, schemas.releases(), [row])


def rows_of(store: Store, kind: str | None = None) -> list[dict[str, Any]]:
    table = store.ledger.find(schemas.LINEAGE)
    rows = [] if table is None else table.search().to_list()
    return [row for row in rows if kind in (None, row["kind"])]


def _changes(store: Store, number: int) -> set[tuple[str, str]]:
    return {
        (row["change"], row["path"])
        for row in rows_of(store, "document>release")
        if row["child"] == f"release:docs/{number}"
    }


def test_only_what_changed_between_two_releases_is_written(store: Store) -> None:
    add_release(store, 1, set_ledger(store, {"a.md": "one", "b.md": "two", "c.md": "three"}))
    assert record_releases(store, "docs", run="r1", now=NOW) == [1]
    assert _changes(store, 1) == {("from", "a.md"), ("from", "b.md"), ("from", "c.md")}
    add_release(store, 2, set_ledger(store, {"a.md": "one", "b.md": "two!", "d.md": "four"}))
    assert record_releases(store, "docs", run="r2", now=NOW) == [2]
    assert _changes(store, 2) == {("from", "b.md"), ("until", "c.md"), ("from", "d.md")}
    assert {row["run"] for row in rows_of(store) if row["child"] == "release:docs/2"} == {"r2"}


def test_each_document_version_knows_its_bytes(store: Store) -> None:
    add_release(store, 1, set_ledger(store, {"a.md": "one"}, source_version="commit-1"))
    record_releases(store, "docs", run="r", now=NOW)
    (row,) = rows_of(store, "bytes>document")
    assert row["child"] == f"document:docs/{document_id('a.md')}@{_hash('one')}"
    assert (row["parent"], row["version"], row["path"]) == ("file:file:///docs/a.md", "commit-1", "a.md")


def test_recording_again_writes_nothing(store: Store) -> None:
    add_release(store, 1, set_ledger(store, {"a.md": "one"}))
    record_releases(store, "docs", run="r", now=NOW)
    table = store.ledger.find(schemas.LINEAGE)
    assert table is not None
    before = table.version
    assert record_releases(store, "docs", run="r", now=NOW) == []
    assert table.version == before


def test_a_release_is_one_commit_so_that_a_kill_leaves_it_whole_or_absent(store: Store) -> None:
    ledger = set_ledger(store, {f"{n}.md": str(n) for n in range(50)})
    add_release(store, 1, ledger)
    record_releases(store, "docs", run="r", now=NOW)
    table = store.ledger.find(schemas.LINEAGE)
    assert table is not None
    assert len(rows_of(store)) == 1 + 50 + 50
    assert table.version == 2  # the empty table, and the release


def test_releases_that_nobody_recorded_are_caught_up_with(store: Store) -> None:
    states: list[dict[str, str]] = [{"a.md": "one"}, {"a.md": "one", "b.md": "two"}, {"b.md": "two"}]
    for number, state in enumerate(states, 1):
        add_release(store, number, set_ledger(store, state))
    assert record_releases(store, "docs", run="r", now=NOW) == [1, 2, 3]
    assert _changes(store, 3) == {("until", "a.md")}


def test_what_no_reader_is_offered_is_not_on_record(store: Store) -> None:
    ledger = set_ledger(store, {"a.md": "one"})
    add_release(store, 1, ledger, outcome="rejected")
    add_release(store, 2, ledger)
    add_release(store, 3, ledger, rollback_of=2)
    assert record_releases(store, "docs", run="r", now=NOW) == [2]


def test_documents_in_quarantine_and_duplicates_are_not_in_a_release(store: Store) -> None:
    table = store.corpus("docs").open(schemas.DOCUMENTS, schemas.documents())
    documents = {
        "a.md": Document(["one"]),
        "b.md": Document(["one"], changes={"duplicate_of": document_id("a.md")}),
        "c.md": Document([], changes={"content_hash": None}),
    }
    rows = [ledger_row(path, document) for path, document in documents.items()]
    table.add(pa.Table.from_pylist(rows, schema=schemas.documents()))
    add_release(store, 1, int(table.version))
    record_releases(store, "docs", run="r", now=NOW)
    assert _changes(store, 1) == {("from", "a.md")}


def _held(store: Store, path: str) -> dict[int, str | None]:
    """What the relation says that each release held of a document."""
    return _history(store, published_releases(list_releases(store, "docs")), "docs", document_id(path))


def test_where_the_release_before_was_cleaned_up_all_is_told_anew(store: Store) -> None:
    add_release(store, 1, set_ledger(store, {"a.md": "one", "b.md": "two"}))
    record_releases(store, "docs", run="r", now=NOW)
    add_release(store, 2, 4000)  # a version that is not there
    add_release(store, 3, set_ledger(store, {"b.md": "two"}))
    assert record_releases(store, "docs", run="r", now=NOW) == [2, 3]
    told = {row["child"][-1]: row["change"] for row in rows_of(store, "corpus>release")}
    assert told == {"1": "whole", "2": "unread", "3": "whole"}
    assert _held(store, "a.md") == {1: _hash("one"), 2: "?", 3: None}
    assert _held(store, "b.md") == {1: _hash("two"), 2: "?", 3: _hash("two")}


@pytest.mark.parametrize("at_once", [200_000, 7])
def test_what_every_release_holds_follows_from_the_relation(
    store: Store, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(release_contents, "AT_ONCE", at_once)
    chance = random.Random(4)
    states: list[dict[str, str]] = []
    for number in range(1, 9):
        held = dict(states[-1]) if states else {}
        for _ in range(12):
            path = f"{chance.randrange(40)}.md"
            if chance.random() < 0.35:
                held.pop(path, None)
            else:
                held[path] = str(chance.randrange(3))
        states.append(held)
        add_release(store, number, set_ledger(store, held))
        if chance.random() < 0.6:
            record_releases(store, "docs", run="r", now=NOW)
    for path in [f"{n}.md" for n in range(40)]:
        expected = {n: _hash(state[path]) if path in state else None for n, state in enumerate(states, 1)}
        # Before the last ones are on record, they are read off their ledgers.
        assert _held(store, path) == expected
    record_releases(store, "docs", run="r", now=NOW)
    for path in [f"{n}.md" for n in range(40)]:
        expected = {n: _hash(state[path]) if path in state else None for n, state in enumerate(states, 1)}
        assert _held(store, path) == expected


def test_a_version_names_its_files_and_documents_and_counts_examples(store: Store) -> None:
    cited = {"corpus": "docs", "doc_id": "d1", "doc_version": "h1", "document": "a.md"}
    rows = [
        example("one", [origin(1, **cited), origin(2, **cited)]),
        example("two", [origin(3, **cited)]),
        example("three", [origin(1, uri="other.jsonl", version="w", document="case-7")]),
    ]
    table, exports = publish(store, "answers", "1.0.0", rows)
    written = record_version(store, "answers", "1.0.0", table_version=table, exports=exports, run="r", now=NOW)
    assert written == 5
    found = {(row["kind"], row["parent"], row["version"], row["examples"]) for row in rows_of(store)}
    assert found == {
        ("file>version", f"file:{ROWS}", "v1" * 32, 2),
        ("file>version", "file:other.jsonl", "w", 1),
        ("document>version", "document:docs/d1", "h1", 2),
        ("document>version", "document:/other.jsonl#case-7", "w", 1),
        ("version>export", "version:answers/1.0.0", exports[0]["manifest"], None),
    }


def test_recording_a_version_again_adds_just_the_exports_that_were_written_since(store: Store) -> None:
    table, exports = publish(store, "answers", "1.0.0", [example("one", [origin(1)])])
    record = {"table_version": table, "run": "r", "now": NOW}
    record_version(store, "answers", "1.0.0", exports=exports, **record)
    assert record_version(store, "answers", "1.0.0", exports=exports, **record) == 0
    later = [*exports, {"kind": "parquet", "path": "p", "manifest": "m"}]
    assert record_version(store, "answers", "1.0.0", exports=later, **record) == 1
    assert sorted(row["child"] for row in rows_of(store, "version>export")) == [
        "export:answers/1.0.0/parquet",
        "export:answers/1.0.0/trl",
    ]


def test_a_version_whose_table_is_gone_cannot_be_recorded(store: Store) -> None:
    publish(store, "answers", "1.0.0", [example("one", [origin(1)])])
    with pytest.raises(StoreError, match="version 4000"):
        record_version(store, "answers", "1.0.0", table_version=4000, run="r", now=NOW)
