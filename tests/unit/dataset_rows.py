"""Staged rows for tests of what is looked at in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from freshet.tasks.datasets.shapes.example import canonical_json, example_digest, parts_of
from freshet.tasks.datasets.stage import row_schema
from freshet.tasks.settings.datasets import Dataset, Format


def dataset(format: Format, **settings: Any) -> Dataset:
    inputs = [{"rows": "rows.jsonl", "owner": "tests", "licence": "CC0-1.0", "uses": ["training"]}]
    return Dataset.model_validate({"format": format, "inputs": inputs, **settings})


def staged(
    format: Format, contents: Sequence[Mapping[str, Any]], passage: str | None = None, label: str | None = None
) -> pa.Table:
    """Rows numbered from 100, so that a number is not taken for a position.

    Args:
        label: the column of the content that is the class.
    """
    rows = []
    for number, content in enumerate(contents, 100):
        canonical, parts = canonical_json(content), parts_of(format, content, passage)
        rows.append(
            {
                "row": number, "input": "tests", "uri": "rows.jsonl", "source_version": "1", "place": number,
                "chunk_ids": [], "content": canonical, "digest": example_digest(format, canonical),
                "prompt": parts.prompt, "answer": parts.answer, "other": parts.other, "passage": passage,
                "label": content[label] if label else None, "transforms": [], "licence": "CC0-1.0", "owner": "tests",
                "uses": ["training"], "access": '["everyone"]',
            }
        )  # fmt: skip
    return pa.Table.from_pylist(rows, row_schema())
