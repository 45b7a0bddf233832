"""A folder at any fsspec URL: a bucket, a server, an archive, or memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from freshet.tasks.documents.sources.base import Fetched, FetchFailure, Listing, ListingRows, safe_micros
from freshet.tasks.documents.sources.paths import printable, spellings, unwanted
from freshet.tasks.documents.sources.reader import Reader, Taking
from freshet.tasks.errors import StoreError
from freshet.tasks.settings.addresses import mask_credentials, safe_reason
from freshet.tasks.settings.project import FolderSource

_IDENTITY_KEYS = ("ETag", "etag", "md5Hash", "content_md5", "md5", "sha", "generation", "CRC", "crc32c")
_TIME_KEYS = ("LastModified", "last_modified", "mtime", "updated", "modified", "modify", "created", "date_time")
_READERS = 8
"""Files read at once: a bucket answers slowly and in parallel."""


_Entry: TypeAlias = tuple[str, dict[str, Any]]


class UrlFolder(Reader):
    """Reads a folder source whose address is a URL that fsspec knows."""

    def __init__(self, settings: FolderSource, name: str) -> None:
        """Takes the folder's URL; nothing is connected to yet."""
        super().__init__(settings, name)
        self._url = settings.folder
        self._shown = mask_credentials(settings.folder).rstrip("/")
        self._stored: dict[str, str] = {}

    def list(self) -> Listing:
        """Every file below the URL that the globs take; one is read only where nothing else tells its version."""
        rows, taking = ListingRows(f"{self._shown}/"), Taking()
        try:
            fs, root = self._connect()
            # fsspec keeps listings for the life of the process, which would hide every change from a worker.
            fs.invalidate_cache()
            if fs.isfile(root):
                return Listing.unreachable(f"folder {self._shown} is a file, not a folder")
            self._collect(fs, root, rows, taking)
            if not rows.path and not taking.skipped and not taking.errors and not fs.exists(root):
                return Listing.unreachable(f"folder {self._shown} does not exist, or holds nothing")
        except Exception as error:  # file systems are plug-ins and raise anything; one source must not end a refresh
            taking.errors.append(self._reason(error))
        return taking.listing(rows.table(), f"folder {self._shown}")

    def fetch(self, paths: Sequence[str], into: Path) -> dict[str, Fetched]:
        """Copies documents into `into`; see `SourceReader.fetch`."""
        wanted = list(dict.fromkeys(paths))
        try:
            fs, root = self._connect()
        except Exception as error:  # as in list
            return {path: FetchFailure(path, f"cannot be read: {self._reason(error)}") for path in wanted}
        with ThreadPoolExecutor(_READERS) as pool:
            fetched = pool.map(lambda path: self._refused(path) or self._fetch(fs, root, path, into), wanted)
            return dict(zip(wanted, fetched, strict=True))

    def _connect(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        fs, root = url_to_fs(self._url)
        return fs, str(root).rstrip("/")

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, ImportError):
            return f"{safe_reason(error, self._url)} (in the environment that Freshet runs in)"
        if isinstance(error, FileNotFoundError):
            return "does not exist"
        return safe_reason(error, self._url)

    def _collect(self, fs: Any, root: str, rows: ListingRows, taking: Taking) -> None:
        unread: set[int] = set()
        for stored, info in self._walk(fs, root, taking):
            path = self._take(stored, info, taking)
            if path is None or not taking.holds(path, stored):
                continue
            size, micros, hint, version = _describe(info)
            row = rows.add(path, size, micros, hint or "", source_version=version)
            if hint is None:
                unread.add(row)
            else:
                unread.discard(row)
        self._stored = taking.respelled()
        self._read_for_hints(fs, root, rows, sorted(unread))

    def _walk(self, fs: Any, root: str, taking: Taking) -> Iterator[_Entry]:
        """Relative stored names and what the file system says of them."""
        if _lists_flat(fs):
            for name, info in fs.find(root, detail=True).items():
                yield _relative(name, root), info
            return
        # fsspec's own walk leaves out folders that it cannot read, without a word; that would withdraw documents.
        folders = [""]
        seen = set(folders)
        while folders:
            folder = folders.pop()
            try:
                entries = fs.ls(f"{root}/{folder}" if folder else root, detail=True)
            except Exception as error:
                if not folder:
                    raise
                taking.fail(folder, self._reason(error))
                continue
            for info in entries:
                stored = _relative(info["name"].rstrip("/"), root)
                if info.get("type") != "directory":
                    yield stored, info
                elif info.get("islink"):
                    taking.skip(printable(stored), "a symbolic link to a folder")
                elif stored not in seen and not unwanted(stored.rsplit("/", 1)[-1]) and not self._filter.prunes(stored):
                    seen.add(stored)
                    folders.append(stored)

    def _take(self, stored: str, info: dict[str, Any], taking: Taking) -> str | None:
        """The path of the document that is stored under this name, or None where it is none."""
        if info.get("type") == "directory" or stored.endswith("/") or any(map(unwanted, stored.split("/"))):
            return None
        path = taking.path_of(stored)
        if path is None or not self._filter.matches(path):
            return None
        if info.get("type", "file") != "file" or info.get("islink"):
            taking.skip(path, f"a {info.get('type', 'link')}, not a file")
            return None
        return path

    def _read_for_hints(self, fs: Any, root: str, rows: ListingRows, unread: Sequence[int]) -> None:
        """Where a file system tells neither a version nor a time, only the bytes can say whether they changed."""
        if not unread:
            return

        def read(row: int) -> str | None:
            digest = sha256()
            try:
                with fs.open(self._full(root, rows.path[row]), "rb") as file:
                    while data := file.read(1 << 20):
                        digest.update(data)
            except Exception:  # it stays listed, so that it is not withdrawn, and its fetch will say what is wrong
                return None
            return digest.hexdigest()

        with ThreadPoolExecutor(_READERS) as pool:
            for row, content_hash in zip(unread, pool.map(read, unread), strict=True):
                rows.hint[row] = content_hash or "unread"
                rows.content_hash[row] = content_hash

    def _full(self, root: str, path: str) -> str:
        stored = self._stored.get(path, path)
        return f"{root}/{stored}"

    def _fetch(self, fs: Any, root: str, path: str, into: Path) -> Fetched:
        try:
            try:
                return self._bring(fs, self._full(root, path), path, into)
            except FileNotFoundError:
                if path.isascii():
                    return FetchFailure(path, "is no longer there")
                stored = next(spellings(path, lambda folder: _names(fs, root, folder)), None)
                if stored is None:
                    return FetchFailure(path, "is no longer there")
                return self._bring(fs, f"{root}/{stored}", path, into)
        except StoreError:
            raise
        except Exception as error:  # as in list: one document that fails is one document
            return FetchFailure(path, f"cannot be read: {self._reason(error)}")

    def _bring(self, fs: Any, full: str, path: str, into: Path) -> Fetched:
        with fs.open(full, "rb") as stream:
            return self._copy(stream, path, into)


