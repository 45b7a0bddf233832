"""Finds users and passwords within addresses, in time that follows the length of the text, whatever it holds.

Where a password ends is told by what comes after it: the last @ before white space, the last one that a host follows.
A regular expression looks for that from every beginning anew, so that a word of many beginnings takes the square of its
length. Here the places that decide are listed once, and each beginning is answered from the lists.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

# Names are bounded, so that a long word costs no more than its length.
SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,40}://"
_SCHEME = re.compile(SCHEME)
_IS_PORT = re.compile(r"\d{0,5}(?:[/?#\s]|$)")
"""A colon before digits and a slash begins a port, as every client reads it: a password cannot begin so."""
_USER = re.compile(r"[^/?#\s:@]*+")
_SHELL_USER = re.compile(
    # Neither `C:\x@y:z`, 12:30, nor the address of a mail.
    r"(?<![\w@.+:/\\-])(?!mailto:|jdbc:|[A-Za-z]:[\\/])(?P<user>(?![\d.+-]++:)[\w.+-]{1,64}):(?!//|\*\*\*@)"
)
_HIDDEN = ":***@"
_WITHIN = 100
"""A password that holds white space ends after so many characters more."""


class Login(NamedTuple):
    """Who signs in with what, as an address begins: `text[start:end]` is `prefix`, `info`, and what ends it."""

    start: int
    end: int
    prefix: str
    info: str


_PLACES = {
    "at": re.compile("@"),
    "escaped at": re.compile("%40"),
    "space": re.compile(r"\s"),
    "space or quote": re.compile(r"[\s'\"]"),
    "end of authority": re.compile(r"[/?#\s]"),
    "slash": re.compile("/"),
    "after a scheme": re.compile("://"),
    "at before host and path": re.compile(r"@(?=(?:[\w.-]++|\[[\w.:%]++\]):[^\s:])"),
    "at before domain": re.compile(r"@(?=(?:[\w-]++\.)+[A-Za-z]{2,}/)"),
}
"""What decides where a user or a password ends."""


class _Places:
    """Where a text has what ends a user or a password; each kind is looked for when it is first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found: dict[str, list[int]] = {}

    def _of(self, kind: str) -> list[int]:
        if kind not in self._found:
            self._found[kind] = [one.start() for one in _PLACES[kind].finditer(self.text)]
        return self._found[kind]

    def next(self, kind: str, start: int) -> int:
        """The first place of a kind from `start` on, or the end of the text."""
        places = self._of(kind)
        number = bisect_left(places, start)
        return places[number] if number < len(places) else len(self.text)

    def last(self, kind: str, start: int, end: int) -> int | None:
        """The last place of a kind from `start` on and before `end`."""
        places = self._of(kind)
        number = bisect_left(places, end)
        return places[number - 1] if number and places[number - 1] >= start else None


def in_urls(text: str) -> Iterator[Login]:
    """Users and passwords of `scheme://user:password@host`, `prefix` being the scheme, that are not masked yet."""
    if "@" not in text and "%40" not in text:
        return
    places, start = _Places(text), 0
    while found := _SCHEME.search(text, start):
        start = found.end()
        end = _end_in_url(places, start)
        if end is not None:
            yield Login(found.start(), end[1], found[0], text[found.end() : end[0]])
            start = end[1]


def _end_in_url(places: _Places, start: int) -> tuple[int, int] | None:
    """Where what begins at `start` ends as user and password, without and with what ends it."""
    text = places.text
    user = _USER.match(text, start)
    assert user is not None
    colon = user.end()
    if text.startswith(_HIDDEN, colon):
        return None
    has_password = text.startswith(":", colon) and not _IS_PORT.match(text, colon + 1)
    # A password with any characters but quotes, or a user without one; up to the last @ before white space.
    if has_password:
        at = places.last("at", colon + 1, places.next("space or quote", colon + 1))
        if at is not None:
            return at, at + 1
    at = places.last("at", start, places.next("end of authority", start))
    if at is not None:
        return at, at + 1
    if not has_password or colon == start or "[" in user[0] or text.startswith((":", "\\"), colon + 1):
        return None
    # No @ follows so: a password holds a quote and a slash, or white space, or its @ is written %40.
    password, at = colon + 1, places.next("at", colon + 1)
    space = places.next("space", password)
    if password < at < space and _begins_host(text, at + 1):
        return at, at + 1
    within = min(space, at, places.next("slash", password))
    if password < within == space < len(text) and at <= space + 1 + _WITHIN and _begins_host(text, at + 1):
        return at, at + 1
    escaped = places.last("escaped at", password + 1, within)
    return None if escaped is None else (escaped, escaped + 3)


def _begins_host(text: str, start: int) -> bool:
    return re.match(r"[\w.\[]", text[start : start + 1]) is not None


def in_shells(text: str) -> Iterator[Login]:
    """Users and passwords of `user:password@host:path` and `user:password@host.domain/path`; `prefix` is the user."""
    if "@" not in text:
        return
    places, start = _Places(text), 0
    while found := _SHELL_USER.search(text, start):
        at = _end_in_shell(places, found.end())
        if at is not None:
            yield Login(found.start(), at + 1, found["user"], text[found.end() : at])
        start = found.start() + 1 if at is None else at + 1


def _end_in_shell(places: _Places, start: int) -> int | None:
    word = places.next("space or quote", start)
    at = places.last("at before host and path", start + 1, min(word, places.next("after a scheme", start)))
    if at is not None:
        return at
    return places.last("at before domain", start + 1, min(word, places.next("slash", start)))


def replace(text: str, logins: Iterator[Login], by: Callable[[Login], str]) -> str:
    """`text` with each login replaced by what `by` makes of it."""
    parts, end = [], 0
    for login in logins:
        parts += [text[end : login.start], by(login)]
        end = login.end
    return "".join([*parts, text[end:]])
