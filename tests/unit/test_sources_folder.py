"""Local folders: what is listed, what is skipped, and that nothing outside the folder is ever read."""

from __future__ import annotations

import errno
import os
import socket
import stat
import unicodedata
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.documents.sources import (
    LISTING_SCHEMA,
    FetchedFile,
    FetchFailure,
    Listing,
)
from freshet.tasks.documents.sources.base import copy_hashing, local_name
from freshet.tasks.errors import StoreError
from tests.unit.listed import LEAVING, assert_refused, fetch_one, paths, reader


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def reasons(listing: Listing) -> dict[str, str]:
    return {item.path: item.reason for item in listing.skipped}


def test_a_listing_gives_every_file_with_its_size_time_and_hint(tmp_path: Path) -> None:
    fill(tmp_path / "docs", {"b/leave.md": b"leave", "a.md": b""})
    os.utime(tmp_path / "docs/a.md", ns=(0, 1_700_000_000_123_456_789))
    listing = reader(tmp_path).list()
    assert listing.complete
    assert listing.error is None
    assert listing.skipped == []
    assert listing.table.schema == LISTING_SCHEMA
    first, second = listing.table.to_pylist()
    changed = (tmp_path / "docs/a.md").stat().st_ctime_ns
    assert first == {
        "path": "a.md", "uri": "docs/a.md", "size": 0, "hint": f"0-1700000000123456789 ctime:{changed}",
        "modified_at": datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC), "source_version": None,
        "content_hash": None,
    }  # fmt: skip
    assert (second["path"], second["uri"], second["size"]) == ("b/leave.md", "docs/b/leave.md", 5)


def test_a_relative_folder_starts_at_the_settings_and_others_stand_for_themselves(tmp_path: Path) -> None:
    fill(tmp_path / "docs", {"a.md": b"a"})
    elsewhere = tmp_path / "elsewhere"
    for folder in (str(tmp_path / "docs"), f"file://{tmp_path}/docs/"):
        listing = reader(elsewhere, folder).list()
        assert listing.table["uri"].to_pylist() == [f"{folder.rstrip('/')}/a.md"]


def test_what_systems_and_programs_leave_behind_is_left_out_and_other_dotfiles_are_not(tmp_path: Path) -> None:
    left_behind = dict.fromkeys((".git/config", "a/.DS_Store", "Thumbs.db", "a/desktop.ini", "a/~$plan.docx"), b"x")
    fill(tmp_path / "docs", {**left_behind, ".env/a.md": b"x", ".b.md": b"x"})
    assert paths(reader(tmp_path).list()) == [".b.md", ".env/a.md"]


def test_globs_choose_and_excluded_folders_are_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "docs", {"a.md": b"", "a.pdf": b"", "private/b.md": b"", "c/private/d.md": b""})
    entered = _scanned(monkeypatch)
    assert paths(reader(tmp_path, include=["*.md"], exclude=["private/"]).list()) == ["a.md"]
    assert sorted(Path(folder).name for folder in entered) == ["c", "docs"]


def _scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    entered: list[str] = []
    scandir = os.scandir

    def recording(path: str) -> Any:
        entered.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", recording)
    return entered


