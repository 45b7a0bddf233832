"""Tells which fields of Word, as DOCX and RTF write them, run something or load it from elsewhere."""

from __future__ import annotations

import re

from freshet.tasks.documents.parse.active.found import located

_WORDS = re.compile(r'"((?:[^"\\]|\\.)*)"|“([^”]*)”|(\S+)')
_SWITCH = re.compile(r"\\[a-z*@#!]", re.I)
_MOST_CODE = 4000
_CODES = {
    "DDE": "DDE", "DDEAUTO": "DDE", "INCLUDETEXT": "external text", "INCLUDE": "external text", "RD": "external text",
    "INCLUDEPICTURE": "external picture", "IMPORT": "external picture", "DATABASE": "data connection",
}  # fmt: skip


def field_found(code: str) -> tuple[str, str] | None:
    """Returns (kind, target) of a field by its code ("INCLUDEPICTURE "a.png" \\d"); None for all other fields."""
    words = [next(part for part in match if part) for match in _WORDS.findall(code[:_MOST_CODE]) if any(match)]
    name = words[0].upper() if words else ""
    targets = [word.replace("\\\\", "\\") for word in words[1:] if not _SWITCH.fullmatch(word)]
    if name == "LINK":
        target = targets[1] if len(targets) > 1 else ""
        return located("linked object", target), target
    if name not in _CODES:
        return None
    return _CODES[name], " ".join(targets) if _CODES[name] == "DDE" else next(iter(targets), "")


def quoted(code: str) -> str:
    """Returns what a QUOTE field stands for: characters by their numbers, in which other fields' codes are hidden."""
    words = code.split()
    if not words or words[0].upper() != "QUOTE":
        return ""
    numbers = [int(word) for word in words[1:] if word.isdigit() and len(word) < 6]
    return "".join(map(chr, numbers)) if numbers else " ".join(words[1:]).strip("\"'")
