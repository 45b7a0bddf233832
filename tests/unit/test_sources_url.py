"""Folders at fsspec URLs: memory, archives, and file systems that fail or tell little."""

from __future__ import annotations

import unicodedata
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from freshet.tasks.documents.sources import (
    LISTING_SCHEMA,
    FetchedFile,
    FetchFailure,
)
from tests.unit.listed import LEAVING, assert_refused, paths, reader


class Plain(MemoryFileSystem):  # type: ignore[misc]  # fsspec is untyped
    """Memory that tells nothing of a file but its name and size."""

    protocol = "plain"
    extra: dict[str, dict[str, Any]] = {}  # noqa: RUF012

    find = AbstractFileSystem.find

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix(f"{cls.protocol}:/")))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        entries = [
            {key: value for key, value in info.items() if key != "created"} | self.extra.get(info["name"], {})
            for info in super().ls(path, detail=True, **kwargs)
        ]
        return entries if detail else [info["name"] for info in entries]


class Broken(Plain):
    """Memory in which a folder named `locked` cannot be listed, and a file named `locked.md` not read."""

    protocol = "broken"

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if path.endswith("locked"):
            raise PermissionError(f"access denied for sftp://ada:s3cret@host{path}")
        return super().ls(path, detail, **kwargs)

    def _open(self, path: str, *args: Any, **kwargs: Any) -> Any:
        if path.endswith("locked.md"):
            raise PermissionError("access denied")
        return super()._open(path, *args, **kwargs)


class Caching(Plain):
    """Memory that keeps its listings for the life of the process, as fsspec does for buckets."""

    protocol = "caching"

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if path not in self.dircache:
            self.dircache[path] = super().ls(path, detail=True, **kwargs)
        return self.dircache[path]

    def invalidate_cache(self, path: str | None = None) -> None:
        self.dircache.clear()


class Bucket(Plain):
    """Memory that lists all keys at once, in pages, as a bucket does; it breaks on the second page if told to."""

    protocol = "bucket"

    def find(self, path: str, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any) -> Any:
        if self.extra.get("broken"):
            raise ConnectionResetError("Connection reset by peer")
        return {info["name"]: info for info in self.extra.values()}


@pytest.fixture
def prefix() -> Iterator[str]:
    for implementation in (Plain, Broken, Caching, Bucket):
        fsspec.register_implementation(implementation.protocol, implementation, clobber=True)
    name = f"/{uuid.uuid4().hex}"
    yield name
    Plain.extra.clear()
    for path in [path for path in MemoryFileSystem.store if path.startswith(name)]:
        del MemoryFileSystem.store[path]


