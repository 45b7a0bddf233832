"""The rows of a version as the numbers that Great Expectations validates, so that their texts never reach it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.datasets.assembly.compare import digest_keys
from freshet.tasks.datasets.copies.keys import Digests
from freshet.tasks.datasets.copies.repeats import Numbers, find_repeats
from freshet.tasks.datasets.shapes.example import COLUMNS, example_digest
from freshet.tasks.datasets.split import SPLITS
from freshet.tasks.governance.expressions import Expression

if TYPE_CHECKING:
    import pyarrow as pa


def example_numbers(batches: Callable[[], Iterator[pa.Table]], folder: Path) -> Iterator[pa.Table]:
    """Yields the columns that `freshet.expectations.examples.example_suite` speaks of, batch by batch.

    Args:
        batches: yields rows of `schemas.examples()`, anew each time it is called.
        folder: a folder that takes a temporary file of 32 bytes a row.
    """
    import pyarrow as pa

    repeats, done = find_repeats(_ids(batches()), folder), 0
    for batch in batches():
        repeated = repeats.of(np.arange(done, done + batch.num_rows)) > 0
        done += batch.num_rows
        numbers = [_numbers(row) for row in batch.to_pylist()]
        columns = {name: pa.array([one[name] for one in numbers], pa.int64()) for name in numbers[0]}
        yield pa.table(
            {"example_id": batch["example_id"], "is_repeated": pa.array(repeated.astype(np.int64)), **columns}
        )


def _ids(batches: Iterator[pa.Table]) -> Iterator[tuple[Digests, Numbers]]:
    """Yields the ids of the rows, and the position of each row among all, from 0."""
    done = 0
    for batch in batches:
        yield digest_keys(batch["example_id"].to_pylist()), np.arange(done, done + batch.num_rows)
        done += batch.num_rows


def _numbers(row: dict[str, Any]) -> dict[str, int]:
    content = json.loads(row["content"])
    needed = COLUMNS.get(row["format"], ())
    access = Expression.read(row["access"]).all
    required = [row["owner"], row["licence"], access, *(content.get(name) not in (None, [], {}) for name in needed)]
    return {
        "empty_fields": sum(not value for value in required) + (not needed),
        "is_altered": int(example_digest(row["format"], row["content"]) != row["digest"]),
        "lacks_training": int("training" not in row["uses"]),
        "origins": len(row["origins"]),
        "origins_without_place": sum(not (one["uri"] and one["source_version"]) for one in row["origins"]),
        "has_unknown_side": int(row["split"] not in SPLITS),
    }
