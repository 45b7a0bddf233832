"""Both ways: from an example or chunk to its bytes, from bytes to every release, version and export."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from freshet.flows.command.texts.trace import trace_text
from freshet.tasks.errors import StoreError
from freshet.tasks.lineage.release_contents import record_releases
from freshet.tasks.lineage.trace import trace, trace_back, trace_forward
from freshet.tasks.lineage.version_contents import record_version
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.small_corpus import DIMENSION, Document, chunk_rows, document_id, ledger_row
from tests.unit.small_dataset import ROWS, example, origin, publish, rejected

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TEXT = "Leave is twenty days"
STATES: list[dict[str, str]] = [
    {"leave.md": "Leave is ten days", "pay.md": "Pay comes on Fridays"},
    {"leave.md": TEXT, "pay.md": "Pay comes on Fridays"},
    {"leave.md": TEXT},
]


def _ledger(state: dict[str, str], commit: str) -> list[dict[str, Any]]:
    return [ledger_row(path, Document([text], changes={"source_version": commit})) for path, text in state.items()]


def _release(store: Store, number: int, state: dict[str, str], rollback_of: int | None = None) -> None:
    """Publishes a state of corpus docs; a rollback repeats the versions of an earlier release."""
    tables = store.corpus("docs")
    ledger = tables.open(schemas.DOCUMENTS, schemas.documents())
    chunks = tables.open("chunks-s", schemas.chunks(DIMENSION))
    if rollback_of is None:
        documents = _ledger(state, f"commit-{number}")
        passages = [row for path, text in state.items() for row in chunk_rows(path, Document([text]))]
        ledger.add(pa.Table.from_pylist(documents, schema=schemas.documents()), mode="overwrite")
        chunks.add(pa.Table.from_pylist(passages, schema=schemas.chunks(DIMENSION)), mode="overwrite")
        versions = chunks.version, ledger.version
    else:
        rows = store.ledger.open(schemas.RELEASES, schemas.releases()).search().to_list()
        versions = next((r["table_version"], r["ledger_version"]) for r in rows if r["release"] == rollback_of)
    row = {
        "corpus": "docs", "release": number, "outcome": "published", "rollback_of": rollback_of, "model": "m",
        "space": "s", "table_version": versions[0], "ledger_version": versions[1], "documents": 1, "chunks": 1,
        "reasons": [], "exam": None, "site": None, "run_id": "r", "as_of": NOW, "published_at": NOW,
    }  # fmt: skip
    store.ledger.append(schemas.RELEASES, schemas.releases(), [row])


LEAVE, PAY = document_id("leave.md"), document_id("pay.md")
CHUNK = chunk_rows("leave.md", Document([TEXT]))[0]["chunk_id"]
HASH = ledger_row("leave.md", Document([TEXT]))["content_hash"]
PAY_HASH = ledger_row("pay.md", Document(["Pay comes on Fridays"]))["content_hash"]


def _cites(doc_id: str, name: str, version: str) -> dict[str, Any]:
    return {
        "corpus": "docs", "doc_id": doc_id, "doc_version": version, "document": name, "start": 9, "end": 15,
        "chunk_ids": [CHUNK],
    }  # fmt: skip


FIRST = example("How much leave? Twenty days.", [origin(1, **_cites(LEAVE, "leave.md", HASH)), origin(7)])
PAID = example("When is pay day? Friday.", [origin(2, **_cites(PAY, "pay.md", PAY_HASH))])
PLAIN = example("Who is Ada?", [origin(3, uri="s3://b/other.jsonl", version="w" * 64, document="case-7")], "test")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Three releases, a rollback to the second, and two versions of a dataset; nothing is written to it after."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    for number, state in enumerate(STATES, 1):
        _release(store, number, state)
        record_releases(store, "docs", run=f"r{number}", now=NOW)
    _release(store, 4, {}, rollback_of=2)
    for number, rows in (("1.0.0", [FIRST, PAID, PLAIN]), ("2.0.0", [FIRST | {"split": "validation"}, PLAIN])):
        table, exports = publish(store, "answers", number, rows, [rejected("my secret", 5, "SECRET-KEY")])
        record_version(store, "answers", number, table_version=table, exports=exports, run="r", now=NOW)
    table, exports = publish(store, "others", "1.0.0", [example("Another.", [origin(1, uri="x.jsonl")])])
    record_version(store, "others", "1.0.0", table_version=table, exports=exports, run="r", now=NOW)
    return store


def test_an_example_is_traced_to_every_place_that_it_was_read_from(store: Store) -> None:
    found = trace(store, FIRST["example_id"])
    assert (found["thing"], found["dataset"]) == ("example", "answers")
    own, merged = found["origins"]
    assert (own["uri"], own["source_version"], own["place"]) == (ROWS, "v1" * 32, 1)
    assert (merged["place"], "document" in merged) == (7, False)
    document = own["document"]
    assert (document["corpus"], document["path"], document["content_hash"]) == ("docs", "leave.md", HASH)
    assert (document["start"], document["end"], document["chunk_ids"]) == (9, 15, [CHUNK])
    assert (document["now"], document["source_version"]) == ("as it was", "commit-3")
    assert found["transforms"] == ["nfc"]
    assert found["licence"] == "CC0-1.0"
    assert found["policy"] == {
        "training": True, "uses": ["training"], "acl": ["everyone"], "audience": ["everyone"], "licences": ["CC0-1.0"],
    }  # fmt: skip


def test_an_example_names_the_versions_and_exports_that_hold_it(store: Store) -> None:
    versions = trace(store, FIRST["example_id"])["versions"]
    assert [(one["version"], one["split"], one["live"]) for one in versions] == [
        ("2.0.0", "validation", True),
        ("1.0.0", "train", False),
    ]
    assert versions[0]["exports"][0]["path"] == "exports/2.0.0/trl"
    assert [one["version"] for one in trace(store, PAID["example_id"])["versions"]] == ["1.0.0"]


def test_an_example_whose_document_was_withdrawn_says_so(store: Store) -> None:
    (own,) = trace(store, PAID["example_id"])["origins"]
    assert own["document"]["now"] == "withdrawn"
    assert own["document"]["name"] == "pay.md"


def test_an_example_is_found_by_its_digest_and_a_rejected_row_too(store: Store) -> None:
    assert trace(store, FIRST["digest"])["example_id"] == FIRST["example_id"]
    found = trace(store, rejected("my secret", 5)["digest"])
    assert (found["thing"], found["codes"]) == ("rejected example", ["SECRET-KEY"])
    assert (found["origins"][0]["uri"], found["origins"][0]["place"]) == (ROWS, 5)


def test_a_chunk_is_traced_to_its_document_and_releases(store: Store) -> None:
    found = trace(store, CHUNK)
    assert (found["thing"], found["corpus"]) == ("chunk", "docs")
    assert (found["start"], found["end"]) == (0, len(TEXT))
    assert found["document"]["path"] == "leave.md"
    assert found["document"]["uri"] == "file:///docs/leave.md"
    assert found["document"]["content_hash"] == HASH
    assert found["releases"] == [2, 3, 4]
    assert (found["live"], found["live_release"]) == (True, 4)


@pytest.mark.parametrize("thing", ["leave.md", "file:///docs/leave.md", LEAVE])
def test_a_document_is_traced_to_every_release_version_and_export(store: Store, thing: str) -> None:
    found = trace(store, thing)
    (document,) = found["documents"]
    assert (document["doc_id"], document["withdrawn"], document["live"]) == (LEAVE, False, True)
    assert document["releases"] == [1, 2, 3, 4]
    assert [(one["source_version"], one["releases"]) for one in document["versions"]] == [
        ("commit-1", [1]),
        ("commit-2", [2, 3, 4]),
    ]
    held = [(one["version"], one["live"], one["examples"], one["of_version"]) for one in document["datasets"]]
    assert held == [("2.0.0", True, 1, HASH), ("1.0.0", False, 1, HASH)]
    assert document["datasets"][0]["exports"][0]["kind"] == "trl"


@pytest.mark.parametrize("thing", ["pay.md", "file:///docs/pay.md", PAY, PAY_HASH])
def test_a_document_that_was_withdrawn_is_still_known(store: Store, thing: str) -> None:
    (document,) = trace(store, thing)["documents"]
    assert (document["withdrawn"], document["path"], document["uri"]) == (True, "pay.md", "file:///docs/pay.md")
    # Release 4 goes back to 2, which held it.
    assert (document["releases"], document["live"]) == ([1, 2, 4], True)
    assert [(one["version"], one["live"]) for one in document["datasets"]] == [("1.0.0", False)]


def test_a_file_of_rows_is_traced_to_the_versions_that_hold_examples_of_it(store: Store) -> None:
    found = trace(store, ROWS)
    assert found["documents"] == []
    assert [(one["dataset"], one["version"], one["examples"]) for one in found["datasets"]] == [
        ("answers", "2.0.0", 1),
        ("answers", "1.0.0", 2),
    ]


def test_a_document_that_only_a_file_of_rows_names_is_traced_as_well(store: Store) -> None:
    held = trace(store, "case-7")["datasets"]
    assert [(one["version"], one["examples"]) for one in held] == [("2.0.0", 1), ("1.0.0", 1)]


def test_a_version_names_its_files_documents_and_exports(store: Store) -> None:
    found = trace(store, "answers@1.0.0")
    assert [(one["uri"], one["examples"]) for one in found["files"]] == [(ROWS, 2), ("s3://b/other.jsonl", 1)]
    assert {(one["corpus"], one["name"], one["examples"]) for one in found["documents"]} == {
        ("docs", "leave.md", 1),
        ("docs", "pay.md", 1),
        (None, "case-7", 1),
    }
    assert found["exports"][0]["kind"] == "trl"


@pytest.mark.parametrize("thing", ["answers@1.0.0:train:2", "/store/datasets/answers/exports/1.0.0/trl/train.jsonl:2"])
def test_a_line_of_an_export_is_traced_like_its_example(store: Store, thing: str) -> None:
    assert trace(store, thing)["example_id"] == PAID["example_id"]
    with pytest.raises(StoreError):
        trace(store, thing.replace(":2", ":3"))


def test_looking_in_one_place_finds_nothing_of_another(store: Store) -> None:
    assert trace(store, "leave.md", dataset="answers")["documents"][0]["datasets"]
    with pytest.raises(StoreError):
        trace(store, FIRST["example_id"], dataset="others")
    assert trace_back(store, CHUNK, dataset="answers") is None
    assert trace_forward(store, ROWS, corpus="docs") is None


def test_a_trace_of_nothing_names_what_is_near(store: Store) -> None:
    with pytest.raises(StoreError) as told:
        trace(store, "handbook/leave.md")
    assert "leave.md" in told.value.mend
    with pytest.raises(StoreError, match="nothing is known") as told:
        trace(store, "answers.jsonl")
    assert ROWS in told.value.mend
    with pytest.raises(StoreError) as told:
        trace(store, "answers@9.0.0")
    assert "answers@1.0.0" not in told.value.what
    with pytest.raises(StoreError, match="holds no corpus 'x'; it holds: docs"):
        trace(store, "leave.md", corpus="x")
    with pytest.raises(StoreError, match="holds no dataset 'x'; it holds: answers, others"):
        trace(store, "leave.md", dataset="x")


def test_an_empty_store_knows_nothing(tmp_path: Path) -> None:
    for thing in ("a" * 32, "b" * 64, "x.md", "a@1.0.0", "it's"):
        with pytest.raises(StoreError, match="nothing is known"):
            trace(Store(str(tmp_path)), thing)


THINGS = [
    FIRST["example_id"], PAID["example_id"], PLAIN["digest"], rejected("my secret", 5)["digest"], CHUNK, "leave.md",
    "pay.md", ROWS, "case-7", "answers@2.0.0",
]  # fmt: skip


@pytest.mark.parametrize("thing", THINGS)
def test_a_trace_is_json_and_quotes_no_text(store: Store, thing: str) -> None:
    found = trace(store, thing)
    for said in (json.dumps(found), trace_text(found)):
        assert not any(word in said for word in ("Twenty", "twenty", "Fridays", "Ada", "secret "))


def test_a_trace_reads_as_a_person_would_say_it(store: Store) -> None:
    text = trace_text(trace(store, FIRST["example_id"]))
    assert f"from {ROWS}:1 (version {('v1' * 32)[:12]})" in text
    assert "document leave.md of corpus docs, characters 9 to 15" in text
    assert "in version 2.0.0, validation, live" in text
    assert "exported as trl: exports/2.0.0/trl" in text
    text = trace_text(trace(store, "leave.md"))
    assert "version commit-2: release(s) 2-4" in text
    assert "dataset answers 2.0.0, live: 1 example(s)" in text
    assert "withdrawn: its source does not hold it any more" in trace_text(trace(store, "pay.md"))
    assert "SECRET-KEY" in trace_text(trace(store, rejected("my secret", 5)["digest"]))
    assert "release(s) 2-4; in the live release 4" in trace_text(trace(store, CHUNK))


def test_a_long_list_is_cut_for_the_terminal_alone() -> None:
    held = [
        {"dataset": "d", "version": f"1.{n}.0", "live": False, "examples": 1, "exports": [], "of_version": "v"}
        for n in range(50)
    ]
    text = trace_text({"thing": "source", "name": "x", "documents": [], "datasets": held})
    assert len(text.splitlines()) == 22
    assert "and 30 more; --json lists them all" in text


def test_a_trace_writes_nothing(store: Store) -> None:
    def versions() -> dict[str, int]:
        bases = {"ledger": store.ledger, "docs": store.corpus("docs"), "answers": store.dataset("answers")}
        return {
            f"{base}/{name}": table.version
            for base, tables in bases.items()
            for name in tables.names()
            if (table := tables.find(name)) is not None
        }

    before = versions()
    for thing in THINGS:
        trace(store, thing)
    assert versions() == before
