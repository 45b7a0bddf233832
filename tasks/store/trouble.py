"""Troubles of the machine that a person can mend, told as such wherever they are met: no room, no access, no server."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from freshet.tasks.errors import ConcurrentWriter, FreshetError, ServerGone, StoreError
from freshet.tasks.store.bucket import chain, unreachable

AGAIN = "then run the same again: what was committed is not done twice, and readers see the last release."


class Trouble(NamedTuple):
    """A kind of trouble: its error numbers, how libraries name it in text, what it means, and how to mend it."""

    numbers: frozenset[int]
    told_by: re.Pattern[str]
    what: str
    mend: str


def _named(*numbers: int) -> tuple[frozenset[int], re.Pattern[str]]:
    """Error numbers, and their texts as C's library and Rust's standard library write them."""
    texts = [re.escape(os.strerror(number)) for number in numbers] + [rf"os error {number}\b" for number in numbers]
    return frozenset(numbers), re.compile("|".join(texts), re.IGNORECASE)


_KINDS = (
    Trouble(
        *_named(errno.ENOSPC, errno.EDQUOT),
        "there is no room left, of bytes, of files or of what this user may have",
        f"Make room (freshet maintain frees some), {AGAIN}",
    ),
    Trouble(*_named(errno.EROFS), "the file system is read-only", f"Mount it for writing, {AGAIN}"),
    Trouble(
        *_named(errno.EACCES, errno.EPERM),
        "whoever runs this may not read or write there",
        f"Give this user access, {AGAIN}",
    ),
    Trouble(
        *_named(errno.EMFILE, errno.ENFILE),
        "too many files are open at once",
        f"Raise the limit (ulimit -n 4096), {AGAIN}",
    ),
)

_NO_TEMPORARY = "No usable temporary directory found"
"""How Python says that files can be made in none of the folders for temporary files."""

_CONFLICT = re.compile(r"commit conflict|preempted by concurrent transaction", re.IGNORECASE)
"""How Lance says that another writer came first: one that ignored the lock, or one on another machine."""

_LANCE = re.compile(r"\blance error\b|LanceError|\blance-\d|rust/lance|\bLance file\b")

_NO_SERVER = re.compile(r"Failed to reach API at (\S+?)\.?(?:\s|$)")
"""How Prefect says that its server does not answer, as a RuntimeError."""


def mendable(error: BaseException) -> FreshetError | None:
    """What a person can mend of an error, as a message; None for a bug, which is to keep its traceback.

    Libraries wrap what the operating system says, and some keep its words alone: what the error came of is looked at,
    too.
    """
    if isinstance(error, FreshetError):
        return error
    if (told := unreachable(error)) is not None:
        return told
    for one in chain(error):
        if found := _NO_SERVER.search(str(one)):
            return ServerGone(
                f"the Prefect server at {found[1]} does not answer",
                "Start it (freshet up), or unset PREFECT_API_URL, with which Prefect starts a temporary one.",
            )
        if isinstance(one, FileNotFoundError) and _NO_TEMPORARY in str(one):
            return StoreError(
                "there is no folder for temporary files in which a file could be made",
                f"Make room, or have TMPDIR name a folder on another disk, {AGAIN}",
            )
        if isinstance(one, OSError | RuntimeError | ValueError) and _CONFLICT.search(str(one)):
            return ConcurrentWriter(
                "another process, or another machine, writes to this corpus or dataset at the same time",
                f"Let one of them end, {AGAIN}",
            )
        for kind in _KINDS:
            if _is_of(one, kind):
                where = getattr(one, "filename", None)
                return StoreError(f"{where}: {kind.what}" if where else kind.what, kind.mend)
    return None


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Makes an error of a panic of Lance's, which damaged files cause, and which Python does not count as an exception.

    Raises:
        RuntimeError: Lance panicked within.
    """
    try:
        yield
    except BaseException as error:
        if not is_panic(error):
            raise
        raise RuntimeError(f"Lance panicked: {error}") from error


def is_panic(error: BaseException) -> bool:
    """Whether an error is a panic of a library in Rust. Its class has no importable name."""
    return type(error).__name__ == "PanicException"


def is_of_lance(error: BaseException) -> bool:
    """Whether an error is one of Lance's, which names itself in its messages."""
    return is_panic(error) or _LANCE.search(str(error)) is not None


def _is_of(error: BaseException, kind: Trouble) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in kind.numbers
    # Lance and Arrow raise these, with the words of the operating system in the text.
    return isinstance(error, OSError | RuntimeError | ValueError) and kind.told_by.search(str(error)) is not None
