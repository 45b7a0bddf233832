"""Locks of the store. Each has one holder at a time, and none outlives its holder's process."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.errors import CorpusBusy

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


HOLDER = ".holder"
"""Ends the file beside a lock's in which the process that holds it says who it is."""

_PATIENCE, _PAUSE = 0.25, 0.02
"""Seconds for which a writer tries to get a lock even where it is not to wait, and between two attempts."""


def is_held(store: Store, name: str) -> bool:
    """Whether a writer is at work. Asking makes no file, and no writer fails because somebody asked.

    A lock of this kind (`flock`) cannot be asked about without being taken. So it is left alone where there is no
    holder's file, which a writer keeps from before its first step until after its last. Beside such a file the lock is
    taken shared, so that several may ask at once. That succeeds only where the holder was killed, and lasts for a
    moment; a writer that starts just then tries again (`_PATIENCE`).

    Raises:
        OSError: the lock's file may not be read.
    """
    path = store.lock_file(name)
    if not path.with_suffix(HOLDER).exists():
        return False
    try:
        asked = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(asked, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # somebody holds it, or the file system has no such locks and the file itself is the lock
        return True
    else:
        # Closing alone would not do: a process that was forked in this moment shares the descriptor, and the lock.
        fcntl.flock(asked, fcntl.LOCK_UN)
        return False
    finally:
        os.close(asked)


def dataset_files(dataset: str) -> str:
    """The name of a dataset's work folder and lock. It has a dot in it, which no corpus's name has."""
    return f"dataset.{dataset}"


@contextmanager
def brief_lock(store: Store, corpus: str) -> Iterator[None]:
    """Holds a lock of a corpus for the moment in which a release gets its number.

    It is not the writer's: a rollback must not wait for a refresh to end.
    """
    from filelock import FileLock

    path = store.lock_file(f"{corpus}-releases")
    with store.writing():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path, timeout=60):
            yield


def hold_corpus(
    store: Store, corpus: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the writer's lock of a corpus; it dies with this process, however that ends.

    Args:
        run: the name by which others learn who holds the corpus.
        wait: how long to wait for another writer before giving up.
        tell: is told once who holds the corpus, if someone does, and where the mode of the store's folder was changed.

    Raises:
        CorpusBusy: it was still held after `wait`.
    """
    return _hold(store, corpus, f"corpus {corpus}", run, wait, tell)


def hold_dataset(
    store: Store, dataset: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the writer's lock of a dataset, in the way of `hold_corpus`."""
    return _hold(store, dataset_files(dataset), f"dataset {dataset}", run, wait, tell)


def hold_backfill(
    store: Store, kind: str, target: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the lock of the one backfill that a corpus or dataset may have, in the way of `hold_corpus`.

    The refreshes and builds of the backfill take the writer's lock as well.
    """
    return _hold(store, f"backfill.{kind}.{target}", f"the backfill of {kind} {target}", run, wait, tell)


def hold_query_log(store: Store, wait: timedelta) -> AbstractContextManager[None]:
    """Holds the lock under which events come into the query log and go out of it, in the way of `hold_corpus`."""
    return _hold(store, "query_log", "the query log", "its folding", wait, lambda _: None)


@contextmanager
def _hold(store: Store, name: str, what: str, run: str, wait: timedelta, tell: Callable[[str], None]) -> Iterator[None]:
    with store.writing(tell), _hold_file(store.lock_file(name), what, run, wait, tell):
        yield


@contextmanager
def _hold_file(path: Path, what: str, run: str, wait: timedelta, tell: Callable[[str], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(path), path.with_suffix(HOLDER)
    give_up = time.monotonic() + wait.total_seconds()
    told = False
    while True:
        try:
            lock.acquire(timeout=min(2.0, max(_PATIENCE, give_up - time.monotonic())), poll_interval=_PAUSE)
            break
        except Timeout:
            who = _describe_holder(holder)
            if time.monotonic() >= give_up:
                raise CorpusBusy(f"{what} is held by {who}", "Wait for it to end, or give a longer --wait.") from None
            if not told:
                tell(f"waiting: {what} is held by {who}")
                told = True
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"run": run, "pid": os.getpid(), "host": socket.gethostname(), "since": since}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _describe_holder(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        return f"{who['run']} (process {who['pid']} on {who['host']}, since {who['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
