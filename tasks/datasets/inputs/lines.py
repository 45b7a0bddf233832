"""Reads the lines of a file without ever holding one that is too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from freshet.tasks.datasets.inputs.opening import BLOCK, Unpacked


@dataclass(frozen=True)
class LongLine:
    """A line that is too long, and was passed over.

    Attributes:
        length: in bytes.
        quotes: double quotes in it.
    """

    length: int
    quotes: int


class _Open:
    """A line whose end is not read yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: list[bytes] = []
        self._length = 0
        self._quotes = 0

    def add(self, piece: bytes) -> None:
        self._length += len(piece)
        if self._length > self._limit:
            self._quotes += sum(held.count(b'"') for held in self._held) + piece.count(b'"')
            self._held.clear()
        else:
            self._held.append(piece)

    def end(self) -> bytes | LongLine:
        line = LongLine(self._length, self._quotes) if self._length > self._limit else b"".join(self._held)
        self._held.clear()
        self._length = self._quotes = 0
        return line


def lines(source: Unpacked, limit: int) -> Iterator[tuple[int, bytes | LongLine]]:
    """Yields the lines with their numbers, from 1, without their ends.

    Args:
        limit: bytes of the longest line that is held.
    """
    number = 0
    line = _Open(limit)
    left = False
    while block := source.read(BLOCK):
        first, *rest = block.split(b"\n")
        line.add(first)
        left = bool(first) or left
        if not rest:
            continue
        number += 1
        yield number, line.end()
        last = rest.pop()
        for whole in rest:
            number += 1
            yield number, whole if len(whole) <= limit else LongLine(len(whole), whole.count(b'"'))
        line.add(last)
        left = bool(last)
    if left:
        yield number + 1, line.end()
