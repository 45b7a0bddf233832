"""Parquet: rows of a table, batch by batch, as what JSON can say.

Dates, times and decimals become texts as Arrow writes them, categories their values, maps objects. Binary cells,
durations and numbers that are none (NaN) have no such form: a row that holds one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.inputs.opening import BLOCK, InputFile, changed, digest_of, is_url, opened_raw, unreadable
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, bad_row
from freshet.tasks.datasets.inputs.strict_json import path_of

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_BYTES = 16 << 20
_BATCH_ROWS = 4_096


def read_parquet(file: InputFile, max_line: int) -> Iterator[RawRow | BadRow]:
    """The rows of a Parquet file; `place` numbers them, from 1. A file that is none is one bad row, at place 0."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _local(file) as path:
        if path.stat().st_size == 0:
            yield bad_row(file.uri, "ROW-UNREADABLE", 0, why="the file is empty")
            return
        place = 0
        try:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=BLOCK, page_checksum_verification=True) as source:
                names = source.schema_arrow.names
                repeated = sorted({name for name in names if names.count(name) > 1})
                if repeated:
                    wrong = path_of((repeated[0],))
                    yield bad_row(file.uri, "ROW-REPEATED-KEY", 0, wrong, why="two columns have it")
                    return
                reader = _Columns(file.uri, source.schema_arrow, max_line)
                for batch in source.iter_batches(batch_size=_batch_rows(source.metadata)):
                    yield from reader.rows(batch, place)
                    place += batch.num_rows
        except (pa.ArrowException, OSError, EOFError, ValueError) as error:
            why = "the file is no Parquet, or is damaged" if not place else "the file is damaged after this row"
            number = place + 1 if place else 0
            yield bad_row(file.uri, "ROW-UNREADABLE", number, why=why, after=place, error=type(error).__name__)


@contextmanager
def _local(file: InputFile) -> Iterator[Path]:
    """The file on this machine's disk, and the same one from beginning to end."""
    if not is_url(file.address):
        yield Path(file.address)
        with opened_raw(file.input, file.uri, file.address) as stream:
            if digest_of(stream) != file.version:
                raise changed(file)
        return
    with TemporaryDirectory(prefix="freshet-") as folder:
        path = Path(folder, "rows.parquet")
        with opened_raw(file.input, file.uri, file.address) as stream, path.open("wb") as target:
            try:
                while data := stream.read(BLOCK):
                    target.write(data)
            except Exception as error:  # file systems are plug-ins and raise anything
                raise unreadable(file.input, file.uri, file.address, error) from None
        with path.open("rb") as copied:
            if digest_of(copied) != file.version:
                raise changed(file)
        yield path


