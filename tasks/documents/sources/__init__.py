"""Where documents come from: one reader per kind of source.

A new kind of source (a website, a SQL query, a mailbox) is one file here, and what docs/architecture.md lists besides:

1. In `tasks/settings/project.py`, a settings class that derives from `_Source`, with one key of its own that names the
   kind and holds the address (like `folder` or `git`), an `address` property, and its tag in `Source`.
2. In a file of this package, a class that derives from `Reader`, with the two methods of `SourceReader`:
   - `list()` gives a `Listing`. It never raises for what the source does: one that cannot be reached is
     `Listing.unreachable(reason)`, one that broke half way has `complete=False`, since whatever is missing from a
     complete listing is withdrawn. Paths are what a `Taking` makes of stored names; `hint` must differ whenever the
     bytes may differ; names and reasons pass through `mask_credentials`, `safe_reason` or `printable`.
   - `fetch(paths, into)` copies documents with `Reader._copy`, unless `Reader._refused` says why not. It may run in
     another process than `list()` did.
3. In `_READERS` below, one line. What the reader needs is imported in its function, so that a refresh loads only what
   its sources use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freshet.tasks.documents.sources.base import (
    LISTING_SCHEMA,
    Fetched,
    FetchedFile,
    FetchFailure,
    Listing,
    Skipped,
    SourceReader,
)
from freshet.tasks.documents.sources.paths import matches
from freshet.tasks.settings.addresses import source_name
from freshet.tasks.settings.project import FolderSource, GitSource

__all__ = [
    "LISTING_SCHEMA", "FetchFailure", "Fetched", "FetchedFile", "Listing", "Skipped", "SourceReader", "matches",
    "open_source", "source_name",
]  # fmt: skip


def open_source(settings: FolderSource | GitSource, root: Path, cache: Path) -> SourceReader:
    """The reader of a source. Nothing is read yet.

    Args:
        root: the folder of freshet.yaml; relative addresses start there.
        cache: a folder for what may be deleted at any time: mirrors of remote repositories, dates out of histories.

    Raises:
        SettingsError: a glob of the source is invalid.
    """
    return _READERS[type(settings)](settings, root, cache)


def _folder(settings: FolderSource, root: Path, cache: Path) -> SourceReader:
    if re.match(r"^(?!file://)[A-Za-z][A-Za-z0-9+.-]*(://|::)", settings.folder):
        from freshet.tasks.documents.sources.url_folder import UrlFolder

        return UrlFolder(settings, source_name(settings))
    from freshet.tasks.documents.sources.folder import LocalFolder

    return LocalFolder(settings, root, source_name(settings))


def _git(settings: GitSource, root: Path, cache: Path) -> SourceReader:
    from freshet.tasks.documents.sources.git import GitRepository

    return GitRepository(settings, root, cache, source_name(settings))


_READERS: dict[type, Callable[[Any, Path, Path], SourceReader]] = {
    FolderSource: _folder,
    GitSource: _git,
}
