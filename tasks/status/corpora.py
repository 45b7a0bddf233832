"""What the store holds of a corpus, for people who ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.freshness import MOMENTS, is_marked_stale, staleness
from freshet.tasks.governance.quarantine import IN_QUARANTINE
from freshet.tasks.status.runs import Recorded, recorded_runs, told_objective, told_run
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import contains

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def corpus_status(store: Store, corpus: str, objective: float | None, now: datetime) -> dict[str, Any]:
    """A corpus's live release, age, size, stale, quarantined and flooding documents, and runs; None where none is.

    Args:
        objective: seconds that it may go without being brought up to date; None for any.
    """
    from freshet.tasks.ledger.ended import list_ended
    from freshet.tasks.ledger.releases import list_releases, live_release
    from freshet.tasks.lineage.openlineage import refresh_job

    recorded = recorded_runs(store, refresh_job(corpus).name, corpus)
    ended = list_ended(store, "corpus", corpus)
    live = live_release(list_releases(store, corpus))
    return {
        "corpus": corpus,
        "release": live.release if live else None,
        "published_at": live.published_at if live else None,
        "documents": live.documents if live else 0,
        "chunks": live.chunks if live else 0,
        **_ledger_counts(store, corpus, now),
        **told_objective(_up_to_date(ended), objective, now),
        "last_run": _last_run(store, recorded, ended),
        "running": told_run(recorded.running),
    }


def _ledger_counts(store: Store, corpus: str, now: datetime) -> dict[str, int]:
    ledger = store.corpus(corpus).find(schemas.DOCUMENTS)
    if ledger is None:
        return {"stale": 0, "quarantined": 0, "flooding": 0}
    stale = 0
    columns = ["seen_hash", "content_hash", "verdicts", *MOMENTS.values()]
    for batch in ledger.search().where("content_hash IS NOT NULL").select(columns).to_batches():
        stale += sum(_is_stale(row, now) for row in batch.to_pylist())
    flooding = ledger.count_rows(contains("verdicts", '"SAFETY-FLOODING"'))
    return {"stale": stale, "quarantined": ledger.count_rows(IN_QUARANTINE), "flooding": flooding}


def _is_stale(row: Mapping[str, Any], now: datetime) -> bool:
    if row["seen_hash"] != row["content_hash"] or staleness(row, now) is not None:
        return True
    # Most rows have no such verdict, and reading JSON is what takes the time.
    return "STALE-" in row["verdicts"] and is_marked_stale(json.loads(row["verdicts"]))


def _up_to_date(ended: Sequence[Mapping[str, Any]]) -> datetime | None:
    """The newest moment for which a refresh saw all sources to their end and left readers what they hold."""
    good = (row for row in ended if row["outcome"] in ("released", "unchanged"))
    moments = (min(row["as_of"], row["ended_at"]) for row in good if all(one["complete"] for one in row["sources"]))
    return max(moments, default=None)


def _last_run(store: Store, recorded: Recorded, ended: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    from freshet.tasks.ledger.ended import report_of
    from freshet.tasks.lineage.openlineage import run_uuid

    known = {run_uuid(row["run_id"]): row for row in ended}
    last = recorded.others[0] if recorded.others else None
    if last is not None and last.run_id not in known:
        # It failed before it came to an end, or died.
        return {
            "run_id": last.run_id,
            "outcome": last.ending,
            "as_of": None,
            "began_at": last.began_at,
            "ended_at": last.ended_at,
            "full": None,
            "degraded": [],
            "url": None,
        }
    row = known[last.run_id] if last is not None else (ended[0] if ended else None)
    if row is None:
        return None
    told = {name: row[name] for name in ("run_id", "outcome", "as_of", "ended_at", "full")}
    degraded = report_of(store, "corpus", str(row["run_id"])).get("degraded", [])
    return {**told, "degraded": degraded, "began_at": last.began_at if last else None, "url": None}
