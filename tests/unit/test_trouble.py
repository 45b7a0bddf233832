"""What a person can mend is told without a traceback, wherever it is met; a bug is none of it."""

from __future__ import annotations

import errno
import os

import pytest

from freshet.tasks.errors import ConcurrentWriter, ServerGone, SettingsError, StoreError
from freshet.tasks.store.trouble import mendable

NUMBERS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE)


def _wrapped(inner: Exception) -> Exception:
    try:
        try:
            raise inner
        except Exception as error:
            raise RuntimeError("the task failed") from error
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize("number", NUMBERS)
def test_what_the_system_refuses_is_told_with_its_place_and_what_to_do(number: int) -> None:
    met = OSError(number, os.strerror(number), "/store/table")
    for error in (met, _wrapped(met)):
        told = mendable(error)
        assert isinstance(told, StoreError)
        assert told.what.startswith("/store/table: ")
        assert "run the same again" in told.mend


@pytest.mark.parametrize(
    "text",
    [
        "LanceError(IO): Generic LocalFileSystem error: Unable to open file: No space left on device (os error 28)",
        "lance error: Unable to copy data to file: Read-only file system (os error 30), rust/lance-io/src/local.rs:12",
        "Failed to create directory: Permission denied (os error 13)",
    ],
)
@pytest.mark.parametrize("kind", [OSError, RuntimeError, ValueError])
def test_the_words_of_the_system_are_known_in_the_errors_of_libraries(kind: type[Exception], text: str) -> None:
    assert isinstance(mendable(kind(text)), StoreError)


def test_a_server_that_is_down_is_named() -> None:
    told = mendable(_wrapped(RuntimeError("Failed to reach API at http://127.0.0.1:4200/api/.")))
    assert isinstance(told, ServerGone)
    assert "http://127.0.0.1:4200/api/" in told.what
    assert "freshet up" in told.mend


def test_a_writer_that_came_first_is_no_bug() -> None:
    text = "lance error: Retryable commit conflict for version 6: This CreateIndex transaction was preempted"
    told = mendable(_wrapped(RuntimeError(text)))
    assert isinstance(told, ConcurrentWriter)
    assert "writes to this corpus" in told.what


@pytest.mark.parametrize(
    "bug",
    [ValueError("no such column"), KeyError("Permission denied"), OSError(errno.EINVAL, "Invalid argument"),
     RuntimeError("error 280"), TypeError("None")],
)  # fmt: skip
def test_a_bug_keeps_its_traceback(bug: Exception) -> None:
    assert mendable(bug) is None


def test_what_is_told_already_is_told_as_it_is() -> None:
    known = SettingsError("no such corpus", "Name another.")
    assert mendable(known) is known
