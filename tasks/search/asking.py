"""Asks any state of a corpus as readers ask the live release: by the same search, under the same access rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol

from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.search.candidates import Mode, Vector, find_candidates
from freshet.tasks.search.visible import is_blocked
from freshet.tasks.store.predicates import is_any, permits

if TYPE_CHECKING:
    from lancedb.table import Table


def asker(chunks: Table, ledger: Table, now: datetime, embed: Callable[[str], Vector] | None, mode: Mode) -> Ask:
    """Ranks passages of one state: the chunk table and the ledger as they are handed over, pinned or at the head.

    What the state's own ledger does not let whoever asks see is left out, as it is in a search.

    Args:
        embed: a question's vector in the space of these chunks; not needed in mode text. Each question is
            embedded once: hand over the same function for two states of one space.
    """

    def ask(question: str, principals: Sequence[str], limit: int) -> Sequence[tuple[str, str]]:
        vector = None if embed is None or mode == "text" else embed(question)
        found = find_candidates(chunks, question, vector, permits(principals), mode, limit)
        rows = found.select(["doc_id", "text"]).to_pylist()
        visible = _visible(ledger, {row["doc_id"] for row in rows}, principals, now)
        return [(row["doc_id"], row["text"]) for row in rows if row["doc_id"] in visible]

    return ask


def remembering(embed: Callable[[str], Vector]) -> Callable[[str], Vector]:
    """The same, but a question asked again is not embedded again."""
    return cache(embed)


def _visible(ledger: Table, doc_ids: Collection[str], principals: Sequence[str], now: datetime) -> set[str]:
    asking = set(principals)
    query = ledger.search().where(is_any("doc_id", sorted(doc_ids))).select(["doc_id", "acl", *MOMENTS.values()])
    rows = query.to_arrow().to_pylist()
    return {row["doc_id"] for row in rows if asking & set(row["acl"]) and not is_blocked(row, now)}


class Ask(Protocol):
    """Ranks passages of one state of a corpus: (document id, text), best first, at most `limit`."""

    def __call__(self, question: str, principals: Sequence[str], limit: int) -> Sequence[tuple[str, str]]:
        """Ranks the passages that the principals may see."""
