"""How much one caller may ask, and all of them."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freshet.tasks.service import limits as limits_module
from freshet.tasks.service.caller import ANONYMOUS, Caller, TooMuch
from freshet.tasks.service.limits import Limits
from freshet.tasks.settings.service import Limits as Said

ADA, BOB = Caller("token ada"), Caller("token bob")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _asks(limits: Limits, caller: Caller) -> int:
    """0 where a request is let in, else the seconds after which to try again."""
    try:
        with limits.admit(caller):
            return 0
    except TooMuch as error:
        return error.seconds


def test_a_minute_of_requests_may_come_at_once_and_more_of_them_evenly() -> None:
    clock = Clock()
    limits = Limits(Said(requests_per_minute=120), clock)
    assert [_asks(limits, ADA) for _ in range(121)] == [0] * 120 + [1]
    assert _asks(limits, BOB) == 0  # another caller is not held up
    clock.now += 0.5
    assert [_asks(limits, ADA) for _ in range(2)] == [0, 1]
    clock.now += 3600
    assert [_asks(limits, ADA) for _ in range(121)] == [0] * 120 + [1]


# The clock's own rounding: 60 s after a moment that no binary fraction is, it has gone on for a little less than 60 s.
@example(most=1, waits=[float.fromhex("0x1.62e3a99160fd5p-44"), 0.0])
@given(most=st.integers(1, 30), waits=st.lists(st.floats(0, 90, allow_nan=False), min_size=1, max_size=200))
def test_no_span_of_time_has_more_requests_than_its_share_and_one_minute_more(most: int, waits: list[float]) -> None:
    clock = Clock()
    limits = Limits(Said(requests_per_minute=most), clock)
    let_in = []
    for wait in waits:
        clock.now += wait
        seconds = _asks(limits, ADA)
        if seconds == 0:
            let_in.append(clock.now)
        else:
            # Whoever waits as long as he was told is let in; to have been refused has cost nothing.
            assert 1 <= seconds <= 60
            clock.now += seconds
            assert _asks(limits, ADA) == 0
            let_in.append(clock.now)
    for first, begun in enumerate(let_in):
        for last, ended in enumerate(let_in[first:], 1):
            assert last <= most + (ended - begun) * most / 60 + 1e-6


def test_a_caller_may_have_so_many_requests_at_work_and_a_refused_one_costs_nothing() -> None:
    limits = Limits(Said(requests_per_minute=3, concurrent=2), Clock())
    with limits.admit(ADA):
        with limits.admit(ADA):
            assert [_asks(limits, ADA) for _ in range(9)] == [1] * 9
            assert _asks(limits, BOB) == 0
        assert _asks(limits, ADA) == 0
    assert _asks(limits, ADA) == 20


def test_the_place_of_a_request_that_fails_is_free_again() -> None:
    limits = Limits(Said(concurrent=1, answers=1), Clock())
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limits.admit(ADA), limits.answering():
            raise ZeroDivisionError
    with limits.admit(ADA), limits.answering():
        pass


def test_all_who_send_no_token_share_one_limit() -> None:
    limits = Limits(Said(requests_per_minute=2), Clock())
    assert [_asks(limits, ANONYMOUS) for _ in range(3)] == [0, 0, 30]


def test_so_many_answers_are_made_at_once_for_all_callers() -> None:
    limits = Limits(Said(answers=2))
    with (
        limits.answering(),
        limits.answering(),
        pytest.raises(TooMuch, match="2 answers are being made"),
        limits.answering(),
    ):
        pytest.fail("a third was let in")
    with limits.answering():
        pass


def test_threads_get_as_many_places_as_there_are() -> None:
    limits = Limits(Said(concurrent=4, answers=4, requests_per_minute=1000))
    ready, told = threading.Barrier(16), Counter[bool]()
    done = threading.Barrier(16)

    def ask() -> None:
        with ExitStack() as held:
            ready.wait(300)
            try:
                held.enter_context(limits.admit(ADA))
                held.enter_context(limits.answering())
                told[True] += 1
            except TooMuch:
                told[False] += 1
            done.wait(300)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(300)
    assert told == {True: 4, False: 12}
    assert _asks(limits, ADA) == 0


def test_of_many_callers_the_quietest_is_forgotten_and_nobody_who_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "MOST_CALLERS", 3)
    limits = Limits(Said(concurrent=1, requests_per_minute=2), Clock())
    with limits.admit(ADA):
        for number in range(100):
            assert _asks(limits, Caller(f"token {number}")) == 0
            assert len(limits._callers) <= 3
        assert _asks(limits, ADA) == 1  # his one request is still counted
    assert _asks(limits, ADA) == 0
    assert _asks(limits, ADA) == 30
