"""Events of runs: valid by OpenLineage's own schemas, kept for good, and silent about texts, secrets and machines."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from freshet.tasks.errors import RefreshRejected, SourceError
from freshet.tasks.lineage.event_json import build_event
from freshet.tasks.lineage.events import RunEvents, list_events, open_runs
from freshet.tasks.lineage.openlineage import (
    Assertion,
    Data,
    corpus_data,
    dataset_data,
    export_data,
    locate,
    refresh_job,
    run_uuid,
    source_data,
    version_job,
)
from freshet.tasks.lineage.refresh_data import refresh_inputs, refresh_output
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.settings.project import FolderSource, GitSource
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.openlineage_schema import FOLDER, errors, problems

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
RUN = "6f1d5b0e-6a0e-4f3e-9b8b-1f6f3b1f2a10"
ROOT = Path(__file__).parents[2]

SOURCES = [
    source_data(
        "examples/hand book",
        source="handbook",
        version="3f2a9c1",
        owners=["people-operations"],
        tags={"licence": "CC0-1.0", "uses": "retrieval, training"},
        files=12,
        size=1234,
    ),
    source_data("s3://bucket/policies/x?versionId=7", source="policies"),
    source_data("git@example.org:legal/policies.git", source="legal", version="9b1c"),
    source_data("https://me:hunter2@example.org/policies.git"),
]
RELEASE = corpus_data(
    "handbook",
    7,
    description="What readers see of corpus handbook.",
    columns=[("chunk_id", "string"), ("text", "string")],
    rows=31,
    row_count=812,
    assertions=[
        Assertion("recall_at_5", True, expected="0.9", actual="0.94"),
        Assertion("STALE-SOURCE", False, severity="warn", actual="3"),
    ],
)
VERSION = [
    dataset_data("answers", "1.2.0", owners=["ml"], tags={"format": "conversational"}, row_count=900),
    export_data("answers", "1.2.0", "trl", files=3, size=4567, rows=900),
]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


@pytest.mark.parametrize("line", re.findall(r"^([0-9a-f]{64})  (\S+)$", (FOLDER / "README.md").read_text(), re.M))
def test_the_copies_of_the_schemas_are_those_on_record(line: tuple[str, str]) -> None:
    digest, name = line
    assert sha256((FOLDER / name).read_bytes()).hexdigest() == digest


def test_every_copy_is_on_record() -> None:
    named = re.findall(r"^[0-9a-f]{64}  (\S+)$", (FOLDER / "README.md").read_text(), re.M)
    assert sorted(named) == sorted(file.name for file in FOLDER.glob("*.json"))


@pytest.mark.parametrize(
    ("kind", "known"),
    [
        ("START", {}),
        ("START", {"nominal_time": NOW}),
        ("COMPLETE", {"nominal_time": NOW, "inputs": SOURCES, "outputs": [RELEASE]}),
        ("COMPLETE", {"inputs": [*SOURCES, corpus_data("handbook", 7)], "outputs": VERSION}),
        ("COMPLETE", {"inputs": SOURCES}),
        ("FAIL", {"inputs": SOURCES, "error": "SourceError: folder x does not exist"}),
        ("ABORT", {"error": "Killed"}),
    ],
)
def test_every_kind_of_event_is_valid_by_the_standard(kind: Any, known: dict[str, Any]) -> None:
    for job in (refresh_job("handbook"), version_job("answers", "team", "Answers for the handbook.")):
        assert problems(build_event(kind, job, RUN, NOW, **known)) == []


def test_what_the_standard_refuses_is_found() -> None:
    event = build_event("START", refresh_job("handbook"), RUN, NOW, nominal_time=NOW, inputs=SOURCES)
    broken: list[dict[str, Any]] = [json.loads(json.dumps(event)) for _ in range(4)]
    broken[0]["eventType"] = "BEGIN"
    broken[1]["run"]["runId"] = "7"
    broken[2]["run"]["facets"]["nominalTime"]["nominalStartTime"] = "tomorrow"
    broken[3]["inputs"][0]["facets"]["version"]["datasetVersion"] = 7
    assert all(problems(one) for one in broken)
    assert errors(event["inputs"][0]["facets"]["dataSource"]["uri"], "https://x/OpenLineage.json#/$defs/Run")


def test_facets_say_what_is_known() -> None:
    event = build_event(
        "COMPLETE", refresh_job("handbook"), RUN, NOW, nominal_time=NOW, inputs=SOURCES, outputs=[RELEASE]
    )
    assert event["eventTime"] == "2026-11-22T09:30:00.000Z"
    assert event["job"]["namespace"], event["job"]["name"] == ("freshet", "refresh-index.handbook")
    assert event["run"]["runId"] == RUN
    assert event["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2026-11-22T09:30:00.000Z"
    assert event["run"]["facets"]["processing_engine"]["name"] == "Prefect"
    first = event["inputs"][0]
    assert (first["namespace"], first["name"]) == ("file", "examples/hand book")
    assert first["facets"]["dataSource"]["uri"] == "file:examples/hand%20book"
    assert first["facets"]["version"]["datasetVersion"] == "3f2a9c1"
    assert first["inputFacets"]["inputStatistics"]["fileCount"] == 12
    assert {tag["key"]: tag["value"] for tag in first["facets"]["tags"]["tags"]}["licence"] == "CC0-1.0"
    (release,) = event["outputs"]
    assert (release["namespace"], release["name"]) == ("freshet", "corpora/handbook")
    assert release["facets"]["version"]["datasetVersion"] == "7"
    assert release["facets"]["dataQualityMetrics"]["rowCount"] == 812
    assert release["outputFacets"]["outputStatistics"]["rowCount"] == 31
    told = {one["assertion"]: (one["success"], one["severity"]) for one in _assertions(release)}
    assert told == {"recall_at_5": (True, "error"), "STALE-SOURCE": (False, "warn")}


def _assertions(data: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = data["facets"]["dataQualityAssertions"]["assertions"]
    return rows


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("examples/handbook", ("file", "examples/handbook")),
        ("file:///srv/rows.jsonl", ("file", "/srv/rows.jsonl")),
        ("s3://bucket/a/b.jsonl", ("s3://bucket", "a/b.jsonl")),
        ("simplecache::s3://bucket/a", ("s3://bucket", "a")),
        ("https://me:pw@example.org/a.git", ("https://example.org", "a.git")),
        ("git@example.org:legal/a.git", ("ssh://example.org", "legal/a.git")),
        ("s3://bucket", ("s3://bucket", "/")),
    ],
)
def test_data_is_named_as_openlineage_names_it(address: str, named: tuple[str, str]) -> None:
    assert locate(address) == named


def test_a_refresh_names_each_source_once_and_what_the_gate_found() -> None:
    sources = {
        "handbook": FolderSource(folder="examples/handbook", owner="people", acl=["everyone"], licence="CC0-1.0"),
        "git": GitSource(git="https://me:hunter2@example.org/a.git", owner="legal", acl=["group:legal"]),
    }
    listed = [{"source": "handbook", "listed": 12}, {"source": "git", "listed": 3}]
    inputs = refresh_inputs(sources, listed, {"git": "9b1c"})
    found = [verdict("STALE-SOURCE", path="secret plan.md")]
    output = refresh_output("docs", None, documents=3, chunks=40, verdicts=found)
    event = build_event("FAIL", refresh_job("docs"), RUN, NOW, inputs=inputs, outputs=[output], error="x")
    assert problems(event) == []
    assert [(one["namespace"], one["name"]) for one in event["inputs"]] == [
        ("file", "examples/handbook"),
        ("https://example.org", "a.git"),
    ]
    assert event["inputs"][1]["facets"]["version"]["datasetVersion"] == "9b1c"
    assert [one["assertion"] for one in _assertions(event["outputs"][0])] == ["STALE-SOURCE"]
    assert "hunter2" not in json.dumps(event)
    assert "secret plan" not in json.dumps(event)


def test_the_tables_files_are_joined_and_no_event_is_lost(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshet.tasks.lineage.events.MOST_FILES", 6)
    for number in range(8):
        with RunEvents(store, refresh_job("docs"), f"r{number}") as told:
            pass
        assert told.notes == []
    table = store.ledger.find(schemas.LINEAGE_EVENTS)
    assert table is not None
    assert len(table.to_lance().get_fragments()) <= 8
    runs = [run_uuid(f"r{number}") for number in range(8)]
    expected = [(kind, run) for run in runs for kind in ("START", "COMPLETE")]
    assert [(event["eventType"], event["run"]["runId"]) for event in list_events(store)] == expected


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("https://me:hunter2@example.org/a.git", "https://example.org/a.git"),
        ("https://me:hunt/er2@example.org/a.git", "https://example.org/a.git"),
        ("https://h/x?api_key=hunter2&v=1", "https://h/x?api_key=***&v=1"),
        ("https://h/x?code=hunter2&X-Amz-Credential=hunter2", "https://h/x?code=***&X-Amz-Credential=***"),
        ("https://h/x;token=hunter2", "https://h/x;token=***"),
        ("me:hunter2@example.org:legal/a.git", "me@example.org:legal/a.git"),
        ("simplecache::s3://key:hunter2@bucket/a", "simplecache::s3://bucket/a"),
    ],
)
def test_credentials_reach_no_event(address: str, uri: str) -> None:
    inputs = [*SOURCES, source_data(address, source=address)]
    event = build_event("START", refresh_job("x"), RUN, NOW, inputs=inputs)
    assert event["inputs"][-1]["facets"]["dataSource"]["uri"] == uri
    assert "er2" not in json.dumps(event)


def test_a_run_whose_id_is_no_uuid_gets_one_that_follows_from_it() -> None:
    assert run_uuid(RUN) == RUN
    assert run_uuid("override") == run_uuid("override") != run_uuid("rollback")
    UUID(run_uuid("override"))


def test_a_run_that_ends_well_leaves_two_events(store: Store) -> None:
    with RunEvents(store, refresh_job("docs"), RUN, nominal_time=NOW) as told:
        assert open_runs(store, "refresh-index.docs") == [RUN]
        told.inputs, told.outputs = SOURCES, [RELEASE]
    events = list_events(store, job="refresh-index.docs")
    assert [event["eventType"] for event in events] == ["START", "COMPLETE"]
    assert [len(event["inputs"]) for event in events] == [0, 4]
    assert told.notes == []
    assert open_runs(store, "refresh-index.docs") == []
    assert [problem for event in events for problem in problems(event)] == []


def test_an_unchanged_run_names_its_inputs_and_no_output(store: Store) -> None:
    with RunEvents(store, refresh_job("docs"), RUN) as told:
        told.inputs = SOURCES
    assert list_events(store, run_id=RUN)[-1]["outputs"] == []


def test_what_a_run_could_not_mend_is_told_in_its_own_words(store: Store) -> None:
    with pytest.raises(SourceError), RunEvents(store, refresh_job("docs"), RUN):
        raise SourceError("https://me:hunter2@example.org cannot be listed", "Mend it.")
    failed = list_events(store)[-1]
    message = failed["run"]["facets"]["errorMessage"]["message"]
    assert failed["eventType"] == "FAIL"
    assert message == "SourceError: https://***@example.org cannot be listed"
    assert problems(failed) == []


def test_any_other_error_is_told_by_its_kind_since_it_may_quote_a_text(store: Store) -> None:
    with pytest.raises(ValueError, match="secret"), RunEvents(store, refresh_job("docs"), RUN):
        raise ValueError("cannot parse: my secret diary")
    assert "diary" not in json.dumps(list_events(store))
    assert list_events(store)[-1]["run"]["facets"]["errorMessage"]["message"] == "ValueError"


def test_a_rejected_run_fails_though_nothing_is_raised_within(store: Store) -> None:
    with RunEvents(store, refresh_job("docs"), RUN) as told:
        told.failed = RefreshRejected({"corpus": "docs", "release": 3}, ["recall_at_5: 0.7"])
        told.outputs = [Data("freshet", "corpora/docs", assertions=[Assertion("recall_at_5", False)])]
    failed = list_events(store)[-1]
    assert failed["eventType"] == "FAIL"
    assert "recall_at_5" in failed["run"]["facets"]["errorMessage"]["message"]
    assert "version" not in failed["outputs"][0]["facets"]
    assert problems(failed) == []


class _Cancelled(BaseException):
    """As Prefect stops a flow run that somebody cancels."""


@pytest.mark.parametrize("stop", [_Cancelled, KeyboardInterrupt, SystemExit])
def test_a_cancelled_run_is_aborted(store: Store, stop: type[BaseException]) -> None:
    with pytest.raises(stop), RunEvents(store, refresh_job("docs"), RUN):
        raise stop
    assert [event["eventType"] for event in list_events(store)] == ["START", "ABORT"]


def test_a_run_of_one_job_leaves_those_of_another_alone(store: Store) -> None:
    with RunEvents(store, refresh_job("docs"), "a"), RunEvents(store, refresh_job("docs-2"), "b"):
        pass
    assert [event["eventType"] for event in list_events(store)] == ["START", "START", "COMPLETE", "COMPLETE"]


KILLED = """
import sys
from freshet.tasks.lineage.events import RunEvents
from freshet.tasks.lineage.openlineage import refresh_job
from freshet.tasks.store.tables import Store
with RunEvents(Store(sys.argv[1]), refresh_job("docs"), "killed"):
    print("begun", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_is_found_by_the_next_one(store: Store, tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"begun\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert open_runs(store, "refresh-index.docs") == [run_uuid("killed")]
    with RunEvents(store, refresh_job("docs"), "next"):
        pass
    said = [(event["eventType"], event["run"]["runId"]) for event in list_events(store)]
    killed, after = run_uuid("killed"), run_uuid("next")
    assert sorted(said) == sorted([("START", killed), ("ABORT", killed), ("START", after), ("COMPLETE", after)])
    assert open_runs(store, "refresh-index.docs") == []
    assert [problem for event in list_events(store) for problem in problems(event)] == []


def test_a_run_that_is_tried_again_ends_once_it_ends(store: Store) -> None:
    with pytest.raises(ValueError, match="x"), RunEvents(store, refresh_job("docs"), RUN):
        raise ValueError("x")
    with RunEvents(store, refresh_job("docs"), RUN):
        assert open_runs(store, "refresh-index.docs") == [RUN]
    assert [event["eventType"] for event in list_events(store)] == ["START", "FAIL", "START", "COMPLETE"]


def test_how_a_run_ended_does_not_depend_on_telling_it(store: Store, tmp_path: Path) -> None:
    with RunEvents(store, refresh_job("docs"), RUN) as told:
        for file in (tmp_path / "ledger" / f"{schemas.LINEAGE_EVENTS}.lance").rglob("*"):
            if file.is_file():
                file.write_bytes(b"")
    assert len(told.notes) == 1
    assert "could not be put on record" in told.notes[0]


def test_without_an_endpoint_nothing_is_sent_whatever_the_environment_says(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openlineage.yml").write_text("transport: {type: http, url: 'http://127.0.0.1:9'}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "openlineage.yml"))
    opened: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda *args: opened.append(args))
    with RunEvents(store, refresh_job("docs"), RUN) as told:
        pass
    assert opened == []
    assert told.notes == []
    assert not any(name.startswith("OPENLINEAGE__") for name in os.environ)
