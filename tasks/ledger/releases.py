"""The `releases` table of the ledger: what was decided about each state of a corpus, and which one is live."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.store import schemas
from freshet.tasks.store.commits import insert_new
from freshet.tasks.store.predicates import both, equals, is_number

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


ReleaseOutcome = Literal["published", "rejected"]

ROLLBACK = "rollback"
"""In place of a run: a person went back to what an earlier release held."""

OVERRIDE = "override"
"""In place of a run: a person published what the gate had rejected last."""

MAINTENANCE = "maintenance"
"""In place of a run: the release holds what the one before held, in tables that were compacted."""


RESTORED = "doctor"
"""In place of a run: the record of the decision was lost, and the doctor put back what the tables still tell of it."""


@dataclass(frozen=True)
class Release:
    """A decision on record: a row of `schemas.releases`."""

    corpus: str
    release: int
    outcome: ReleaseOutcome
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
        """Name of the table that holds its chunks."""
        return schemas.chunks_table(self.space)


@dataclass(frozen=True)
class Head:
    """What the tables of a corpus hold now, whether readers may see it or not.

    Attributes:
        access: number of the newest change of what the corpus's access classes mean; 0 before the first.
    """

    space: str
    table_version: int
    ledger_version: int
    documents: int
    chunks: int
    access: int = 0


def list_releases(store: Store, corpus: str) -> list[Release]:
    """Every decision on a corpus, newest first."""
    rows = store.ledger.rows(schemas.RELEASES, equals("corpus", corpus))
    return sorted((Release(**row) for row in rows), key=lambda r: r.release, reverse=True)


@dataclass(frozen=True)
class Standing:
    """Where a corpus stands among the decisions on it.

    Attributes:
        live: the release that readers see.
        offered: the newest published state that is no rollback: `live` itself, unless that is a rollback.
        published: number of the newest decision of the gate that was published. Of a head that a person published
            against the gate, it is the number of the decision that rejected it.
    """

    live: Release
    offered: Release
    published: int


def find_standing(store: Store, corpus: str) -> Standing | None:
    """Where a corpus stands; None before its first release. Reads the newest decisions only, without their exams.

    They are read again only where the table has another version than when they were read last.
    """
    table = store.ledger.find(schemas.RELEASES)
    return None if table is None else _standing_at(store, corpus, int(table.version))


@lru_cache(maxsize=64)
def _standing_at(store: Store, corpus: str, version: int) -> Standing | None:
    columns = [one.name for one in fields(Release) if one.name not in ("exam", "site")]
    rows = store.ledger.newest_rows(schemas.RELEASES, equals("corpus", corpus), columns, "release", version)
    return standing_of(_by_number(Release(**row) for row in rows))


def _by_number(added: Iterable[Release]) -> Iterator[Release]:
    """Decisions, the highest number first, of decisions in the order in which they were added, newest first.

    Numbers grow from one to the next, but for what the doctor put back: that may be as old as it likes.
    """
    restored: list[Release] = []
    for one in added:
        if one.run_id == RESTORED:
            restored.append(one)
            continue
        higher = sorted((r for r in restored if r.release > one.release), key=lambda r: r.release, reverse=True)
        restored = [r for r in restored if r.release < one.release]
        yield from higher
        yield one
    yield from sorted(restored, key=lambda r: r.release, reverse=True)


def standing_of(releases: Iterable[Release]) -> Standing | None:
    """Where a corpus stands by the decisions on it, newest first; None before its first release."""
    live = offered = overridden = None
    for one in releases:
        if overridden is not None and one.rollback_of is None:
            assert live is not None
            return Standing(live, overridden, one.release)
        if one.outcome != "published":
            continue
        live = live or one
        if one.rollback_of is not None:
            continue
        offered = offered or one
        if one.run_id == OVERRIDE:
            overridden = offered
        elif one.run_id != MAINTENANCE:
            return Standing(live, offered, one.release)
    return None


def exam_of(store: Store, release: Release) -> dict[str, Any] | None:
    """The figures of the exam that a release sat when it was made; None where it sat none."""
    columns = [one.name for one in fields(Release) if one.name not in ("exam", "site")]
    rows = store.ledger.rows(schemas.RELEASES, equals("corpus", release.corpus), columns)
    made = made_by(sorted((Release(**row) for row in rows), key=lambda r: r.release, reverse=True), release)
    where = both(equals("corpus", release.corpus), is_number("release", made.release))
    found = store.ledger.rows(schemas.RELEASES, where, ["exam"])
    return json.loads(found[0]["exam"]) if found and found[0]["exam"] else None


def decided_corpora(store: Store) -> list[str]:
    """Names of all corpora that were ever decided on, sorted."""
    return sorted({row["corpus"] for row in store.ledger.rows(schemas.RELEASES, columns=["corpus"])})


def insert_release(store: Store, release: Release) -> bool:
    """Puts a decision on record, unless its number was given to another one; returns whether it stands there now."""
    return insert_new(store.ledger, schemas.RELEASES, schemas.releases(), ("corpus", "release"), vars(release))


def published_releases(releases: Sequence[Release]) -> list[Release]:
    """Those that readers were offered, newest first; rollbacks are among them."""
    return [r for r in releases if r.outcome == "published"]


def live_release(releases: Sequence[Release]) -> Release | None:
    """The release that readers see: the newest published one; None before the first.

    Args:
        releases: decisions on one corpus, newest first, as for all functions here that take them.
    """
    return next(iter(published_releases(releases)), None)


def release_at(store: Store, corpus: str, moment: datetime) -> Release | None:
    """What readers of a corpus saw at a moment, as it can be read now (`kept_as`); None before the first release."""
    releases = list_releases(store, corpus)
    seen = live_release([r for r in releases if r.published_at <= moment])
    return None if seen is None else kept_as(releases, seen)


def newest_decision(releases: Sequence[Release]) -> Release | None:
    """The newest decision on a head, maintenance's included; a rollback decides on none."""
    return next((r for r in releases if r.rollback_of is None), None)


def gate_decisions(releases: Sequence[Release]) -> list[Release]:
    """Decisions on what a refresh made, by the gate or by a person against it, newest first."""
    return [r for r in releases if r.rollback_of is None and r.run_id != MAINTENANCE]


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
    """The ledger version of the newest state that was published and is no rollback; None before the first."""
    newest = newest_decision(published_releases(releases))
    return None if newest is None else newest.ledger_version


def kept_as(releases: Sequence[Release], release: Release) -> Release:
    """The release that holds now what a published one held: that one, or what maintenance made of it.

    Maintenance publishes the rows of the live release in compacted tables, after which the versions that the release
    names may be cleaned up.
    """
    published = published_releases(releases)
    place = published.index(release)
    while place and published[place - 1].run_id == MAINTENANCE:
        place -= 1
    return published[place]


def made_by(releases: Sequence[Release], release: Release) -> Release:
    """The decision with which what a release holds was first put before the gate, by the refresh that made it.

    Rollbacks, overrides and maintenance publish again what an earlier decision was about.
    """
    older = [r for r in releases if r.release < release.release]
    if release.rollback_of is not None:
        source = next((r for r in older if r.release == release.rollback_of), None)
    elif release.run_id == MAINTENANCE:
        source = live_release(older)
    elif release.run_id == OVERRIDE:
        source = newest_decision(older)
    else:
        return release
    return release if source is None else made_by(older, source)
