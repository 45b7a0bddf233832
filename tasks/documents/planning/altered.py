"""Documents whose bytes changed although their source says that nothing did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    import pyarrow as pa


def altered_in_secret(held: pa.Table, found: Mapping[str, str]) -> dict[str, Verdict]:
    """PROV-ALTERED by `doc_id`, for documents whose hash is not the ledger's while the hint is.

    Args:
        held: `doc_id`, `hint` (as listed now), `seen_hint` and `seen_hash` (as the ledger has them).
        found: content hash by doc_id, computed from the bytes now. Documents that could not be read are missing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    now = pa.table({"doc_id": pa.array(list(found), pa.string()), "now": pa.array(list(found.values()), pa.string())})
    joined = held.select(["doc_id", "hint", "seen_hint", "seen_hash"]).join(now, keys="doc_id", join_type="inner")
    is_quiet = pc.equal(joined["hint"], joined["seen_hint"])
    # A hash that was never taken (of a file that was refused unread) cannot be contradicted.
    is_taken = pc.match_substring_regex(joined["seen_hash"], "^[0-9a-f]{64}$")
    is_other = pc.not_equal(joined["now"], joined["seen_hash"])
    altered = pc.fill_null(pc.and_(pc.and_(is_quiet, is_taken), is_other), False)
    rows = joined.filter(altered).sort_by("doc_id").to_pylist()
    return {row["doc_id"]: verdict("PROV-ALTERED", ledger=row["seen_hash"][:12], found=row["now"][:12]) for row in rows}
