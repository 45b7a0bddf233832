"""Which documents of a release filters let in, and how that becomes a predicate over its chunks.

The release's own ledger is asked, whose path and title a citation shows. What comes of it depends on the filters alone,
and is one more condition beside what somebody may see: what is hidden is as if it were not there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from freshet.tasks.search.wanted import KINDS, Filters
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import IDS_PER_PREDICATE, both, holds_any, is_any, is_none
from freshet.tasks.text.globs import taker_of

if TYPE_CHECKING:
    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.store.tables import Store

MOST_LISTED = IDS_PER_PREDICATE
"""Longer lists of documents make a search slow, seconds where half of 100,000 are let in: so candidates are looked
through first, and the list is asked for only where too few of them are let in."""

_COLUMNS = ["doc_id", "source", "path", "title", "modified_at"]


@dataclass(frozen=True)
class Let:
    """What filters let in of a release.

    Attributes:
        documents: ids; None for all.
        others: ids of those that they do not let in, so that the shorter list can be asked for.
        kinds: elements of which a passage must hold one; empty for any.
    """

    documents: frozenset[str] | None
    others: frozenset[str]
    kinds: tuple[str, ...]

    @property
    def is_wide(self) -> bool:
        """Whether the predicate has a long list of documents."""
        return self.documents is not None and min(len(self.documents), len(self.others)) > MOST_LISTED

    def of_kinds(self, visible: str) -> str:
        """The predicate of chunks that may be seen, narrowed to the kinds alone."""
        return both(visible, holds_any("kinds", self.kinds)) if self.kinds else visible

    def and_of(self, visible: str) -> str:
        """The predicate of chunks that may be seen, narrowed to what is let in."""
        if self.documents is not None:
            if len(self.documents) <= len(self.others):
                visible = both(visible, is_any("doc_id", sorted(self.documents)))
            elif self.others:
                visible = both(visible, is_none("doc_id", sorted(self.others)))
        return self.of_kinds(visible)


def let_in(store: Store, release: Release, filters: Filters) -> Let:
    """What filters let in of a release.

    Raises:
        StoreError: the release's ledger is gone.
    """
    kinds = tuple(kind for one in filters.kind for kind in KINDS[one])
    of_documents = replace(filters, kind=())
    if of_documents == Filters():
        return Let(None, frozenset(), kinds)
    documents, others = _documents(store, release.corpus, release.ledger_version, of_documents)
    return Let(documents, others, kinds)


@lru_cache(maxsize=4)
def _documents(store: Store, corpus: str, version: int, filters: Filters) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of the documents of a ledger that have chunks: those that are let in, and the others."""
    ledger = store.corpus(corpus).at(schemas.DOCUMENTS, version)
    documents, others = set[str](), set[str]()
    takes = taker_of(filters.path)
    for batch in ledger.search().where("chunks > 0").select(_COLUMNS).to_batches():
        for row in batch.to_pylist():
            (others if any(_refusals(row, filters, takes)) else documents).add(row["doc_id"])
    return frozenset(documents), frozenset(others)


def refusals(row: Mapping[str, Any], filters: Filters) -> list[str]:
    """The names of the filters that do not let a document in, a row of a release's ledger; kinds are not asked."""
    return list(_refusals(row, filters, taker_of(filters.path)))


def _refusals(row: Mapping[str, Any], filters: Filters, takes: Any) -> Iterator[str]:
    if filters.path and not takes(row["path"]):
        yield "path"
    if filters.source and row["source"] not in filters.source:
        yield "source"
    if filters.title is not None and _folded(filters.title) not in _folded(row["title"] or ""):
        yield "title"
    if filters.modified_after is None and filters.modified_before is None:
        return
    modified = row["modified_at"]
    if filters.modified_after is not None and (modified is None or modified < filters.modified_after):
        yield "modified-after"
    if filters.modified_before is not None and (modified is None or modified >= filters.modified_before):
        yield "modified-before"


def _folded(text: str) -> str:
    """A title in the form in which titles are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
