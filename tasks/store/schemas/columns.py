"""Columns of stored tables, several of one type at a time.

A type is named as Arrow names it (`string`, `int64`), or is `moment` (microseconds in UTC) or `strings` (a list).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def table(*columns: pa.Field) -> pa.Schema:
    """The schema of a table with these columns."""
    import pyarrow as pa

    return pa.schema(columns)


def key(name: str, kind: str = "string") -> pa.Field:
    """A column that tells rows apart. So marked, two writers of one new key conflict instead of both inserting it."""
    return _column(name, kind, nullable=False).with_metadata({"lance-schema:unenforced-primary-key": "true"})


def required(kind: str | pa.DataType, *names: str) -> Iterable[pa.Field]:
    """Columns that every row has a value in."""
    return (_column(name, kind, nullable=False) for name in names)


def optional(kind: str | pa.DataType, *names: str) -> Iterable[pa.Field]:
    """Columns that may be null."""
    return (_column(name, kind, nullable=True) for name in names)


def records(*columns: pa.Field) -> pa.DataType:
    """The type of a list of records with these columns."""
    import pyarrow as pa

    return pa.list_(pa.struct(columns))


def _column(name: str, kind: str | pa.DataType, *, nullable: bool) -> pa.Field:
    import pyarrow as pa

    own = {"moment": pa.timestamp("us", tz="UTC"), "strings": pa.list_(pa.string())}
    known = own.get(kind) or pa.type_for_alias(kind) if isinstance(kind, str) else kind
    return pa.field(name, known, nullable=nullable)
