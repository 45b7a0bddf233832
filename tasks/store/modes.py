"""Who on this machine may read what Freshet writes: modes of folders and files, and the work folder of a bucket."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from freshet.tasks.errors import StoreError

PRIVATE = 0o700
"""The mode of a folder that only its owner may read."""

_PARTS = ("corpora", "datasets", "ledger", "reports", "locks", "work", "cache", "spool")
"""Folders of a store on a disk that have its mode. The server's (`server`) are not among them."""

_guard = Lock()
_masks: list[int] = []
_former = [0]
"""The umask that the process had before the first of `_masks`."""


@contextmanager
def written_with(mode: int) -> Iterator[None]:
    """Gives all files and folders that the process makes meanwhile at most a mode.

    It sets the umask, which a process has once for all its threads and hands down to the processes that it starts:
    libraries write most files of a store, and take no mode. Where several ask at once, what all of them allow holds.

    Args:
        mode: of folders; files have it without the right to execute.
    """
    mask = 0o777 & ~mode
    with _guard:
        if not _masks:
            _former[0] = os.umask(mask)
        _masks.append(mask)
        _apply()
    try:
        yield
    finally:
        with _guard:
            _masks.remove(mask)
            _apply()


def _apply() -> None:
    together = 0
    for one in _masks:
        together |= one
    os.umask(together if _masks else _former[0])


def settle(root: Path, mode: int, tell: Callable[[str], None]) -> None:
    """Makes the folder of a store, or gives one of another mode the mode that it should have, with all that is below.

    A folder of somebody else, and one on a file system without modes, stays as it is: see `open_to_others`.

    Args:
        tell: is told of a mode that was changed.
    """
    # What others of the group write belongs to the group as well.
    wanted = mode | (stat.S_ISGID if mode & stat.S_IRWXG else 0)
    try:
        found = _mode(root)
    except FileNotFoundError:
        root.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            root.mkdir(mode)
            root.chmod(wanted)
        return
    if found == mode or not root.is_dir():
        return
    try:
        # What is to be closed is closed first, and what is to be opened is opened last.
        root.chmod(found & mode)
    except OSError:
        return
    if _mode(root) != found & mode:
        return
    for part in _PARTS:
        for at, _, files in os.walk(root / part):
            for path, given in ((at, wanted), *((os.path.join(at, name), mode & 0o666) for name in files)):
                with suppress(OSError):  # another's, where a group writes
                    if not os.path.islink(path):
                        os.chmod(path, given)
    root.chmod(wanted)
    tell(f"the mode of the store {root} was {found:04o} and is {mode:04o} now, as store_mode says")


def open_to_others(root: Path, mode: int) -> int | None:
    """The mode of a store's folder where it lets in more people than it should; else None."""
    found = _mode(root) if root.is_dir() else mode
    return found if found & ~mode else None


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode) & 0o777


def private_folder(name: str, *, make: bool = False) -> Path:
    """A folder of this user on this machine's disk, for what does not lie in a store: below XDG_STATE_HOME.

    Where the user's home cannot be written to, as in many a container, it is in the temporary directory, in a folder
    named after the user's number.

    Args:
        make: make it where it is missing.

    Raises:
        StoreError: the folder, or the one that it is in, is somebody else's, is open to others or is a link: whoever
            made it could read or exchange what is put there.
    """
    above = _above()
    if make:
        above.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    for folder in (above, above / name):
        if make:
            with suppress(FileExistsError):
                folder.mkdir(PRIVATE)
        _check_own(folder)
    return above / name


def _above() -> Path:
    given = os.environ.get("XDG_STATE_HOME", "")
    try:
        home = Path(given) if os.path.isabs(given) else Path.home() / ".local" / "state"
    except RuntimeError:  # a user without a home
        home = Path("/nonexistent")
    there = next(one for one in (home, *home.parents) if one.exists())
    if os.access(there, os.W_OK | os.X_OK) and there != Path("/"):
        return home / "freshet"
    return Path(tempfile.gettempdir()) / f"freshet-{os.geteuid()}"


def _check_own(folder: Path) -> None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        wrong = "it is a link"
    elif not stat.S_ISDIR(found.st_mode):
        wrong = "it is a file"
    elif found.st_uid != os.geteuid():
        wrong = f"it belongs to another user (number {found.st_uid})"
    elif stat.S_IMODE(found.st_mode) & 0o077:
        wrong = f"others may look into it (mode {stat.S_IMODE(found.st_mode):04o})"
    else:
        return
    raise StoreError(
        f"the folder {folder}, in which a store in a bucket has its work files and locks, cannot be trusted: {wrong}",
        "Remove it, or have XDG_STATE_HOME name a folder of your own.",
    )
