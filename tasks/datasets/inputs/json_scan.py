"""Where the values of a JSON file begin and end, without reading what stands in them.

So a list of any length is read element by element, one that is too long is passed over, and one that is torn inside
does not take the next ones with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from freshet.tasks.datasets.inputs.opening import BLOCK, Unpacked
from freshet.tasks.datasets.inputs.rows import MOST_SHOWN
from freshet.tasks.datasets.inputs.strict_json import parse

_SPACE = re.compile(rb"[ \t\r\n]*+")
_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[{}\[\]]', re.DOTALL)
"""A bracket, or a text: whole, or as far as the block goes. Its group is empty where it is not whole."""

_REST_OF_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_SCALAR = re.compile(rb"[^,:\]}\s]*+")
_LONGEST_KEY = 1 << 16


class Broken(Exception):
    """The file is no sound JSON from here on."""

    def __init__(self, why: str, line: int, column: int, raw: bytes = b"") -> None:
        """Takes what is wrong, where from 1, and the first bytes there."""
        super().__init__(why)
        self.why = why
        self.line = line
        self.column = column
        self.raw = raw


@dataclass(frozen=True)
class Piece:
    """A value of the file.

    Attributes:
        data: its bytes; None where there are more than were wanted.
        length: in bytes.
        line, column: where it begins, from 1; columns are bytes.
    """

    data: bytes | None
    length: int
    line: int
    column: int


class Scanner:
    """Reads a file forward, and knows line and column, both from 1."""

    def __init__(self, source: Unpacked) -> None:
        """Begins at the start of a file."""
        self._source = source
        self._block = b""
        self._at = 0
        self.line = 1
        self.column = 1

    def peek(self) -> bytes:
        """Passes spaces, and returns the byte that comes then; empty at the end of the file."""
        while True:
            self._pass(_matched(_SPACE, self._block, self._at).end())
            if self._at < len(self._block):
                return self._block[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, wanted: bytes) -> None:
        """Passes one of the wanted bytes.

        Raises:
            Broken: something else stands there.
        """
        found = self.peek()
        if not found or found not in wanted:
            raise self.broken("the file breaks off" if not found else "a comma, colon or bracket is missing")
        self._pass(self._at + 1)

    def broken(self, why: str, raw: bytes = b"") -> Broken:
        """Says what is wrong where the scanner stands."""
        return Broken(why, self.line, self.column, raw or self._block[self._at : self._at + MOST_SHOWN])

    def value(self, most: int, depth: int = 0) -> Piece:
        """Passes the value that begins at `peek`.

        Args:
            most: bytes up to which it is held.
            depth: brackets of it that were passed already.

        Raises:
            Broken: the file ends within it.
        """
        first = self.peek() if depth == 0 else b"["
        if not first:
            raise self.broken("the file breaks off")
        is_scalar = first not in b'"[{'
        line, column = self.line, self.column
        held, length, in_text = [b""], 0, False
        while True:
            start = self._at
            if is_scalar:
                end = _matched(_SCALAR, self._block, start).end()
                is_whole = end < len(self._block)
            else:
                end, depth, in_text, is_whole = self._scan(depth, in_text)
            length += end - start
            held = [*held, self._block[start:end]] if length <= most else [b"".join(held)[:MOST_SHOWN]]
            self._pass(end)
            if not is_whole and not self._more():
                if not is_scalar:
                    raise Broken("the file breaks off within this value", line, column, b"".join(held))
                is_whole = True
            if is_whole:
                if not length:
                    raise self.broken("a value is missing")
                return Piece(b"".join(held) if length <= most else None, length, line, column)

    def _scan(self, depth: int, in_text: bool) -> tuple[int, int, bool, bool]:
        """Returns how far the value goes in this block, the brackets and the text open there, whether it ends there."""
        block, at = self._block, self._at
        if in_text:
            match = _matched(_REST_OF_TEXT, block, at)
            at = match.end()
            if not match[1]:
                return at, depth, True, False
            if depth == 0:
                return at, depth, False, True
        for match in _MARK.finditer(block, at):
            mark = block[match.start()]
            if mark == 0x22:
                if not match[1]:
                    return match.end(), depth, True, False
            elif mark in b"{[":
                depth += 1
                continue
            else:
                depth -= 1
            if depth <= 0:
                return match.end(), depth, False, True
        return len(block), depth, False, False

    def _pass(self, end: int) -> None:
        lines = self._block.count(b"\n", self._at, end)
        if lines:
            self.line += lines
            self.column = end - self._block.rfind(b"\n", self._at, end)
        else:
            self.column += end - self._at
        self._at = end

    def _more(self) -> bool:
        """Reads on, and returns whether there was more; what was not passed stays."""
        data = self._source.read(BLOCK)
        self._block = self._block[self._at :] + data
        self._at = 0
        return bool(data)


def _matched(pattern: re.Pattern[bytes], block: bytes, at: int) -> re.Match[bytes]:
    """Matches a pattern that matches nothing, too, so that there always is a match."""
    match = pattern.match(block, at)
    assert match is not None
    return match


def members(scan: Scanner) -> Iterator[str]:
    """Yields the keys of the object that begins at `peek`; the value of each is to be passed before the next one.

    Raises:
        Broken: the object is not sound, or ends with the file.
        Unsound: a key is no sound text.
    """
    scan.take(b"{")
    if scan.peek() == b"}":
        scan.take(b"}")
        return
    while True:
        if scan.peek() != b'"':
            raise scan.broken("a key in quotes is missing" if scan.peek() else "the file breaks off")
        key = scan.value(_LONGEST_KEY)
        if key.data is None:
            raise Broken("a key is very long", key.line, key.column)
        name = parse(key.data)
        scan.take(b":")
        scan.peek()
        yield name
        ended = scan.peek() == b"}"
        scan.take(b",}")
        if ended:
            return


def elements(scan: Scanner, most: int) -> Iterator[Piece]:
    """Yields the elements of the list that begins at `peek`.

    Raises:
        Broken: the list is not sound, or ends with the file.
    """
    scan.take(b"[")
    if scan.peek() == b"]":
        scan.take(b"]")
        return
    while True:
        yield scan.value(most)
        ended = scan.peek() == b"]"
        scan.take(b",]")
        if ended:
            return
        scan.peek()
