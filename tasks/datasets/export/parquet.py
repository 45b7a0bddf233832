"""Parquet with columns typed for the format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.export.splits import ROLE_OF, by_split
from freshet.tasks.datasets.shapes.example import COLUMNS
from freshet.tasks.datasets.split import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.export.kinds import Batches
    from freshet.tasks.settings.datasets import Format

GROUP_ROWS = 10_000
"""Rows of a row group, whatever the batches were, so that the bytes depend on the rows alone."""

_OPTIONAL = ("name", "tool_calls", "tool_call_id", "weight")
"""Fields of a message that only some messages have."""


@dataclass
class _Shape:
    """What the columns of a version must be able to hold: messages, which of their fields, and tools."""

    turns: bool = False
    fields: set[str] = field(default_factory=set)
    tools: bool = False


def write_parquet(format: Format, batches: Batches, folder: Path) -> list[Path]:
    """Writes a file for each split that has rows, and returns the files in the order of the splits.

    Messages are `list<struct<role, content, …>>` with those optional fields that some message of the version has; a
    message without such a field holds null there. The calls of tools, and the tools that are offered, are JSON in a
    string, since their arguments differ from tool to tool and no one type can hold them all. Where some rows hold texts
    and others messages, all are written as messages.
    """
    shape = _shape_of(format, batches)
    schema = _schema(format, shape)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        opened: dict[str, EvenWriter] = {}
        for split, table in by_split(batches()):
            if split not in opened:
                opened[split] = files.enter_context(EvenWriter(folder / f"{split}.parquet", schema))
            opened[split].write(_typed(table["content"].to_pylist(), schema, shape))
    return [folder / f"{split}.parquet" for split in SPLITS if split in opened]


class EvenWriter:
    """Writes Parquet in row groups of one size, so that its bytes do not show in which batches the rows came.

    The writer is a context manager: leaving it writes the rows that wait, unless an error is on its way.
    """

    def __init__(self, file: Path, schema: pa.Schema) -> None:
        """Opens the file for rows of the schema."""
        import pyarrow.parquet as pq

        # Format and page version are named, lest another release of the library has other defaults.
        self._writer = pq.ParquetWriter(file, schema, compression="zstd", version="2.6", data_page_version="1.0")
        self._waiting: pa.Table = schema.empty_table()

    def __enter__(self) -> EvenWriter:
        """Returns the writer itself."""
        return self

    def __exit__(self, *failed: object) -> None:
        """Writes the rows that wait, unless an error was raised, and closes the file."""
        if self._waiting.num_rows and failed[0] is None:
            self._group(self._waiting)
        self._writer.close()

    def write(self, table: pa.Table) -> None:
        """Adds rows; each time that a whole row group is there, the group is written."""
        import pyarrow as pa

        self._waiting = pa.concat_tables([self._waiting, table])
        while self._waiting.num_rows >= GROUP_ROWS:
            self._group(self._waiting.slice(0, GROUP_ROWS))
            self._waiting = self._waiting.slice(GROUP_ROWS)

    def _group(self, table: pa.Table) -> None:
        # One chunk: where chunks end shows in the pages.
        self._writer.write_table(table.combine_chunks(), row_group_size=GROUP_ROWS)


def _shape_of(format: Format, batches: Batches) -> _Shape:
    """Reads all rows once to see what their columns must be able to hold."""
    shape = _Shape()
    for table in batches():
        for text in table["content"].to_pylist():
            content = json.loads(text)
            shape.tools |= bool(content.get("tools"))
            for name in COLUMNS[format]:
                if isinstance(content[name], list):
                    shape.turns = True
                    shape.fields.update(key for one in content[name] for key, value in one.items() if value is not None)
    return shape


def _schema(format: Format, shape: _Shape) -> pa.Schema:
    import pyarrow as pa

    text = pa.string()
    kinds = {"name": text, "tool_calls": text, "tool_call_id": text, "weight": pa.float64()}
    fields = [pa.field("role", text), pa.field("content", text)]
    fields += [pa.field(name, kinds[name]) for name in _OPTIONAL if name in shape.fields]
    turns = pa.list_(pa.struct(fields))
    columns = []
    for name in COLUMNS[format]:
        spoken = name == "messages" or (name in ROLE_OF and shape.turns)
        columns.append(pa.field(name, pa.bool_() if name == "label" else turns if spoken else text))
    return pa.schema([*columns, *([pa.field("tools", text)] if shape.tools else [])])


def _typed(contents: Iterable[str], schema: pa.Schema, shape: _Shape) -> pa.Table:
    import pyarrow as pa

    rows = [json.loads(text) for text in contents]
    columns: dict[str, list[Any]] = {}
    for name in schema.names:
        values = [row.get(name) for row in rows]
        if name == "tools":
            values = [_json(value) for value in values]
        elif pa.types.is_list(schema.field(name).type):
            values = [_turns(value, name) for value in values]
        columns[name] = values
    return pa.table(columns, schema=schema)


def _turns(value: Any, name: str) -> list[dict[str, Any]]:
    turns = [{"role": ROLE_OF[name], "content": value}] if isinstance(value, str) else value
    return [_message(one) for one in turns]


def _message(turn: Mapping[str, Any]) -> dict[str, Any]:
    calls = {"tool_calls": _json(turn["tool_calls"])} if turn.get("tool_calls") else {}
    weight = {"weight": float(turn["weight"])} if turn.get("weight") is not None else {}
    said = turn.get("content")
    return {**turn, "content": said if said is None or isinstance(said, str) else _json(said), **weight, **calls}


def _json(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
