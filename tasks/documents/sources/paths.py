"""Paths of documents: which are taken, which are safe, how a name is spelled, and what an address may show."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from pathspec import GitIgnoreSpec

from freshet.tasks.errors import SettingsError

_UNWANTED = frozenset({".git", ".DS_Store"})
"""Names that never hold documents. `.git` may hold credentials, so a link into it is refused as well."""

TWO_SPELLINGS = "another file has the same name in another Unicode spelling"
"""Why one of two files that are one path in NFC is skipped."""

_USERINFO = re.compile(
    # A password that holds an unescaped slash, or else everything up to the last @ of the host's part.
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)"
    r"(?P<userinfo>[^/?#\s:@]*:(?!\d*(?:[/?#\s]|$))[^\s'\"]*|[^/?#\s]*)@"
)
_QUERY = re.compile(r"(?P<url>[A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"]*)\?[^\s#'\"]+")


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
    return name in _UNWANTED


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
    """A name as it can be stored and shown; bytes that are not UTF-8 become \\xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_utf8(name: str) -> bool:
    """Whether a name from the operating system is valid UTF-8."""
    if name.isascii():
        return True
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def composed(path: str) -> str:
    """`path` in NFC, so that a document keeps its id when it moves between file systems that spell é differently."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


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


def mask_credentials(text: str) -> str:
    """`text` with what may be secret in its URLs replaced by ***: passwords, tokens as user names, query strings."""

    def hide(match: re.Match[str]) -> str:
        scheme, userinfo = match["scheme"], match["userinfo"]
        if scheme.lower().startswith(("http", "git+http")):
            return f"{scheme}***@"
        user, colon, _ = userinfo.partition(":")
        return f"{scheme}{user}:***@" if colon else f"{scheme}{user}@"

    return _QUERY.sub(lambda match: f"{match['url']}?***", _USERINFO.sub(hide, text))


def safe_reason(error: BaseException, address: str) -> str:
    """What went wrong, in one line that shows no credential of `address`."""
    # urllib3 wraps the failure that a person can understand in one that repeats the request.
    reasons = (getattr(wrapper, "reason", None) for wrapper in (error, error.__cause__))
    shown = next((reason for reason in reasons if isinstance(reason, BaseException)), error)
    text = " ".join(str(shown).split()) or type(shown).__name__
    text = text.replace(address, mask_credentials(address))
    _, _, userinfo_host = address.partition("://")
    userinfo, at, _ = userinfo_host.rpartition("@")
    if at:
        for secret in (userinfo, *userinfo.split(":", 1)[1:]):
            if secret and (":" in userinfo or address.startswith("http")):
                text = text.replace(secret, "***")
    return mask_credentials(text)[:500]
