"""JSON Lines: an object a line, each read for itself."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.datasets.inputs.lines import LongLine, lines
from freshet.tasks.datasets.inputs.opening import Unpacked
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, Unsound, bad_row
from freshet.tasks.datasets.inputs.squad import rows_in
from freshet.tasks.settings.datasets import Shape


def read_jsonl(uri: str, source: Unpacked, max_line: int, shape: Shape | None) -> Iterator[RawRow | BadRow]:
    """Yields the rows of JSON Lines; `place` is the line. Blank lines count, and are no rows."""
    for place, line in lines(source, max_line):
        if isinstance(line, LongLine):
            yield bad_row(uri, "ROW-LONG", place, line=place, bytes=line.length, max_line=max_line)
        elif line and not line.isspace():
            for field, row, raw in rows_in(line.removesuffix(b"\r"), shape):
                if isinstance(row, Unsound):
                    yield bad_row(uri, row.code, place, field, raw, **row.evidence | {"line": place})
                else:
                    yield RawRow(place, field, row)
