"""CSV and TSV: a header, then rows of texts."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from freshet.tasks.datasets.inputs.lines import LongLine, lines
from freshet.tasks.datasets.inputs.opening import Unpacked
from freshet.tasks.datasets.inputs.rows import MOST_SHOWN, BadRow, RawRow, bad_row
from freshet.tasks.datasets.inputs.strict_json import path_of

_LONGEST_FIELD = 2**31 - 1


class _TooLong(Exception):
    """A record is longer than its input takes."""


class _Feed:
    """Hands csv its lines, and keeps what a message about the record needs."""

    def __init__(self, source: Unpacked, max_line: int) -> None:
        self._lines = lines(source, max_line)
        self._max_line = max_line
        self._number = 0
        self.names: list[str] = []
        self.begin()

    def begin(self) -> None:
        """The next line begins a record."""
        self.first = self._number + 1
        self.length = 0
        self.raw = ""
        self.bad_byte: tuple[int, int] | None = None
        self._quotes = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._number, line = next(self._lines)
        if isinstance(line, LongLine):
            self.length += line.length
            self._quotes += line.quotes
            raise _TooLong
        self.length += len(line) + 1
        self._quotes += line.count(b'"')
        if self.length > self._max_line + 1:
            raise _TooLong
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            self.bad_byte = self.bad_byte or (self._number, error.start + 1)
            text = line.decode("utf-8", "surrogateescape")
        if len(self.raw) < MOST_SHOWN:
            self.raw += f"{text}\n"
        return f"{text}\n"

    def skip(self) -> None:
        """Reads on to the end of a record that is too long: while a quote is open."""
        while self._quotes % 2:
            found = next(self._lines, None)
            if found is None:
                return
            self._number, line = found
            self.length += line.length if isinstance(line, LongLine) else len(line) + 1
            self._quotes += line.quotes if isinstance(line, LongLine) else line.count(b'"')


def read_csv(uri: str, source: Unpacked, max_line: int, delimiter: str) -> Iterator[RawRow | BadRow]:
    """The rows of a CSV file; `place` is the first line of each, values are texts as they stand there."""
    # Python's own limit, 131,072 characters, is one for the whole process and shorter than many a passage.
    csv.field_size_limit(_LONGEST_FIELD)
    feed = _Feed(source, max_line)
    records = _records(uri, feed, max_line, delimiter)
    header = next(records, None)
    if header is None:
        return
    if isinstance(header, BadRow):
        yield header
        return
    place, names = header
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        yield bad_row(uri, "ROW-REPEATED-KEY", place, path_of((repeated[0],)), line=place, why="two columns have it")
        return
    feed.names = names
    for record in records:
        if isinstance(record, BadRow):
            yield record
            continue
        place, cells = record
        if len(cells) == len(names):
            yield RawRow(place, None, dict(zip(names, cells, strict=True)))
        else:
            wrong = {"line": place, "expected": f"{len(names)} fields", "found": f"{len(cells)} fields"}
            yield bad_row(uri, "ROW-SCHEMA", place, None, feed.raw, **wrong)


def _records(uri: str, feed: _Feed, max_line: int, delimiter: str) -> Iterator[tuple[int, list[str]] | BadRow]:
    """First line and cells of each record."""
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield bad_row(uri, "ROW-UNREADABLE", feed.first, None, feed.raw, line=feed.first, why=_why(error))
            continue
        except _TooLong:
            first, raw = feed.first, feed.raw or None
            feed.skip()
            yield bad_row(uri, "ROW-LONG", first, None, raw, line=first, bytes=feed.length, max_line=max_line)
            continue
        if feed.bad_byte is not None:
            line, byte = feed.bad_byte
            halves = [name for name, cell in zip(feed.names, cells, strict=False) if _is_half(cell)]
            field = path_of((halves[0],)) if halves else None
            wrong = {"line": line, "byte": byte, "why": "bytes that are no UTF-8"}
            yield bad_row(uri, "ROW-ENCODING", feed.first, field, feed.raw, **wrong)
        elif cells:
            yield feed.first, cells


def _is_half(cell: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in cell)


def _why(error: csv.Error) -> str:
    if "end of data" in str(error):
        return "a quote is opened and never closed"
    if "expected after" in str(error):
        return "text follows a closing quote; a quote within quotes is written twice"
    return "a line ends within a field that has no quotes"
