"""A folder as a source, on a disk or at an fsspec URL: what it lists, and what it fetches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from freshet.tasks.documents.sources import FetchedFile, FetchFailure, Listing, SourceReader, open_source
from freshet.tasks.settings.project import FolderSource


def reader(root: Path, folder: str = "docs", **more: Any) -> SourceReader:
    return open_source(FolderSource(folder=folder, owner="o", acl=["everyone"], **more), root, root / "cache")


def paths(listing: Listing) -> list[str]:
    found: list[str] = listing.table["path"].to_pylist()
    return found


def fetch_one(source: SourceReader, path: str, into: Path) -> FetchedFile | FetchFailure:
    into.mkdir(exist_ok=True)
    fetched = source.fetch([path], into)
    assert list(fetched) == [path]
    return fetched[path]


def assert_refused(source: SourceReader, path: str, into: Path) -> None:
    """A path that leaves the folder is not fetched, whatever lies there."""
    fetched = fetch_one(source, path, into)
    assert isinstance(fetched, FetchFailure)
    assert "refused" in fetched.reason


LEAVING = ["../secret.md", "/secret.md", "/etc/hostname", "a/../../secret.md", ""]
"""Paths that leave the folder `docs`, beside which lies secret.md."""
