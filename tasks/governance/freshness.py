"""How old a document is against what its source allows, judged at the moment somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freshet.expectations.rules import Rule
    from freshet.tasks.rules.verdicts import Verdict


MOMENTS = {
    "STALE-BLOCKED": "blocked_after",
    "STALE-EXPIRED": "valid_until",
    "STALE-SOURCE": "stale_after",
    "STALE-REVIEW": "review_by",
}
"""Rule → the moment of the ledger from which it holds. The first two keep a document out, the others mark it stale."""


def staleness(row: Mapping[str, Any], now: datetime) -> Verdict | None:
    """The verdict on a document's age, the gravest; None while it is fresh.

    The moments follow from the document's last change and its source's `freshness`, and from what it says about
    itself. They stand in the ledger, so that a document goes stale on time even when no refresh runs.

    Args:
        row: of the ledger.
    """
    from freshet.tasks.rules.verdicts import verdict

    for code, column in MOMENTS.items():
        if row[column] is not None and now > row[column]:
            return verdict(code, since=row[column].isoformat())
    return None


def is_marked_stale(verdicts: Iterable[Mapping[str, Any]]) -> bool:
    """Whether what a document says of itself (superseded, deprecated …) warns its readers."""
    return any(v["severity"] == "warn" and v["code"].startswith("STALE-") for v in verdicts)


def check_unverified(verified_at: datetime, now: datetime, rules: Mapping[str, Rule]) -> list[Verdict]:
    """STALE-UNVERIFIED: too many days since a document was last compared with its source.

    Args:
        rules: as the corpus has tuned them; without the rule there is no verdict.
    """
    from freshet.tasks.rules.verdicts import Verdict

    rule = rules.get("STALE-UNVERIFIED")
    days = (now - verified_at) / timedelta(days=1)
    if rule is None or days <= (rule.threshold or 0):
        return []
    return [Verdict(rule.code, rule.severity, {"since": verified_at.isoformat(), "days": int(days)})]
