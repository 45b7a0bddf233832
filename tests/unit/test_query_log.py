"""The record of questions: nothing written is lost or doubled, no answer fails for it, and it holds no secret."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lance
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.secret_key import KEY_FILE, KEY_VARIABLE, find_key, need_key
from freshet.tasks.ledger import query_spool
from freshet.tasks.ledger.query_events import Asked, Ended, Feedback, event_of, first_id, is_id, line_of, new_id
from freshet.tasks.ledger.query_log import Folded, QueryLog, expire, fold, read_log
from freshet.tasks.ledger.query_reading import count_outcomes
from freshet.tasks.maintenance.freed import Maintained, Task
from freshet.tasks.maintenance.maintain import LEDGER, maintain
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.file import Project, load_project
from freshet.tasks.settings.maintenance import Maintenance
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.flows import kill_points
from tests.flows.killer import Fault, arm, command, run_and_die

NOW = datetime.now(UTC)
QUESTION = "How long can I carry over unused leave?"
SOURCE = {"folder": "docs", "name": "docs", "owner": "me", "acl": ["everyone"]}


def make(folder: Path, **more: Any) -> Project:
    """A project with a store that holds nothing."""
    (folder / "docs").mkdir(parents=True)
    (folder / "store").mkdir(0o700)
    corpora = {name: {"sources": [SOURCE]} for name in ("docs", "other")}
    (folder / "freshet.yaml").write_text(yaml.safe_dump({"store": "./store", "corpora": corpora, **more}))
    return load_project(folder / "freshet.yaml")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "project")


def ask(log: QueryLog, question: str = QUESTION, *, who: str = "user:ada", corpus: str = "docs") -> str:
    return log.asked(corpus, question, [who, "everyone"], "extractive", 3)


def waiting(project: Project) -> list[Path]:
    return query_spool.list_files(store_of(project))


def rows(project: Project) -> list[dict[str, Any]]:
    return read_log(store_of(project), None)


# ---- what is on record


def test_a_question_is_one_row_with_its_end_and_the_newest_feedback_before_and_after_folding(project: Project) -> None:
    log = QueryLog.of(project)
    asked = log.asked("docs", QUESTION, ["user:ada"], "extractive", 3, mode="chat")
    log.ended(
        asked, corpus="docs", outcome="answered", findings={"ANSWER-NUMBER": 1}, sentences=2, support=0.5,
        cited=["b", "a", "b"], passages=4, left_out=1, best_score=0.7, floor=float("nan"), seconds=0.25, prompt="f00",
        prompt_tokens=99, completion_tokens=40,
    )  # fmt: skip
    log.feedback(asked, True)
    log.feedback(asked, False, "It was last year's.")
    ask(log, corpus="other")
    (row,) = read_log(store_of(project), "docs")
    assert fold(store_of(project)) == Folded(events=5, files=1)
    assert waiting(project) == []
    assert read_log(store_of(project), "docs") == [row]
    assert row.keys() == {one.name for kind in (Asked, Ended, Feedback) for one in fields(kind)}
    assert {name: row[name] for name in ("id", "corpus", "question", "model", "mode", "release", "outcome")} == {
        "id": asked, "corpus": "docs", "question": QUESTION, "model": "extractive", "mode": "chat", "release": 3,
        "outcome": "answered",
    }  # fmt: skip
    assert (row["findings"], row["cited"], row["floor"]) == ({"ANSWER-NUMBER": 1}, ["b", "a"], None)
    assert (row["helpful"], row["note"]) == (False, "It was last year's.")
    assert row["asked_at"] <= row["ended_at"] <= row["given_at"]
    assert [one["corpus"] for one in rows(project)] == ["docs", "other"]


def test_a_question_without_an_end_has_no_outcome_and_nothing_else_made_up(project: Project) -> None:
    ask(QueryLog.of(project))
    (row,) = rows(project)
    assert (row["outcome"], row["sentences"], row["helpful"], row["cited"]) == (None, None, None, [])
    assert count_outcomes(store_of(project), NOW - timedelta(days=1)) == {None: 1}


def test_opening_a_log_and_reading_one_that_is_not_there_make_nothing(project: Project) -> None:
    QueryLog.of(project)
    assert rows(project) == []
    assert fold(store_of(project)) == Folded()
    assert list((project.root / "store").iterdir()) == []
    assert find_key(project.root) is None


def test_the_moment_since_when_leaves_out_what_was_asked_before(project: Project) -> None:
    log = QueryLog.of(project)
    before, after = ask(log), ask(log, "And this one?")
    log.feedback(before, True)
    moment = next(one["asked_at"] for one in rows(project) if one["id"] == after)
    assert [one["id"] for one in read_log(store_of(project), "docs", moment)] == [after]
    fold(store_of(project))
    assert [one["id"] for one in read_log(store_of(project), "docs", moment)] == [after]
    assert count_outcomes(store_of(project), moment) == {None: 1}


def test_ids_sort_by_time_and_are_none_of_anything_else() -> None:
    moments = [NOW + timedelta(milliseconds=step) for step in range(500)]
    ids = [new_id(moment) for moment in moments]
    assert ids == sorted(ids)
    assert all(is_id(one) for one in ids)
    assert len({one[19:] for one in ids}) == 500, "what follows the time is drawn"
    assert all(first_id(moment) <= one for moment, one in zip(moments, ids, strict=True))
    assert all(one < first_id(moment + timedelta(milliseconds=1)) for moment, one in zip(moments, ids, strict=True))
    assert not is_id("01a22cda-f7be-4ab4-8d9e-77773284412a"), "of another version"


def test_feedback_on_what_is_no_question_is_told(project: Project) -> None:
    with pytest.raises(SettingsError, match="is no id of a question"):
        QueryLog.of(project).feedback("x' OR 1=1", True)
    QueryLog.of(project).feedback(new_id(NOW), True)
    assert rows(project) == []


# ---- what is not on record

SECRET = "Tr0ub4dor&3x"
TOLD = f"My password is {SECRET}, my mail ada@lovelace-corp.com, my phone +1 650 253 0000. Am I in danger?"


def on_disk(project: Project) -> bytes:
    return b"".join(one.read_bytes() for one in (project.root / "store").rglob("*") if one.is_file())


def test_personal_data_and_secrets_never_reach_the_disk(project: Project) -> None:
    log = QueryLog.of(project)
    asked = ask(log, TOLD)
    log.feedback(asked, True, TOLD)
    (row,) = rows(project)
    wanted = "My password is [PASSWORD], my mail [EMAIL], my phone [PHONE]. Am I in danger?"
    assert (row["question"], row["note"]) == (wanted, wanted)
    assert not any(one in on_disk(project) for one in (SECRET.encode(), b"lovelace", b"253 0000", b"user:ada"))


def test_what_the_limit_cuts_in_two_is_taken_out_before(project: Project) -> None:
    ask(QueryLog.of(project), "x " * 990 + "augusta.ada.byron.king@lovelace-corp.com " + "y " * 990)
    (row,) = rows(project)
    assert len(row["question"]) == 2000
    assert row["question"].rstrip().endswith("[EMAIL] y y y y y y")


def test_with_hashes_only_no_text_is_kept_and_the_same_words_are_known_again(tmp_path: Path) -> None:
    project = make(tmp_path / "project", query_log={"questions": "hashed"})
    log = QueryLog.of(project)
    log.feedback(ask(log), True, "a note")
    ask(QueryLog.of(project), "how LONG can I carry over unused leave", who="user:bob")
    ask(log, "Something else?", who="everyone")
    first, again, other = rows(project)
    assert [one["question"] for one in (first, again, other)] == [None] * 3
    assert first["note"] is None
    assert first["question_hash"] == again["question_hash"] != other["question_hash"]
    assert first["asker"] != again["asker"]
    assert other["asker"] == ""
    assert QUESTION.encode() not in on_disk(project)
    assert b"a note" not in on_disk(project)


def test_in_full_a_question_is_kept_as_it_is(tmp_path: Path) -> None:
    project = make(tmp_path / "project", query_log={"questions": "full"})
    ask(QueryLog.of(project), TOLD + " " + "z" * 5000)
    assert [one["question"] for one in rows(project)] == [TOLD + " " + "z" * 5000]


def test_what_no_table_can_hold_is_replaced(project: Project) -> None:
    ask(QueryLog.of(project), "half a pair \udc80 and a NUL \0")
    fold(store_of(project))
    assert [one["question"] for one in rows(project)] == ["half a pair ? and a NUL \0"]


# ---- the key


def test_the_key_is_made_once_whoever_comes_first_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: need_key(tmp_path), range(64)))
    assert len(keys) == 1
    assert [one.name for one in tmp_path.iterdir()] == [KEY_FILE]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert repr(keys.copy().pop().secret) not in repr(keys)


def test_the_key_may_be_in_another_file(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "key"))
    ask(QueryLog.of(project))
    assert not (project.root / KEY_FILE).exists()
    assert [one["key_id"] for one in rows(project)] == [need_key(project.root).id]
    assert find_key(project.root) is not None


@pytest.mark.parametrize("how", ["no folder", "no key", "a folder", "a dangling link"])
def test_without_a_key_questions_are_recorded_without_hashes_and_that_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    file = tmp_path / "away" / "key" if how == "no folder" else tmp_path / "key"
    if how == "no key":
        file.write_text("secret")
    elif how == "a folder":
        file.mkdir()
    elif how == "a dangling link":
        file.symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv(KEY_VARIABLE, str(file))
    log = QueryLog.of(project)
    ask(log)
    (row,) = rows(project)
    assert (row["asker"], row["question_hash"], row["key_id"], row["question"]) == (None, None, None, QUESTION)
    assert log.unwritten == 0
    assert log.trouble is not None
    assert str(file) in log.trouble


# ---- interleaving, cut and altered lines

STEPS = st.lists(st.tuples(st.sampled_from(["ask", "end", "feedback", "fold", "cut"]), st.integers(0, 2)), max_size=14)


@given(steps=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_order_of_events_cuts_and_folds_the_rows_are_the_same(tmp_path: Path, steps: list[Any]) -> None:
    shutil.rmtree(tmp_path / "project", ignore_errors=True)
    project = make(tmp_path / "project")
    logs = [QueryLog.of(project) for _ in range(3)]
    wanted: dict[str, list[Any]] = {}
    cut = seen = 0
    for number, (step, process) in enumerate(steps):
        log = logs[process]
        if step == "ask":
            wanted[ask(log, f"Question {number}?")] = [f"Question {number}?", None, None]
        elif step == "fold":
            seen += fold(store_of(project)).cut
        elif step == "cut":
            line = line_of(Feedback(new_id(NOW), NOW, True, "never whole"))
            query_spool.append(store_of(project), log._name, line[: len(line) // 2])
            cut += 1
        elif wanted:
            one = list(wanted)[number % len(wanted)]
            if step == "end" and wanted[one][1] is None:
                log.ended(one, corpus="docs", outcome=f"answered {number}")
                wanted[one][1] = f"answered {number}"
            elif step == "feedback":
                log.feedback(one, number % 2 == 0)
                wanted[one][2] = number % 2 == 0

    def found() -> dict[str, list[Any]]:
        return {row["id"]: [row["question"], row["outcome"], row["helpful"]] for row in rows(project)}

    assert found() == wanted
    assert seen + fold(store_of(project)).cut == cut
    assert found() == wanted
    assert waiting(project) == []


def test_of_a_file_that_was_cut_anywhere_all_whole_lines_are_read(project: Project) -> None:
    log = QueryLog.of(project)
    ids = [ask(log), ask(log, "Another one?")]
    (file,) = waiting(project)
    whole = file.read_bytes()
    first = whole.index(b"\n", 1) + 1
    for end in range(len(whole)):
        file.write_bytes(whole[:end])
        expected = ids[: (end >= first - 1) + (end >= len(whole) - 1)]
        assert [row["id"] for row in rows(project)] == expected
    file.write_bytes(whole[: first - 5])
    third = ask(log, "And after that?")
    assert fold(store_of(project)) == Folded(events=1, files=1, cut=1)
    assert [row["id"] for row in rows(project)] == [third]


@pytest.mark.parametrize(
    "change",
    [
        {"release": 2**70}, {"release": -1}, {"release": None}, {"id": "../../x"}, {"asked_at": "2026-11-30"},
        {"asked_at": "never"}, {"corpus": ["docs"]}, {"event": "forgotten"}, {"event": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_that_was_altered_is_skipped_and_counted(project: Project, change: dict[str, Any]) -> None:
    log = QueryLog.of(project)
    asked = ask(log)
    (file,) = waiting(project)
    altered = {**json.loads(file.read_bytes()), **change}
    with file.open("a") as opened:
        opened.write(json.dumps(altered) + "\n[]\n12\n\0\0\0\n")
    assert fold(store_of(project)) == Folded(events=1, files=1, cut=4)
    assert [row["id"] for row in rows(project)] == [asked]


def test_a_line_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    known = Feedback(new_id(NOW), NOW, True, None)
    assert event_of(line_of(known)) == known
    assert event_of(json.dumps({**json.loads(line_of(known)), "stars": 5}).encode()) == known


# ---- several processes, and their death


def _ask_many(config: str, count: int) -> None:
    log = QueryLog.of(load_project(Path(config)))
    for number in range(count):
        ask(log, f"Question {number} of {os.getpid()}?")
    assert log.unwritten == 0


def test_what_processes_write_while_others_fold_is_neither_lost_nor_doubled(project: Project) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_ask_many, args=(str(project.file), 150)) for _ in range(2)]
    for one in writers:
        one.start()
    while any(one.is_alive() for one in writers):
        fold(store_of(project))
        writers[0].join(0.05)
    assert [one.exitcode for one in writers] == [0, 0]
    fold(store_of(project))
    table = store_of(project).ledger.rows(schemas.QUERY_LOG)
    assert len({row["question"] for row in table}) == len(table) == 300
    assert waiting(project) == []


def test_a_line_that_is_written_into_a_file_while_it_is_taken_away_is_written_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, store = QueryLog.of(project), store_of(project)
    first = ask(log)
    opened, folded = query_spool._open, list[Folded]()

    def open_late(*where: Any) -> int:
        file = opened(*where)
        if not folded:
            folded.append(fold(store))
        return file

    monkeypatch.setattr(query_spool, "_open", open_late)
    second = ask(log, "Another one?")
    assert folded == [Folded(events=1, files=1)]
    assert [row["id"] for row in rows(project)] == [first, second]
    assert fold(store) == Folded(events=1, files=1)
    assert log.unwritten == 0


def test_two_folds_at_once_fold_everything_once(project: Project) -> None:
    for _ in range(20):
        ask(QueryLog.of(project))
    with ThreadPoolExecutor(4) as threads:
        folded = list(threads.map(lambda _: fold(store_of(project)), range(4)))
    assert sum(one.events for one in folded) == 20
    assert len(store_of(project).ledger.rows(schemas.QUERY_LOG)) == 20


def test_a_reader_finds_each_question_while_it_is_folded(project: Project) -> None:
    for _ in range(30):
        ask(QueryLog.of(project))
    with ThreadPoolExecutor(1) as threads:
        folding = threads.submit(fold, store_of(project))
        counts = [len(rows(project))]
        while not folding.done():
            counts.append(len(rows(project)))
    assert set(counts) == {30}


def main(fault: Fault) -> None:
    """Folds, and dies where it is to."""
    arm(fault)
    fold(store_of(load_project(Path(fault.config))))


@pytest.mark.parametrize(
    ("at", "when"),
    [
        (kill_points.TAKE_EVENTS, "before"), (kill_points.TAKE_EVENTS, "after"), (kill_points.INSERT_EVENTS, "before"),
        (kill_points.INSERT_EVENTS, "after"), (kill_points.REMOVE_EVENTS, "after"),
    ],
)  # fmt: skip
def test_a_fold_that_is_killed_loses_and_doubles_nothing(project: Project, tmp_path: Path, at: str, when: str) -> None:
    logs = [QueryLog.of(project) for _ in range(2)]
    for log in logs:
        log.ended(ask(log), corpus="docs", outcome="refused", reason="NOT-COVERED")
    wanted = rows(project)
    fault = Fault(config=str(project.file), notes=str(tmp_path), at=at, when=when)
    run_and_die(command(fault, "tests.unit.test_query_log"))
    assert rows(project) == wanted
    log = logs[0]
    ask(log, "Is anybody there?")
    fold(store_of(project))
    assert waiting(project) == []
    assert rows(project)[:2] == wanted
    assert len(store_of(project).ledger.rows(schemas.QUERY_LOG)) == 5


# ---- disks that take nothing


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Files of this process end there, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_events_are_counted_and_all_others_are_kept(project: Project) -> None:
    store, log = store_of(project), QueryLog.of(project)
    first = ask(log)
    (file,) = waiting(project)
    with no_file_longer_than(file.stat().st_size + 100):
        ask(log, "This one fits in part.")
        ask(log, "This one does not fit at all.")
    last = ask(log, "There is room again?")
    assert (log.unwritten, query_spool.count_unwritten(store)) == (2, 2)
    assert log.trouble is not None
    assert log.trouble.startswith("the question is not in the query log as it should be: ")
    assert [row["id"] for row in rows(project)] == [first, last]
    assert fold(store) == Folded(events=2, files=1, cut=1, unwritten=2)
    assert query_spool.count_unwritten(store) == 0


@pytest.mark.parametrize("how", ["a file", "no store", "a link"])
def test_where_there_is_no_place_for_events_they_are_counted(project: Project, how: str) -> None:
    spool = project.root / "store" / "spool"
    if how == "a file":
        spool.write_text("")
    elif how == "a link":
        spool.symlink_to(project.root / "nowhere")
    else:
        (project.root / "store").rmdir()
    log = QueryLog.of(project)
    assert is_id(ask(log))
    assert log.unwritten == query_spool.count_unwritten(store_of(project)) == 1
    assert (project.root / "store").exists() == (how != "no store")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_in_a_store_that_may_only_be_read_events_are_counted(project: Project) -> None:
    (project.root / "store").chmod(0o500)
    log = QueryLog.of(project)
    ask(log)
    assert log.unwritten == 1


# ---- where, and for how long


def test_files_have_the_mode_of_the_store(tmp_path: Path) -> None:
    project = make(tmp_path / "project", store_mode="group")
    before = os.umask(0o077)
    try:
        ask(QueryLog.of(project))
    finally:
        assert os.umask(before) == 0o077
    (file,) = waiting(project)
    assert [stat.S_IMODE(one.stat().st_mode) & 0o777 for one in (file.parent, file)] == [0o750, 0o640]


def test_with_a_store_in_a_bucket_events_wait_on_this_machine(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    store = Store("s3://bucket/prefix")
    log = QueryLog(project, store)
    ask(log)
    assert log.unwritten == 0
    (file,) = query_spool.list_files(store)
    assert file.is_relative_to(tmp_path / "state" / "freshet")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def _maintain(project: Project, now: datetime, *, dry_run: bool = False) -> Maintained:
    return maintain(
        project, store_of(project), LEDGER, Maintenance(), task=Task(dry_run), run="maintain", now=now,
        wait=timedelta(0), tell=lambda _: None,
    )  # fmt: skip


def _freed(found: Maintained) -> dict[str, int]:
    return {one.kind: one.count for one in found.freed if one.kind == "questions"}


def test_questions_go_after_their_time_with_all_that_was_said_of_them(project: Project) -> None:
    log = QueryLog.of(project)
    old = ask(log, "What was asked long ago?")
    log.ended(old, corpus="docs", outcome="answered")
    fold(store_of(project))
    days = timedelta(days=60)
    kept = replace(_only(project), id=new_id(NOW + days), asked_at=NOW + days)
    query_spool.append(store_of(project), log._name, line_of(kept))
    log.feedback(old, True)
    later = NOW + timedelta(days=91)
    assert _freed(_maintain(project, later - timedelta(days=2))) == {}
    assert waiting(project) == []
    assert _freed(_maintain(project, later, dry_run=True)) == {"questions": 1}
    assert [row["id"] for row in rows(project)] == [old, kept.id]
    assert _freed(_maintain(project, later)) == {"questions": 1}
    assert [row["id"] for row in rows(project)] == [kept.id]
    assert _freed(_maintain(project, later)) == {}
    table = lance.dataset(f"{project.store}/ledger/{schemas.QUERY_LOG}.lance")
    assert [one.num_deletions for one in table.get_fragments()] == [0]
    _maintain(project, later + timedelta(days=2))
    assert len(table.versions()) == 1
    files = {one.path for fragment in table.get_fragments() for one in fragment.data_files()}
    assert {one.name for one in Path(table.uri, "data").iterdir()} == files, "no file of a former version is left"


def _only(project: Project) -> Asked:
    row = next(one for one in rows(project))
    return Asked(**{one.name: row[one.name] for one in fields(Asked)})


def test_rows_that_a_killed_maintenance_only_marked_leave_the_files_with_the_next(project: Project) -> None:
    log = QueryLog.of(project)
    ask(log)
    ask(log, "Another one?")
    fold(store_of(project))
    table = store_of(project).ledger.find(schemas.QUERY_LOG)
    assert table is not None
    table.delete(f"id = '{rows(project)[0]['id']}'")
    assert expire(store_of(project), NOW - timedelta(days=1)) == 0
    assert [one.num_deletions for one in lance.dataset(table.to_lance().uri).get_fragments()] == [0]


def test_maintenance_tells_of_what_was_lost(project: Project) -> None:
    ask(QueryLog.of(project))
    fold(store_of(project))
    query_spool.note_unwritten(store_of(project))
    query_spool.append(store_of(project), query_spool.new_name(), b"\n{cut")
    assert _maintain(project, NOW).notes == [
        "1 events of the query log could not be written, and are lost",
        "1 lines of the query log were cut short or altered, and are lost",
    ]
    assert _maintain(project, NOW).notes == []
