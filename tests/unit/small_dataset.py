"""Versions of a dataset, put into LanceDB tables directly: no inputs, no checks, no exports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pyarrow as pa

from freshet.tasks.ledger.versions import Version, VersionFacts, insert_version
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ROWS = "examples/training/answers.jsonl"


def origin(place: int, uri: str = ROWS, version: str = "v1" * 32, **more: Any) -> dict[str, Any]:
    base = {
        "relation": "source", "input": "answers", "uri": uri, "source_version": version, "place": place, "field": None,
        "document": None, "corpus": None, "doc_id": None, "doc_version": None, "chunk_ids": [], "start": None,
        "end": None,
    }  # fmt: skip
    return base | more


def example(text: str, origins: Sequence[dict[str, Any]], split: str = "train") -> dict[str, Any]:
    digest = sha256(text.encode()).hexdigest()
    return {
        "example_id": digest[:32], "split": split, "group": 0, "format": "language_modeling",
        "content": json.dumps({"text": text}), "digest": digest, "label": None, "origins": list(origins),
        "transforms": ["nfc"], "licence": "CC0-1.0", "owner": "people", "uses": ["training"], "access": '["everyone"]',
        "verdicts": json.dumps([{"code": "ROW-LONG", "severity": "warn", "evidence": {"tokens": 9}}]),
    }  # fmt: skip


def rejected(text: str, place: int, *codes: str) -> dict[str, Any]:
    return {
        "row": place, "input": "answers", "uri": ROWS, "source_version": "v1" * 32, "place": place, "field": None,
        "digest": sha256(text.encode()).hexdigest(), "content": None, "raw": None, "codes": list(codes),
        "verdicts": "[]",
    }  # fmt: skip


def publish(
    store: Store, dataset: str, number: str, rows: Sequence[dict[str, Any]], left_out: Sequence[dict[str, Any]] = ()
) -> tuple[int, list[dict[str, str]]]:
    """Commits a version, and returns its table version and exports."""
    versions = []
    for name, schema, held in (
        (schemas.EXAMPLES, schemas.examples(), rows),
        (schemas.REJECTED, schemas.rejected_rows(), left_out),
    ):
        table = store.dataset(dataset).open(name, schema)
        table.add(pa.Table.from_pylist(list(held), schema=schema), mode="overwrite")
        versions.append(table.version)
    exports = [{"kind": "trl", "path": f"exports/{number}/trl", "manifest": sha256(number.encode()).hexdigest()}]
    facts = VersionFacts(
        dataset=dataset, version=number, digest="d" * 64, rows_digest="e" * 64, format="language_modeling",
        settings={"audience": ["everyone"], "licences": ["CC0-1.0"]}, as_of=NOW, rows={}, splits={}, sources=[],
        documents=0, retain="3y", previous=None, change={},
    )  # fmt: skip
    version = Version(
        dataset, number, "published", facts.digest, facts.rows_digest, *versions, facts=facts, reasons=[],
        exports=exports, run_id="r", as_of=NOW, published_at=NOW,
    )  # fmt: skip
    assert insert_version(store, version)
    return versions[0], exports
