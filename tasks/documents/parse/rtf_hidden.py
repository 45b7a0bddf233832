"""Finds text of an RTF file that nobody sees: hidden words, white or tiny ones, and comments."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from freshet.tasks.documents.parse.hidden import Entry, Tally
from freshet.tasks.documents.parse.rtf import TOKEN

_COLOURS = re.compile(r"\\colortbl([^{}]{0,20000})")
_WHITE = re.compile(r"\\red255\s*\\green255\s*\\blue255(?!\d)")
_SHADED_CELL = re.compile(r"\\clcbpat(?:raw)?[1-9]")
_TINY_HALF_POINTS = 2
_NO_TEXT = frozenset(
    {"fonttbl", "colortbl", "stylesheet", "info", "pict", "fldinst", "listtable", "listoverridetable", "rsidtbl"}
    | {"generator", "object", "objdata", "bkmkstart", "bkmkend", "xmlnstbl", "themedata", "datastore", "sp", "xe", "tc"}
)
_SHADES = frozenset({"cb", "chcbpat", "highlight", "cbpat"})
_BREAKS = frozenset({"par", "line", "tab", "cell", "row", "page"})


@dataclass(frozen=True)
class _Group:
    is_hidden: bool = False
    colour: int = 0
    size: int = 24
    is_shaded: bool = False
    is_text: bool = True
    is_comment: bool = False


def hidden_in_rtf(text: str) -> list[Entry]:
    """Finds the hidden text of RTF that `rtf.rtf_in_unicode` gave; styles are not looked up, which RTF need not.

    The kinds are `hidden run`, `same colour` (white on no shade of its own), `too small` (one point or less) and
    `comment`. Places are paragraphs.
    """
    colours = _COLOURS.search(text)
    white = {at for at, one in enumerate(colours[1].split(";")) if _WHITE.search(one)} if colours else set()
    white = set() if _SHADED_CELL.search(text) else white
    tally, group, outer = Tally(), _Group(), list[_Group]()
    paragraph, at = 1, 0
    found: dict[tuple[str, int], list[str]] = {}
    while match := TOKEN.match(text, at):
        at = match.end()
        if match["brace"] == "{":
            outer.append(group)
        elif match["brace"]:
            group = outer.pop() if outer else group
        elif match["symbol"] == "*":
            group = replace(group, is_text=False)
        elif match["word"]:
            number = int(match["number"]) if match["number"] else None
            group = _after(group, match["word"], number)
            at += (number or 0) if match["word"] == "bin" and (number or 0) > 0 else 0
            paragraph += match["word"] == "par" and not group.is_comment
        kind = _kind(group, white)
        if kind and (match["text"] or match["word"] in _BREAKS):
            found.setdefault((kind, paragraph), []).append(match["text"] or " ")
    for (kind, number), texts in found.items():
        tally.add(kind, "".join(texts), place=f"paragraph {number}")
    return tally.entries()


def _after(group: _Group, word: str, number: int | None) -> _Group:
    """Returns what holds behind a word, which ends at the end of its group."""
    if word in _NO_TEXT:
        return replace(group, is_text=False)
    if word in ("annotation", "shptxt"):
        return replace(group, is_text=True, is_comment=group.is_comment or word == "annotation")
    if word == "plain":
        return replace(group, is_hidden=False, colour=0, size=24, is_shaded=False)
    if word == "v":
        return replace(group, is_hidden=number != 0)
    if word == "cf":
        return replace(group, colour=number or 0)
    if word == "fs":
        return replace(group, size=24 if number is None else number)
    if word in _SHADES:
        return replace(group, is_shaded=bool(number))
    return replace(group, is_shaded=False) if word == "pard" else group


def _kind(group: _Group, white: set[int]) -> str | None:
    if not group.is_text:
        return None
    if group.is_comment:
        return "comment"
    if group.is_hidden:
        return "hidden run"
    if group.size <= _TINY_HALF_POINTS:
        return "too small"
    return "same colour" if group.colour in white and not group.is_shaded else None
