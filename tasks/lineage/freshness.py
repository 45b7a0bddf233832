"""How old a document is against what its source allows, judged at the moment somebody asks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.verdicts import Verdict


def staleness(stale_after: datetime | None, blocked_after: datetime | None, now: datetime) -> Verdict | None:
    """The verdict on a document's age; None while it is fresh.

    Both moments follow from the document's last change and its source's `freshness`. They stand in the
    ledger, so that a document goes stale on time even when no refresh runs.
    """
    from tasks.verdicts import verdict

    if blocked_after is not None and now > blocked_after:
        return verdict("STALE-BLOCKED", since=blocked_after.isoformat())
    if stale_after is not None and now > stale_after:
        return verdict("STALE-SOURCE", since=stale_after.isoformat())
    return None
