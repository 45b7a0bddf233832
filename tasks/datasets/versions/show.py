"""Answers about a version that is published: what it holds, and why the rest was left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from freshet.tasks.ledger.versions import Version, chosen_version

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def version_row(version: Version) -> dict[str, Any]:
    """A decision in short, JSON-able."""
    return {
        "version": version.version,
        "outcome": version.outcome,
        "digest": version.digest,
        "rows": dict(version.facts.rows),
        "splits": {side: one["rows"] for side, one in version.facts.splits.items()},
        "change": dict(version.facts.change),
        "reasons": version.reasons,
        "run_id": version.run_id,
        "as_of": version.as_of,
        "published_at": version.published_at,
    }


def describe_version(store: Store, dataset: str, number: str | None) -> dict[str, Any]:
    """A version in full: `version_row`, its sources, settings, licences, classes and exports.

    Raises:
        StoreError: there is none.
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
