"""Locks of the store: one writer each, and never longer than its process lives."""

from __future__ import annotations

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


def is_held(store: Store, name: str) -> bool:
    """Whether a writer is at work; asking makes no file."""
    from filelock import FileLock, Timeout

    path = store.lock_file(name)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def dataset_files(dataset: str) -> str:
    """The name under which a dataset's work folder and lock lie; no corpus has one with a dot in it."""
    return f"dataset.{dataset}"


@contextmanager
def brief_lock(store: Store, corpus: str) -> Iterator[None]:
    """For the moment in which a release gets its number: a rollback must not wait for a refresh to end."""
    from filelock import FileLock

    path = store.lock_file(f"{corpus}-releases")
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
        tell: is told once who holds the corpus, if someone does.

    Raises:
        CorpusBusy: it was still held after `wait`.
    """
    return _hold(store.lock_file(corpus), f"corpus {corpus}", run, wait, tell)


def hold_dataset(
    store: Store, dataset: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the writer's lock of a dataset, likewise."""
    return _hold(store.lock_file(dataset_files(dataset)), f"dataset {dataset}", run, wait, tell)


def hold_backfill(
    store: Store, kind: str, target: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the lock of a corpus's or dataset's one backfill, likewise. What it writes takes the writer's lock too."""
    return _hold(store.lock_file(f"backfill.{kind}.{target}"), f"the backfill of {kind} {target}", run, wait, tell)


@contextmanager
def _hold(path: Path, what: str, run: str, wait: timedelta, tell: Callable[[str], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(path), path.with_suffix(".holder")
    give_up = time.monotonic() + wait.total_seconds()
    told = False
    while True:
        try:
            lock.acquire(timeout=min(2.0, max(0.0, give_up - time.monotonic())))
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
