"""The status of a project: counts, age against objectives, runs that ended or died, a server that may not answer."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from freshet.tasks.doctor.examine import examine
from freshet.tasks.documents.begin import begin_run
from freshet.tasks.ledger.looks import look_at, misses_objective, record_look
from freshet.tasks.ledger.query_log import QueryLog, fold
from freshet.tasks.ledger.query_spool import note_unwritten
from freshet.tasks.ledger.runs import RefreshReport, record_run
from freshet.tasks.lineage.events import RunEvents
from freshet.tasks.lineage.openlineage import refresh_job, version_job
from freshet.tasks.reports.events import FRESHNESS_MISSED
from freshet.tasks.reports.status import span, status_page, status_text
from freshet.tasks.settings.file import load_project
from freshet.tasks.status.project import project_status
from freshet.tasks.status.runs import recorded_runs
from freshet.tasks.status.server import ask_server, prefect_settings
from freshet.tasks.store.locks import dataset_files, hold_corpus
from freshet.tasks.store.tables import Store
from tests.stores.small_store import SmallStore, make_store

NOW = datetime.now(UTC).replace(microsecond=0)
RUN = "00000000-0000-4000-8000-00000000000{}"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [one for one in os.environ if one.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> SmallStore:
    """Four documents released and one refused, and two versions of a dataset."""
    return make_store(tmp_path_factory.mktemp("office"))


def empty(folder: Path) -> Any:
    made = SmallStore(folder)
    source = {"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}
    folder.mkdir(exist_ok=True)
    settings = {"store": "./store", "corpora": {"docs": {"sources": [source]}}}
    (folder / "freshet.yaml").write_text(yaml.safe_dump(settings))
    (folder / "docs").mkdir()
    return made


def of(made: SmallStore, now: datetime = NOW) -> dict[str, Any]:
    return project_status(made.project, made.store, now)


def note_run(
    made: SmallStore, number: int, outcome: str, at: datetime, *, complete: bool = True, empty: int = 0
) -> None:
    """Records a refresh that ended as it says, as of `at`."""
    run = begin_run(made.folder / "freshet.yaml", "docs", at, RUN.format(number), f"refresh-docs-{number}")
    report = RefreshReport("docs", run.run_id, at, outcome)  # type: ignore[arg-type]
    report.sources = [{"source": "docs", "complete": complete, "listed": 4, "error": None if complete else "gone"}]
    report.quarantine = {"PARSE-EMPTY": empty} if empty else {}
    record_run(run, report, full=False)


def note_build(made: SmallStore, number: int, as_of: datetime, error: Exception | None = None) -> None:
    events = RunEvents(made.store, version_job("sums"), RUN.format(number), nominal_time=as_of)
    with events:
        events.failed = error


def test_asking_makes_no_folder(tmp_path: Path) -> None:
    fresh = empty(tmp_path / "fresh")
    (row,) = of(fresh)["corpora"]
    assert (row["release"], row["documents"], row["last_run"], row["age_seconds"]) == (None, 0, None, None)
    assert not fresh.at().exists()
    look_at(fresh.store, "corpus", "docs", NOW)
    assert not fresh.at().exists()


def test_a_corpus_and_a_dataset_say_what_is_live(office: SmallStore) -> None:
    before = sorted(str(one) for one in office.at().rglob("*"))
    found = of(office)
    (corpus,), (dataset,) = found["corpora"], found["datasets"]
    assert (corpus["release"], corpus["documents"], corpus["quarantined"], corpus["stale"]) == (2, 4, 1, 4)
    # They were refreshed as of two days before they were written, which marks them.
    assert corpus["chunks"] == len(office.published())
    # Three rows were added to the first version.
    assert dataset["version"] == "1.1.0"
    assert dataset["rows"] == {"read": 33, "kept": 33, "rejected": 0}
    assert sum(dataset["splits"].values()) == 33
    assert (dataset["review"], dataset["objective_seconds"], dataset["overdue"]) == (0, None, False)
    assert found["server"]["state"] == "none"
    assert sorted(str(one) for one in office.at().rglob("*")) == before


def test_the_text_and_the_page_name_what_matters(office: SmallStore) -> None:
    found = of(office)
    text, page = status_text(found), status_page(found, NOW)
    assert "docs: release 2" in text
    assert "4 documents" in text
    assert "OUT OF DATE: never brought up to date; allowed are 2 d" in text
    assert "sums: version 1.1.0" in text
    assert "33 rows (" in text
    assert "no Prefect server is configured" in text
    assert "**1 out of date**: docs" in page
    assert "| sums | 1.1.0 |" in page
    assert [len(line.split("|")) for line in page.splitlines() if line.startswith("| docs")] == [11]


def test_the_questions_of_the_last_days_are_counted_by_outcome(store: SmallStore) -> None:
    log, now = QueryLog.of(store.project), datetime.now(UTC)
    assert of(store, now)["questions"] == {"days": 7, "asked": 0, "outcomes": {}, "unwritten": 0}
    assert "question" not in status_text(of(store, now))
    for outcome in ("refused", "answered", None, "answered"):
        asked = log.asked("docs", "When is the library open?", ["everyone"], "extractive", 2)
        if outcome:
            log.ended(asked, corpus="docs", outcome=outcome)
    fold(store.store)
    note_unwritten(store.store)
    soon = datetime.now(UTC) + timedelta(minutes=1)
    found = of(store, soon)
    outcomes = {"answered": 2, "refused": 1, "unended": 1}
    assert found["questions"] == {"days": 7, "asked": 4, "outcomes": outcomes, "unwritten": 1}
    for text in (status_text(found), status_page(found, soon)):
        assert "questions of the last 7 days: 4 (2 answered, 1 refused, 1 unended)" in text
        assert "events of questions that could not be written into the query log: 1" in text
    assert of(store, soon + timedelta(days=8))["questions"]["asked"] == 0


def test_only_a_refresh_after_which_readers_see_what_all_sources_hold_makes_a_corpus_current(tmp_path: Path) -> None:
    made = empty(tmp_path / "made")
    note_run(made, 1, "released", NOW - 5 * DAY)
    note_run(made, 2, "rejected", NOW - 1 * DAY)
    note_run(made, 3, "unchanged", NOW - 1 * DAY, complete=False)
    (row,) = of(made)["corpora"]
    assert row["up_to_date_at"] == NOW - 5 * DAY
    assert (row["age_seconds"], row["objective_seconds"], row["overdue"]) == (5 * 86400, 2 * 86400, True)
    assert row["last_run"]["run_id"] == RUN.format(3)
    note_run(made, 4, "unchanged", NOW - 1 * DAY)
    (row,) = of(made)["corpora"]
    assert (row["age_seconds"], row["overdue"]) == (86400, False)


def test_a_refresh_for_the_future_or_the_past_does_not_shift_the_age(tmp_path: Path) -> None:
    made = empty(tmp_path / "made")
    note_run(made, 1, "released", datetime.now(UTC) + 400 * DAY)
    note_run(made, 2, "unchanged", NOW - 400 * DAY)
    (row,) = of(made, datetime.now(UTC))["corpora"]
    assert 0 <= row["age_seconds"] < 60


def test_a_dataset_is_as_old_as_the_moment_its_newest_good_run_speaks_for(office: SmallStore, tmp_path: Path) -> None:
    from tests.stores.small_store import copy_store

    made = copy_store(office, tmp_path / "copy")
    assert of(made)["datasets"][0]["up_to_date_at"] is None
    note_build(made, 1, NOW - 3 * DAY)
    for number in range(60):  # a backfill: more runs than are read at once, all of them newer
        note_build(made, 1000 + number, NOW - 300 * DAY)
    note_build(made, 2, NOW, ValueError("no"))
    (row,) = of(made)["datasets"]
    assert row["up_to_date_at"] == NOW - 3 * DAY
    assert (row["last_run"]["run_id"], row["last_run"]["outcome"]) == (RUN.format(2), "failed")
    note_build(made, 3, NOW)
    (row,) = of(made)["datasets"]
    assert (row["up_to_date_at"], row["last_run"]["outcome"]) == (NOW, "unchanged")


def test_a_run_goes_on_while_its_lock_is_held_and_was_killed_if_it_is_not(tmp_path: Path) -> None:
    made = empty(tmp_path / "made")
    job, store = refresh_job("docs"), made.store
    note_run(made, 1, "released", NOW)
    RunEvents(store, job, RUN.format(2)).__enter__()
    with hold_corpus(store, "docs", "refresh-docs", timedelta(seconds=1), lambda _: None):
        (row,) = of(made)["corpora"]
        assert row["running"]["run_id"] == RUN.format(2)
        assert row["last_run"]["run_id"] == RUN.format(1)
        assert "running since" in status_text(of(made))
    (row,) = of(made)["corpora"]
    assert row["running"] is None
    assert (row["last_run"]["run_id"], row["last_run"]["outcome"]) == (RUN.format(2), "stopped")
    assert row["last_run"]["ended_at"] is None
    assert "stopped" in status_text(of(made))
    with pytest.raises(KeyboardInterrupt), RunEvents(store, job, RUN.format(3)):
        raise KeyboardInterrupt
    found = recorded_runs(store, job.name, "docs")
    assert (found.others[0].run_id, found.others[0].ending) == (RUN.format(3), "stopped")


def test_a_growth_of_the_quarantine_is_seen_once(tmp_path: Path) -> None:
    made = empty(tmp_path / "made")
    note_run(made, 1, "released", NOW - 3 * DAY, empty=2)
    first = look_at(made.store, "corpus", "docs", NOW)
    assert (first.before, first.quarantine, first.is_new) == (None, {"PARSE-EMPTY": 2}, True)
    record_look(made.store, first, NOW)
    again = look_at(made.store, "corpus", "docs", NOW + DAY)
    assert (again.before, again.is_new, again.since) == ({"PARSE-EMPTY": 2}, False, NOW)
    # Two refreshes between two looks: the growth of the first is seen though the second changed nothing.
    note_run(made, 2, "released", NOW - 2 * DAY, empty=5)
    note_run(made, 3, "unchanged", NOW - 1 * DAY, empty=5)
    grown = look_at(made.store, "corpus", "docs", NOW + DAY)
    assert (grown.before, grown.quarantine, grown.is_new) == ({"PARSE-EMPTY": 2}, {"PARSE-EMPTY": 5}, True)


def test_what_never_was_up_to_date_misses_its_objective_as_long_after_its_first_look() -> None:
    never = {"up_to_date_at": None, "objective_seconds": 3600.0}
    assert not misses_objective(never, NOW - timedelta(minutes=59), NOW)
    assert misses_objective(never, NOW - timedelta(minutes=61), NOW)
    assert misses_objective({**never, "up_to_date_at": NOW - timedelta(minutes=61)}, NOW, NOW)
    assert not misses_objective({"up_to_date_at": None, "objective_seconds": None}, NOW - 900 * DAY, NOW)
    assert FRESHNESS_MISSED == "freshet.freshness.missed"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.9, "59 s"), (3600, "1 h"), (93784, "1 d 2 h"), (172800, "2 d")]
)
def test_lengths_of_time_are_said_in_their_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


class Answers(BaseHTTPRequestHandler):
    """A server that says what its class was told to."""

    said: ClassVar[list[dict[str, Any]]] = []
    deployments: ClassVar[list[dict[str, Any]]] = []
    status = 200
    held: ClassVar[threading.Event | None] = None
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append({"path": self.path, "authorization": self.headers["authorization"], **body})
        if self.held:
            self.held.wait()
        wanted = (body.get("flow_runs") or {}).get("id", {}).get("any_")
        said = self.deployments if "deployments/" in self.path else self.said
        found = [one for one in said if wanted is None or one["id"] in wanted]
        text = json.dumps(found[: body["limit"]] if body.get("offset", 0) == 0 else []).encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    handler = type("OneServer", (Answers,), {"asked": [], "said": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    yield handler
    server.shutdown()
    server.server_close()


def test_links_lead_to_runs_that_the_server_knows_and_the_next_run_is_the_soonest(
    tmp_path: Path, answers: type[Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = empty(tmp_path / "made")
    note_run(made, 1, "released", NOW - 3 * DAY)
    due = {"tags": ["corpus:docs"], "expected_start_time": "2026-11-23T02:00:00Z", "state_name": "Late", "name": "soon"}
    answers.said = [{"id": RUN.format(1), "tags": []}, {"id": "5", **due}, {"id": "6", **due, "name": "later"}]
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "admin:pass")
    found = of(made)
    (row,) = found["corpora"]
    assert found["server"]["state"] == "answered"
    ui = found["server"]["ui"]
    assert row["last_run"]["url"] == f"{ui}/runs/flow-run/{RUN.format(1)}"
    assert (row["next_run"]["name"], row["next_run"]["late"]) == ("soon", True)
    assert row["next_run"]["at"] == datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert f"[2026-11-23 02:00 late]({ui}/runs/flow-run/5)" in status_page(found, NOW)
    assert {one["authorization"] for one in answers.asked} == {"Basic YWRtaW46cGFzcw=="}
    assert answers.asked[-2]["flow_runs"]["tags"] == {"all_": ["freshet:freshet"]}
    assert answers.asked[-1]["deployments"]["tags"] == {"all_": ["freshet:freshet"]}
    # A run of a temporary server is known to the store alone.
    answers.said = []
    assert of(made)["corpora"][0]["last_run"]["url"] is None


def test_deployments_of_an_earlier_version_are_told_by_status_and_doctor(
    tmp_path: Path, answers: type[Answers]
) -> None:
    made = empty(tmp_path / "made")
    ours = {"name": "docs", "entrypoint": "freshet.flows.refresh_index.refresh_index"}
    answers.deployments = [ours]
    assert (of(made)["server"]["outdated"], of(made)["server"]["message"]) == ([], None)
    assert "DOCTOR-DEPLOYMENTS" not in [one.code for one in examine(made.project)]
    answers.deployments = [ours, {"name": "all", "entrypoint": "flows." + "maintain_store.maintain_store"}]
    found = of(made)
    assert found["server"]["outdated"] == ["all"]
    assert "all; type: freshet deploy" in status_text(found)
    (told,) = [one for one in examine(made.project) if one.code == "DOCTOR-DEPLOYMENTS"]
    assert told.what.endswith(": all")


def test_a_server_that_does_not_answer_is_said_and_not_waited_for(answers: type[Answers]) -> None:
    answers.held = threading.Event()
    found = ask_server("freshet:freshet", [RUN.format(1)], budget=0.5)
    answers.held.set()
    assert (found.state, found.page(RUN.format(1))) == ("unreachable", None)
    assert "0.5 s" in (found.message or "")


@pytest.mark.parametrize(("status", "state"), [(401, "refused"), (403, "refused"), (500, "unreachable")])
def test_a_server_that_refuses_is_said(answers: type[Answers], status: int, state: str) -> None:
    answers.status = status
    assert ask_server("freshet:freshet", []).state == state


def test_a_port_where_nobody_listens_is_unreachable_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{taken.getsockname()[1]}/api")
        found = ask_server("freshet:freshet", [])
    assert (found.state, found.message) == (
        "unreachable",
        "the Prefect server cannot be reached (ConnectionRefusedError)",
    )


def test_a_password_in_the_address_of_the_server_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://ada:s3cret@127.0.0.1:1/api")
    found = ask_server("freshet:freshet", [])
    assert found.as_dict()["address"] == "http://127.0.0.1:1/api"
    assert found.as_dict()["ui"] == "http://127.0.0.1:1"
    assert "s3cret" not in json.dumps(found.as_dict())


def test_the_server_is_that_of_the_environment_or_else_of_the_active_profile(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "profiles.toml").write_text(
        'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "http://ours/api"\n'
        '[profiles.other]\nPREFECT_API_URL = "x"\n'
    )
    assert prefect_settings()["PREFECT_API_URL"] == "http://ours/api"
    monkeypatch.setenv("PREFECT_PROFILE", "other")
    assert prefect_settings()["PREFECT_API_URL"] == "x"
    monkeypatch.setenv("PREFECT_API_URL", "http://mine/api")
    assert prefect_settings()["PREFECT_API_URL"] == "http://mine/api"


def test_prefect_reads_the_same_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Our reader of Prefect's settings, against Prefect's own."""
    import subprocess
    import sys

    (tmp_path / "prefect").mkdir()
    (tmp_path / "prefect" / "profiles.toml").write_text(
        'active = "ours"\n[profiles.ours]\nPREFECT_API_URL = "http://ours/api"\n'
    )
    script = "from prefect.settings import PREFECT_API_URL; print(PREFECT_API_URL.value())"
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert asked.stdout.strip() == prefect_settings()["PREFECT_API_URL"]


def test_dataset_locks_are_named_apart_from_those_of_corpora(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert store.lock_file(dataset_files("docs")) != store.lock_file("docs")
    assert (
        load_project(empty(tmp_path / "p").folder / "freshet.yaml").settings.corpora["docs"].schedule.objective
        == 2 * DAY
    )
