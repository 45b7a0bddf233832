"""The text of a document of the live release, for somebody who may see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.elements import from_json
from freshet.tasks.documents.keep import element_id, find_parsed
from freshet.tasks.ledger.releases import Standing, find_standing
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.search.hits import Hit
from freshet.tasks.search.retrieve import cite
from freshet.tasks.search.sight import Sight, released_chunks, sight_of
from freshet.tasks.search.visible import visible_documents
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals, is_any

if TYPE_CHECKING:
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store

_COLUMNS = [
    "chunk_id", "doc_id", "ordinal", "text", "text_hash", "start", "end", "headings", "page_first",
]  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """A document that somebody may see.

    Attributes:
        text: what was read of it; where that is not kept any more, its passages, each at its place.
        passages: its passages in order.
    """

    corpus: str
    release: int
    text: str
    passages: Sequence[Hit]

    def as_dict(self, start: int = 0, end: int | None = None) -> dict[str, Any]:
        """The document as the service gives it.

        Args:
            start, end: the half-open span of characters that is wanted; all of it, where `end` is None.
        """
        first = self.passages[0]
        end = len(self.text) if end is None else min(end, len(self.text))
        start = min(start, end)
        return {
            "corpus": self.corpus,
            "release": self.release,
            "document": {"id": first.doc_id, "uri": first.uri, "title": first.title},
            "source_version": first.source_version,
            "verified_at": first.verified_at,
            "stale": first.stale,
            "length": len(self.text),
            "chars": [start, end],
            "text": self.text[start:end],
            "passages": [
                {"chars": list(one.chars), "page": one.page, "heading": one.heading}
                for one in self.passages
                if one.chars[0] < end and one.chars[1] > start
            ],
        }


def read_document(
    project: Project, store: Store, corpus: str, doc_id: str, asker: Asker, now: datetime
) -> Shown | None:
    """A document of the live release; None where there is none that somebody may see.

    It passes the checks that a hit of a search passes.

    Raises:
        StoreError: the corpus's tables are gone or damaged.
        AccessCheckFailed: who may see it could not be established.
    """
    standing = find_standing(store, corpus)
    if standing is None or not standing.live.chunks:
        return None
    live, tables = standing.live, store.corpus(corpus)

    def sight() -> Sight:
        return sight_of(store, corpus, asker, standing)

    chunks = tables.at(live.table, live.table_version)
    where = both(released_chunks(store, chunks, standing, sight()), equals("doc_id", doc_id))
    rows = sorted(chunks.search().where(where).select(_COLUMNS).to_list(), key=lambda row: row["ordinal"])
    if not rows:
        return None
    newest = visible_documents(tables, live, {doc_id}, sight, now)
    if doc_id not in newest:
        return None
    rules = tuned_rules(project.settings.corpora[corpus])
    passages = cite(store, tables, live, [{**row, "score": 0.0} for row in rows], newest, now, rules)
    return Shown(corpus, live.release, _text_of(store, standing, doc_id) or _joined(passages), passages)


def visible_ids(store: Store, corpus: str, doc_ids: Collection[str], asker: Asker, now: datetime) -> set[str]:
    """Those of some documents that the live release has and somebody may see, by the checks of `read_document`.

    Raises:
        StoreError, AccessCheckFailed: as `read_document` says.
    """
    standing = find_standing(store, corpus)
    if standing is None or not standing.live.chunks or not doc_ids:
        return set()
    live, tables = standing.live, store.corpus(corpus)

    def sight() -> Sight:
        return sight_of(store, corpus, asker, standing)

    chunks = tables.at(live.table, live.table_version)
    where = both(released_chunks(store, chunks, standing, sight()), is_any("doc_id", sorted(doc_ids)))
    found = {row["doc_id"] for row in chunks.search().where(where).select(["doc_id"]).to_list()}
    return set(visible_documents(tables, live, found, sight, now)) if found else set()


def _text_of(store: Store, standing: Standing, doc_id: str) -> str | None:
    """What was read of a document as it was released; None where that is not kept any more."""
    live, tables = standing.live, store.corpus(standing.live.corpus)
    ledger = tables.at(schemas.DOCUMENTS, live.ledger_version)
    [row] = ledger.search().where(equals("doc_id", doc_id)).select(["content_hash", "parser"]).to_list()
    own = element_id(row["content_hash"] or "", row["parser"] or "")
    kept = find_parsed(tables, [own]).get(own)
    return None if kept is None else from_json(kept).text


def _joined(passages: Sequence[Hit]) -> str:
    """The passages, each at its place; what stood between them is blank."""
    text = ""
    for one in passages:
        start, _ = one.chars
        text = text[:start].ljust(start) + one.text
    return text