def test_special_files_are_skipped_with_a_reason_and_never_opened(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    fill(docs, {"a.md": b"a"})
    os.mkfifo(docs / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(docs / "socket.md"))
        listing = reader(tmp_path).list()
        assert paths(listing) == ["a.md"]
        assert listing.complete
        assert reasons(listing) == {"pipe.md": "a named pipe, not a file", "socket.md": "a socket, not a file"}
        for path in ("pipe.md", "socket.md"):
            failure = fetch_one(reader(tmp_path), path, tmp_path / "into")
            assert isinstance(failure, FetchFailure)
            assert "not a file" in failure.reason


def test_links_within_the_folder_are_followed_and_others_refused(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    fill(docs, {"a.md": b"inside", "sub/b.md": b"b", ".git/config": b"token"})
    fill(tmp_path, {"secret.md": b"secret", "docs-more/c.md": b"c"})
    for link, target in {
        "in.md": "a.md", "out.md": "../secret.md", "absolute.md": str(tmp_path / "secret.md"), "folder": "sub",
        "loop.md": "loop.md", "nowhere.md": "gone.md", "config.md": ".git/config", "sibling.md": "../docs-more/c.md",
    }.items():  # fmt: skip
        (docs / link).symlink_to(target)
    listing = reader(tmp_path).list()
    assert paths(listing) == ["a.md", "in.md", "sub/b.md"]
    out = "a symbolic link that leads out of the source"
    nowhere = "a symbolic link that leads nowhere or in a circle"
    assert reasons(listing) == {
        "out.md": out, "absolute.md": out, "sibling.md": out, "folder": "a symbolic link to a folder",
        "loop.md": nowhere, "nowhere.md": nowhere, "config.md": "a symbolic link into .git",
    }  # fmt: skip
    fetched = fetch_one(reader(tmp_path), "in.md", tmp_path / "into")
    assert isinstance(fetched, FetchedFile)
    assert fetched.local_path.read_bytes() == b"inside"
    assert not fetched.local_path.is_symlink()


def test_a_folder_that_is_itself_a_link_is_listed_and_read(tmp_path: Path) -> None:
    fill(tmp_path / "real", {"a.md": b"a"})
    (tmp_path / "docs").symlink_to("real")
    assert paths(reader(tmp_path).list()) == ["a.md"]
    assert isinstance(fetch_one(reader(tmp_path), "a.md", tmp_path / "into"), FetchedFile)


def test_a_link_swapped_in_after_the_listing_is_not_followed_out(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    fill(docs, {"a.md": b"a", "sub/b.md": b"b"})
    fill(tmp_path, {"secret.md": b"secret", "other/b.md": b"secret"})
    source = reader(tmp_path)
    assert paths(source.list()) == ["a.md", "sub/b.md"]
    (docs / "a.md").unlink()
    (docs / "a.md").symlink_to("../secret.md")
    (docs / "sub/b.md").unlink()
    (docs / "sub").rmdir()
    (docs / "sub").symlink_to("../other")
    (tmp_path / "into").mkdir()
    for fetched in source.fetch(["a.md", "sub/b.md"], tmp_path / "into").values():
        assert isinstance(fetched, FetchFailure)
        assert "leads out" in fetched.reason
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize("swapped", ["a.md", "sub"])
def test_a_link_swapped_in_between_check_and_open_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    docs = tmp_path / "docs"
    fill(docs, {"sub/a.md": b"a"})
    fill(tmp_path, {"other/a.md": b"secret"})
    realpath = os.path.realpath

    def resolve_then_swap(path: Any, *, strict: bool = False) -> str:
        resolved: str = realpath(path, strict=strict)
        if str(path).endswith("sub/a.md"):
            target = docs / "sub" if swapped == "sub" else docs / "sub/a.md"
            target.rename(tmp_path / "moved")
            target.symlink_to(tmp_path / "other" if swapped == "sub" else tmp_path / "other/a.md")
        return resolved

    monkeypatch.setattr(os.path, "realpath", resolve_then_swap)
    fetched = fetch_one(reader(tmp_path), "sub/a.md", tmp_path / "into")
    assert isinstance(fetched, FetchFailure)
    assert list((tmp_path / "into").iterdir()) == []


@pytest.mark.parametrize("path", LEAVING)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    fill(tmp_path, {"docs/a.md": b"a", "secret.md": b"secret"})
    assert_refused(reader(tmp_path), path, tmp_path / "into")


@pytest.mark.parametrize(("made", "reason"), [("nothing", "does not exist"), ("file", "is not a folder")])
def test_a_missing_folder_is_an_incomplete_listing(tmp_path: Path, made: str, reason: str) -> None:
    if made == "file":
        (tmp_path / "docs").write_bytes(b"")
    listing = reader(tmp_path).list()
    assert (listing.complete, listing.table.num_rows) == (False, 0)
    assert listing.error == f"folder docs {reason}"


def test_an_unreadable_folder_makes_the_listing_incomplete_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "docs", {"a.md": b"a", "sub/b.md": b"b", "locked/c.md": b"c"})
    scandir = os.scandir

    def denied(path: str) -> Any:
        if path.endswith("locked"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    listing = reader(tmp_path).list()
    assert paths(listing) == ["a.md", "sub/b.md"]
    assert not listing.complete
    assert listing.error == "folder docs could not be read whole: locked: Permission denied"


def test_what_vanishes_while_listing_is_simply_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "docs", {"a.md": b"a", "gone/b.md": b"b", "gone.md": b"c"})
    scandir = os.scandir

    class Vanishing:
        """Entries that outlive their files."""

        def __init__(self, path: str) -> None:
            with scandir(path) as found:
                self.entries = list(found)
            (tmp_path / "docs/gone.md").unlink(missing_ok=True)
            (tmp_path / "docs/gone/b.md").unlink(missing_ok=True)
            if (tmp_path / "docs/gone").exists():
                (tmp_path / "docs/gone").rmdir()

        def __enter__(self) -> Any:
            return iter(self.entries)

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", Vanishing)
    listing = reader(tmp_path).list()
    assert paths(listing) == ["a.md"]
    assert listing.complete


def test_a_file_that_vanished_after_the_listing_fails_alone(tmp_path: Path) -> None:
    fill(tmp_path / "docs", {"a.md": b"a", "é.md": b"b"})
    (tmp_path / "into").mkdir()
    fetched = reader(tmp_path).fetch(["a.md", "gone.md", "gone/é.md"], tmp_path / "into")
    assert isinstance(fetched["a.md"], FetchedFile)
    assert fetched["gone.md"] == FetchFailure("gone.md", "is no longer there")
    assert fetched["gone/é.md"] == FetchFailure("gone/é.md", "is no longer there")


def test_a_name_that_is_not_utf8_is_skipped_with_a_reason(tmp_path: Path) -> None:
    fill(tmp_path / "docs", {"a.md": b"a"})
    with open(os.fsencode(tmp_path / "docs") + b"/caf\xe9.md", "wb"):
        pass
    listing = reader(tmp_path).list()
    assert paths(listing) == ["a.md"]
    assert reasons(listing) == {"caf\\xe9.md": "its name is not valid UTF-8"}


def test_names_are_listed_in_nfc_and_fetched_in_their_own_spelling(tmp_path: Path) -> None:
    stored = unicodedata.normalize("NFD", "Übung/Café.md")
    fill(tmp_path / "docs", {stored: b"decomposed", "日本語/規定.md": b"japanese"})
    listing = reader(tmp_path).list()
    assert paths(listing) == ["Übung/Café.md", "日本語/規定.md"]
    fetched = fetch_one(reader(tmp_path), "Übung/Café.md", tmp_path / "into")
    assert isinstance(fetched, FetchedFile)
    assert fetched.local_path.read_bytes() == b"decomposed"


def test_of_two_spellings_of_one_name_the_listed_one_is_the_fetched_one(tmp_path: Path) -> None:
    marks = {"x\u0323\u0307/a": b"1", "x\u0307\u0323/a": b"22"}
    fill(tmp_path / "docs", {"cafe\u0301.md": b"decomposed", "caf\u00e9.md": b"nfc", **marks})
    listing = reader(tmp_path).list()
    assert paths(listing) == ["caf\u00e9.md", unicodedata.normalize("NFC", "x\u0323\u0307/a")]
    assert set(reasons(listing)) == set(paths(listing))
    for row in listing.table.to_pylist():
        fetched = fetch_one(reader(tmp_path), row["path"], tmp_path / "into")
        assert isinstance(fetched, FetchedFile)
        assert fetched.size == row["size"]


def test_a_file_larger_than_the_limit_is_given_up_and_leaves_no_copy(tmp_path: Path) -> None:
    fill(tmp_path / "docs", {"a.md": b"x" * 101, "b.md": b"x" * 100})
    source = reader(tmp_path, max_size=100)
    assert paths(source.list()) == ["a.md", "b.md"]
    failure = fetch_one(source, "a.md", tmp_path / "into")
    assert failure == FetchFailure("a.md", "larger than max_size (100 bytes)", "SOURCE-SIZE")
    assert list((tmp_path / "into").iterdir()) == []
    assert isinstance(fetch_one(source, "b.md", tmp_path / "into"), FetchedFile)


def test_a_stream_that_never_ends_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    class Endless:
        reads = 0

        def read(self, size: int, /) -> bytes:
            self.reads += 1
            assert self.reads < 10, "read far beyond the limit"
            return b"x" * size

    failure = copy_hashing(Endless(), "a.md", tmp_path / "copy", limit=3_000_000)
    assert isinstance(failure, FetchFailure)
    assert failure.code == "SOURCE-SIZE"
    assert not (tmp_path / "copy").exists()


def test_a_full_disk_is_no_documents_fault(tmp_path: Path) -> None:
    fill(tmp_path / "docs", {"a.md": b"a"})
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / local_name("docs", "a.md")).symlink_to("/dev/full")
    with pytest.raises(StoreError, match="No space left"):
        reader(tmp_path).fetch(["a.md"], tmp_path / "into")
    with pytest.raises(StoreError, match="cannot write"):
        reader(tmp_path).fetch(["a.md"], tmp_path / "missing")


def test_a_copy_keeps_its_suffix_and_meets_no_other(tmp_path: Path) -> None:
    fill(tmp_path, {"docs/a.PDF": b"1", "docs/b/a.PDF": b"2", "more/a.PDF": b"3", "docs/odd.m d": b"4"})
    (tmp_path / "into").mkdir()
    fetched = [
        *reader(tmp_path).fetch(["a.PDF", "b/a.PDF", "odd.m d"], tmp_path / "into").values(),
        *reader(tmp_path, "more").fetch(["a.PDF"], tmp_path / "into").values(),
    ]
    copies = [file.local_path for file in fetched if isinstance(file, FetchedFile)]
    assert [copy.suffix for copy in copies] == [".pdf", ".pdf", "", ".pdf"]
    assert [copy.read_bytes() for copy in copies] == [b"1", b"2", b"4", b"3"]


def test_a_broken_clock_gives_no_time_instead_of_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "docs", {"a.md": b"a"})
    real = os.stat(tmp_path / "docs/a.md")

    class Entry:
        name, path = "a.md", str(tmp_path / "docs/a.md")

        def is_dir(self, *, follow_symlinks: bool) -> bool:
            return False

        is_symlink = staticmethod(lambda: False)

        def stat(self, *, follow_symlinks: bool) -> Any:
            return type("Stat", (), {"st_mode": real.st_mode, "st_size": 1, "st_mtime_ns": 10**23, "st_ctime_ns": 0})

    class Entries:
        def __init__(self, path: str) -> None: ...

        def __enter__(self) -> Any:
            return iter([Entry()])

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Entries)
    assert stat.S_ISREG(real.st_mode)
    assert reader(tmp_path).list().table["modified_at"].to_pylist() == [None]


