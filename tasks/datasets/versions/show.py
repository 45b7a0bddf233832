"""Versions as JSON: in short for lists, and in full for one version."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from freshet.tasks.ledger.versions import Version, chosen_version

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def version_row(version: Version) -> dict[str, Any]:
    """Returns a decision on a version in short, as JSON can hold it."""
    return {
        "version": version.version,
        "outcome": version.outcome,
        "digest": version.digest,
        "rows": dict(version.facts.rows),
        "splits": {split: one["rows"] for split, one in version.facts.splits.items()},
        "change": dict(version.facts.change),
        "reasons": version.reasons,
        "run_id": version.run_id,
        "as_of": version.as_of,
        "published_at": version.published_at,
    }


def describe_version(store: Store, dataset: str, number: str | None) -> dict[str, Any]:
    """Returns a version in full: `version_row`, and its sources, settings, licences, classes and exports.

    Args:
        number: the number of the version; None for the live version.

    Raises:
        StoreError: there is no such version.
    """
    version = chosen_version(store, dataset, number)
    facts = json.loads(version.facts.as_json())
    named = ("sources", "settings", "licences", "classes", "documents", "retain", "previous")
    return {
        "dataset": dataset,
        **version_row(version),
        **{name: facts[name] for name in named},
        "exports": [dict(one) for one in version.exports],
    }
