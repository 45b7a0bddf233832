"""Why the gate decided as it did, for people who ask afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.decisions import list_decisions
from freshet.tasks.ledger.releases import gate_decisions, list_releases, live_release

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def explain_decision(store: Store, corpus: str) -> dict[str, Any]:
    """The gate's last decision on a corpus, as it is on record; rollbacks and maintenance are none of the gate's.

    Returns:
        `corpus`, `release`, `outcome`, `published_at` (when it was decided), `as_of`, `run_id`, `documents`, `chunks`,
        `reasons`, `override` (`who`, `why`, `at`: somebody published it in spite of them; else None), `exam` (as
        `examination.Examination.exam`; None where it was not sat), `site` (address of the pages on the rules; None
        where there are none) and `live` (the release that readers see now; None before the first).

    Raises:
        StoreError: the gate has not decided on anything yet.
    """
    releases = list_releases(store, corpus)
    decision, live = next(iter(gate_decisions(releases)), None), live_release(releases)
    if decision is None:
        raise StoreError(
            f"the gate has not decided on anything of corpus {corpus} yet", f"Run freshet refresh {corpus}."
        )
    overrides = list_decisions(store, corpus, kinds=["override"])
    override = next((one for one in overrides if one.release == decision.release), None)
    return {
        "corpus": corpus,
        "release": decision.release,
        "outcome": decision.outcome,
        "published_at": decision.published_at,
        "as_of": decision.as_of,
        "run_id": decision.run_id,
        "documents": decision.documents,
        "chunks": decision.chunks,
        "reasons": list(decision.reasons),
        "override": {"who": override.who, "why": override.why, "at": override.at} if override else None,
        "exam": json.loads(decision.exam) if decision.exam else None,
        "site": decision.site,
        "live": live.release if live else None,
    }
