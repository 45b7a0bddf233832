"""A folder on this machine: listed through os.scandir, read without ever leaving it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from freshet.tasks.documents.sources.base import (
    Fetched,
    FetchFailure,
    Listing,
    ListingRows,
    Readable,
    file_hint,
    safe_micros,
)
from freshet.tasks.documents.sources.paths import spellings, unwanted
from freshet.tasks.documents.sources.reader import Reader, Taking
from freshet.tasks.settings.project import FolderSource

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
    stat.S_IFDIR: "a folder",
}


class _Refused(Exception):
    """A file that must not be read; the text says why."""


class LocalFolder(Reader):
    """Reads a folder source whose address is a path."""

    def __init__(self, settings: FolderSource, root: Path, name: str) -> None:
        """Resolves the folder's address against `root`; nothing is read yet."""
        super().__init__(settings, name)
        address = settings.folder.removeprefix("file://")
        self._folder = root / Path(address).expanduser()
        self._uri_prefix = settings.folder.rstrip("/") + "/"

    def list(self) -> Listing:
        """Every regular file below the folder that the globs take. Nothing is opened."""
        if not self._folder.is_dir():
            found = "is not a folder" if self._folder.exists() else "does not exist"
            return Listing.unreachable(f"folder {self._uri_prefix[:-1]} {found}")
        scan = _Scan(self)
        scan.run()
        return scan.taking.listing(scan.rows.table(), f"folder {self._uri_prefix[:-1]}")

    def fetch(self, paths: Sequence[str], into: Path) -> dict[str, Fetched]:
        """Copies documents into `into`; see `SourceReader.fetch`."""
        return {path: self._refused(path) or self._fetch(path, into) for path in paths}

    def _fetch(self, path: str, into: Path) -> Fetched:
        try:
            with self._open(path) as file:
                return self._copy(file, path, into)
        except _Refused as refused:
            return FetchFailure(path, str(refused))
        except OSError as error:
            return FetchFailure(path, f"cannot be read: {error.strerror or error}")

    @contextmanager
    def _open(self, path: str) -> Iterator[Readable]:
        root = os.path.realpath(self._folder)
        try:
            descriptor = _open_below(root, path)
        except FileNotFoundError:
            descriptor = self._open_other_spelling(root, path)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            yield file

    def _open_other_spelling(self, root: str, path: str) -> int:
        if not path.isascii():

            def names(folder: str) -> list[str]:
                try:
                    return os.listdir(os.path.join(root, folder))
                except OSError:
                    return []

            for stored in spellings(path, names):
                if stat.S_ISDIR(os.lstat(os.path.join(root, stored)).st_mode):
                    continue
                return _open_below(root, stored)
        raise _Refused("is no longer there")


def _inside(root: str, target: str) -> str | None:
    """Why the resolved path `target` is not the source's to give, or None where it is."""
    if target != root and not target.startswith(root.rstrip("/") + "/"):
        return "a symbolic link that leads out of the source"
    if any(unwanted(part) for part in target[len(root) :].split("/")):
        return "a symbolic link into .git"
    return None


def _open_below(root: str, path: str) -> int:
    """Opens a regular file below `root`, a resolved folder, and gives its descriptor.

    What a link leads to may have been swapped since the listing, and may be swapped again between a check and an
    open. So the path is resolved and judged first, and the result is then opened part by part with links refused.
    """
    resolved = os.path.realpath(os.path.join(root, path), strict=True)
    if reason := _inside(root, resolved):
        raise _Refused(reason)
    *folders, name = os.path.relpath(resolved, root).split("/")
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        # Without O_NONBLOCK, opening a named pipe would wait for ever for somebody to write to it.
        _refuse_special(os.stat(name, dir_fd=at, follow_symlinks=False).st_mode)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    try:
        _refuse_special(os.fstat(descriptor).st_mode)
    except _Refused:
        os.close(descriptor)
        raise
    return descriptor


def _refuse_special(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise _Refused(_special(mode))


def _special(mode: int) -> str:
    return f"{_KINDS.get(stat.S_IFMT(mode), 'a special file')}, not a file"


class _Scan:
    """One walk over a local folder."""

    def __init__(self, source: LocalFolder) -> None:
        self._filter = source._filter
        self._root = os.path.realpath(source._folder)
        self.rows, self.taking = ListingRows(source._uri_prefix), Taking()

    def run(self) -> None:
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(f"{self._root}/{folder}" if folder else self._root) as entries:
                    for entry in entries:
                        below = self._visit(entry, f"{folder}/{entry.name}" if folder else entry.name)
                        if below:
                            folders.append(below)
            except (FileNotFoundError, NotADirectoryError):
                # Gone between being seen and being opened: what a listing a moment later would say.
                if not folder:
                    self.taking.fail(folder, "it vanished while it was being listed")
            except OSError as error:
                self._unreadable(folder, error)

    def _unreadable(self, path: str, error: OSError) -> None:
        """Notes what could not be read. What the system can never open is skipped, and costs the listing nothing."""
        if error.errno == errno.ENAMETOOLONG:
            self.taking.skip(path, "its path is longer than the system can open")
        else:
            self.taking.fail(path, error.strerror or str(error))

    def _visit(self, entry: os.DirEntry[str], stored: str) -> str | None:
        """Takes one entry; gives its path back where it is a folder to descend into."""
        if unwanted(entry.name):
            return None
        path = self.taking.path_of(stored)
        if path is None:
            return None
        try:
            if entry.is_dir(follow_symlinks=False):
                return None if self._filter.prunes(path) else stored
            if not self._filter.matches(path):
                return None
            found = self._resolve(entry) if entry.is_symlink() else entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        except _Refused as refused:
            self.taking.skip(path, str(refused))
            return None
        except OSError as error:
            self._unreadable(path, error)
            return None
        if not stat.S_ISREG(found.st_mode):
            self.taking.skip(path, _special(found.st_mode))
        elif self.taking.holds(path, stored):
            size, modified = found.st_size, found.st_mtime_ns
            hint = file_hint(size, modified, found.st_ctime_ns)
            self.rows.add(path, size, safe_micros(modified // 1000), hint)
        return None

    def _resolve(self, link: os.DirEntry[str]) -> os.stat_result:
        """What a symbolic link leads to, where it is a file of this source."""
        try:
            target = os.path.realpath(link.path, strict=True)
        except OSError as error:
            raise _Refused("a symbolic link that leads nowhere or in a circle") from error
        if reason := _inside(self._root, target):
            raise _Refused(reason)
        found = os.stat(target)
        if stat.S_ISDIR(found.st_mode):
            # Descending would list the same files twice, or for ever.
            raise _Refused("a symbolic link to a folder")
        return found
