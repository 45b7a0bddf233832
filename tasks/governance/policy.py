"""Who may see and use what. Pure: decided from the settings and the names alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.settings.addresses import source_name
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.settings.types import PRINCIPAL_HELP, composed

if TYPE_CHECKING:
    import pyarrow as pa
    from pathspec import Pattern

    from freshet.tasks.settings.project import AccessRule, FolderSource, GitSource

PATHS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Scope:
    """What an access class stands for: the documents of a source that one of its rules takes, or that none takes.

    Attributes:
        access: the id of the class, the same however the expression changes.
        source: the source's name.
        rule: the glob of the rule, as in the settings; None for the source's own `acl`.
    """

    access: str
    source: str
    rule: str | None
    expression: Expression


def class_id(corpus: str, source: str, rule: str | None) -> str:
    """The id of an access class: a pure function of corpus, source and rule."""
    return sha256("\0".join((corpus, source, rule or "")).encode()).hexdigest()[:16]


def scopes_of(corpus: str, source: FolderSource | GitSource) -> list[Scope]:
    """The scopes of a source: its rules in their order, then its own `acl`. A glob that occurs again is left out."""
    said = {rule.path: rule.acl for rule in reversed(source.access)}
    name = source_name(source)
    ruled = [(path, said[path]) for path in dict.fromkeys(rule.path for rule in source.access)]
    return [
        Scope(class_id(corpus, name, path), name, path, Expression.of(acl))
        for path, acl in [*ruled, (None, source.acl)]
    ]


def classes_of(corpus: str, paths: Sequence[str], source: FolderSource | GitSource) -> list[str]:
    """The access class of the document at each path (relative to the source, with /).

    The first of the source's `access` rules whose glob matches wins over `acl`, also where it is narrower or wider.
    Globs match as in .gitignore, letter case included.
    """
    name = source_name(source)
    of_rules = [class_id(corpus, name, rule.path) for rule in source.access]
    otherwise = class_id(corpus, name, None)
    return [otherwise if rule is None else of_rules[rule] for rule in _matching(paths, source)]


def column_of_classes(corpus: str, paths: pa.ChunkedArray, source: FolderSource | GitSource) -> pa.ChunkedArray:
    """`classes_of` a column of paths, as a column; never more than PATHS_AT_ONCE of them are Python's."""
    import pyarrow as pa

    parts = (paths.slice(start, PATHS_AT_ONCE) for start in range(0, len(paths), PATHS_AT_ONCE))
    return pa.chunked_array(
        [pa.array(classes_of(corpus, part.to_pylist(), source), pa.string()) for part in parts], pa.string()
    )


def effective_expression(path: str, source: FolderSource | GitSource) -> Expression:
    """Who may read the document at a path, as the settings say now."""
    (rule,) = _matching([path], source)
    return Expression.of(source.acl if rule is None else source.access[rule].acl)


def _matching(paths: Sequence[str], source: FolderSource | GitSource) -> list[int | None]:
    """For each path, the place of the first rule that matches; None where none does."""
    patterns = list(enumerate(map(_pattern, source.access)))
    if not patterns:
        return [None] * len(paths)
    found = []
    for path in paths:
        # To a regular expression a line break ends the text; in a file's name it is a character like
        # another, and must not carry a document past a rule.
        plain = composed(path).replace("\n", "\r").lstrip("/")
        found.append(next((place for place, pattern in patterns if pattern.match_file(plain) is not None), None))
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
