"""Paths of documents: which are taken, which are safe, how a name is spelled, and what an address may show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.settings.types import composed

_UNWANTED = frozenset({".git", ".DS_Store", "Thumbs.db", "desktop.ini"})
"""Names that never hold documents. `.git` may hold credentials, so a link into it is refused as well."""


def _compile(kind: str, patterns: tuple[str, ...]) -> GitIgnoreSpec:
    try:
        spec = GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise SettingsError(f"{kind}: {error}", "Write globs as in .gitignore, like 'legal/**' or '*.md'.") from error
    for text in patterns:
        if not any(pattern.regex for pattern in GitIgnoreSpec.from_lines([text]).patterns):
            raise SettingsError(
                f"{kind}: {text!r} matches nothing", "Write globs as in .gitignore, like 'legal/**' or '*.md'."
            )
    return spec


class PathFilter:
    """Which paths a source takes: those that `include` matches and `exclude` does not, as in .gitignore.

    A pattern without a slash matches at any depth, the last pattern that matches wins, and `!` negates.

    Raises:
        SettingsError: a pattern is invalid or can match nothing.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Compiles the globs.

        Raises:
            SettingsError: a glob is invalid.
        """
        self._include = _compile("include", tuple(include))
        self._exclude = _compile("exclude", tuple(exclude))
        self._takes_all = tuple(include) == ("**",)
        self._excludes = bool(exclude)
        # Only without negation does an excluded folder mean that all below it is excluded.
        self._can_prune = self._excludes and not any(pattern.startswith("!") for pattern in exclude)

    def matches(self, path: str) -> bool:
        """Whether the document at `path` is taken."""
        if not self._takes_all and not self._include.match_file(path):
            return False
        return not (self._excludes and self._exclude.match_file(path))

    def prunes(self, folder: str) -> bool:
        """Whether nothing below `folder` (a relative path without a trailing slash) can be taken."""
        return self._can_prune and self._exclude.match_file(f"{folder}/")


@lru_cache(maxsize=256)
def _filter(include: tuple[str, ...], exclude: tuple[str, ...]) -> PathFilter:
    return PathFilter(include, exclude)


def path_filter(include: Sequence[str], exclude: Sequence[str]) -> PathFilter:
    """The filter of these globs, compiled once per process."""
    return _filter(tuple(include), tuple(exclude))


def matches(path: str, include: Sequence[str], exclude: Sequence[str] = ()) -> bool:
    """Whether `include` takes `path` and `exclude` leaves it in."""
    return path_filter(include, exclude).matches(path)


def unwanted(name: str) -> bool:
    """Whether a file or folder of this name never holds documents."""
    # A name that begins with ~$ is that of the note which Office keeps beside a file while somebody has it open.
    return name in _UNWANTED or name.startswith("~$")


def unsafe(path: str) -> str | None:
    """Why `path` cannot be a document's path, or None where it can."""
    if not path:
        return "an empty path"
    if path.startswith("/"):
        return "a path that starts with /"
    if "\0" in path:
        return "a path that holds a zero byte"
    if any(part in {"", ".", ".."} for part in path.split("/")):
        return "a path with an empty, . or .. part"
    return None


def printable(name: str) -> str:
    """A name as it can be stored and shown, on one line; bytes that are not UTF-8 become \\xNN."""
    return escaped(name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def is_utf8(name: str) -> bool:
    """Whether a name from the operating system is valid UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def spelling_rank(stored: str) -> tuple[tuple[bool, str], ...]:
    """What decides between stored names that are one path in NFC; the least wins, here and in `spellings`."""
    return tuple((composed(part) != part, part) for part in stored.split("/"))


def spellings(path: str, names: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """The stored names that `path` (NFC) may stand for, best first.

    Args:
        names: the names in a folder, given by its stored relative path ('' is the root).
    """

    def descend(folder: str, parts: list[str]) -> Iterator[str]:
        if not parts:
            yield folder
            return
        found = [name for name in names(folder) if is_utf8(name) and composed(name) == parts[0]]
        for name in sorted(found, key=spelling_rank):
            yield from descend(f"{folder}/{name}" if folder else name, parts[1:])

    yield from descend("", path.split("/"))
