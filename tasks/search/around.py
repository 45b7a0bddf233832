"""The passages that stand before and after others in their documents, of those that somebody may see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from freshet.tasks.search.ranking import Passage, View
from freshet.tasks.store.predicates import both, either, equals, is_between

COLUMNS = ["chunk_id", "doc_id", "ordinal", "text", "text_hash", "start", "end", "headings", "page_first"]

_AT_ONCE = 25
"""Passages whose neighbours one predicate asks for."""

Sides = tuple[list[Passage], list[Passage]]


def neighbours(view: View, passages: Sequence[Passage], around: int) -> list[Sides]:
    """Of each passage those before and those after it, at most `around` on each side, in the order of the text.

    They are of documents that may be shown, as the passages are; what of a document may not be seen is left out.
    """
    if not around:
        return [([], []) for _ in passages]
    held: dict[str, dict[int, Passage]] = {}
    for start in range(0, len(passages), _AT_ONCE):
        spans = [
            both(
                equals("doc_id", one["doc_id"]),
                is_between("ordinal", one["ordinal"] - around, one["ordinal"] + around),
            )
            for one in passages[start : start + _AT_ONCE]
        ]
        where = both(view.visible, reduce(either, spans))
        rows: list[dict[str, Any]] = view.chunks.search().where(where).select(COLUMNS).to_list()
        for row in rows:
            held.setdefault(row["doc_id"], {})[row["ordinal"]] = {**row, "score": 0.0}
    return [_sides(one, held.get(one["doc_id"], {}), around) for one in passages]


def _sides(passage: Passage, held: dict[int, Passage], around: int) -> Sides:
    at = passage["ordinal"]
    before = [held[place] for place in range(at - around, at) if place in held]
    return before, [held[place] for place in range(at + 1, at + around + 1) if place in held]