def _batch_rows(metadata: Any) -> int:
    """Rows that are likely to take no more memory than a batch should."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size // max(group.num_rows, 1) for group in groups), default=1)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(largest, 1)))


class _Columns:
    """Turns batches of one schema into rows."""

    def __init__(self, uri: str, schema: pa.Schema, max_line: int) -> None:
        self._uri = uri
        self._max_line = max_line
        self._names: list[str] = schema.names
        self._types = [_json_type(field.type) for field in schema]
        self._floats = [name for name, type_ in zip(self._names, self._types, strict=True) if _has_floats(type_)]

    def rows(self, batch: pa.RecordBatch, before: int) -> Iterator[RawRow | BadRow]:
        """
        Args:
            before: rows of the file that stand before the batch.
        """
        if batch.num_rows > 1 and batch.nbytes > self._max_line:
            half = batch.num_rows // 2
            yield from self.rows(batch.slice(0, half), before)
            yield from self.rows(batch.slice(half), before + half)
            return
        if batch.nbytes > self._max_line:
            place = before + 1
            yield self._bad("ROW-LONG", place, None, bytes=batch.nbytes, max_line=self._max_line)
            return
        try:
            columns = [self._values(batch, number) for number in range(len(self._names))]
        except (ValueError, KeyError):  # a text that is no UTF-8, a map with a key twice
            for number in range(batch.num_rows):
                yield self._alone(batch.slice(number, 1), before + number + 1)
            return
        for number, cells in enumerate(zip(*columns, strict=True)):
            yield self._row(before + number + 1, dict(zip(self._names, cells, strict=True)))

    def _values(self, batch: pa.RecordBatch, number: int) -> list[Any]:
        column, wanted = batch.column(number), self._types[number]
        if wanted is None:
            return [None if is_null else _REFUSED for is_null in column.is_null().to_pylist()]
        if column.type != wanted:
            column = column.cast(wanted)
        values: list[Any] = column.to_pylist(maps_as_pydicts="strict")
        return values

    def _alone(self, batch: pa.RecordBatch, place: int) -> RawRow | BadRow:
        value = {}
        for number, name in enumerate(self._names):
            try:
                value[name] = self._values(batch, number)[0]
            except UnicodeDecodeError:
                return self._bad("ROW-ENCODING", place, path_of((name,)), why="bytes that are no UTF-8")
            except (ValueError, KeyError):
                return self._bad("ROW-SCHEMA", place, path_of((name,)), expected="what JSON can say", found="else")
        return self._row(place, value)

    def _row(self, place: int, value: dict[str, Any]) -> RawRow | BadRow:
        for name, wanted in zip(self._names, self._types, strict=True):
            if wanted is None and value[name] is _REFUSED:
                found = "bytes, a duration or another kind that JSON has not"
                return self._bad("ROW-SCHEMA", place, path_of((name,)), expected="what JSON can say", found=found)
        for name in self._floats:
            path = _not_finite(value[name], (name,))
            if path is not None:
                found = "NaN or an infinity"
                return self._bad("ROW-SCHEMA", place, path_of(path), expected="a number", found=found)
        return RawRow(place, None, value)

    def _bad(self, code: str, place: int, field: str | None, **evidence: Any) -> BadRow:
        return bad_row(self._uri, code, place, field, None, row=place, **evidence)


_REFUSED = object()
"""What stands in place of a cell that has no form in JSON."""


def _json_type(type_: pa.DataType) -> pa.DataType | None:
    """The type that says the same as JSON can; None where there is none."""
    import pyarrow as pa

    is_ = pa.types
    if isinstance(type_, pa.BaseExtensionType):
        return _json_type(type_.storage_type)
    if is_.is_dictionary(type_):
        return _json_type(type_.value_type)
    if is_.is_date(type_) or is_.is_time(type_) or is_.is_timestamp(type_) or is_.is_decimal(type_):
        return pa.string()
    if is_.is_map(type_):
        return _json_map(type_)
    if is_.is_list(type_) or is_.is_large_list(type_) or is_.is_fixed_size_list(type_):
        item = _json_type(type_.value_type)
        return None if item is None else pa.list_(item)
    if is_.is_struct(type_):
        inner = [(field.name, _json_type(field.type)) for field in type_]
        if any(kind is None for _, kind in inner) or len({name for name, _ in inner}) < len(inner):
            return None
        return pa.struct(inner)
    plain = (is_.is_null, is_.is_boolean, is_.is_integer, is_.is_floating, is_.is_string, is_.is_large_string)
    return type_ if any(is_kind(type_) for is_kind in plain) or is_.is_string_view(type_) else None


def _json_map(type_: pa.DataType) -> pa.DataType | None:
    import pyarrow as pa

    key, item = type_.key_type, _json_type(type_.item_type)
    is_text = pa.types.is_string(key) or pa.types.is_large_string(key)
    return pa.map_(key, item) if is_text and item is not None else None


def _has_floats(type_: pa.DataType | None) -> bool:
    import pyarrow as pa

    if type_ is None:
        return False
    inner = [type_.field(number).type for number in range(type_.num_fields)]
    return pa.types.is_floating(type_) or any(map(_has_floats, inner))


def _not_finite(value: Any, path: tuple[str | int, ...]) -> tuple[str | int, ...] | None:
    """Where the first NaN or infinity stands."""
    if isinstance(value, float):
        return None if -float("inf") < value < float("inf") else path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            found = _not_finite(item, (*path, key))
            if found is not None:
                return found
    return None
