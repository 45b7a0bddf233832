"""What a source takes of the files below its address, and where two sources take the same ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from freshet.tasks.settings.addresses import normal_path, resolve, without_credentials
from freshet.tasks.settings.project import FolderSource, GitSource

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec


@dataclass(frozen=True)
class Area:
    """What a source takes: everything below `base` whose relative path its globs take.

    Attributes:
        base: the folder, absolute; of a git repository its address and ref, since each ref is a tree of its own.
        include, exclude: globs as in the settings, in the manner of .gitignore.
        nests: whether another area can lie inside this one, as a folder can in a folder.
    """

    base: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    nests: bool

    @classmethod
    def of(cls, source: FolderSource | GitSource, root: Path) -> Area:
        """Returns the area of a source; a relative address starts at `root`."""
        base = normal_path(resolve(source.address, root))
        if isinstance(source, GitSource):
            base = f"git {without_credentials(base)} {source.ref}"
        return cls(base, tuple(source.include), tuple(source.exclude), isinstance(source, FolderSource))

    def takes(self, path: str) -> bool:
        """Whether the globs take a path, relative to `base`."""
        return _spec(self.include).match_file(path) and not _spec(self.exclude).match_file(path)

    def below(self, base: str) -> str | None:
        """Returns `base` relative to this area's: '' where they are the same, None where it is not inside."""
        if base == self.base:
            return ""
        outer = self.base.rstrip("/") + "/"
        return base[len(outer) :] if self.nests and base.startswith(outer) else None

    def takes_below(self, base: str) -> str | None:
        """Returns `base` relative to this area's, if the area takes files below it; None otherwise."""
        inside = self.below(base)
        # Judged by a file such as the store holds, since it is asked of the store.
        return (inside or ".") if inside is not None and self.takes(str(PurePosixPath(inside, "file.lance"))) else None

    def overlap(self, other: Area) -> str | None:
        """Returns a path, relative to the wider of the two, that both would take; None where none was found.

        Whether two lists of globs have a path in common is decided by trying paths made of the globs themselves.
        """
        wide, narrow = (self, other) if self.below(other.base) is not None else (other, self)
        inside = wide.below(narrow.base)
        # A folder and a git repository have no path in common.
        if inside is None or (wide.nests is not narrow.nests):
            return None
        for sample in _samples(narrow.include, wide.include, inside):
            if narrow.takes(sample) and wide.takes(str(PurePosixPath(inside, sample))):
                return str(PurePosixPath(inside, sample))
        return None


def _spec(globs: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(globs)


def _samples(narrow: Sequence[str], wide: Sequence[str], inside: str) -> list[str]:
    """Paths below `inside` that both lists of globs might take: their folders crossed with their file names."""
    folders, names = {PurePosixPath()}, {"document"}
    for globs, base in ((narrow, ""), (wide, inside)):
        for glob in globs:
            plain = re.sub(r"\[!?(.)[^\]]*+(?:\]|\Z)", r"\1", glob.lstrip("!/"))
            concrete = plain.replace("**", "folder").replace("*", "document")
            path = PurePosixPath(concrete.replace("?", "x").replace("\\", ""))
            names.add(path.name or "document")
            folder = path if glob.endswith("/") else path.parent
            if folder.is_relative_to(base):
                folders.add(folder.relative_to(base))
    return sorted(str(folder / name) for folder in folders for name in names)
