"""Where the documents of golden questions stand: in the newest ledger, in the live release, and for whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.freshness import staleness
from freshet.tasks.index.gate.golden import Access, Target
from freshet.tasks.ledger.access_classes import mark_of, meaning_of, read_in_force
from freshet.tasks.search.retrieve import standing_at
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.governance.roster import Roster
    from freshet.tasks.ledger.releases import Standing
    from freshet.tasks.search.sight import Sight
    from freshet.tasks.store.tables import Store

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Corpus:
    """What readers of a corpus are answered from now.

    Attributes:
        ledger: the newest one, at the head.
        released: the ledger of the live release.
        chunks: of the live release; None where it holds none.
        access: what the classes mean now, and who is in which group.
    """

    store: Store
    name: str
    standing: Standing
    ledger: Table
    released: Table
    chunks: Table | None
    access: Access
    now: datetime

    @classmethod
    def open(cls, store: Store, name: str, roster: Roster | None, now: datetime) -> Corpus:
        """Opens the tables.

        Raises:
            StoreError: the corpus has no release yet, or its tables are gone.
        """
        standing, tables = standing_at(store, name), store.corpus(name)
        live = standing.live
        released = tables.at(schemas.DOCUMENTS, live.ledger_version)
        ledger = tables.find(schemas.DOCUMENTS)
        chunks = tables.at(live.table, live.table_version) if live.chunks else None
        access = Access(read_in_force(store, name, standing.published), roster)
        return cls(store, name, standing, released if ledger is None else ledger, released, chunks, access, now)

    def named(self, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        """Rows of the newest ledger by the path or URI that a golden file gives."""
        return named_in(self.ledger, names)

    def released_rows(self, doc_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Rows of the live release's ledger by document id."""
        parts = in_parts("doc_id", sorted(set(doc_ids)))
        return {row["doc_id"]: row for part in parts for row in self.released.search().where(part).to_list()}

    def whom(self, row: Row) -> str:
        """Whom a document lets in, in words."""
        return meaning_of(mark_of(row), self.access.expressions).in_words

    def asks(self, row: Row) -> list[str]:
        """Somebody whom a document lets in, beside everyone."""
        somebody = meaning_of(mark_of(row), self.access.expressions).somebody or frozenset()
        return sorted(somebody - {"everyone"})

    def aged(self, row: Row) -> str | None:
        """The code by which a document is too old to be shown; None where it is not."""
        found = staleness(row, self.now)
        return found.code if found is not None and found.severity == "block" else None

    def is_shown(self, row: Row, released: Row | None, sight: Sight) -> bool:
        """Whether somebody is shown passages of a document now."""
        return (
            row["content_hash"] is not None
            and released is not None
            and self.aged(row) is None
            and sight.admits(mark_of(row))
            and sight.admits(mark_of(released))
        )


def named_in(ledger: Table, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a ledger by path or URI, those of one name in the order of their ids."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    listed = sorted(set(names))
    for column in ("path", "uri"):
        for part in in_parts(column, listed):
            for row in ledger.search().where(part).to_list():
                found.setdefault(row[column], {})[row["doc_id"]] = row
    return {name: [rows[doc_id] for doc_id in sorted(rows)] for name, rows in found.items()}


@dataclass(frozen=True)
class Place:
    """A passage of the live release that holds a text.

    Attributes:
        chars: of the text in the document, where it stands there letter for letter; else of the passage.
    """

    doc_id: str
    chunk: str
    page: int | None
    heading: str | None
    chars: tuple[int, int]


class Texts:
    """Finds texts in the passages of the live release."""

    def __init__(self, corpus: Corpus) -> None:
        """Reads nothing yet."""
        self._chunks = corpus.chunks

    def within(self, wanted: Mapping[str, set[str]]) -> tuple[dict[tuple[str, str], list[Place]], set[tuple[str, str]]]:
        """Where texts stand in documents, by (document id, text); and which stand across passages.

        Args:
            wanted: texts by the id of the document to look in.
        """
        found: dict[tuple[str, str], list[Place]] = {}
        texts: dict[str, list[tuple[int, str]]] = {}
        for row in self._rows(sorted(wanted)):
            texts.setdefault(row["doc_id"], []).append((row["ordinal"], row["text"]))
            for text in wanted[row["doc_id"]]:
                if Target(row["doc_id"], text).is_met(row["doc_id"], row["text"]):
                    found.setdefault((row["doc_id"], text), []).append(_place(row, text))
        across = {
            (doc_id, text)
            for doc_id, parts in texts.items()
            for text in wanted[doc_id]
            if (doc_id, text) not in found
            and Target(doc_id, text).is_met(doc_id, " ".join(part for _, part in sorted(parts)))
        }
        for places in found.values():
            places.sort(key=lambda place: place.chars)
        return found, across

    def anywhere(self, wanted: set[str]) -> dict[str, list[Place]]:
        """The first places of texts in any document, three at most of each. Reads every passage."""
        found: dict[str, list[Place]] = {text: [] for text in wanted}
        for row in self._rows(None) if wanted else ():
            for text, places in found.items():
                if len(places) < 3 and Target(row["doc_id"], text).is_met(row["doc_id"], row["text"]):
                    places.append(_place(row, text))
        return found

    def _rows(self, doc_ids: list[str] | None) -> Iterable[dict[str, Any]]:
        columns = ["doc_id", "chunk_id", "ordinal", "text", "headings", "page_first", "start", "end"]
        if (chunks := self._chunks) is None:
            return
        parts = ["true"] if doc_ids is None else in_parts("doc_id", doc_ids)
        for part in parts:
            for batch in chunks.search().where(part).select(columns).to_batches(2000):
                yield from batch.to_pylist()


def _place(row: Row, text: str) -> Place:
    at = row["text"].lower().find(text.lower())
    is_exact = at >= 0 and len(row["text"].lower()) == len(row["text"])
    chars = (row["start"] + at, row["start"] + at + len(text)) if is_exact else (row["start"], row["end"])
    return Place(row["doc_id"], row["chunk_id"], row["page_first"], " > ".join(row["headings"]) or None, chars)
