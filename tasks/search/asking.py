"""Asks any state of a corpus as readers ask the live release: by the same search, under the same access rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Protocol

from freshet.tasks.governance.freshness import MOMENTS, staleness
from freshet.tasks.ledger.access_classes import admitting, mark_column, mark_of
from freshet.tasks.search.candidates import Mode, Vector, find_candidates
from freshet.tasks.search.hits import Hit
from freshet.tasks.search.retrieve import hit_of
from freshet.tasks.search.sight import Sight
from freshet.tasks.search.visible import is_blocked, is_visible, rows_by_document
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.governance.expressions import Asker, Expression


def asking(
    chunks: Table,
    ledger: Table,
    expressions: Mapping[str, Expression],
    now: datetime,
    embed: Callable[[str], Vector] | None,
    mode: Mode,
) -> Ask:
    """Ranks passages of one state: the chunk table and the ledger as they are handed over, pinned or at the head.

    What the state's own ledger does not let whoever asks see is left out, as it is in a search.

    Args:
        expressions: what each access class of the corpus means.
        embed: a question's vector in the space of these chunks; not needed in mode text. Each question is
            embedded once: hand over the same function for two states of one space.
    """

    def ask(question: str, asker: Asker, limit: int) -> Sequence[tuple[str, str]]:
        vector = None if embed is None or mode == "text" else embed(question)
        sight = Sight(asker, admitting(expressions, asker))
        found = find_candidates(chunks, question, vector, sight.chunks_of(chunks), mode, limit)
        rows = found.select(["doc_id", "text"]).to_pylist()
        visible = _visible(ledger, {row["doc_id"] for row in rows}, sight, now)
        return [(row["doc_id"], row["text"]) for row in rows if row["doc_id"] in visible]

    return ask


def finding(chunks: Table, ledger: Table, expressions: Mapping[str, Expression], now: datetime) -> Find:
    """Finds passages of one state as `asking` does, with what a citation says of each."""

    def find(question: str, vector: Vector, asker: Asker, limit: int) -> list[Hit]:
        sight = Sight(asker, admitting(expressions, asker))
        found = find_candidates(chunks, question, vector, sight.chunks_of(chunks), "hybrid", limit).to_pylist()
        rows = rows_by_document(ledger, {row["doc_id"] for row in found})
        visible = {doc_id: row for doc_id, row in rows.items() if is_visible(row, sight, now)}
        return [
            hit_of(one, row, row["verified_at"], stale=staleness(row, now) is not None)
            for one in found
            if (row := visible.get(one["doc_id"])) is not None
        ]

    return find


def remembering(embed: Callable[[str], Vector]) -> Callable[[str], Vector]:
    """The same, but a question asked again is not embedded again."""
    return cache(embed)


def _visible(ledger: Table, doc_ids: Collection[str], sight: Sight, now: datetime) -> set[str]:
    columns = ["doc_id", mark_column(ledger), *MOMENTS.values()]
    rows = ledger.search().where(is_any("doc_id", sorted(doc_ids))).select(columns).to_arrow().to_pylist()
    return {row["doc_id"] for row in rows if sight.admits(mark_of(row)) and not is_blocked(row, now)}


class Ask(Protocol):
    """Ranks passages of one state of a corpus: (document id, text), best first, at most `limit`."""

    def __call__(self, question: str, asker: Asker, limit: int) -> Sequence[tuple[str, str]]:
        """Ranks the passages that whoever asks may see."""


class Find(Protocol):
    """Finds passages of one state of a corpus, best first, at most `limit`."""

    def __call__(self, question: str, vector: Vector, asker: Asker, limit: int) -> Sequence[Hit]:
        """Finds the passages that whoever asks may see."""
