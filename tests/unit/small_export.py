"""A small version of each format, exported: for tests of what describes exports and of what trains on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from freshet.tasks.datasets.export import write_exports
from freshet.tasks.datasets.export.files import ExportFile, export_files
from freshet.tasks.datasets.export.openai import FORMATS as OPENAI_FORMATS
from freshet.tasks.datasets.shapes.example import canonical_json, example_digest
from freshet.tasks.ledger.versions import VersionFacts
from freshet.tasks.store import schemas

FORMATS = ("language_modeling", "prompt_completion", "conversational", "preference", "unpaired_preference")
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "count_days",
            "description": "Counts the days of leave that are left.",
            "parameters": {"type": "object", "properties": {"person": {"type": "string"}}, "required": ["person"]},
        },
    }
]
TOPICS = ("leave", "travel", "laptops", "doors", "invoices", "parking", "visitors", "keys", "lunch", "plants", "bikes")


def rows_of(format: str) -> list[dict[str, Any]]:
    """Rows of a format in TRL's columns, a plain one first."""
    rows = [_row(format, number, topic) for number, topic in enumerate(TOPICS)]
    if format == "conversational":
        rows.append(_call())
    return rows


def _row(format: str, number: int, topic: str) -> dict[str, Any]:
    question, answer = f"Whom do I ask about {topic}?", f"Desk {number} answers questions about {topic}."
    if format == "language_modeling":
        return {"text": f"{question} {answer}"}
    if format == "conversational":
        turns = [("system", "You help staff."), ("user", question), ("assistant", answer)]
        return {"messages": [{"role": role, "content": content} for role, content in turns]}
    if format == "preference":
        return {"prompt": question, "chosen": answer, "rejected": "Nobody knows."}
    row = {"prompt": question, "completion": answer}
    return {**row, "label": number % 2 == 0} if format == "unpaired_preference" else row


def _call() -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": "count_days", "arguments": {"person": "Ada"}}}
    return {
        "messages": [
            {"role": "user", "content": "How many days has Ada left?"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "content": "12", "tool_call_id": "call_1", "name": "count_days"},
            {"role": "assistant", "content": "Ada has 12 days left."},
        ],
        "tools": TOOLS,
    }


def example_table(format: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows of the table of examples: the first falls on the side of test, the others on that of train."""
    origin = {"relation": "own", "input": "desk", "uri": "rows/a.jsonl", "source_version": "a" * 64, "chunk_ids": []}
    examples = []
    for place, row in enumerate(rows):
        content = canonical_json(row)
        digest = example_digest(cast(Any, format), content)
        examples.append(
            {
                "example_id": digest,
                "split": "train" if place else "test",
                "group": place,
                "format": format,
                "content": content,
                "digest": digest,
                "origins": [{**origin, "place": place + 1}],
                "transforms": ["nfc"],
                "licence": "CC0-1.0",
                "owner": "people",
                "uses": ["training"],
                "access": '["everyone"]',
                "verdicts": "[]",
            }
        )
    return pa.Table.from_pylist(examples, schemas.examples())


def write_export(folder: Path, format: str, rows: Sequence[Mapping[str, Any]] | None = None) -> list[ExportFile]:
    """Exports a version in every kind that the format has."""
    table = example_table(format, rows_of(format) if rows is None else rows)
    left_out = {"row": 0, "input": "desk", "uri": "rows/a.jsonl", "source_version": "a" * 64, "place": 9,
                "codes": ["ROW-EMPTY"], "verdicts": "[]"}  # fmt: skip
    rejected = pa.Table.from_pylist([left_out], schemas.rejected_rows())
    kinds: list[Any] = ["trl", "openai", "parquet"] if format in OPENAI_FORMATS else ["trl", "parquet"]
    files = write_exports(kinds, cast(Any, format), lambda: iter([table]), lambda: iter([rejected]), folder)
    return export_files(folder, files)


def facts_of(format: str, **other: Any) -> VersionFacts:
    """Facts of that version; `other` replaces some."""
    kept = len(rows_of(format))
    facts = VersionFacts(
        dataset="desk-answers",
        version="1.1.0",
        digest="d" * 64,
        rows_digest="e" * 64,
        format=format,
        settings={
            "format": format,
            "description": "Who answers what.",
            "inputs": [
                {"rows": "rows/*.jsonl", "name": "desk", "owner": "people", "licence": "CC0-1.0", "uses": ["training"]}
            ],
            "checks": {"decontaminate": ["benchmark.jsonl"], "tokens": {"max_tokens": 64}},
            "rules": {"ANSWER-REFUSAL": {"severity": "block"}, "COPY-PROMPT": {"severity": "off"}},
            "retain": "3y",
        },
        as_of=datetime(2026, 11, 22, 9, tzinfo=UTC),
        rows={
            "read": kept + 3,
            "kept": kept,
            "rejected": 3,
            "by_code": {"COPY-EXACT": 2, "ROW-EMPTY": 1, "LEAK-BENCHMARK": 1},
        },
        splits={
            "train": {"rows": kept - 1, "groups": kept - 1, "share": (kept - 1) / kept, "tokens": 240},
            "test": {"rows": 1, "groups": 1, "share": 1 / kept, "tokens": 20},
        },
        sources=[
            {
                "input": "desk",
                "uri": "rows/a.jsonl",
                "source_version": "a" * 64,
                "rows_read": kept,
                "rows_kept": kept - 3,
                "licence": "CC0-1.0",
                "owner": "people",
                "uses": ["training"],
            },
            {
                "input": "desk",
                "uri": "rows/b.jsonl",
                "source_version": "b" * 64,
                "rows_read": 3,
                "rows_kept": 3,
                "licence": "Our own terms",
                "owner": "facilities",
                "uses": ["retrieval", "training"],
            },
        ],
        documents=0,
        retain="3y",
        previous="1.0.0",
        change={"added": 3, "removed": 0, "edited": 0, "moved": 0},
        licences={"CC0-1.0": kept - 3, "Our own terms": 3},
    )
    return replace(facts, **other)
