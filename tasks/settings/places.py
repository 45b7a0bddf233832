"""Where something stands in a settings file, and what is to be told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freshet.tasks.settings.addresses import shown

Place = tuple[str | int, ...]
"""Keys and list positions from the top: ("corpora", "handbook", "sources", 0, "acl")."""


@dataclass(frozen=True)
class Finding:
    """Something to tell about one place; `line` counts from 1, None where there is no line."""

    place: Place
    line: int | None
    what: str
    mend: str


def place_text(place: Place) -> str:
    """("sources", 0, "acl") → 'sources[0].acl'."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{shown(part)}" if text else shown(part)
    return text


def kind_text(value: Any) -> str:
    """What a value is, in a reader's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        return "a list"
    return "a group of keys" if isinstance(value, dict) else "a date"
