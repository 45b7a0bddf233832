"""The `dataset_versions` table of the ledger: what was decided about each build, and which version is live."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.errors import StoreError
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import insert_new
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


VersionOutcome = Literal["published", "rejected", "expired"]
"""A version that is `expired` was published once, and what it held was removed after its retention."""

FIRST = "1.0.0"
"""Number of the first version that is live. What has a lower one (0.*) speaks for the past."""


@dataclass(frozen=True)
class VersionFacts:
    """What a version knows of itself, all of it JSON but `as_of`.

    Attributes:
        version: the semantic number, like 2.1.0.
        digest: over rows, their record and the settings that shape them; equal for equal versions and no others.
        rows_digest: over the kept rows and their sides alone, in no order.
        settings: the dataset's settings, as JSON has them.
        rows: `read`, `kept`, `rejected` and `by_code`: how many rows each rule keeps out.
        splits: by side: `rows`, `groups`, `share` of the kept rows, and `tokens` where they were counted.
        sources: by file: `input`, `uri`, `source_version`, `rows_read`, `rows_kept`, `licence`, `owner`, `uses`.
        documents: how many distinct documents the kept rows derive from.
        retain: how long the version is kept, as the settings write it.
        previous: the version before, None for the first.
        change: against that one: `added`, `removed`, `edited`, `moved`.
        licences: kept rows by licence.
        classes: by class and side: kept rows; empty where rows have no class.
        without_group: rows that lack what the split groups by, and were grouped by content.
        measured: what the checks counted, for the dataset card (`card.Measured.as_dict`).
    """

    dataset: str
    version: str
    digest: str
    rows_digest: str
    format: str
    settings: Mapping[str, Any]
    as_of: datetime
    rows: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Any]]
    sources: Sequence[Mapping[str, Any]]
    documents: int
    retain: str
    previous: str | None
    change: Mapping[str, int]
    licences: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    without_group: int = 0
    measured: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """The facts as the table holds them."""
        # In its own order: exports are written again from this, and a card lists what it holds in that order.
        return json.dumps({**asdict(self), "as_of": self.as_of.isoformat()}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> VersionFacts:
        """The facts as the table holds them; what a newer Freshet may have added is left out."""
        known = {one.name for one in fields(cls)}
        written = {name: value for name, value in json.loads(text).items() if name in known}
        return cls(**{**written, "as_of": datetime.fromisoformat(written["as_of"])})


@dataclass(frozen=True)
class Version:
    """A decision on record: a row of `schemas.dataset_versions`.

    Attributes:
        exports: by kind: `kind`, `path` and `manifest`, the SHA-256 of the manifest that names every file.
    """

    dataset: str
    version: str
    outcome: VersionOutcome
    digest: str
    rows_digest: str
    table_version: int
    rejected_version: int
    facts: VersionFacts
    reasons: list[str]
    exports: list[dict[str, str]]
    run_id: str
    as_of: datetime
    published_at: datetime

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Version:
        """A decision out of its row of the table."""
        kept = {name: value for name, value in row.items() if name not in ("rows", "splits")}
        facts, exports = VersionFacts.from_json(row["facts"]), json.loads(row["exports"])
        return cls(**{**kept, "facts": facts, "exports": exports})

    def as_row(self) -> dict[str, Any]:
        """The decision as a row of the table."""
        return {
            **vars(self),
            "rows": json.dumps(self.facts.rows, sort_keys=True, ensure_ascii=False),
            "splits": json.dumps(self.facts.splits, sort_keys=True, ensure_ascii=False),
            "facts": self.facts.as_json(),
            "exports": json.dumps(self.exports, sort_keys=True, ensure_ascii=False),
        }


def next_number(previous: str | None, change: Mapping[str, int]) -> str:
    """The number of a version whose digest differs from the previous one's.

    Major where rows were edited, removed or moved between sides, so that results are not comparable; minor where rows
    were only added; patch where the same rows have another record: their origins, settings or exports.
    """
    if previous is None:
        return FIRST
    major, minor, patch = (int(part) for part in previous.split("."))
    if change["edited"] or change["removed"] or change["moved"]:
        return f"{major + 1}.0.0"
    if change["added"]:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def list_versions(store: Store, dataset: str | None = None) -> list[Version]:
    """Every decision on a dataset, or on all of them, newest first."""
    rows = store.ledger.rows(schemas.DATASET_VERSIONS, None if dataset is None else equals("dataset", dataset))
    return sorted((Version.from_row(row) for row in rows), key=lambda v: v.published_at, reverse=True)


def insert_version(store: Store, version: Version) -> bool:
    """Puts a decision on record; a published version only where its number was not published before.

    Returns:
        Whether it stands there now.
    """
    row, schema = version.as_row(), schemas.dataset_versions()
    if version.outcome == "published":
        return insert_new(store.ledger, schemas.DATASET_VERSIONS, schema, ("dataset", "version", "outcome"), row)
    store.ledger.append(schemas.DATASET_VERSIONS, schema, [row])
    return True


def published_versions(versions: Sequence[Version]) -> list[Version]:
    """The versions that readers may use, the highest number first."""
    gone = {(v.dataset, v.version) for v in versions if v.outcome == "expired"}
    published = (v for v in versions if v.outcome == "published" and (v.dataset, v.version) not in gone)
    return sorted(published, key=lambda v: sort_key(v.version), reverse=True)


def sort_key(number: str) -> tuple[int, ...]:
    """The key by which numbers of versions are ordered: 1.10.0 comes after 1.9.0."""
    return tuple(int(part) for part in number.split("."))


def last_number(versions: Sequence[Version]) -> str | None:
    """The highest number ever published, expired or not: no number is given twice."""
    return max((v.version for v in versions if v.outcome == "published"), key=sort_key, default=None)


def live_among(versions: Sequence[Version]) -> Version | None:
    """The live one of a dataset's versions: the published one with the highest number; None where there is none.

    A version of the past (0.*), which was built as of a moment before the live version's, is never live.
    """
    return next((v for v in published_versions(versions) if sort_key(v.version) >= sort_key(FIRST)), None)


def live_version(store: Store, dataset: str) -> Version | None:
    """The live version of a dataset (`live_among`); None where there is none."""
    return live_among(list_versions(store, dataset))


def find_version(store: Store, dataset: str, number: str) -> Version:
    """The published version of a number, which may have a leading v.

    Raises:
        StoreError: there is no such version, or it has expired. The message names the versions that there are.
    """
    versions = list_versions(store, dataset)
    published = published_versions(versions)
    expired = next((v for v in versions if (v.outcome, v.version) == ("expired", number.removeprefix("v"))), None)
    if expired is not None:
        raise StoreError(
            f"version {expired.version} of dataset {dataset} expired on {expired.published_at:%Y-%m-%d}: its rows were "
            "kept for as long as the settings say (retain), and removed",
            f"Run freshet dataset versions {dataset} to see those that are kept.",
        )
    found = next((v for v in published if v.version == number.removeprefix("v")), None)
    if found is None:
        known = ", ".join(v.version for v in published) or "none"
        raise StoreError(
            f"dataset {dataset} has no version {number}; published: {known}",
            f"Run freshet dataset versions {dataset} to see them.",
        )
    return found


def chosen_version(store: Store, dataset: str, number: str | None) -> Version:
    """The published version of a number; the live one where no number is given.

    Raises:
        StoreError: there is none.
    """
    if number is not None:
        return find_version(store, dataset, number)
    live = live_version(store, dataset)
    if live is None:
        raise StoreError(f"dataset {dataset} has no version yet", f"Type: freshet dataset build {dataset}")
    return live
