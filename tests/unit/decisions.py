"""Decisions of the gate, put on record directly."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store
from tests.unit.small_corpus import NOW

MEASURES = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "ndcg_at_10")


def figures(now: float, last: float | None = None, questions: int = 40) -> str:
    """An exam as it is on record: every measure at `now`, and at `last` in the release before."""
    changes = {name: {"old": last, "new": now, "p": 0.004, "drop": (last or 0) - now} for name in MEASURES}
    return json.dumps(
        {
            "golden": "golden.yaml",
            "head": {"questions": questions, **dict.fromkeys(MEASURES, now)},
            "release": None if last is None else {"questions": questions, **dict.fromkeys(MEASURES, last)},
            "not_compared": None,
            "comparison": None if last is None else {"questions": 38, "measures": changes, "worse": ["q7", "q3"]},
            "set_aside": [{"id": "q9", "reason": "withdrawn"}],
        }
    )


def decide(store: Store, number: int, outcome: str = "published", **changes: Any) -> None:
    """Puts a decision on corpus `docs` on record."""
    at = NOW + timedelta(days=number - 10)
    row = {
        "corpus": "docs", "release": number, "outcome": outcome, "rollback_of": None, "model": "m", "space": "s",
        "table_version": number, "ledger_version": number, "documents": 100 + number, "chunks": 1000 + number,
        "reasons": [], "exam": None, "site": None, "run_id": f"run-{number}", "as_of": at, "published_at": at,
    } | changes  # fmt: skip
    store.ledger.append(schemas.RELEASES, schemas.releases(), [row])
