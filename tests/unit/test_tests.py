"""The tests hold on a busy machine, and when functions move.

None sleeps for a fixed time, none says how quick something has to be, and what they kill is there to be killed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows import kill_points
from tests.flows.killer import find

TESTS = Path(__file__).parents[1]
WAITING = TESTS / "waiting.py"
"""The one file that may sleep and read a clock: see `until` there."""

CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time", "default_timer", "timeit", "repeat"}
MODULES = {"time", "timeit"}
COMPARES = "compares with a measured time"
GROWING = {"append", "extend", "add", "insert"}


def faults(source: str) -> Iterator[str]:
    """What in the text of a test file would not hold on a busy machine, each as `line: what it is`.

    Found are a `time.sleep`, a limit of time that a test sets itself with `mark.timeout`, a comparison with something
    that was measured with a clock, and either of the first and the last in a text that is run as a program. What was
    measured is followed through names, in the order of the lines, and into the lists that it is put into.
    """
    tree = ast.parse(source)
    called = _names_of_the_clock(tree)
    measured: set[str] = set()

    def is_measured(node: ast.AST) -> bool:
        return any(
            (isinstance(one, ast.Call) and _called(one, called).removesuffix("_ns") in CLOCKS)
            or (isinstance(one, ast.Name) and one.id in measured)
            or (isinstance(one, ast.BinOp) and isinstance(one.op, ast.Sub) and _is_now(one.left, one.right))
            for one in ast.walk(node)
        )

    for node in sorted(ast.walk(tree), key=lambda one: (getattr(one, "lineno", 0), getattr(one, "col_offset", 0))):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and node.value:
            if is_measured(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                measured |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
        elif isinstance(node, ast.Compare) and is_measured(node):
            yield f"{node.lineno}: {COMPARES}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (f"{node.lineno}: a program that {what}" for what in _in_a_program(node.value))
        if not isinstance(node, ast.Call):
            continue
        if _called(node, called) == "sleep":
            yield f"{node.lineno}: sleeps"
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "timeout" and "mark" in ast.dump(function.value):
            yield f"{node.lineno}: sets a limit of time"
        if isinstance(function, ast.Attribute) and function.attr in GROWING and any(map(is_measured, node.args)):
            measured |= {one.id for one in ast.walk(function.value) if isinstance(one, ast.Name)}


def _names_of_the_clock(tree: ast.AST) -> dict[str, str]:
    """What modules and functions of the clock are called here, as `name` or, for a module, `name.`, with their own."""
    names = {f"{module}.": "" for module in MODULES}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            names |= {one.asname or one.name: one.name for one in node.names}
        elif isinstance(node, ast.Import):
            names |= {f"{one.asname}.": "" for one in node.names if one.name in MODULES}
    return names


def _called(call: ast.Call, names: dict[str, str]) -> str:
    """The function of the clock that is called; empty for any other call."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if f"{function.value.id}." in names else ""
    return names.get(function.id, "") if isinstance(function, ast.Name) else ""


def _is_now(*nodes: ast.AST) -> bool:
    """Whether one of them is `datetime.now(…)` or `datetime.utcnow()`: a difference of it is a length of time."""
    return any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr in ("now", "utcnow")
        for one in nodes
    )


def _in_a_program(text: str) -> Iterator[str]:
    if "time.sleep(" in text:
        yield "sleeps"
    if any(f"{clock}(" in text for clock in ("monotonic", "perf_counter", "process_time")):
        yield "measures time"


FILES = sorted(file for file in TESTS.rglob("*.py") if file not in (WAITING, Path(__file__)))


POINT = re.compile(r"(freshet|tests)(\.\w+)+:[\w.]+")


def test_every_kill_point_is_a_function_and_is_named_in_one_file() -> None:
    assert [point for point in kill_points.ALL if not callable(find(point)[2])] == []
    assert len(set(kill_points.ALL)) == len(kill_points.ALL) > 20
    elsewhere = {
        f"{file.name}: {node.value}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and POINT.fullmatch(node.value)
    }
    assert elsewhere == set(), "tests/flows/kill_points.py is where they are named"


@pytest.mark.parametrize(
    ("moved", "error"),
    [
        ("freshet.tasks.index.nowhere:_write_ledger", ModuleNotFoundError),
        ("freshet.tasks.index.write:_no_such_function", AttributeError),
        ("freshet.tasks.index.write:__name__", TypeError),
    ],
)
def test_a_kill_point_that_has_moved_is_told_before_anything_is_killed(moved: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        find(moved)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TESTS).as_posix())
def test_no_test_sleeps_or_limits_how_long_something_takes(file: Path) -> None:
    assert list(faults(file.read_text(encoding="utf-8"))) == []


def test_the_helper_that_may_sleep_is_seen_to_sleep() -> None:
    """Else the test above could not fail."""
    assert {one.partition(": ")[2] for one in faults(WAITING.read_text())} == {
        "sleeps",
        "compares with a measured time",
    }


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("import time\ntime.sleep(1)", "2: sleeps"),
        ("from time import sleep as nap\ndef f():\n    nap(0.1)", "3: sleeps"),
        ("import time as t\nt.sleep(1)", "2: sleeps"),
        ("import time\nstart = time.monotonic()\nwork()\nassert time.monotonic() - start < 2", f"4: {COMPARES}"),
        ("import time\na = time.process_time()\nb = time.process_time() - a\nassert b < 2", f"4: {COMPARES}"),
        ("from time import perf_counter_ns as now\nassert now() < 3", f"2: {COMPARES}"),
        ("import time\nt = []\na = time.perf_counter()\nt.append(time.perf_counter() - a)\nassert min(t) < 1",
         f"5: {COMPARES}"),
        ("import time\nend = time.time() + 9\nwhile time.time() < end: pass", f"3: {COMPARES}"),
        ("import time\nif (took := time.monotonic() - began) > 2: fail(took)", f"2: {COMPARES}"),
        ("from timeit import timeit\nassert timeit(work, number=9) < 1", f"2: {COMPARES}"),
        ("assert datetime.now(UTC) - began < timedelta(seconds=2)", f"1: {COMPARES}"),
        ("age = datetime.now() - began\nassert age < SECOND", f"2: {COMPARES}"),
        ("@pytest.mark.timeout(20)\ndef test_it(): pass", "1: sets a limit of time"),
        ("run('import time; time.sleep(1)')", "1: a program that sleeps"),
        ("run(f'start = time.perf_counter(); {work}')", "1: a program that measures time"),
    ],
)  # fmt: skip
def test_what_would_not_hold_on_a_busy_machine_is_found(planted: str, found: str) -> None:
    assert list(faults(planted)) == [found]


@pytest.mark.parametrize(
    "harmless",
    [
        "import time\nday = time.strftime('%Y', time.gmtime())\nassert day in said",
        "begun = datetime.now(UTC)\nwork()\nassert begun <= row['at'] <= datetime.now(UTC)",
        "until(file.exists, 'it is there', timeout=9)\nassert done.wait(300)",
        "assert row['seconds'] == 4.0\nsubprocess.run(words, timeout=300)",
        "monkeypatch.setattr('time.sleep', waits.append)",
    ],
)
def test_moments_and_limits_of_waiting_are_no_faults(harmless: str) -> None:
    assert list(faults(harmless)) == []