def test_each_folder_of_a_large_tree_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in range(20):
        (tmp_path / f"docs/{folder}").mkdir(parents=True)
        for number in range(100):
            os.close(os.open(tmp_path / f"docs/{folder}/{number}.md", os.O_CREAT | os.O_WRONLY))
    entered = _scanned(monkeypatch)
    listing = reader(tmp_path).list()
    assert len(entered) == len(set(entered)) == 21
    assert listing.table.num_rows == 2_000
    assert paths(listing) == sorted(paths(listing))


_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: (
        name not in {".", "..", ".git", ".DS_Store", "Thumbs.db", "desktop.ini"}
        and name[:2] != "~$"
        and len(name.encode()) < 100
    )
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(_NAMES, st.tuples(_NAMES, st.binary(max_size=200)), max_size=6))
def test_what_is_listed_is_fetched_with_exactly_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[str, bytes]]
) -> None:
    root = tmp_path_factory.mktemp("any")
    (root / "docs").mkdir()
    (root / "into").mkdir()
    expected: dict[str, set[bytes]] = {}
    for folder, (name, data) in files.items():
        fill(root / "docs", {f"{folder}/{name}": data})
        expected.setdefault(unicodedata.normalize("NFC", f"{folder}/{name}"), set()).add(data)
    source = reader(root)
    listing = source.list()
    assert set(paths(listing)) == set(expected)
    for path, fetched in reader(root).fetch(paths(listing), root / "into").items():
        assert isinstance(fetched, FetchedFile)
        data = fetched.local_path.read_bytes()
        assert data in expected[path]
        assert fetched.content_hash == sha256(data).hexdigest()
        assert fetched.size == len(data)


def test_a_path_longer_than_the_system_can_open_costs_nothing_but_itself(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    fill(docs, {"a.md": b"a", "z/b.md": b"b"})
    at = os.open(docs, os.O_RDONLY | os.O_DIRECTORY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=at)
        below = os.open("d" * 250, os.O_RDONLY | os.O_DIRECTORY, dir_fd=at)
        os.close(at)
        at = below
    os.close(os.open("deep.md", os.O_CREAT | os.O_WRONLY, dir_fd=at))
    os.close(at)
    listing = reader(tmp_path).list()
    assert (listing.complete, listing.error, paths(listing)) == (True, None, ["a.md", "z/b.md"])
    (skipped,) = listing.skipped
    assert skipped.reason == "its path is longer than the system can open"
    assert skipped.path.startswith("d" * 250)
