"""Files on this machine's disk in which events wait until they come into the table `query_log`.

Every process appends to a file of its own, without a lock: a line in one write. Whoever folds a file renames it first,
and only then reads it. A writer looks after each write whether the file is still where it was; where it is not, it
writes the line once more, into a new file. So no line is lost between the two, and one that is there twice counts once.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.errors import StoreError
from freshet.tasks.store.modes import written_with

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

OPEN, TAKEN = ".jsonl", ".taken"
"""Ends the name of a file that a process may write to, and of one that is being folded, or was when its folder died."""

_UNWRITTEN = "unwritten-events"
"""A file of this user's with a byte for each event that could not be written."""


def new_name() -> str:
    """A name for the file of this process, which no other process has."""
    host = "".join(one for one in socket.gethostname() if one.isalnum() or one == "-")[:40]
    return f"{host}.{os.getpid()}.{secrets.token_hex(4)}{OPEN}"


def append(store: Store, name: str, line: bytes) -> None:
    """Appends a line to the file of this process.

    Raises:
        OSError: it could not be written, or not whole.
        StoreError: the store is in a bucket, and its folder on the disk cannot be trusted.
    """
    path = store.spool_folder(make=True) / name
    while True:
        file = _open(store, path)
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if _is_at(file, path):
                return
        finally:
            os.close(file)


def _open(store: Store, path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with written_with(store.mode):
        try:
            return os.open(path, flags, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            return os.open(path, flags, 0o666)


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except FileNotFoundError:
        return False


def list_files(store: Store) -> list[Path]:
    """All files that hold events which are not known to be in the table, sorted; none where there is no folder."""
    try:
        return sorted(one for one in store.spool_folder().iterdir() if one.suffix in (OPEN, TAKEN))
    except FileNotFoundError:
        return []


def take_files(store: Store) -> tuple[list[Path], int]:
    """Takes all files from their writers, each of which begins another one.

    Call it under the lock of the query log.

    Returns:
        The files under their new names, with those that a killed process had taken; and how many could not be taken,
        since they belong to somebody else.
    """
    taken, left = [], 0
    for path in list_files(store):
        if path.suffix == TAKEN:
            taken.append(path)
            continue
        try:
            taken.append(_take(path))
        except OSError:
            left += 1
    return taken, left


def _take(path: Path) -> Path:
    # One that was taken from the same process before may still be there, where the fold was killed.
    return path.rename(path.with_name(f"{path.name}.{secrets.token_hex(4)}{TAKEN}"))


def remove_file(path: Path) -> None:
    """Removes a file that was taken, once its events are in the table."""
    path.unlink()


def lines_of(path: Path) -> Iterator[bytes]:
    """Yields the lines of a file that are not empty.

    Raises:
        OSError: it cannot be read, or is gone.
    """
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield line


def count_unwritten(store: Store) -> int:
    """How many events this user's processes could not write, as far as that could be noted."""
    with suppress(OSError, StoreError):
        return (store.own_folder() / _UNWRITTEN).stat().st_size
    return 0


def note_unwritten(store: Store) -> None:
    """Notes that an event could not be written; what kept it from being written may keep the note as well."""
    with suppress(OSError, StoreError):
        file = os.open(store.own_folder(make=True) / _UNWRITTEN, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, b".")
        finally:
            os.close(file)


def forget_unwritten(store: Store) -> int:
    """Takes the note away, and returns how many events it told of."""
    count = count_unwritten(store)
    if count:
        with suppress(OSError, StoreError):
            (store.own_folder() / _UNWRITTEN).unlink()
    return count
