"""Decides by the newest ledger which documents of a release may be shown now.

A release is a past state: a permission may have been revoked, a document withdrawn or gone stale since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from freshet.tasks.errors import AccessCheckFailed, FreshetError
from freshet.tasks.governance.freshness import MOMENTS, staleness
from freshet.tasks.ledger.access_classes import mark_column, mark_of
from freshet.tasks.ledger.releases import Release
from freshet.tasks.search.sight import Sight
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import IDS_PER_PREDICATE, is_any

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.store.tables import Tables


_Seen = TypeVar("_Seen")

_COLUMNS = [
    "doc_id", "source", "path", "uri", "title", "source_version", "content_hash", "seen_hash", "verified_at",
    "verdicts", "chunks", "duplicate_of", *MOMENTS.values(),
]  # fmt: skip
"""What is read of a ledger: what decides whether a document may be shown, and what a citation says of it."""


def visible_documents(
    tables: Tables, release: Release, doc_ids: Collection[str], sight: Callable[[], Sight], now: datetime
) -> dict[str, dict[str, Any]]:
    """Returns those of a release's documents that the newest ledger lets somebody see now.

    Args:
        sight: reads what the access classes mean now. It is asked after the ledger, and a refresh writes the classes
            first: so the ledger never names a class of which nothing is known yet.

    Returns:
        By document id, the row of the newest ledger. A document that moved since the release is found under its
        old id, with the row of its new one.

    Raises:
        AccessCheckFailed: the newest ledger could not be read; nothing may be shown then.
    """

    def look() -> dict[str, dict[str, Any]]:
        newest = rows_by_document(tables.find(schemas.DOCUMENTS), doc_ids)
        seen = sight()
        visible = {doc_id: row for doc_id, row in newest.items() if is_visible(row, seen, now)}
        if newest.keys() != set(doc_ids):
            visible |= _moved(tables, release, set(doc_ids) - newest.keys(), sight, now)
        return visible

    try:
        return _trying_again(look)
    except FreshetError:
        raise
    except Exception as error:
        raise AccessCheckFailed(
            f"the document ledger could not be read ({type(error).__name__}), so nothing is shown",
            "Check the store, then ask again.",
        ) from error


_ATTEMPTS, _PAUSE = 3, 0.2
"""How often a head is opened, and the seconds between: a commit that found no room on the disk can be read by nobody
until it is undone, which `store/commits.see_whole` does at once."""


def _trying_again(look: Callable[[], _Seen]) -> _Seen:
    for _ in range(_ATTEMPTS - 1):
        try:
            return look()
        except FreshetError:
            raise
        except Exception:
            time.sleep(_PAUSE)
    return look()


def visible_among(
    tables: Tables, release: Release, sight: Callable[[], Sight], now: datetime
) -> tuple[list[str], list[str]]:
    """Ids of a release's documents that the newest ledger lets somebody see now, and of the others, sorted.

    It takes as long as the corpus is large, and no longer: it is for whoever may see little of what a release holds.

    Raises:
        AccessCheckFailed: the newest ledger could not be read.
    """
    pinned = tables.at(schemas.DOCUMENTS, release.ledger_version)
    rows = pinned.search().where("chunks > 0").select(["doc_id"]).to_arrow()
    doc_ids = sorted(rows["doc_id"].to_pylist())
    shown: set[str] = set()
    for start in range(0, len(doc_ids), IDS_PER_PREDICATE):
        part = doc_ids[start : start + IDS_PER_PREDICATE]
        shown |= visible_documents(tables, release, part, sight, now).keys()
    return sorted(shown), [doc_id for doc_id in doc_ids if doc_id not in shown]


def rows_by_document(ledger: Table | None, doc_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Returns the rows that a state of the ledger holds of some documents, by document id.

    Raises:
        AccessCheckFailed: there is no ledger.
    """
    if ledger is None:
        raise AccessCheckFailed("the document ledger is gone, so nothing is shown", "Restore the store.")
    rows = _rows(ledger, is_any("doc_id", sorted(doc_ids)))
    return {row["doc_id"]: row for row in rows}


def _rows(ledger: Table, where: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        ledger.search().where(where).select([*_COLUMNS, mark_column(ledger)]).to_arrow().to_pylist()
    )
    return rows


def is_blocked(row: Mapping[str, Any], now: datetime) -> bool:
    """Tells whether a document, a row of the ledger, is too old for its source to serve it."""
    found = staleness(row, now)
    return found is not None and found.severity == "block"


def is_visible(row: Mapping[str, Any], sight: Sight, now: datetime) -> bool:
    """Tells whether a document, a row of the ledger, may be shown now."""
    return row["content_hash"] is not None and sight.admits(mark_of(row)) and not is_blocked(row, now)


def _moved(
    tables: Tables, release: Release, doc_ids: Collection[str], sight: Callable[[], Sight], now: datetime
) -> dict[str, dict[str, Any]]:
    """For documents that the newest ledger no longer has: the row of one with the same bytes that may be seen.

    A document that moved since the release stands in the ledger under its new path; until the next release its
    passages are found under the old one, and must not fall out of sight meanwhile. A copy that the release has as well
    is no document that moved: what was withdrawn beside it stays withdrawn.
    """
    released = tables.at(schemas.DOCUMENTS, release.ledger_version)
    pinned = rows_by_document(released, doc_ids)
    contents = sorted({row["content_hash"] for row in pinned.values() if row["content_hash"]})
    ledger = tables.find(schemas.DOCUMENTS)
    copies = [] if ledger is None else _rows(ledger, is_any("content_hash", contents))
    copies_then = rows_by_document(released, {row["doc_id"] for row in copies})
    seen = sight()
    # Of several copies the first by path is taken, so that an answer does not depend on the order of the table.
    by_content = {
        row["content_hash"]: row
        for row in sorted(copies, key=lambda row: str(row["path"]), reverse=True)
        if row["doc_id"] not in copies_then and is_visible(row, seen, now)
    }
    return {
        doc_id: by_content[row["content_hash"]] for doc_id, row in pinned.items() if row["content_hash"] in by_content
    }
