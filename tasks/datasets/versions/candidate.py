"""What a build would publish, and how that differs from the version that is live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.assembly.digest import settings_of, version_digest
from freshet.tasks.datasets.export import check_kinds
from freshet.tasks.datasets.versions.diff import change_since
from freshet.tasks.datasets.versions.past import past_number, version_before
from freshet.tasks.ledger.versions import (
    Version,
    VersionFacts,
    last_number,
    list_versions,
    live_version,
    next_number,
    published_versions,
)

if TYPE_CHECKING:
    from freshet.tasks.datasets.assembly.assembled import Assembled
    from freshet.tasks.settings.datasets import Dataset
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Candidate:
    """A build that the gate has still to decide on.

    Attributes:
        facts: what the version would know of itself.
        previous: the version that the candidate is compared with: the live version, None before the first. For a
            backdated candidate that speaks for a moment before the live version's, it is the newest version that
            speaks for no later moment than the candidate.
        unchanged: whether the build came to a version that exists: the live version, or for a backdated candidate any.
    """

    facts: VersionFacts
    previous: Version | None
    unchanged: bool


def propose(
    store: Store,
    assembled: Assembled,
    name: str,
    declared: Dataset,
    *,
    as_of: datetime,
    measured: Mapping[str, Any] | None = None,
    backdated: bool = False,
) -> Candidate:
    """Returns what the build would publish: its digest, its number, and how it differs from the live version.

    Args:
        name: the dataset's name.
        declared: the dataset's settings.
        as_of: the moment that the build speaks for.
        measured: what the checks counted, for the card (`VersionFacts.measured`).
        backdated: whether only what was there by `as_of` was read. Where the live version speaks for a later moment,
            a backdated version does not become live.

    Raises:
        SettingsError: a kind of export does not take the dataset's format.
    """
    check_kinds(declared.export, declared.format)
    previous = live_version(store, name)
    digest = version_digest(assembled.rows_digest, assembled.record_digest, name, declared)
    is_past = backdated and previous is not None and as_of < previous.as_of
    if is_past:
        published = published_versions(list_versions(store, name))
        same = next((one for one in published if one.digest == digest), None)
        previous = same or version_before(published, as_of)
    if previous is not None and previous.digest == digest:
        return Candidate(previous.facts, previous, unchanged=True)
    change = change_since(store, previous, assembled)
    # Where every version has expired, the next one still gets a number of its own.
    number = last_number(list_versions(store, name))
    version = past_number(list_versions(store, name), as_of) if is_past else next_number(number, change)
    settings = settings_of(declared)
    facts = VersionFacts(
        dataset=name,
        version=version,
        digest=digest,
        rows_digest=assembled.rows_digest,
        format=declared.format,
        settings=settings,
        as_of=as_of,
        rows=assembled.rows,
        splits=assembled.splits,
        sources=assembled.sources,
        documents=assembled.documents,
        retain=settings["retain"],
        previous=None if previous is None else previous.version,
        change=change,
        licences=assembled.licences,
        classes=assembled.classes,
        without_group=assembled.without_group,
        measured=measured or {},
    )
    return Candidate(facts, previous, unchanged=False)
