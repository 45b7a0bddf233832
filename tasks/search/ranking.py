"""Ranks the passages of a release for somebody. Whatever falls away on the way is made up for by further candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.search.visible import visible_among, visible_documents
from freshet.tasks.store.predicates import both, is_any, is_none

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release, Standing
    from freshet.tasks.search.filters import Let
    from freshet.tasks.search.sight import Sight
    from freshet.tasks.store.tables import Tables

Passage = dict[str, Any]
Find = Callable[[str, int], "pa.Table"]
"""Finds candidates: of chunks that meet a predicate, so many at most, best first, as `find_candidates` does."""

WIDER = 8
"""Where hits fall away, so many times as many candidates are looked at once, before it is worked out for every document
of the release whether it may be shown."""


SIFTED = 500
"""The least number of candidates that are looked through where filters let in a long list of documents."""


@dataclass(frozen=True)
class View:
    """What somebody looks at: a release, and what of it he may see.

    Attributes:
        chunks: pinned to the release.
        visible: the predicate of chunks that may be seen by what they carry.
        let: what filters let in of the release.
        sight: reads what the access classes mean now.
    """

    tables: Tables
    standing: Standing
    chunks: Table
    visible: str
    let: Let
    sight: Callable[[], Sight]
    now: datetime

    @property
    def release(self) -> Release:
        """The release that is looked at."""
        return self.standing.live

    @property
    def counted(self) -> str:
        """The predicate of chunks that the search is to look at."""
        return self.let.and_of(self.visible)

    def newest(self, doc_ids: set[str]) -> dict[str, dict[str, Any]]:
        """Those of some documents that may be shown now, with their rows of the newest ledger (`visible_documents`)."""
        return visible_documents(self.tables, self.release, doc_ids, self.sight, self.now)


@dataclass(frozen=True)
class Ranked:
    """Passages, best first, and by document id the newest ledger's row of each document that they are of."""

    passages: list[Passage]
    newest: Mapping[str, dict[str, Any]]


def rank(view: View, find: Find, limit: int, per_document: int | None = None) -> Ranked:
    """Ranks passages that may be shown; fewer than `limit` only where there are no more.

    Args:
        per_document: how many of one document are kept; None for all.

    Raises:
        AccessCheckFailed: the newest ledger could not be read.
    """
    if view.let.is_wide:
        look = _look(view, find, view.let.of_kinds(view.visible), max(SIFTED, WIDER * limit), view.let.documents)
        if not look.falls_short(limit, per_document):
            return look.ranked(limit, per_document)
    wider, where = WIDER * limit, view.counted
    depth = limit if per_document is None else wider
    look = _look(view, find, where, depth)
    if look.falls_short(limit, per_document) and depth < wider:
        look = _look(view, find, where, wider)
    if look.falls_short(limit, per_document) and look.has_hidden:
        shown, hidden = visible_among(view.tables, view.release, view.sight, view.now)
        is_shown = is_any("doc_id", shown) if len(shown) <= len(hidden) else is_none("doc_id", hidden)
        where = both(where, is_shown)
        look = _look(view, find, where, depth)
    passages, newest, full = look.passages, look.newest, set[str]()
    while look.is_cut and per_document and len(_kept(passages, per_document)) < limit:
        count = Counter(one["doc_id"] for one in passages)
        filled = {doc_id for doc_id, times in count.items() if times >= per_document}
        if filled == full:
            break
        full = filled
        # What is asked without the documents that have their number is scored by the best that is left.
        look = _look(view, find, both(where, is_none("doc_id", sorted(full))), depth)
        passages, newest = _joined(passages, look.passages), {**newest, **look.newest}
    return replace(look, passages=passages, newest=newest).ranked(limit, per_document)


@dataclass(frozen=True)
class _Look:
    """What one look found.

    Attributes:
        is_cut: whether there may be more.
        has_hidden: whether candidates fell away at the second check.
    """

    passages: list[Passage]
    newest: Mapping[str, dict[str, Any]]
    is_cut: bool
    has_hidden: bool

    def ranked(self, limit: int, per_document: int | None) -> Ranked:
        """The best passages."""
        kept = _kept(self.passages, per_document) if per_document else self.passages
        return Ranked(kept[:limit], self.newest)

    def falls_short(self, limit: int, per_document: int | None) -> bool:
        kept = _kept(self.passages, per_document) if per_document else self.passages
        return self.is_cut and len(kept) < limit


def _look(view: View, find: Find, where: str, depth: int, among: Collection[str] | None = None) -> _Look:
    """Looks once; of what is found, passages of documents are kept that may be shown and are `among` some."""
    found: list[Passage] = find(where, depth).to_pylist()
    of_these = [row for row in found if among is None or row["doc_id"] in among]
    newest = view.newest({row["doc_id"] for row in of_these})
    passages = [row for row in of_these if row["doc_id"] in newest]
    return _Look(passages, newest, len(found) == depth, len(passages) < len(of_these))


def _kept(passages: Sequence[Passage], per_document: int) -> list[Passage]:
    """The first so many passages of each document."""
    count, kept = Counter[str](), []
    for one in passages:
        count[one["doc_id"]] += 1
        if count[one["doc_id"]] <= per_document:
            kept.append(one)
    return kept


FUSED = "fused_"
"""Before the name of a measure: what it adds to a fused score."""


def _joined(first: list[Passage], later: list[Passage]) -> list[Passage]:
    """Passages of two looks as one ranking, in which those of the later one are scored as those of the first are."""
    scales = {
        name: next((row[name] / row[name[len(FUSED) :]] for row in first if row[name]), 0.0)
        for name in (first[0] if first else {})
        if name.startswith(FUSED)
    }
    known = {row["chunk_id"] for row in first}
    added = []
    for row in later:
        if row["chunk_id"] in known:
            continue
        parts = {name: scale * max(row[name[len(FUSED) :]] or 0.0, 0.0) for name, scale in scales.items()}
        added.append({**row, **parts, "score": sum(parts.values())} if parts else row)
    return sorted([*first, *added], key=lambda row: (-row["score"], row["chunk_id"]))
