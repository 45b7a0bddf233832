"""The exported files of a version, as metadata speaks of them: where they are, and what their columns hold."""

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
"""A member that a JSONPath can name as it is."""

_OPTIONAL = (b'"tools":',)
"""Names, as JSON spells them, of columns that only some rows have; all else stands in the first row."""


@dataclass(frozen=True)
class Column:
    """One column of a file, or one member of the objects in a column.

    Attributes:
        name: of the column; a dotted one reaches into the objects that it holds, like `input.messages`.
        kind: of its values, or of the elements where `repeated`; unused where it has `members`.
        repeated: whether a value is a list.
        members: of the objects that it holds. Lists within them are not among them: Croissant reaches one list deep.
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
        sha256: of its bytes, in hex.
        size: in bytes.
        kind: what it is written as; `lineage` and `rejected` are the sidecars.
        split: whose rows it holds; None for the sidecars.
        rows: lines of a JSONL file, rows of a Parquet file.
        columns: what its rows hold (`columns_of`).
    """

    path: str
    sha256: str
    size: int
    kind: ExportKind | Sidecar
    split: str | None
    rows: int
    columns: tuple[Column, ...] = ()


def export_files(folder: Path, files: Sequence[Path]) -> list[ExportFile]:
    """What the files of an export are, in their order.

    Args:
        folder: of the version.
        files: as `freshet.tasks.datasets.export.write_exports` names them: `KIND/SPLIT.suffix`, and the sidecars.
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
    """The columns of a JSONL or Parquet file.

    Of Parquet the schema is read. Of JSONL the first line is, and the first that has a column which only some rows
    have. What one row holds in a column, a text or messages, all rows of a file hold there.
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