def fill(prefix: str, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        fsspec.filesystem("memory").pipe_file(f"{prefix}/{path}", data)


def test_a_listing_gives_every_file_with_its_size_time_and_hint(tmp_path: Path, prefix: str) -> None:
    begun = datetime.now(UTC).replace(microsecond=0)
    fill(prefix, {"a.md": b"a", "sub/é.md": b"bb", "sub/b.pdf": b"b", ".git/config": b"x"})
    listing = reader(tmp_path, f"memory:/{prefix}/", include=["*.md"]).list()
    assert (listing.complete, listing.error, listing.skipped) == (True, None, [])
    assert listing.table.schema == LISTING_SCHEMA
    first, second = listing.table.to_pylist()
    assert (first["path"], first["uri"], first["size"]) == ("a.md", f"memory:/{prefix}/a.md", 1)
    assert (second["path"], second["uri"], second["size"]) == ("sub/é.md", f"memory:/{prefix}/sub/é.md", 2)
    assert begun <= first["modified_at"] <= datetime.now(UTC)
    assert first["hint"].startswith("1-")


def test_an_edit_changes_the_hint_and_nothing_else_does(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a", "b.md": b"b"})
    before, again = (reader(tmp_path, f"memory:/{prefix}").list().table for _ in range(2))
    assert before == again
    fill(prefix, {"a.md": b"A"})
    after = reader(tmp_path, f"memory:/{prefix}").list().table
    assert [old != new for old, new in zip(before["hint"], after["hint"], strict=True)] == [True, False]


def test_a_listing_is_never_an_old_one_that_the_file_system_kept(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a"})
    assert paths(reader(tmp_path, f"caching:/{prefix}").list()) == ["a.md"]
    fill(prefix, {"b.md": b"b"})
    assert paths(reader(tmp_path, f"caching:/{prefix}").list()) == ["a.md", "b.md"]


def test_what_is_listed_is_fetched_with_exactly_its_bytes(tmp_path: Path, prefix: str) -> None:
    stored = unicodedata.normalize("NFD", "Übung/Café.md")
    files = {"a.md": b"", stored: b"decomposed", "日本語.md": b"x" * 3_000_000}
    fill(prefix, files)
    listing = reader(tmp_path, f"memory:/{prefix}").list()
    assert set(paths(listing)) == {unicodedata.normalize("NFC", path) for path in files}
    fetched = reader(tmp_path, f"memory:/{prefix}").fetch([*paths(listing), "gone.md", "gone/é.md"], tmp_path)
    for path, data in files.items():
        file = fetched[unicodedata.normalize("NFC", path)]
        assert isinstance(file, FetchedFile)
        assert file.local_path.read_bytes() == data
        assert (file.content_hash, file.size) == (sha256(data).hexdigest(), len(data))
    for path in ("gone.md", "gone/é.md"):
        assert fetched[path] == FetchFailure(path, "is no longer there")


@pytest.mark.parametrize("path", LEAVING)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, prefix: str, path: str) -> None:
    fill(prefix, {"docs/a.md": b"a", "secret.md": b"secret"})
    assert_refused(reader(tmp_path, f"memory:/{prefix}/docs"), path, tmp_path / "into")


def test_a_file_larger_than_the_limit_is_given_up_and_leaves_no_copy(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"x" * 101})
    (tmp_path / "into").mkdir()
    fetched = reader(tmp_path, f"memory:/{prefix}", max_size=100).fetch(["a.md"], tmp_path / "into")
    assert fetched["a.md"] == FetchFailure("a.md", "larger than max_size (100 bytes)", "SOURCE-SIZE")
    assert list((tmp_path / "into").iterdir()) == []


def test_a_folder_that_holds_nothing_or_is_a_file_is_an_incomplete_listing(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a"})
    for url, reason in ((f"memory:/{prefix}/gone", "does not exist"), (f"memory:/{prefix}/a.md", "is a file")):
        listing = reader(tmp_path, url).list()
        assert (listing.complete, listing.table.num_rows) == (False, 0)
        assert listing.error is not None
        assert reason in listing.error


def test_globs_that_take_nothing_of_a_folder_that_is_there_are_a_whole_listing(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a"})
    listing = reader(tmp_path, f"memory:/{prefix}", include=["*.pdf"]).list()
    assert (listing.complete, listing.table.num_rows) == (True, 0)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    fsspec.register_implementation("absent", "no_such_package.Absent", clobber=True, errtxt="Install absentfs")
    listing = reader(tmp_path, "absent://ada:s3cret@host/docs").list()
    assert not listing.complete
    assert listing.error is not None
    assert "Install absentfs" in listing.error
    assert "s3cret" not in listing.error
    assert isinstance(reader(tmp_path, "absent://host/docs").fetch(["a.md"], tmp_path)["a.md"], FetchFailure)
    unknown = reader(tmp_path, "nosuch://host/docs").list()
    assert unknown.error is not None
    assert "nosuch" in unknown.error


def test_a_folder_that_cannot_be_listed_makes_the_listing_incomplete(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a", "locked/b.md": b"b", "sub/c.md": b"c"})
    listing = reader(tmp_path, f"broken:/{prefix}").list()
    assert paths(listing) == ["a.md", "sub/c.md"]
    assert not listing.complete
    assert listing.error is not None
    assert "locked: access denied" in listing.error
    assert "s3cret" not in listing.error
    excluded = reader(tmp_path, f"broken:/{prefix}", exclude=["locked/"]).list()
    assert (excluded.complete, paths(excluded)) == (True, ["a.md", "sub/c.md"])


def test_without_version_or_time_the_bytes_are_the_hint(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a", "sub/b.md": b"b"})
    listing = reader(tmp_path, f"plain:/{prefix}").list()
    hashes = [sha256(data).hexdigest() for data in (b"a", b"b")]
    assert listing.table["hint"].to_pylist() == hashes
    assert listing.table["content_hash"].to_pylist() == hashes
    assert listing.table["modified_at"].to_pylist() == [None, None]


def test_a_file_that_cannot_be_read_for_its_hint_stays_listed(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a", "locked.md": b"b"})
    source = reader(tmp_path, f"broken:/{prefix}")
    listing = source.list()
    assert (listing.complete, paths(listing)) == (True, ["a.md", "locked.md"])
    assert listing.table["content_hash"].to_pylist() == [sha256(b"a").hexdigest(), None]
    fetched = source.fetch(["a.md", "locked.md"], tmp_path)
    assert isinstance(fetched["a.md"], FetchedFile)
    assert fetched["locked.md"] == FetchFailure("locked.md", "cannot be read: access denied")


@pytest.mark.parametrize(
    "when", [datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2), 1767312000.0, "2026-01-02T00:00:00Z"]  # noqa: DTZ001
)  # fmt: skip
def test_etags_and_times_are_taken_as_file_systems_give_them(tmp_path: Path, prefix: str, when: Any) -> None:
    fill(prefix, {"a.md": b"a"})
    Plain.extra[f"{prefix}/a.md"] = {"ETag": '"abc"', "LastModified": when}
    (row,) = reader(tmp_path, f"plain:/{prefix}").list().table.to_pylist()
    assert row["modified_at"] == datetime(2026, 1, 2, tzinfo=UTC)
    assert (row["hint"], row["source_version"], row["content_hash"]) == ('ETag:"abc"', "abc", None)
    Plain.extra[f"{prefix}/a.md"]["VersionId"] = "v7"
    assert reader(tmp_path, f"plain:/{prefix}").list().table["source_version"].to_pylist() == ["v7"]


def test_keys_of_a_bucket_that_are_no_paths_are_skipped_with_a_reason(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a"})
    kinds = {"a.md": "file", "../up.md": "file", "/a.md": "file", "x//y.md": "file", "dir/": "file", "d": "directory",
             "link.md": "link", ".git/config": "file"}  # fmt: skip
    for key, kind in kinds.items():
        Bucket.extra[key] = {"name": f"{prefix}/{key}", "size": 1, "type": kind, "ETag": "e"}
    listing = reader(tmp_path, f"bucket:/{prefix}").list()
    assert (listing.complete, paths(listing)) == (True, ["a.md"])
    assert {item.path for item in listing.skipped} == {"../up.md", "/a.md", "x//y.md", "link.md"}


def test_a_bucket_that_breaks_off_is_an_incomplete_listing(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"a.md": b"a"})
    Bucket.extra["broken"] = {"name": "x"}
    listing = reader(tmp_path, f"bucket:/{prefix}").list()
    assert not listing.complete
    assert listing.error == f"folder bucket:/{prefix} could not be read whole: Connection reset by peer"


def test_of_two_spellings_of_one_name_the_listed_one_is_the_fetched_one(tmp_path: Path, prefix: str) -> None:
    fill(prefix, {"cafe\u0301.md": b"decomposed", "caf\u00e9.md": b"nfc"})
    listing = reader(tmp_path, f"memory:/{prefix}").list()
    assert paths(listing) == ["caf\u00e9.md"]
    assert [item.path for item in listing.skipped] == ["caf\u00e9.md"]
    fetched = reader(tmp_path, f"memory:/{prefix}").fetch(["caf\u00e9.md"], tmp_path)["caf\u00e9.md"]
    assert isinstance(fetched, FetchedFile)
    assert (fetched.size, listing.table["size"].to_pylist()) == (3, [3])


def test_an_archive_is_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "docs.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("sub/a.md", (2026, 1, 2, 3, 4, 6)), b"zipped")
        archive.writestr("b.md", b"b")
    source = reader(tmp_path, f"zip://::file://{tmp_path}/docs.zip")
    listing = source.list()
    assert (listing.complete, paths(listing)) == (True, ["b.md", "sub/a.md"])
    assert listing.table["modified_at"].to_pylist()[1] == datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    fetched = source.fetch(["sub/a.md"], tmp_path)["sub/a.md"]
    assert isinstance(fetched, FetchedFile)
    assert fetched.local_path.read_bytes() == b"zipped"


def test_every_file_system_is_listed_by_a_way_that_does_not_hide_errors() -> None:
    from fsspec.asyn import AsyncFileSystem

    from freshet.tasks.documents.sources.url_folder import _lists_flat

    class Flat(AsyncFileSystem):  # type: ignore[misc]
        async def _find(self, path: str, **kwargs: Any) -> Any:
            return {}

    class Walking(AsyncFileSystem):  # type: ignore[misc]
        pass

    class Simple(AbstractFileSystem):  # type: ignore[misc]
        pass

    assert _lists_flat(Flat(asynchronous=True))
    assert not _lists_flat(Walking(asynchronous=True))
    assert not _lists_flat(Simple())
