"""Every filter that reaches the store is built here, so that there is one place to get quoting right.

LanceDB takes predicates as SQL text. A value becomes a literal only through `_literal`, which doubles
the quotes in it; column names are written in this project's code and never come from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

IDS_PER_PREDICATE = 5000
"""LanceDB takes a predicate of so many ids without trouble; a longer list is cut into several predicates."""


def _literal(value: str) -> str:
    """The value as a SQL string literal.

    Raises:
        ValueError: the value holds a NUL, which cannot be part of a literal, nor of any name or hash in the store.
    """
    if "\0" in value:
        raise ValueError("a value with a NUL character cannot be looked up")
    return "'" + value.replace("'", "''") + "'"


def equals(column: str, value: str) -> str:
    """The predicate is true where the column holds the value."""
    return f"{column} = {_literal(value)}"


def is_number(column: str, value: int) -> str:
    """The predicate is true where the column holds the number."""
    return f"{column} = {int(value)}"


def is_between(column: str, least: int, most: int) -> str:
    """The predicate is true where the column's number is one of those from `least` up to and with `most`."""
    return f"{column} BETWEEN {int(least)} AND {int(most)}"


def begins(column: str, prefix: str) -> str:
    """The predicate is true where the column's text begins so."""
    return f"starts_with({column}, {_literal(prefix)})"


def contains(column: str, part: str) -> str:
    """The predicate is true where the column's text contains the part."""
    return f"contains({column}, {_literal(part)})"


def is_any(column: str, values: Iterable[str]) -> str:
    """The predicate is true where the column holds one of the values; never true for no values."""
    listed = ", ".join(_literal(v) for v in values)
    return f"{column} IN ({listed})" if listed else "false"


def in_parts(column: str, ids: Sequence[str], at_once: int = IDS_PER_PREDICATE) -> Iterator[str]:
    """Parts `is_any(column, ids)` into predicates of at most `at_once` ids each, in the order of the ids.

    No ids give no predicate. No row satisfies two of them, provided that no id occurs twice.
    """
    for start in range(0, len(ids), at_once):
        yield is_any(column, ids[start : start + at_once])


def is_none(column: str, values: Iterable[str]) -> str:
    """The predicate is true where the column holds none of the values; always true for no values."""
    listed = ", ".join(_literal(v) for v in values)
    return f"{column} NOT IN ({listed})" if listed else "true"


def holds(column: str, value: str) -> str:
    """The predicate is true where the column, a list, holds the value."""
    return f"array_has({column}, {_literal(value)})"


def holds_any(column: str, values: Iterable[str]) -> str:
    """The predicate is true where the column, a list, holds one of the values; never true for no values."""
    listed = ", ".join(_literal(v) for v in values)
    return f"array_has_any({column}, [{listed}])" if listed else "false"


def permits(principals: Iterable[str]) -> str:
    """The predicate is true where the access list names one of the principals; never true for no principals.

    Chunks of releases that an earlier version of Freshet made have such a list; those of now have a class.
    """
    return holds_any("acl", principals)


def within(column: str, start: datetime, end: datetime) -> str:
    """The predicate is true where the column's moment lies in the half-open span [start, end).

    Both ends have a time zone.
    """
    first, last = (f"timestamp '{m.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'" for m in (start, end))
    return f"{column} >= {first} AND {column} < {last}"


def sorts_within(column: str, start: str, end: str) -> str:
    """The predicate is true where the column's text sorts within the half-open span [start, end)."""
    return f"{column} >= {_literal(start)} AND {column} < {_literal(end)}"


def both(first: str, second: str) -> str:
    """The predicate is true where both others are."""
    return f"({first}) AND ({second})"


def either(first: str, second: str) -> str:
    """The predicate is true where one of the others is, or both are."""
    return f"({first}) OR ({second})"