def _lists_flat(fs: Any) -> bool:
    """Whether `find` is the file system's own (one paged request of a bucket) and not fsspec's forgiving walk."""
    from fsspec import AbstractFileSystem
    from fsspec.asyn import AsyncFileSystem

    if isinstance(fs, AsyncFileSystem):
        return type(fs)._find is not AsyncFileSystem._find
    return type(fs).find is not AbstractFileSystem.find


def _relative(name: str, root: str) -> str:
    name, root = name.removeprefix("/"), root.removeprefix("/")
    return name.removeprefix(f"{root}/") if root else name


def _names(fs: Any, root: str, folder: str) -> list[str]:
    try:
        return [name.rstrip("/").rsplit("/", 1)[-1] for name in fs.ls(f"{root}/{folder}".rstrip("/"), detail=False)]
    except OSError:
        return []


def _describe(info: dict[str, Any]) -> tuple[int | None, int | None, str | None, str | None]:
    """Size, last change in microseconds, version hint (None: there is none), and the source's version."""
    size = info.get("size")
    size = size if isinstance(size, int) else None
    micros = next((found for key in _TIME_KEYS if (found := _micros(info.get(key))) is not None), None)
    identity = next((f"{key}:{info[key]}" for key in _IDENTITY_KEYS if info.get(key)), None)
    etag = info.get("ETag") or info.get("etag")
    version = info.get("VersionId") or info.get("version_id") or etag
    hint = identity or (f"{size}-{micros}" if micros is not None else None)
    return size, micros, hint, str(version).strip('"') if version else None


def _micros(value: Any) -> int | None:
    """Microseconds since 1970 out of what file systems give: a datetime, seconds, ISO text, or a zip's tuple."""
    if isinstance(value, tuple) and len(value) == 6:
        value = datetime(*value, tzinfo=UTC) if value[1] else None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return safe_micros(round(value * 1_000_000))
