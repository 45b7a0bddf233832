"""Who may see and use what. Pure: decided from the settings and the names alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.settings.types import PRINCIPAL_HELP, composed

if TYPE_CHECKING:
    from pathspec import Pattern

    from freshet.tasks.settings.project import AccessRule, FolderSource, GitSource


def effective_acl(path: str, source: FolderSource | GitSource) -> list[str]:
    """Who may read the document at `path` (relative to the source, with /): sorted, distinct principals.

    The first of the source's `access` rules whose glob matches wins over `acl`, also where it is
    narrower or wider. Globs match as in .gitignore, letter case included.
    """
    return effective_acls([path], source)[0]


def effective_acls(paths: Sequence[str], source: FolderSource | GitSource) -> list[list[str]]:
    """`effective_acl` of many paths. Equal lists are one object: treat them as read-only."""
    otherwise = sorted(set(source.acl))
    rules = [(_pattern(rule), sorted(set(rule.acl))) for rule in source.access]
    if not rules:
        return [otherwise] * len(paths)
    found = []
    for path in paths:
        # To a regular expression a line break ends the text; in a file's name it is a character like
        # another, and must not carry a document past a rule.
        plain = composed(path).replace("\n", "\r").lstrip("/")
        found.append(next((acl for pattern, acl in rules if pattern.match_file(plain) is not None), otherwise))
    return found


def _pattern(rule: AccessRule) -> Pattern:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([rule.path]).patterns[0]


def principals_of(as_: Sequence[str]) -> list[str]:
    """The principals of somebody who asks as `as_`: those named, and everyone, distinct, in that order.

    Names are compared in NFC, as the settings' are. A name that nobody was granted is no error: it adds nothing,
    whatever characters it is made of, as an identity provider may have any. But text that is no name of a user or a
    group is refused, lest a typing mistake search as somebody else than was meant.

    Raises:
        SettingsError: a name is neither everyone, nor user:NAME, nor group:NAME, or is not printable.
    """
    for name in as_:
        kind, _, rest = name.partition(":")
        asked = name == EVERYONE or (kind in ("user", "group") and rest.strip() == rest != "")
        if not asked or not name.isprintable():
            word = name.strip()
            hint = f"did you mean user:{word} or group:{word}?" if word.isalnum() else PRINCIPAL_HELP
            raise SettingsError(f"{name!r} is no principal", hint)
    return list(dict.fromkeys([*map(composed, as_), EVERYONE]))
