"""Which of the documents that no source lists any more are withdrawn, and which wait for a person's word."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

WITHDRAWALS_UNASKED = 10
WITHDRAWN_SHARE_UNASKED = 0.1
"""More withdrawals than this many, and than this share of the corpus, wait for a person's word."""


@dataclass(frozen=True)
class Withdrawals:
    """What becomes of the documents that no source lists any more.

    `withdrawn` go; `withheld` wait for approval; `missing` belong to a source whose listing was cut short,
    which says nothing about them. The latter two go on serving.
    """

    withdrawn: pa.Table
    withheld: pa.Table
    missing: pa.Table


def decide_withdrawals(
    vanished: pa.Table, *, held: int, incomplete: Collection[str], emptied: Collection[str], allowed: int
) -> Withdrawals:
    """Which of the vanished documents are withdrawn.

    Args:
        held: documents in the ledger before this refresh.
        incomplete: sources whose listing failed or was cut short; they withdraw nothing.
        emptied: sources that listed nothing at all, though complete; as a lost mount looks the same,
            their withdrawals always need a person's word.
        allowed: how many withdrawals a person approved.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    def of(sources: Collection[str]) -> Any:
        return pc.is_in(vanished["source"], value_set=pa.array(sorted(sources), pa.string()))

    missing = vanished.filter(of(incomplete))
    asked = vanished.filter(pc.invert(of(incomplete)))
    count = asked.num_rows
    many = count > WITHDRAWALS_UNASKED and count > WITHDRAWN_SHARE_UNASKED * held
    lost = bool(set(asked["source"].unique().to_pylist()) & set(emptied))
    if (many or lost) and count > allowed:
        return Withdrawals(withdrawn=asked.slice(0, 0), withheld=asked, missing=missing)
    return Withdrawals(withdrawn=asked, withheld=asked.slice(0, 0), missing=missing)
