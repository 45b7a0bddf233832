"""What is read from a file of rows: a row, or what is wrong with it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from freshet.tasks.rules.verdicts import Verdict, verdict

MOST_SHOWN = 2_000
"""Characters of an unreadable row that are kept."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


class RawRow(NamedTuple):
    """A row as its file has it.

    Attributes:
        place: the line in the file for JSONL and CSV, else the number of the row; from 1.
        field: where in the file it stands, for files that nest, like `data[3].paragraphs[0].qas[2]`.
        value: by column; what JSON knows, and nothing else.
    """

    place: int
    field: str | None
    value: dict[str, Any]


class BadRow(NamedTuple):
    """A row, or a whole file (place 0), that cannot be taken.

    Attributes:
        raw: what could be read of it, at most 2,000 characters; None where nothing could.
    """

    place: int
    field: str | None
    verdict: Verdict
    raw: str | None


class Unsound(Exception):
    """A row is no sound JSON; the reader knows which one."""

    def __init__(self, code: str, field: str | None = None, **evidence: Any) -> None:
        """Takes the code of the rule, the field at fault where there is one, and the evidence."""
        super().__init__(code)
        self.code = code
        self.field = field
        self.evidence = evidence


def bad_row(  # the parameters are the two halves of a BadRow
    uri: str, code: str, place: int, field: str | None = None, raw: bytes | str | None = None, **evidence: Any
) -> BadRow:
    """A row that is not taken. Its evidence names the file, the field, and what the caller knows of the place."""
    where = {"file": uri} | ({"field": field} if field else {})
    return BadRow(place, field, verdict(code, **where, **evidence), shown(raw) if raw else None)


def shown(raw: bytes | str) -> str:
    """The beginning of a text, in characters that can be stored and printed."""
    text = raw[: MOST_SHOWN * 4].decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[:MOST_SHOWN])


def joined(outer: str | None, inner: str | None) -> str | None:
    """The path of a field within a row that itself stands in a field."""
    if not outer or not inner:
        return outer or inner
    return f"{outer}{inner}" if inner.startswith("[") else f"{outer}.{inner}"
