r"""Globs as in .gitignore, over the paths of documents, in time that grows no faster than glob and path.

Settings are read by pathspec. These come from whoever asks: what pathspec makes of `*a*a*a*b` may take for ever.

A glob with a slash at its beginning or in its middle counts from the source's root, any other matches at every depth.
What matches a folder takes all below it, and what ends with a slash takes folders alone. `*` and `?` stay within a
name, `**` between slashes goes over any number of them. The last glob that matches a path decides, and `!` takes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_CLASS = re.compile(r"\[([!^]?)(\]?(?:[^\\\]]|\\.)*)\]", re.DOTALL)
_ANY = r"[^/]"


def taker_of(globs: Sequence[str]) -> Callable[[str], bool]:
    """Returns what tells whether globs take a path; equal globs share one.

    Raises:
        ValueError: one of them can match nothing, or all of them take back.
    """
    if globs and all(glob.startswith("!") for glob in globs):
        raise ValueError("a glob with ! takes back what an earlier one took, and there is none before it")
    judges = [(not glob.startswith("!"), _pattern(glob.removeprefix("!")).match) for glob in reversed(globs)]

    def takes(path: str) -> bool:
        return next((taken for taken, matches in judges if matches(path)), False)

    return takes


@lru_cache(maxsize=256)
def _pattern(glob: str) -> re.Pattern[str]:
    stripped = _without_blanks(glob)
    names = [name for name in stripped.split("/") if name]
    if not names or glob.startswith("#"):
        raise ValueError(f"{glob!r} matches nothing")
    of_folders = stripped.endswith("/")
    if "/" not in stripped.rstrip("/"):
        names.insert(0, "**")
    names = [name for at, name in enumerate(names) if name != "**" or names[at - 1 : at] != ["**"]]
    if names[-1] == "**" and len(names) > 1:
        names.pop()
        of_folders = True  # all below a folder
    end = "/" if of_folders else r"(?:/|\Z)"
    runs: list[list[str]] = [[]]
    for name in names:
        if name != "**":
            runs[-1].append(_name(name))
        else:
            runs.append([])
    first, *others = runs
    pattern = "/".join(first)
    if not others:
        return re.compile(pattern + end, re.DOTALL)
    pattern += "/" * bool(first)
    # Where a run of names matches first is where it may match: whatever follows has the more room.
    for run in others[:-1]:
        pattern += rf"(?>(?:{_ANY}++/)*?{'/'.join(run)}/)"
    if others[-1]:
        pattern += rf"(?:{_ANY}++/)*?{'/'.join(others[-1])}{end}"
    elif of_folders:
        pattern += rf"{_ANY}++/"
    return re.compile(pattern, re.DOTALL)


def _without_blanks(glob: str) -> str:
    """The glob without the blanks at its end, but for one behind a backslash."""
    stripped = glob.rstrip(" ")
    if stripped != glob and (len(stripped) - len(stripped.rstrip("\\"))) % 2:
        stripped += " "
    return stripped


def _name(glob: str) -> str:
    """The pattern of one name of a path: what stands between two stars is found where it first is."""
    first, *others = _between_stars(glob)
    if not others:
        return first
    middle = "".join(rf"(?>{_ANY}*?{part})" for part in others[:-1] if part)
    return rf"{'' if first else f'(?={_ANY})'}(?>{first}{middle}){_ANY}*{others[-1]}(?=/|\Z)"


def _between_stars(glob: str) -> list[str]:
    parts, at = [""], 0
    while at < len(glob):
        char = glob[at]
        if char == "*":
            parts.append("")
        elif char == "?":
            parts[-1] += _ANY
        elif char == "[" and (found := _CLASS.match(glob, at)):
            parts[-1] += _class(found[1], found[2])
            at = found.end() - 1
        elif char == "[":
            raise ValueError(f"{glob!r} has a bracket that is not closed")
        else:
            if char == "\\":
                at += 1
                if at == len(glob):
                    raise ValueError(f"{glob!r} ends with a backslash")
            parts[-1] += re.escape(glob[at])
        at += 1
    return parts


def _class(negated: str, inside: str) -> str:
    plain = re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)
    ranges = re.sub(r"([\\\]\[^&~|])", r"\\\1", plain)
    try:
        re.compile(f"[{ranges}]")
    except re.error:
        raise ValueError(f"[{inside}] is no range of characters") from None
    return f"(?!/)[{'^' * bool(negated)}{ranges}]"
