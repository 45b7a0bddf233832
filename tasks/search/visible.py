"""Decides by the newest ledger which documents of a release may be shown now.

A release is a past state: a permission may have been revoked, a document withdrawn or gone stale since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import AccessCheckFailed, FreshetError
from freshet.tasks.governance.freshness import staleness
from freshet.tasks.ledger.releases import Release
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.store.tables import Tables


def visible_documents(
    tables: Tables, release: Release, doc_ids: Collection[str], principals: Collection[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """Returns those of a release's documents that the newest ledger lets the principals see now.

    Returns:
        By document id, the row of the newest ledger. A document that moved since the release is found under its
        old id, with the row of its new one.

    Raises:
        AccessCheckFailed: the newest ledger could not be read; nothing may be shown then.
    """
    try:
        newest = rows_by_document(tables.find(schemas.DOCUMENTS), doc_ids)
        visible = {doc_id: row for doc_id, row in newest.items() if _is_visible(row, principals, now)}
        if newest.keys() != set(doc_ids):
            visible |= _moved(tables, release, set(doc_ids) - newest.keys(), principals, now)
    except FreshetError:
        raise
    except Exception as error:
        raise AccessCheckFailed(
            f"the document ledger could not be read ({type(error).__name__}), so nothing is shown",
            "Check the store, then ask again.",
        ) from error
    return visible


def rows_by_document(ledger: Table | None, doc_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Returns the rows that a state of the ledger holds of some documents, by document id.

    Raises:
        AccessCheckFailed: there is no ledger.
    """
    if ledger is None:
        raise AccessCheckFailed("the document ledger is gone, so nothing is shown", "Restore the store.")
    rows = ledger.search().where(is_any("doc_id", sorted(doc_ids))).to_list()
    return {row["doc_id"]: row for row in rows}


def is_blocked(row: Mapping[str, Any], now: datetime) -> bool:
    """Tells whether a document, a row of the ledger, is too old for its source to serve it."""
    found = staleness(row, now)
    return found is not None and found.severity == "block"


def _is_visible(row: Mapping[str, Any], principals: Collection[str], now: datetime) -> bool:
    return row["content_hash"] is not None and bool(set(principals) & set(row["acl"])) and not is_blocked(row, now)


def _moved(
    tables: Tables, release: Release, doc_ids: Collection[str], principals: Collection[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """For documents that the newest ledger no longer has: the row of one with the same bytes that may be seen.

    A document that moved since the release stands in the ledger under its new path; until the next release its
    passages are found under the old one, and must not fall out of sight meanwhile.
    """
    pinned = rows_by_document(tables.at(schemas.DOCUMENTS, release.ledger_version), doc_ids)
    contents = sorted({row["content_hash"] for row in pinned.values() if row["content_hash"]})
    ledger = tables.find(schemas.DOCUMENTS)
    copies = [] if ledger is None else ledger.search().where(is_any("content_hash", contents)).to_list()
    # Of several copies the first by path is taken, so that an answer does not depend on the order of the table.
    by_content = {
        row["content_hash"]: row
        for row in sorted(copies, key=lambda row: str(row["path"]), reverse=True)
        if _is_visible(row, principals, now)
    }
    return {
        doc_id: by_content[row["content_hash"]] for doc_id, row in pinned.items() if row["content_hash"] in by_content
    }
