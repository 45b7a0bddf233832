"""The exported files of a version as the metadata describes them: their paths, hashes and columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.settings.datasets import ExportKind

Kind = Literal["text", "integer", "number", "boolean"]
Sidecar = Literal["lineage", "rejected"]

_STEP = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?", re.ASCII)
"""A member name that a JSONPath can hold without quotes."""

_OPTIONAL = (b'"tools":',)
"""Columns that only some rows have, spelt as JSON spells them; all other columns stand in the first row."""


@dataclass(frozen=True)
class Column:
    """One column of a file, or one member of the objects in a column.

    Attributes:
        name: the column's name; a dotted name reaches into the objects of the column, like `input.messages`.
        kind: the kind of the values, or of the elements where `repeated`; it is unused where there are `members`.
        repeated: whether a value is a list.
        members: the members of the objects that the column holds, without those that are lists: Croissant reaches one
            list deep.
    """

    name: str
    kind: Kind = "text"
    repeated: bool = False
    members: tuple[Column, ...] = ()


@dataclass(frozen=True)
class ExportFile:
    """A file of an export.

    Attributes:
        path: relative to the folder of the version, with slashes.
        sha256: the SHA-256 of the file's bytes, in hexadecimal digits.
        size: the file's size in bytes.
        kind: the kind of export; `lineage` and `rejected` are the sidecars.
        split: the split whose rows the file holds; None for the sidecars.
        rows: the number of lines of a JSONL file, or of rows of a Parquet file.
        columns: the columns of the rows (`columns_of`).
    """

    path: str
    sha256: str
    size: int
    kind: ExportKind | Sidecar
    split: str | None
    rows: int
    columns: tuple[Column, ...] = ()


def export_files(folder: Path, files: Sequence[Path]) -> list[ExportFile]:
    """Returns a description of each file of an export, in the order given.

    Args:
        folder: the folder of the version.
        files: named as `freshet.tasks.datasets.export.write_exports` names them: `KIND/SPLIT.suffix`, and the sidecars.
    """
    return [_described(folder, file) for file in files]


def _described(folder: Path, file: Path) -> ExportFile:
    digest, lines, size = sha256(), 0, 0
    with file.open("rb") as opened:
        while part := opened.read(1 << 20):
            digest.update(part)
            lines += part.count(b"\n")
            size += len(part)
    rows = _parquet_rows(file) if file.suffix == ".parquet" else lines
    path = file.relative_to(folder).as_posix()
    kind, _, split = path.removesuffix(file.suffix).rpartition("/")
    columns = columns_of(file) if rows else ()
    return ExportFile(path, digest.hexdigest(), size, cast(Any, kind or split), split if kind else None, rows, columns)


def _parquet_rows(file: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows)


def columns_of(file: Path) -> tuple[Column, ...]:
    """Returns the columns of a JSONL or Parquet file.

    For Parquet, the schema is read. For JSONL, the first line is read, and the first line with a column that only some
    rows have. One row speaks for all: in an exported file, all rows hold either texts or messages in a column.
    """
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        return tuple(filter(None, (_arrow_column(field) for field in pq.read_schema(file))))
    return _jsonl_columns(file)


def _jsonl_columns(file: Path) -> tuple[Column, ...]:
    found: dict[str, Column] = {}
    missing: tuple[bytes, ...] = ()
    with file.open("rb") as lines:
        for line in lines:
            # A quote within a text is escaped, so that such a name in it does not look like this.
            if found and not any(name in line for name in missing):
                continue
            for name, value in json.loads(line).items():
                for column in _json_columns(name, value):
                    found.setdefault(column.name, column)
            missing = tuple(name for name in _OPTIONAL if name[1:-2].decode() not in found)
            if not missing:
                break
    return tuple(found.values())


def _json_columns(name: str, value: Any) -> Iterator[Column]:
    if isinstance(value, Mapping):
        for inner, one in value.items():
            if not isinstance(one, Mapping):
                yield from _json_columns(f"{name}.{inner}", one)
    elif isinstance(value, list):
        members = _members(one for one in value if isinstance(one, Mapping))
        yield Column(name, repeated=True, members=members)
    else:
        yield Column(name, _json_kind(value))


def _members(objects: Iterable[Mapping[str, Any]]) -> tuple[Column, ...]:
    found: dict[str, Column] = {}
    for one in objects:
        for name, value in one.items():
            inner = {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, Mapping) else {name: value}
            for path, plain in inner.items():
                if not isinstance(plain, list | Mapping) and _STEP.fullmatch(path):
                    found.setdefault(path, Column(path, _json_kind(plain)))
    return tuple(found.values())


def _json_kind(value: Any) -> Kind:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return "number" if isinstance(value, float) else "text"


def _arrow_column(field: pa.Field) -> Column | None:
    import pyarrow.types as pt

    kind, repeated = field.type, False
    if pt.is_list(kind) or pt.is_large_list(kind):
        kind, repeated = kind.value_type, True
    if pt.is_struct(kind):
        inner = tuple(filter(None, (_arrow_column(one) for one in kind)))
        return Column(field.name, repeated=repeated, members=tuple(one for one in inner if _is_plain(one)))
    said = _arrow_kind(kind)
    return Column(field.name, said, repeated) if said else None


def _is_plain(column: Column) -> bool:
    return not column.repeated and not column.members


def _arrow_kind(kind: pa.DataType) -> Kind | None:
    import pyarrow.types as pt

    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_dictionary(kind):
        return "text"
    if pt.is_boolean(kind):
        return "boolean"
    if pt.is_integer(kind):
        return "integer"
    return "number" if pt.is_floating(kind) else None
