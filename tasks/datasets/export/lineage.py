"""Where each exported line comes from, and what was left out."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.export.parquet import EvenWriter
from freshet.tasks.datasets.export.splits import one_line
from freshet.tasks.datasets.shapes.example import canonical_json
from freshet.tasks.rules.verdicts import Verdict, describe
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.export.kinds import Batches

LINEAGE = "lineage.parquet"
REJECTED = "rejected.jsonl"

_OF_A_ROW = ("example_id", "split", "digest", "origins", "transforms", "licence", "owner", "uses", "access")
_OF_A_REJECTED = ("input", "uri", "source_version", "place", "field", "digest", "codes")


def lineage_schema(*, former: bool = False) -> pa.Schema:
    """Returns the schema of `lineage.parquet`.

    `line` is the line of the example in the file of its split, from 1, the same in every kind of export; in a Parquet
    file it is the row, from 1. The other columns are those of `schemas.examples()`.

    Args:
        former: whether an earlier Freshet published the version. Its file has `acl`, a list of principals, in place of
            `access`, so that the file comes out as it was.
    """
    import pyarrow as pa

    known = schemas.examples()
    fields = [known.field(name).remove_metadata() for name in _OF_A_ROW]
    if former:
        fields[-1] = pa.field("acl", pa.list_(pa.string()), nullable=False)
    return pa.schema([*fields[:2], pa.field("line", pa.int64(), nullable=False), *fields[2:]])


def write_lineage(batches: Batches, folder: Path) -> Path:
    """Writes where each exported line comes from, and returns the file, which has the rows of `lineage_schema`."""
    import pyarrow as pa

    lines: Counter[str] = Counter()
    tables = iter(batches())
    first = [*islice(tables, 1)]
    schema = lineage_schema(former=any("acl" in table.schema.names for table in first))
    with EvenWriter(folder / LINEAGE, schema) as file:
        for table in chain(first, tables):
            numbers = []
            for split in table["split"].to_pylist():
                lines[split] += 1
                numbers.append(lines[split])
            numbered = table.append_column("line", pa.array(numbers, pa.int64()))
            file.write(pa.Table.from_arrays([numbered[name] for name in schema.names], schema=schema))
    return folder / LINEAGE


def write_rejected(batches: Batches, folder: Path) -> Path:
    """Writes the rows that were left out, with their places, codes and reasons in words, and returns the file.

    The file holds no texts of rows.
    """
    with (folder / REJECTED).open("wb") as file:
        for table in batches():
            for row in table.select([*_OF_A_REJECTED, "verdicts"]).to_pylist():
                verdicts = [Verdict(**one) for one in json.loads(row.pop("verdicts"))]
                row["why"] = [describe(one) for one in verdicts if one.severity == "block"]
                file.write((one_line(canonical_json(row)) + "\n").encode("utf-8"))
    return folder / REJECTED
