"""Which of several copies is kept: the rule, and its revision after a change. Pure; nothing here reads a store.

Documents are gone through in the order of their source's priority, then the newest first, then by path. Each is
kept, unless a document that was kept before it is a verified copy of it and may be seen by everyone who may see it.
So no copy is ever hidden behind another hidden one, or behind one that fewer people may see; and as the order is one
of the documents and not of their arrival, so is the result.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from freshet.tasks.governance.expressions import Expression

Order = tuple[int, float, str, str]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNKNOWN_AGE = float("inf")


@dataclass(frozen=True, slots=True)
class Contender:
    """A document that may serve, with what decides between it and its copies.

    Attributes:
        priority: of its source; the lowest number comes first.
        modified_at: of the version that serves; a document of unknown age counts as the oldest.
        access: who may see it.
    """

    doc_id: str
    priority: int
    modified_at: datetime | None
    path: str
    access: Expression

    @property
    def order(self) -> Order:
        """The key by which the document that answers for its copies comes first."""
        age = _UNKNOWN_AGE if self.modified_at is None else -(self.modified_at - _EPOCH).total_seconds()
        return self.priority, age, self.path, self.doc_id


def covers(kept: Contender, hidden: Contender) -> bool:
    """Whether everyone who may see `hidden` may see `kept` as well."""
    return hidden.access.implies(kept.access)


def resolve(documents: Iterable[Contender], edges: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The duplicates among all documents, each with the kept one that stands for it: the first that does.

    Args:
        edges: pairs of ids of verified copies. Ids that are not among `documents` are passed over.
    """
    known = {document.doc_id: document for document in documents}
    copies: dict[str, set[str]] = {doc_id: set() for doc_id in known}
    for left, right in edges:
        if left in known and right in known and left != right:
            copies[left].add(right)
            copies[right].add(left)
    target: dict[str, str] = {}
    passed: set[str] = set()
    for document in sorted(known.values(), key=lambda d: d.order):
        kept = [known[c] for c in copies[document.doc_id] if c in passed and c not in target]
        suitable = [c for c in kept if covers(c, document)]
        if suitable:
            target[document.doc_id] = min(suitable, key=lambda d: d.order).doc_id
        passed.add(document.doc_id)
    return target


@dataclass(frozen=True, slots=True)
class Standing:
    """A document as it was last decided: kept, or the duplicate of another."""

    contender: Contender
    duplicate_of: str | None


class Neighbourhoods(Protocol):
    """What a revision asks of the documents that stand as decided, and of those that are to be decided."""

    def dependants(self, doc_ids: Collection[str]) -> Iterable[Standing]:
        """The decided documents that are duplicates of any of these."""

    def standings(self, doc_ids: Collection[str]) -> Iterable[Standing]:
        """Those of these documents that were decided, as they were."""

    def meet(self, doc_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """For each of these documents all that may be copies of it, itself perhaps among them."""

    def alike(self, left: str, right: str) -> bool:
        """Whether two documents that met are verified copies: exact, or near by true similarity."""


def revise(
    changed: Collection[Contender], gone: Collection[str], world: Neighbourhoods, at_once: int = 2000
) -> dict[str, str | None]:
    """What the rule says after a change, for every document that it says something new of, and for the changed ones.

    Only documents are looked at that the change can reach. The result is that of `resolve` over all documents.

    Args:
        changed: documents that are new, or of which text, access, age, path or priority has changed.
        gone: ids of documents that may not serve any more.
        at_once: documents for which copies are looked up together.

    Returns:
        The kept document by duplicate; None for a document that is kept.
    """
    return _Revision(changed, gone, world, at_once).run()


class _Revision:
    """Goes through the documents in question in their order, so that what decides one is decided before it.

    A document is in question if it has changed, if the kept one that stood for it is gone, has changed or is itself
    a duplicate now, or if one that comes before it is newly kept. Each reason concerns later documents only.
    """

    def __init__(
        self, changed: Collection[Contender], gone: Collection[str], world: Neighbourhoods, at_once: int
    ) -> None:
        self._world, self._at_once = world, at_once
        self._gone = set(gone)
        self._known = {document.doc_id: document for document in changed}
        self._undecided = set(self._known)
        self._before: dict[str, str | None] = {}
        self._target: dict[str, str | None] = {}
        self._heap: list[Order] = []
        self._queued: set[str] = set()
        self._copies: dict[str, list[Contender]] = {}

    def run(self) -> dict[str, str | None]:
        for doc_id in self._known:
            self._question(doc_id)
        for standing in self._world.dependants(self._undecided | self._gone):
            self._learn(standing)
            self._question(standing.contender.doc_id)
        while self._heap:
            doc_id = self._heap[0][-1]
            if doc_id not in self._copies:
                self._look_up()
            heapq.heappop(self._heap)
            self._queued.discard(doc_id)
            self._decide(self._known[doc_id], self._copies.pop(doc_id))
        return {
            doc_id: target
            for doc_id, target in self._target.items()
            if doc_id not in self._before or self._before[doc_id] != target
        }

    def _learn(self, standing: Standing) -> None:
        """Takes note of a document as it was decided, unless it is gone or to be decided now."""
        doc_id = standing.contender.doc_id
        if doc_id not in self._gone and doc_id not in self._known:
            self._known[doc_id] = standing.contender
            self._before[doc_id] = self._target[doc_id] = standing.duplicate_of

    def _question(self, doc_id: str) -> None:
        if doc_id in self._known and doc_id not in self._queued:
            self._queued.add(doc_id)
            heapq.heappush(self._heap, self._known[doc_id].order)

    def _look_up(self) -> None:
        """Finds possible copies of the documents that come next."""
        waiting = [order[-1] for order in heapq.nsmallest(self._at_once, self._heap)]
        missing = [doc_id for doc_id in waiting if doc_id not in self._copies]
        met = self._world.meet(missing)
        unknown = set().union(*met.values()) - self._known.keys()
        for standing in self._world.standings(unknown):
            self._learn(standing)
        for doc_id in missing:
            copies = [self._known[other] for other in met[doc_id] if other != doc_id and other in self._known]
            self._copies[doc_id] = sorted(copies, key=lambda d: d.order)

    def _is_kept(self, doc_id: str) -> bool:
        return doc_id not in self._undecided and self._target[doc_id] is None

    def _decide(self, document: Contender, copies: list[Contender]) -> None:
        doc_id = document.doc_id
        was_kept = self._is_kept(doc_id)
        earlier = [c for c in copies if c.order < document.order]
        target = next(
            (
                c.doc_id
                for c in earlier
                if self._is_kept(c.doc_id) and covers(c, document) and self._world.alike(c.doc_id, doc_id)
            ),
            None,
        )
        self._target[doc_id] = target
        self._undecided.discard(doc_id)
        later = copies[len(earlier) :]
        if target is None and not was_kept:
            for copy in later:
                if self._could_prefer(copy, document) and self._world.alike(doc_id, copy.doc_id):
                    self._question(copy.doc_id)
        elif target is not None and was_kept:
            for copy in later:
                if self._target.get(copy.doc_id) == doc_id:
                    self._question(copy.doc_id)

    def _could_prefer(self, copy: Contender, kept: Contender) -> bool:
        """Whether a later document, if it is a copy, becomes a duplicate of this newly kept one."""
        if copy.doc_id in self._queued or not covers(kept, copy):
            return False
        target = self._target[copy.doc_id]
        return target is None or target not in self._known or kept.order < self._known[target].order
