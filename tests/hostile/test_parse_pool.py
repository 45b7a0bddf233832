"""One bad document is one bad document: whatever a parser does, the next document is parsed as if nothing had been."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from freshet.tasks.documents.elements import from_json
from freshet.tasks.documents.parse.pool import ParseFile, ParseOutcome, ParserPool
from freshet.tasks.errors import FreshetError
from freshet.tasks.settings.project import Parsing
from tests.unit.office_files import p, part, word_members, zipped
from tests.waiting import PATIENCE, until

GOOD = "# Leave\n\nAsk your lead before you book.\n"
LIMITS = {
    "workers": 1,
    "timeout": timedelta(seconds=120),
    "stall": timedelta(seconds=60),
    "memory": 400_000_000,
    "output": 2_000_000,
}


@pytest.fixture(autouse=True)
def _workers_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def faulty() -> Iterator[ParserPool]:
    with ParserPool(Parsing(**LIMITS), worker_module="parser_faults") as pool:
        yield pool


def _file(folder: Path, name: str, text: str = GOOD) -> ParseFile:
    path = folder / name
    path.write_text(text)
    return ParseFile(str(path), name)


def _one(pool: ParserPool, file: ParseFile) -> ParseOutcome:
    (outcome,) = pool.parse_many([file])
    return outcome


def _text(outcome: ParseOutcome) -> str:
    assert outcome.document_json is not None, outcome.verdicts
    return from_json(outcome.document_json).text


@pytest.mark.parametrize(
    ("fault", "limit", "code"), [("busy", "timeout", "PARSE-TIMEOUT"), ("sleeping", "stall", "PARSE-STALLED")]
)
def test_time_that_is_up_costs_one_document_and_the_next_is_parsed(
    tmp_path: Path, fault: str, limit: str, code: str
) -> None:
    files = [_file(tmp_path, "before.md"), _file(tmp_path, f"bad.{fault}"), _file(tmp_path, "after.md")]
    with ParserPool(Parsing(**{**LIMITS, limit: timedelta(seconds=4)}), worker_module="parser_faults") as pool:
        before, bad, after = pool.parse_many(files)
    assert [(v.code, v.severity, v.evidence["limit_seconds"]) for v in bad.verdicts] == [(code, "block", 4.0)]
    assert before == after
    assert "Ask your lead" in _text(after)


@pytest.mark.parametrize(
    ("fault", "code", "evidence"),
    [
        ("growing", "PARSE-MEMORY", {"limit": 400_000_000}),
        ("grabbing", "PARSE-MEMORY", {"limit": 400_000_000}),
        ("leaving", "PARSE-CRASHED", {"exit_code": 7}),
        ("crashing", "PARSE-CRASHED", {"signal": "SIGSEGV"}),
        ("flooding", "PARSE-OUTPUT", {"limit": 2_000_000, "stream": "standard output"}),
        ("giant", "PARSE-OUTPUT", {"limit": 2_000_000}),
        ("recursing", "PARSE-CORRUPT", {"error": "RecursionError"}),
        ("importing", "PARSE-UNSUPPORTED", {"module": "some_reader"}),
    ],
)
def test_a_fault_costs_one_document_and_the_next_is_parsed(
    faulty: ParserPool, tmp_path: Path, fault: str, code: str, evidence: dict[str, object]
) -> None:
    files = [_file(tmp_path, "before.md"), _file(tmp_path, f"bad.{fault}"), _file(tmp_path, "after.md")]
    before, bad, after = faulty.parse_many(files)
    assert bad.document_json is None
    assert [(v.code, v.severity) for v in bad.verdicts] == [(code, "block")]
    assert bad.verdicts[0].evidence.items() >= evidence.items()
    assert before == after
    assert "Ask your lead" in _text(after)


def test_work_that_says_it_advances_is_not_stalled(tmp_path: Path) -> None:
    with ParserPool(Parsing(**{**LIMITS, "stall": timedelta(seconds=3)}), worker_module="parser_faults") as pool:
        assert _text(_one(pool, _file(tmp_path, "slow.advancing"))) == "advanced"


def test_what_a_parser_prints_is_not_taken_for_its_answer(faulty: ParserPool, tmp_path: Path) -> None:
    assert _text(_one(faulty, _file(tmp_path, "a.chatting"))) == "chatted"
    assert "Ask your lead" in _text(_one(faulty, _file(tmp_path, "after.md")))


def test_an_error_that_quotes_the_document_does_not_reach_the_verdict(
    faulty: ParserPool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = _one(faulty, _file(tmp_path, "a.raising", "salaries of the board"))
    assert [v.as_dict() for v in outcome.verdicts] == [
        {"code": "PARSE-CORRUPT", "severity": "block", "evidence": {"type": "raising", "error": "ValueError"}}
    ]
    assert capfd.readouterr() == ("", "")


def test_a_parser_has_no_network(faulty: ParserPool, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (
            _text(_one(faulty, _file(tmp_path, "a.calling", str(port)))) == "refused: parser processes have no network"
        )


def test_a_parser_loads_no_model_library_and_is_given_no_secrets(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "xyz")
    # Every parser in one process: some hundreds of megabytes of libraries.
    with ParserPool(Parsing(workers=1), worker_module="parser_faults") as pool:
        said = _text(_one(pool, _file(tmp_path, "a.telling")))
    assert said.startswith("loaded=[] secrets=[] DO_NOT_TRACK=1 ")


def test_outcomes_come_in_order_and_all_workers_are_used(tmp_path: Path) -> None:
    files = [_file(tmp_path, f"{n}.meeting") for n in range(2)]
    files += [_file(tmp_path, f"{n}.md", f"# Number {n}") for n in range(40)]
    with ParserPool(Parsing(**{**LIMITS, "workers": 2}), worker_module="parser_faults") as pool:
        texts = [_text(outcome) for outcome in pool.parse_many(files)]
    assert texts == ["met", "met", *(f"Number {n}" for n in range(40))]


def test_threads_share_a_pool(tmp_path: Path) -> None:
    results: dict[int, list[str]] = {}
    with ParserPool(Parsing(**{**LIMITS, "workers": 2})) as pool:

        def work(number: int) -> None:
            files = [_file(tmp_path, f"{number}-{n}.md", f"text {number} {n}") for n in range(20)]
            results[number] = [_text(outcome) for outcome in pool.parse_many(files)]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert results == {number: [f"text {number} {n}" for n in range(20)] for number in range(4)}


def test_the_processes_read_comments_where_the_settings_want_them(tmp_path: Path) -> None:
    said = part("w:comments", f"<w:comment w:id='1' w:author='Ada'>{p('Really?')}</w:comment>")
    file = ParseFile(zipped(tmp_path / "a.docx", word_members(p("Dykes hold."), {"k": ("comments", said)})), "a.docx")
    texts = []
    for comments in (False, True):
        with ParserPool(Parsing(**LIMITS, comments=comments)) as pool:
            texts.append(_text(_one(pool, file)))
    assert texts == ["Dykes hold.", "Dykes hold.\n\nComment by Ada: Really?"]


def test_processes_start_with_the_first_document_and_end_with_the_pool(tmp_path: Path) -> None:
    with ParserPool(Parsing(**LIMITS)) as pool:
        assert pool.pids() == []
        _one(pool, _file(tmp_path, "a.md"))
        (pid,) = pool.pids()
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


def test_a_process_that_ended_between_documents_is_replaced(tmp_path: Path) -> None:
    with ParserPool(Parsing(**LIMITS)) as pool:
        _one(pool, _file(tmp_path, "a.md"))
        (pid,) = pool.pids()
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)], timeout=PATIENCE)
        assert "Ask your lead" in _text(_one(pool, _file(tmp_path, "b.md")))
        assert pool.pids() != [pid]


def test_a_process_that_has_grown_is_replaced(tmp_path: Path) -> None:
    # A single text of 20 MB makes the process outgrow half of a small limit.
    limits = Parsing(**{**LIMITS, "memory": 300_000_000, "output": 100_000_000})
    with ParserPool(limits, worker_module="parser_faults") as pool:
        _one(pool, _file(tmp_path, "a.md"))
        first = pool.pids()
        outcome = _one(pool, _file(tmp_path, "big.telling"))
        assert outcome.document_json is not None, outcome.verdicts
        assert pool.pids() == []
        _one(pool, _file(tmp_path, "b.md"))
        assert pool.pids() != first


def test_a_file_that_vanished_is_unreadable_and_not_corrupt(tmp_path: Path) -> None:
    with ParserPool(Parsing(**LIMITS)) as pool:
        outcome = _one(pool, ParseFile(str(tmp_path / "gone.md"), "gone.md"))
    assert [v.code for v in outcome.verdicts] == ["SOURCE-UNREADABLE"]


@pytest.mark.parametrize(("name", "to"), [("a.doc", "docx"), ("a.PPT", "pptx"), ("a.numbers", "xlsx")])
def test_a_file_that_no_parser_reads_says_what_to_save_it_as(tmp_path: Path, name: str, to: str) -> None:
    with ParserPool(Parsing(**LIMITS)) as pool:
        (found,) = _one(pool, _file(tmp_path, name)).verdicts
    assert (found.code, found.evidence["convert_to"]) == ("PARSE-UNSUPPORTED", to)


def test_names_may_hold_any_character(tmp_path: Path) -> None:
    name = 'a\n"\udcff ü\u2028.md'
    path = tmp_path / "x"
    path.write_text(GOOD)
    with ParserPool(Parsing(**LIMITS)) as pool:
        assert "Ask your lead" in _text(_one(pool, ParseFile(str(path), name)))


def test_a_worker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        ParserPool(Parsing(**LIMITS), worker_module="no_such_worker") as pool,
        pytest.raises(FreshetError, match=r"does not start: .*No module named no_such_worker"),
    ):
        _one(pool, _file(tmp_path, "a.md"))


def test_closing_a_pool_ends_what_it_parses(tmp_path: Path) -> None:
    pool = ParserPool(Parsing(**LIMITS), worker_module="parser_faults")
    outcomes = pool.parse_many([_file(tmp_path, "a.busy")])
    until((tmp_path / "a.begun").exists, "the parser has begun")
    pool.close()
    with pytest.raises(FreshetError, match="closed"):
        next(outcomes)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    _file(tmp_path, "a.busy")
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from freshet.tasks.settings.project import Parsing
        from freshet.tasks.documents.parse.pool import ParseFile, ParserPool
        from tests.waiting import until
        pool = ParserPool(Parsing(workers=1), worker_module="parser_faults")
        outcomes = pool.parse_many([ParseFile({str(tmp_path / "a.busy")!r}, "a.busy")])
        until(Path({str(tmp_path / "a.begun")!r}).exists, "the parser has begun")
        print(pool.pids()[0], flush=True)
        next(outcomes)
        """
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(Path(__file__).parent)])}
    # From standard input, without `if __name__ == "__main__"`: that must do, too.
    with subprocess.Popen(
        [sys.executable, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        parent.stdin.write(script.encode())
        parent.stdin.close()
        child = int(parent.stdout.readline())
        assert psutil.Process(child).is_running()
        parent.send_signal(how)
        parent.wait(timeout=PATIENCE)
    until(lambda: not psutil.pid_exists(child), "the parser dies with its parent")
