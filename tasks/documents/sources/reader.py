"""What readers of sources do alike: which names a listing takes, and how a document is copied."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from freshet.tasks.documents.sources.base import (
    Fetched,
    FetchFailure,
    Listing,
    Readable,
    Skipped,
    copy_hashing,
    local_name,
)
from freshet.tasks.documents.sources.paths import is_utf8, path_filter, printable, spelling_rank, unsafe
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.settings.project import FolderSource, GitSource
from freshet.tasks.settings.types import composed

_MOST_ERRORS = 3


class Reader:
    """The part of a reader that the settings of every source give."""

    def __init__(self, settings: FolderSource | GitSource, name: str) -> None:
        """Takes what all kinds of source have in their settings; nothing is read yet."""
        self._name = name
        self._max_size = int(settings.max_size)
        self._filter = path_filter(settings.include, settings.exclude)

    def _refused(self, path: str) -> FetchFailure | None:
        """Why a path is not even looked for."""
        reason = unsafe(path)
        return FetchFailure(path, f"{reason} is refused") if reason else None

    def _copy(self, stream: Readable, path: str, into: Path) -> Fetched:
        return copy_hashing(stream, path, into / local_name(self._name, path), self._max_size)


class Taking:
    """What one listing takes and leaves out, by the names under which a source stores its documents."""

    def __init__(self) -> None:
        """Begins with nothing skipped and no error."""
        self.skipped: list[Skipped] = []
        self.errors: list[str] = []
        # Path → the stored name that holds it; only names beyond ASCII can meet.
        self._held: dict[str, str] = {}

    def skip(self, path: str, reason: str) -> None:
        """Notes that a path is left out, and why."""
        self.skipped.append(Skipped(path, reason))

    def fail(self, stored: str, reason: str) -> None:
        """Something could not be read, so that the listing is not complete."""
        self.errors.append(f"{printable(stored) or '.'}: {reason}")

    def path_of(self, stored: str) -> str | None:
        """The path of what is stored under a name; None where it can be no document's, which is then skipped."""
        if not is_utf8(stored):
            self.skip(printable(stored), "its name is not valid UTF-8")
            return None
        if reason := unsafe(stored):
            self.skip(printable(stored), f"{reason} is refused")
            return None
        return composed(stored)

    def holds(self, path: str, stored: str) -> bool:
        """Whether `stored` is the name to take for a path. Of several that are one in NFC, one is, the rest skipped."""
        if path.isascii():
            return True
        held = self._held.setdefault(path, stored)
        if held != stored:
            self.skip(path, "another file has the same name in another Unicode spelling")
            if spelling_rank(held) < spelling_rank(stored):
                return False
            self._held[path] = stored
        return True

    def respelled(self) -> dict[str, str]:
        """The stored names of the paths that are spelled otherwise."""
        return {path: stored for path, stored in self._held.items() if path != stored}

    def listing(self, table: pa.Table, whole: str) -> Listing:
        """The listing of these rows.

        Args:
            whole: what could not be read whole, where there are errors.
        """
        more = f" and {len(self.errors) - _MOST_ERRORS} more" if len(self.errors) > _MOST_ERRORS else ""
        told = escaped(f"{whole} could not be read whole: {'; '.join(self.errors[:_MOST_ERRORS])}{more}")
        skipped = sorted(self.skipped, key=lambda item: item.path)
        return Listing(table, complete=not self.errors, error=told if self.errors else None, skipped=skipped)
