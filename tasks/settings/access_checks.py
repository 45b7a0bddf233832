"""Access lists and rules that are allowed but hardly meant."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.addresses import is_remote, resolve, shown
from freshet.tasks.settings.dataset_checks import Fault
from freshet.tasks.settings.places import Place
from freshet.tasks.settings.project import EVERYONE, FolderSource, GitSource
from freshet.tasks.settings.types import composed

if TYPE_CHECKING:
    from pathspec import Pattern

MOST_FILES = 200_000
"""Files of a source that are looked at; where there are more, nothing is said of the rules that none matched."""


def access_notes(place: Place, source: FolderSource | GitSource) -> Iterator[Fault]:
    """What is odd in who may read a source, as its settings alone show."""
    yield from _expression_notes((*place, "acl"), source.acl)
    seen: set[str] = set()
    for position, rule in enumerate(source.access):
        at = (*place, "access", position)
        if rule.path in seen or seen & {"**", "*"}:
            yield (
                (*at, "path"),
                "this rule never applies: an earlier one takes all its paths",
                "put the narrower rule first",
            )
        seen.add(rule.path)
        yield from _expression_notes((*at, "acl"), rule.acl)


def _expression_notes(place: Place, acl: list[str] | AccessExpression) -> Iterator[Fault]:
    if not isinstance(acl, AccessExpression):
        if EVERYONE in acl and len(set(acl)) > 1:
            yield (
                place,
                "everyone may read these, so the other principals change nothing",
                "write [everyone], or leave everyone out",
            )
        return
    out = set(acl.none)
    if EVERYONE in out:
        yield (*place, "none"), "none names everyone, so that nobody may read these", "leave everyone out of none"
    for position, one in enumerate(acl.all):
        at = (*place, "all", position)
        if EVERYONE in one and len(set(one)) > 1:
            yield (
                at,
                "everyone is in this list, so the other principals change nothing",
                "write [everyone], or leave everyone out",
            )
        elif set(one) <= out and EVERYONE not in out:
            yield (
                at,
                "none names all of this list, so that nobody may read these",
                "name somebody here whom none does not name",
            )


def unlisted_groups(place: Place, source: FolderSource | GitSource, listed: Collection[str]) -> Iterator[Fault]:
    """Groups that are kept out and of which the roster does not say who is in them, so that nobody is let in."""
    said = [((*place, "acl"), source.acl)]
    said += [((*place, "access", position, "acl"), rule.acl) for position, rule in enumerate(source.access)]
    for at, acl in said:
        for position, one in enumerate(acl.none) if isinstance(acl, AccessExpression) else ():
            if one.startswith("group:") and composed(one) not in listed:
                yield (
                    (*at, "none", position),
                    f"the roster does not say who is in {shown(one)}, so that nobody may read these",
                    "add the group to the roster, with [] if nobody is in it, or correct its name",
                )


def unmatched_rules(place: Place, source: FolderSource | GitSource, root: Path) -> Iterator[Fault]:
    """The access rules of a local folder that decide about none of the files that the source takes now.

    They match none, or earlier rules take all that they match.

    Other sources are not looked at: what they hold is not on this disk, or takes git to list.
    """
    if not source.access or not isinstance(source, FolderSource) or is_remote(source.address):
        return
    folder = resolve(source.address, root)
    paths = _paths(folder, source) if os.path.isdir(folder) else None
    if paths is None:
        return
    patterns = {position: _pattern(rule.path) for position, rule in enumerate(source.access)}
    left, shadowed = set(patterns), set[int]()
    in_any_case = {position: _pattern(rule.path.casefold()) for position, rule in enumerate(source.access)}
    near: dict[int, str] = {}
    for path in paths:
        if path is None:
            return
        # As access is decided: see `_matching` of tasks/governance/policy.py.
        plain = path.replace("\n", "\r").lstrip("/")
        matching = [one for one, pattern in patterns.items() if pattern.match_file(plain) is not None]
        left -= set(matching[:1])
        shadowed |= set(matching[1:])
        for position in left - near.keys() - shadowed:
            if in_any_case[position].match_file(plain.casefold()) is not None:
                near[position] = path
        if not left:
            return
    for position in sorted(left):
        if position in shadowed:
            if not _is_plainly_shadowed(source, position):
                what = "this rule never applies now: earlier ones take all that it matches"
                yield (*place, "access", position, "path"), what, "put the narrower rule first"
            continue
        what = "this rule matches nothing that the source holds now"
        mend = "compare it with the paths below the source; they are written with / and start at the source"
        if position in near:
            mend = f"{shown(near[position])} differs in the case of letters only, which counts"
        yield (*place, "access", position, "path"), what, mend


def _is_plainly_shadowed(source: FolderSource, position: int) -> bool:
    """Whether the settings alone show it, so that `access_notes` has said it."""
    earlier = {rule.path for rule in source.access[:position]}
    return source.access[position].path in earlier or bool(earlier & {"**", "*"})


def _paths(folder: str, source: FolderSource) -> Iterator[str | None]:
    """Paths of the files that a source takes, in NFC; None where the folder cannot be listed to its end."""
    from pathspec import GitIgnoreSpec

    include, exclude = GitIgnoreSpec.from_lines(source.include), GitIgnoreSpec.from_lines(source.exclude)
    failed: list[OSError] = []
    looked_at = 0
    for at, folders, names in os.walk(folder, onerror=failed.append):
        if failed:
            break
        below = composed(os.path.relpath(at, folder).replace(os.sep, "/") + "/") if at != folder else ""
        # Only without a glob that takes back does an excluded folder mean that all below it is excluded.
        prunes = not any(one.startswith("!") for one in source.exclude)
        folders[:] = [
            one for one in folders if one != ".git" and not (prunes and exclude.match_file(f"{below}{composed(one)}/"))
        ]
        for name in names:
            looked_at += 1
            if looked_at > MOST_FILES:
                yield None
                return
            path = below + composed(name)
            if include.match_file(path) and not exclude.match_file(path):
                yield path
    if failed:
        yield None


def _pattern(glob: str) -> Pattern:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([glob]).patterns[0]
