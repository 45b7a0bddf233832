"""Releases: which state of the tables readers see. Publishing is one appended row, and so is rolling back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from freshet.tasks.errors import ConcurrentWriter, StoreError
from freshet.tasks.ledger.access_classes import newest_revision
from freshet.tasks.ledger.releases import (
    MAINTENANCE,
    OVERRIDE,
    ROLLBACK,
    Head,
    Release,
    ReleaseOutcome,
    insert_release,
    kept_as,
    list_releases,
    live_release,
    newest_decision,
    published_releases,
)
from freshet.tasks.store import schemas
from freshet.tasks.store.locks import brief_lock
from freshet.tasks.store.seals import seal_tables

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Store


def read_head(run: RefreshRun) -> Head | None:
    """The head of the corpus in the embedding space in force; None before anything was written."""
    tables = run.store.corpus(run.corpus)
    chunks, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if chunks is None or ledger is None:
        return None
    return Head(
        space=run.model.space,
        table_version=chunks.version,
        ledger_version=ledger.version,
        documents=ledger.count_rows("content_hash IS NOT NULL"),
        chunks=chunks.count_rows(),
        access=newest_revision(run.store, run.corpus),
    )


def record_decision(
    run: RefreshRun,
    head: Head,
    outcome: ReleaseOutcome,
    reasons: Sequence[str],
    exam: str | None = None,
    site: str | None = None,
) -> Release:
    """Publishes the head, or records why it is not published. Readers move with the appended row, at once.

    Args:
        exam: the retrieval exam's figures, as JSON; None where it was not sat.
        site: where the pages on the suites are.

    Raises:
        ConcurrentWriter: the tables, or what the access classes mean, are no longer what the gate was asked about;
            nothing was published.
    """
    with brief_lock(run.store, run.corpus):
        if outcome == "published" and (now := read_head(run)) != head:
            raise ConcurrentWriter(
                f"corpus {run.corpus} was written to while the gate examined it: {_versions(head)} became "
                f"{_versions(now)}; nothing was published",
                f"Another machine refreshes this corpus too. Once it has ended, type: freshet refresh {run.corpus}",
            )
        release = Release(
            corpus=run.corpus,
            release=0,
            outcome=outcome,
            rollback_of=None,
            model=run.model.name,
            space=head.space,
            table_version=head.table_version,
            ledger_version=head.ledger_version,
            documents=head.documents,
            chunks=head.chunks,
            reasons=list(reasons),
            run_id=run.run_id,
            as_of=run.as_of,
            published_at=datetime.now(UTC),
            exam=exam,
            site=site,
        )
        return _append(run.store, release, pin=outcome == "published")


def _versions(head: Head | None) -> str:
    if head is None:
        return "no tables"
    return f"versions {head.table_version} and {head.ledger_version} under change {head.access} of access"


def roll_back(store: Store, corpus: str, number: int, *, now: datetime) -> Release:
    """Publishes an earlier release again, as a release of its own.

    Where maintenance has cleaned up the release's tables, those in which it compacted the same rows are published. Who
    may see what stays what it is now, and documents withdrawn since stay gone: both are decided by the newest ledger
    when somebody asks. It stays in force until a refresh finds something new to publish.

    Raises:
        StoreError: there is no such published release, or its table version is gone.
    """
    with brief_lock(store, corpus):
        releases = list_releases(store, corpus)
        published = published_releases(releases)
        chosen = next((r for r in published if r.release == number), None)
        if chosen is None:
            numbers = ", ".join(str(r.release) for r in published) or "none"
            raise StoreError(
                f"corpus {corpus} has no published release {number}; published: {numbers}",
                f"Run freshet releases {corpus} to see them.",
            )
        try:
            held = _reopen(store, chosen)
        except StoreError:
            held = _reopen(store, kept_as(releases, chosen))
        release = replace(held, rollback_of=chosen.rollback_of or chosen.release, run_id=ROLLBACK, published_at=now)
        return _append(store, release, pin=False)


def _open(store: Store, release: Release) -> None:
    """Makes sure that what a release names is there.

    Raises:
        StoreError: it is gone.
    """
    tables = store.corpus(release.corpus)
    tables.at(release.table, release.table_version)
    tables.at(schemas.DOCUMENTS, release.ledger_version)


def _reopen(store: Store, release: Release) -> Release:
    """Makes sure that what a release names is there and stays, and returns the release.

    Raises:
        StoreError: it is gone, or maintenance has given it up and takes it away at this moment.
    """
    _open(store, release)
    tables = store.corpus(release.corpus)
    for name, version in ((release.table, release.table_version), (schemas.DOCUMENTS, release.ledger_version)):
        table = tables.find(name)
        if table is None or version not in {int(tag["version"]) for tag in table.tags.list().values()}:
            raise StoreError(
                f"release {release.release} of corpus {release.corpus} is no longer kept: version {version} of its "
                f"table {name} has no tag, so that cleaning up may take it away at any moment",
                f"Choose a newer release: freshet releases {release.corpus}. Where none was cleaned up, type: "
                f"freshet doctor --repair",
            )
    return release


def publish_rejected(store: Store, corpus: str, *, who: str, why: str, now: datetime) -> Release:
    """Publishes what the gate rejected last, on a person's word, which is recorded for good.

    Raises:
        StoreError: the last decision did not reject, or what it rejected is gone.
        SettingsError: `who` or `why` is empty.
    """
    from freshet.tasks.ledger.decisions import override

    with brief_lock(store, corpus):
        rejected = newest_decision(list_releases(store, corpus))
        if rejected is None or rejected.outcome != "rejected":
            raise StoreError(
                f"the gate did not reject the newest refresh of {corpus}", f"Run freshet gate {corpus} to see why."
            )
        _open(store, rejected)
        codes = sorted({reason.split(":")[0] for reason in rejected.reasons})
        override(store, corpus, _next_number(store, corpus), codes=codes, who=who, why=why, now=now)
        release = replace(rejected, outcome="published", run_id=OVERRIDE, published_at=now)
        return _append(store, release, pin=True)


def republish(store: Store, live: Release, *, table_version: int, ledger_version: int, now: datetime) -> Release:
    """Moves readers to versions of the tables that hold the same rows as the live release, after maintenance.

    Call it within the writer's lock, and only where the live release was the head before.

    Raises:
        ConcurrentWriter: a rollback or another decision came in between; readers stay where that put them.
    """
    with brief_lock(store, live.corpus):
        releases = list_releases(store, live.corpus)
        if live_release(releases) != live:
            raise ConcurrentWriter(
                f"corpus {live.corpus} got another release during maintenance",
                f"Nothing is lost; the next refresh decides on the tables as they are: freshet refresh {live.corpus}",
            )
        release = replace(
            live,
            rollback_of=None,
            table_version=table_version,
            ledger_version=ledger_version,
            run_id=MAINTENANCE,
            published_at=now,
        )
        return _append(store, release, pin=True)


def pinned_chunks(run: RefreshRun, releases: Sequence[Release]) -> list[Table]:
    """The chunk table of the space in force at each distinct published version, newest first."""
    tables = run.store.corpus(run.corpus)
    versions = {r.table_version: None for r in published_releases(releases) if r.space == run.model.space}
    pinned = []
    for version in versions:
        try:
            pinned.append(tables.at(schemas.chunks_table(run.model.space), version))
        except StoreError:
            # Cleaned up since: what only that release held is embedded again.
            continue
    return pinned


def pin_release(store: Store, release: Release) -> None:
    """Tags the versions of a published release, so that cleaning up keeps them, and seals what they are made of."""
    tables = store.corpus(release.corpus)
    _pin(tables.find(release.table), release.release, release.table_version)
    _pin(tables.find(schemas.DOCUMENTS), release.release, release.ledger_version)
    seal_tables(store, f"corpora/{release.corpus}")


def _pin(table: Table | None, number: int, version: int) -> None:
    """Tags the version, so that cleaning up keeps it. A tag that a killed run left is moved."""
    assert table is not None
    name = f"release-{number}"
    if name in table.tags.list():
        table.tags.update(name, version)
    else:
        table.tags.create(name, version)


def _next_number(store: Store, corpus: str) -> int:
    return max((r.release for r in list_releases(store, corpus)), default=0) + 1


def _append(store: Store, decided: Release, *, pin: bool) -> Release:
    """Puts a decision on record under the next number, and returns it with that.

    The brief lock keeps this machine's writers apart. Of two machines that take the same number, the second to come
    takes the next one: a number stands for one decision only.

    Args:
        pin: tag its versions first.
    """
    while True:
        release = replace(decided, release=_next_number(store, decided.corpus))
        if pin:
            pin_release(store, release)
        if insert_release(store, release):
            return release
        first = next(one for one in list_releases(store, release.corpus) if one.release == release.release)
        if pin and first.outcome == "published":
            pin_release(store, first)
