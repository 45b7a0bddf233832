"""Documents whose bytes changed although their source says that nothing did."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from freshet.tasks.documents.sources.base import said_by_source
from freshet.tasks.rules.verdicts import Verdict, verdict

_TAKEN = re.compile(r"[0-9a-f]{64}")


def altered_in_secret(planned: Mapping[str, Any], found: str) -> Verdict | None:
    """PROV-ALTERED for a document whose hash is not the ledger's while its source says the same of it, or None.

    Args:
        planned: `hint`, as listed now, and `old_seen_hint` and `old_seen_hash`, as the ledger has them.
        found: the hash of the bytes that the document has now.
    """
    known = planned["old_seen_hash"] or ""
    # A hash that was never taken, of a file that was refused unread, cannot be contradicted.
    if not planned["old_seen_hint"] or not _TAKEN.fullmatch(known) or found == known:
        return None
    if said_by_source(planned["hint"]) != said_by_source(planned["old_seen_hint"]):
        return None
    return verdict("PROV-ALTERED", ledger=known[:12], found=found[:12])
