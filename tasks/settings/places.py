"""Where something stands in a settings file, and how it is shown without giving away a secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Place = tuple[str | int, ...]
"""Keys and list positions from the top: ("corpora", "handbook", "sources", 0, "acl")."""

_LONGEST_SHOWN = 80


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


def shown(text: str) -> str:
    """A text for a message: credentials in URLs masked, control characters escaped, cut to 80 characters."""
    masked = mask(text)
    if not masked.isprintable():
        masked = masked.encode("unicode_escape").decode("ascii")
    return masked if len(masked) <= _LONGEST_SHOWN else masked[: _LONGEST_SHOWN - 1] + "…"


def mask(text: str) -> str:
    """A URL without its user information and its query, either of which may be a secret."""
    without_user = re.sub(r"://\S*@", "://***@", text)
    return re.sub(r"(://[^\s?#]*[?#])\S+", r"\1***", without_user)


def has_credentials(url: str) -> bool:
    """Whether a URL carries a password, a token in place of a user name, or a query with values.

    Variables (`${NAME}`) count as nothing, so of a URL as written only what stands in the file is judged.
    """
    literal = re.sub(r"\$\{[^}]*\}", "", url)
    return bool(re.search(r"://[^\s/:@]*:[^\s@]+@|^https?://[^\s/:@]+@|://\S*\?\S*=[^\s&]", literal))


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
