"""Where each exported line comes from, and what was left out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.export.parquet import EvenWriter
from freshet.tasks.datasets.export.sides import one_line
from freshet.tasks.datasets.shapes.example import canonical_json
from freshet.tasks.rules.verdicts import Verdict, told
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.export.kinds import Rows

LINEAGE = "lineage.parquet"
REJECTED = "rejected.jsonl"

_OF_A_ROW = ("example_id", "split", "digest", "origins", "transforms", "licence", "owner", "uses", "acl")
_OF_A_REJECTED = ("input", "uri", "source_version", "place", "field", "digest", "codes")


def lineage_schema() -> pa.Schema:
    """A row of `lineage.parquet`: `line` is the line of the example in the file of its side, from 1, in every kind.

    In Parquet it is the row, from 1. The other columns are those of `schemas.examples()`.
    """
    import pyarrow as pa

    known = schemas.examples()
    fields = [known.field(name).remove_metadata() for name in _OF_A_ROW]
    return pa.schema([*fields[:2], pa.field("line", pa.int64(), nullable=False), *fields[2:]])


def write_lineage(rows: Rows, folder: Path) -> Path:
    import pyarrow as pa

    lines: Counter[str] = Counter()
    schema = lineage_schema()
    with EvenWriter(folder / LINEAGE, schema) as file:
        for table in rows():
            numbers = []
            for side in table["split"].to_pylist():
                lines[side] += 1
                numbers.append(lines[side])
            columns = {**{name: table[name] for name in _OF_A_ROW}, "line": pa.array(numbers, pa.int64())}
            file.write(pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema))
    return folder / LINEAGE


def write_rejected(rows: Rows, folder: Path) -> Path:
    """Places of the rows that were left out, codes, and `why` in words; no texts."""
    with (folder / REJECTED).open("wb") as file:
        for table in rows():
            for row in table.select([*_OF_A_REJECTED, "verdicts"]).to_pylist():
                verdicts = [Verdict(**one) for one in json.loads(row.pop("verdicts"))]
                row["why"] = [told(one) for one in verdicts if one.severity == "block"]
                file.write((one_line(canonical_json(row)) + "\n").encode("utf-8"))
    return folder / REJECTED
