"""The `releases` table of the ledger: what was decided about each state of a corpus, and which one is live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


Outcome = Literal["published", "rejected"]


MAINTENANCE = "maintenance"
"""In place of a run: the release holds what the one before held, in tables that were compacted."""


@dataclass(frozen=True)
class Release:
    """A decision on record: a row of `schemas.releases`."""

    corpus: str
    release: int
    outcome: Outcome
    rollback_of: int | None
    model: str
    space: str
    table_version: int
    ledger_version: int
    documents: int
    chunks: int
    reasons: list[str]
    run_id: str
    as_of: datetime
    published_at: datetime
    exam: str | None = None
    site: str | None = None

    @property
    def table(self) -> str:
        return schemas.chunks_table(self.space)


@dataclass(frozen=True)
class Head:
    """What the tables of a corpus hold now, whether readers may see it or not."""

    space: str
    table_version: int
    ledger_version: int
    documents: int
    chunks: int


def list_releases(store: Store, corpus: str) -> list[Release]:
    """Every decision on a corpus, newest first."""
    table = store.ledger.find(schemas.RELEASES)
    rows = [] if table is None else table.search().where(equals("corpus", corpus)).to_list()
    return sorted((Release(**row) for row in rows), key=lambda r: r.release, reverse=True)


def live_release(releases: Sequence[Release]) -> Release | None:
    """The release that readers see: the newest published one."""
    return next((r for r in releases if r.outcome == "published"), None)


def newest_decision(releases: Sequence[Release]) -> Release | None:
    """The newest decision on a head; a rollback decides on none."""
    return next((r for r in releases if r.rollback_of is None), None)


def is_decided(head: Head, decision: Release | None) -> bool:
    """Whether a decision is on just this state of the tables."""
    return decision is not None and (decision.space, decision.table_version, decision.ledger_version) == (
        head.space,
        head.table_version,
        head.ledger_version,
    )


def is_published(head: Head | None, decision: Release | None) -> bool:
    """Whether readers have been offered just this state of the tables."""
    return head is not None and decision is not None and decision.outcome == "published" and is_decided(head, decision)


def published_ledger(releases: Sequence[Release]) -> int | None:
    """The ledger version of the newest refresh that was published; None before the first."""
    return next((r.ledger_version for r in releases if r.outcome == "published" and r.rollback_of is None), None)


def release_at(store: Store, corpus: str, moment: datetime) -> dict[str, Any] | None:
    """The release of a corpus that readers saw at a moment: a row of `schemas.releases`; None before the first."""
    table = store.ledger.find(schemas.RELEASES)
    rows = [] if table is None else table.search().where(equals("corpus", corpus)).to_list()
    seen = (row for row in rows if row["outcome"] == "published" and row["published_at"] <= moment)
    return max(seen, key=lambda row: int(row["release"]), default=None)
