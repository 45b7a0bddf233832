"""JSON Lines: an object a line, each read for itself."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.datasets.inputs.lines import LongLine, lines
from freshet.tasks.datasets.inputs.opening import Unpacked
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, Unsound, bad_row
from freshet.tasks.datasets.inputs.squad import is_squad, kind_name, questions
from freshet.tasks.datasets.inputs.strict_json import parse
from freshet.tasks.settings.datasets import Shape


def read_jsonl(uri: str, source: Unpacked, max_line: int, shape: Shape | None) -> Iterator[RawRow | BadRow]:
    """The rows of JSON Lines; `place` is the line. Blank lines count, and are no rows."""
    for place, line in lines(source, max_line):
        if isinstance(line, LongLine):
            yield bad_row(uri, "ROW-LONG", place, line=place, bytes=line.length, max_line=max_line)
            continue
        if not line or line.isspace():
            continue
        try:
            value = parse(line.removesuffix(b"\r"))
        except Unsound as fault:
            evidence = fault.evidence | {"line": place}
            yield bad_row(uri, fault.code, place, fault.field, line, **evidence)
            continue
        if type(value) is not dict:
            yield bad_row(
                uri, "ROW-SCHEMA", place, None, line, line=place, expected="an object", found=kind_name(value)
            )
        elif shape == "squad" and is_squad(value):
            for field, row in questions(value):
                if isinstance(row, Unsound):
                    yield bad_row(uri, row.code, place, field, line=place, **row.evidence)
                else:
                    yield RawRow(place, field, row)
        else:
            yield RawRow(place, None, value)
