"""Whether the passages of a search are those that were written."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import DamagedTable

if TYPE_CHECKING:
    from freshet.tasks.ledger.releases import Release


def check_texts(release: Release, passages: Sequence[dict[str, Any]]) -> None:
    """Sees that the texts are those that were written: Lance does not notice a bit that the disk flipped.

    Raises:
        DamagedTable: one is not.
    """
    for passage in passages:
        if sha256(passage["text"].encode()).hexdigest() != passage["text_hash"]:
            raise DamagedTable(
                f"table corpora/{release.corpus}/{release.table} is damaged: the text of passage {passage['chunk_id']} "
                "is not the one that was written",
                f"Type: freshet doctor --repair, then: freshet refresh {release.corpus} --full",
            )
