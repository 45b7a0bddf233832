"""Looks into folders of the store, on a disk or in a bucket, and removes them. Nothing here makes a folder."""

from __future__ import annotations

import os
import posixpath
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from freshet.tasks.store.bucket import file_system, reaching

HELD = ("data/", "_indices/", "_deletions/", "_versions/", "_transactions/")
"""The parts of a table's folder in which the files of its versions are."""

_BLOCK = 1 << 20


def is_folder(address: str) -> bool:
    """Whether there is a folder at an address."""
    with _files(address) as (files, path):
        return bool(files.isdir(path))


def names_below(address: str) -> list[str]:
    """Names of the files and folders in a folder, sorted; an empty list where there is no such folder."""
    with _files(address) as (files, path):
        if not files.isdir(path):
            return []
        return sorted(posixpath.basename(one.rstrip("/")) for one in files.ls(path, detail=False))


def sizes_below(address: str) -> dict[str, int]:
    """The size in bytes of every file below a folder, by its path within the folder; empty where there is none."""
    with _files(address) as (files, path):
        found = files.find(path, detail=True) if files.exists(path) else {}
    root = path.rstrip("/") + "/"
    return {name.removeprefix(root): int(info.get("size") or 0) for name, info in found.items()}


def bytes_below(address: str) -> int:
    """The size in bytes of all files below a folder together; 0 where there is none."""
    return sum(sizes_below(address).values())


def newest_below(address: str) -> datetime | None:
    """The moment at which the newest file below a folder was written; None where there is none."""
    with _files(address) as (files, path):
        moments = [_moment(info) for info in files.find(path, detail=True).values()] if files.exists(path) else []
    return max((one for one in moments if one is not None), default=None)


def remove(address: str) -> None:
    """Removes a file, or a folder with all that is in it, where there is one."""
    with _files(address) as (files, path):
        if files.exists(path):
            files.rm(path, recursive=True)


def read_file(address: str) -> bytes | None:
    """What a small file holds; None where there is no such file."""
    with _files(address) as (files, path):
        try:
            return bytes(files.cat_file(path))
        except FileNotFoundError:
            return None


def write_file(address: str, content: bytes) -> None:
    """Writes a small file, which others see as it was or as it is, and never half written."""
    with _files(address) as (files, path):
        if "://" in address:
            files.pipe_file(path, content)
            return
        beside = f"{path}.{uuid.uuid4().hex}"
        with open(beside, "wb") as file:
            file.write(content)
        os.replace(beside, path)


def digest_of(address: str) -> str | None:
    """The SHA-256 of a file, which is read in blocks; None where there is no such file."""
    found = sha256()
    with _files(address) as (files, path):
        try:
            with files.open(path, "rb") as file:
                while block := file.read(_BLOCK):
                    found.update(block)
        except FileNotFoundError:
            return None
    return found.hexdigest()


def table_addresses(database: str) -> list[str]:
    """Addresses of the tables in a LanceDB database's folder. The database is not opened: that makes the folder."""
    return [f"{database}/{name}" for name in names_below(database) if name.endswith(".lance")]


def table_name(address: str) -> str:
    """The name of the table whose folder is at an address."""
    return posixpath.basename(address).removesuffix(".lance")


def bytes_not_of(address: str, kept: Iterable[int]) -> int:
    """The size in bytes of those files of a table that none of the versions `kept` needs."""
    import lance

    needed: set[str] = set()
    kept = set(kept)
    for batch in lance.dataset(address).tracked_files():
        versions, paths = batch["version"].to_pylist(), batch["path"].to_pylist()
        needed.update(path for version, path in zip(versions, paths, strict=True) if version in kept)
    sizes = sizes_below(address)
    beside = {path for path in sizes if not path.startswith(HELD) or path.endswith(".json")}
    return sum(size for path, size in sizes.items() if path not in needed and path not in beside)


@contextmanager
def _files(address: str) -> Iterator[tuple[Any, str]]:
    with reaching(address):
        yield file_system(address)


def _moment(info: dict[str, Any]) -> datetime | None:
    names = ("mtime", "LastModified", "last_modified", "created")
    value = next((info[name] for name in names if info.get(name) is not None), None)
    if isinstance(value, int | float):
        with suppress(ValueError, OverflowError, OSError):  # a broken clock's year
            return datetime.fromtimestamp(value, UTC)
        return None
    return value if isinstance(value, datetime) and value.tzinfo else None
