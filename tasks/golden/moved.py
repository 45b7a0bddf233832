"""What a document that a golden question names, and that is gone, may be called now."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING

from freshet.tasks.errors import StoreError
from freshet.tasks.golden.standing import Corpus, Place, named_in
from freshet.tasks.ledger.releases import list_releases, published_releases
from freshet.tasks.settings.addresses import escaped
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from lancedb.table import Table

_MOST_RELEASES = 20

_MOST_PATHS = 50_000
"""Of more paths than so many, those that are merely alike are not looked for."""


class Moved:
    """Finds the new names of documents. Reads nothing before it is asked."""

    def __init__(self, corpus: Corpus) -> None:
        """Keeps the corpus."""
        self._corpus = corpus

    def document(self, name: str) -> str | None:
        """The path of the document with the same bytes, else of the only one with the same file name or one alike."""
        ledger = self._corpus.ledger
        for part in in_parts("content_hash", sorted(self._contents_of(name))):
            rows = ledger.search().where(part).select(["path"]).to_list()
            if rows:
                return escaped(min(str(row["path"]) for row in rows))
        same = [path for path in self._paths if posixpath.basename(path) == posixpath.basename(name)]
        if len(same) == 1:
            return escaped(same[0])
        near = get_close_matches(name, self._paths, 1, 0.85) if len(self._paths) <= _MOST_PATHS else []
        return escaped(near[0]) if near else None

    def _contents_of(self, name: str) -> set[str]:
        """Hashes of what the document had that was called so last, by the newest release that knows it."""
        for ledger in self._past:
            rows = named_in(ledger, [name]).get(name, [])
            if rows:
                return {row["content_hash"] for row in rows if row["content_hash"]}
        return set()

    @cached_property
    def _past(self) -> list[Table]:
        """The ledgers of the newest releases, as far as they are kept."""
        store, corpus = self._corpus.store, self._corpus.name
        found = []
        for one in published_releases(list_releases(store, corpus))[:_MOST_RELEASES]:
            with suppress(StoreError):
                found.append(store.corpus(corpus).at(schemas.DOCUMENTS, one.ledger_version))
        return found

    def names(self, places: Mapping[str, Sequence[Place]]) -> dict[str, list[str]]:
        """Paths of the documents in which texts stand, as the newest ledger has them."""
        ids = sorted({place.doc_id for many in places.values() for place in many})
        paths: dict[str, str] = {}
        for part in in_parts("doc_id", ids):
            for row in self._corpus.ledger.search().where(part).select(["doc_id", "path"]).to_list():
                paths[row["doc_id"]] = escaped(row["path"])
        return {
            text: sorted({paths[place.doc_id] for place in many if place.doc_id in paths})
            for text, many in places.items()
        }

    @cached_property
    def _paths(self) -> list[str]:
        batches = self._corpus.ledger.search().select(["path"]).to_batches()
        return sorted(path for batch in batches for path in batch["path"].to_pylist())
