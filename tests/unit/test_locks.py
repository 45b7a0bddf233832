"""Locks: one writer each, told by name, gone with its process; and asking about one is in nobody's way."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.errors import CorpusBusy
from freshet.tasks.store.locks import HOLDER, hold_corpus, is_held
from freshet.tasks.store.tables import Store

NOT_AT_ALL = timedelta(0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def _hold(store: Store, run: str = "refresh") -> Any:
    return hold_corpus(store, "docs", run, NOT_AT_ALL, lambda _: None)


def _die_as_holder(address: str) -> None:
    """Takes the lock, and is killed with it."""
    with _hold(Store(address)):
        import os

        os._exit(9)


@pytest.fixture
def left(store: Store) -> Store:
    """A store in which a writer was killed, so that its note is still there."""
    writer = multiprocessing.get_context("spawn").Process(target=_die_as_holder, args=(store.address,))
    writer.start()
    writer.join()
    assert writer.exitcode == 9
    assert store.lock_file("docs").with_suffix(HOLDER).exists()
    return store


def test_a_lock_is_held_as_long_as_its_writer_works(store: Store) -> None:
    assert not is_held(store, "docs")
    with _hold(store):
        assert is_held(store, "docs")
        assert not is_held(store, "other")
        with pytest.raises(CorpusBusy, match="corpus docs is held by refresh \\(process "), _hold(store, "another"):
            pass
        assert is_held(store, "docs"), "who failed to get it takes nothing away"
    assert not is_held(store, "docs")


def test_asking_makes_no_file(store: Store) -> None:
    assert not is_held(store, "docs")
    assert not Path(store.address).exists()


def test_a_killed_writer_holds_nothing_and_the_next_one_takes_its_note_away(left: Store) -> None:
    assert not is_held(left, "docs")
    with _hold(left):
        assert is_held(left, "docs")
    assert not left.lock_file("docs").with_suffix(HOLDER).exists()


def test_one_who_asks_does_not_take_another_one_for_a_writer(left: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    both, flock = threading.Barrier(2, timeout=60), fcntl.flock

    def meet(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_UN:
            both.wait()  # each has the lock by now
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", meet)
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: is_held(left, "docs"), range(2))) == [False, False]


def test_a_writer_that_starts_while_somebody_asks_gets_the_lock(left: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asks, failed, flock = threading.Event(), threading.Event(), fcntl.flock

    def meet(descriptor: int, operation: int) -> None:
        """Whoever asks has the lock until the writer has tried once; the writer tries once that is so."""
        if operation == fcntl.LOCK_UN and not failed.is_set():
            asks.set()
            assert failed.wait(60)
        try:
            flock(descriptor, operation)
        except OSError:
            failed.set()
            raise

    monkeypatch.setattr(fcntl, "flock", meet)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(is_held, left, "docs")
        assert asks.wait(60)
        with _hold(left):
            assert failed.is_set(), "it did meet the one who asks"
            assert answer.result(60) is False
