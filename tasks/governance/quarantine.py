"""What waits in quarantine, and why."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Tables

IN_QUARANTINE = "content_hash IS NULL OR seen_hash IS NULL OR content_hash != seen_hash"
"""Documents whose newest version is refused; those with a content_hash serve an earlier one."""


def quarantined_documents(tables: Tables) -> list[dict[str, Any]]:
    """Documents in quarantine by source and path: `doc_id`, `source`, `path`, `serving`, `verdicts`."""
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return []
    rows = (
        ledger.search().where(IN_QUARANTINE).select(["doc_id", "source", "path", "content_hash", "verdicts"]).to_list()
    )
    return sorted(
        (
            {
                "doc_id": row["doc_id"],
                "source": row["source"],
                "path": row["path"],
                "serving": row["content_hash"] is not None,
                "verdicts": json.loads(row["verdicts"]),
            }
            for row in rows
        ),
        key=lambda row: (row["source"], row["path"]),
    )


def count_by_code(tables: Tables) -> dict[str, int]:
    """Documents in quarantine, by the code of the first verdict that blocks them."""
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return {}
    batches = ledger.search().where(IN_QUARANTINE).select(["verdicts"]).to_batches()
    return dict(Counter(_blocking(json.loads(text)) for batch in batches for text in batch["verdicts"].to_pylist()))


def _blocking(verdicts: list[dict[str, Any]]) -> str:
    return next(str(v["code"]) for v in verdicts if v["severity"] == "block")
