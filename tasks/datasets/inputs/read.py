"""The rows of one input file, whatever kind it is of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

import orjson

from freshet.tasks.datasets.inputs.csv_rows import read_csv
from freshet.tasks.datasets.inputs.jsonl import read_jsonl
from freshet.tasks.datasets.inputs.opening import (
    BLOCK,
    PACKED,
    InputFile,
    TornArchive,
    no_text,
    no_utf8,
    opened,
    without_query,
)
from freshet.tasks.datasets.inputs.parquet import read_parquet
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, bad_row
from freshet.tasks.datasets.inputs.whole_json import Outline, outline, read_json
from freshet.tasks.settings.datasets import Shape


def read_rows(file: InputFile, max_line: int, shape: Shape | None = None) -> Iterator[RawRow | BadRow]:
    """What stands in a file, in its order; memory depends on the longest row, not on the file.

    Every row is either sound or said to be bad, once. `.json` that holds lines is read as lines, and the reverse.

    Args:
        max_line: bytes of the longest line, element or record; a longer one is passed over, and said so.
        shape: for `squad`, documents become a row for each question.

    Raises:
        SourceError: the file cannot be read, or is no longer the one that was listed.
    """
    last = 0
    try:
        for row in _rows(file, int(max_line), shape):
            last = row.place
            yield row
    except TornArchive:
        place = last + 1 if last else 0
        yield bad_row(file.uri, "ROW-UNREADABLE", place, why="the compressed file breaks off or is damaged", after=last)


def _rows(file: InputFile, max_line: int, shape: Shape | None) -> Iterator[RawRow | BadRow]:
    if file.kind == "parquet":
        yield from read_parquet(file, max_line)
        return
    head = _head(file)
    refused = _refused(file, head)
    if refused is not None:
        yield refused
        return
    if file.kind == "csv":
        with opened(file) as source:
            yield from read_csv(file.uri, source, max_line, _delimiter(file.address))
        return
    found = _outline(file, head)
    with opened(file) as source:
        if found == "lines":
            yield from read_jsonl(file.uri, source, max_line, shape)
        else:
            yield from read_json(file.uri, source, max_line, shape, found)


def _head(file: InputFile) -> bytes:
    """The file's first block that is more than space; empty where there is none."""
    with opened(file, whole=False) as source:
        while block := source.read(BLOCK):
            if not block.isspace():
                return block.lstrip()
    return b""


def _refused(file: InputFile, head: bytes) -> BadRow | None:
    """The file as one bad row, where it is no text, or no rows."""
    if not head:
        return bad_row(file.uri, "ROW-UNREADABLE", 0, why="the file is empty")
    encoding = no_utf8(head)
    if encoding is not None:
        return bad_row(file.uri, "ROW-ENCODING", 0, why=f"the file is {encoding}, not UTF-8")
    other = no_text(head)
    if other is None and file.kind == "csv" and _is_json(head.partition(b"\n")[0]):
        other = "JSON"
    if other is not None:
        return bad_row(file.uri, "ROW-UNREADABLE", 0, why=f"the file is {other}, and is read as {file.kind}")
    return None


def _outline(file: InputFile, head: bytes) -> Literal["lines"] | Outline | None:
    """How the JSON of a file is to be read: line by line, as an object with this outline, or (None) as a list."""
    first, _, rest = head.partition(b"\n")
    several = bool(rest.strip())
    if head.startswith(b"["):
        return "lines" if several and _is_json(first) else None
    if file.kind == "jsonl":
        if not head.startswith(b"{") or not first.rstrip().endswith((b"{", b"[")):
            return "lines"
    elif not head.startswith(b"{"):
        return None
    with opened(file, whole=False) as source:
        found = outline(source)
    if found.followed:
        return "lines"
    second = rest.lstrip().partition(b"\n")[0]
    torn_first = not found.ended and not first.rstrip().endswith((b"{", b"[", b",", b":"))
    return "lines" if torn_first and second.startswith(b"{") and _is_json(second) else found


def _is_json(line: bytes) -> bool:
    """Whether a line is an object or a list."""
    if not line.startswith((b"{", b"[")):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _delimiter(address: str) -> str:
    path = PurePosixPath(without_query(address.split("::", maxsplit=1)[0]).lower())
    return "\t" if (path if path.suffix not in PACKED else PurePosixPath(path.stem)).suffix == ".tsv" else ","
