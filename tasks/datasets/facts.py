"""Rows of a version, as the numbers that Great Expectations is shown: their texts never reach it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.datasets.example import COLUMNS, example_digest

if TYPE_CHECKING:
    import pyarrow as pa

SIDES = ("train", "validation", "test")


def example_facts(batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Facts of the rows batch by batch: what `expectations.examples.example_suite` speaks of.

    Args:
        batches: rows of `schemas.examples()`. Of all ids seen so far 8 bytes each stay in memory.
    """
    import pyarrow as pa

    seen = np.zeros(0, np.uint64)
    for batch in batches:
        short = np.array([int(one[:16], 16) for one in batch["example_id"].to_pylist()], np.uint64)
        order = np.argsort(short, kind="stable")
        repeated = np.zeros(len(short), np.bool_)
        repeated[order[1:]] = short[order[1:]] == short[order[:-1]]
        places = np.minimum(np.searchsorted(seen, short), max(0, len(seen) - 1))
        if len(seen):
            repeated |= seen[places] == short
        seen = np.union1d(seen, short)
        facts = [_facts(row) for row in batch.to_pylist()]
        columns = {name: pa.array([one[name] for one in facts], pa.int64()) for name in facts[0]}
        yield pa.table(
            {"example_id": batch["example_id"], "is_repeated": pa.array(repeated.astype(np.int64)), **columns}
        )


def _facts(row: dict[str, Any]) -> dict[str, int]:
    content = json.loads(row["content"])
    needed = COLUMNS.get(row["format"], ())
    required = [row["owner"], row["licence"], row["acl"], *(content.get(name) not in (None, [], {}) for name in needed)]
    return {
        "empty_fields": sum(not value for value in required) + (not needed),
        "is_altered": int(example_digest(row["format"], row["content"]) != row["digest"]),
        "lacks_training": int("training" not in row["uses"]),
        "origins": len(row["origins"]),
        "origins_without_place": sum(not (one["uri"] and one["source_version"]) for one in row["origins"]),
        "has_unknown_side": int(row["split"] not in SIDES),
    }
