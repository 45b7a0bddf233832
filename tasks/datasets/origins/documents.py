"""Looks up the documents that rows name in the ledger of a corpus, and finds where in them a quotation stands."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.origins.spans import MISSING, Located, locate, nearest
from freshet.tasks.errors import SettingsError
from freshet.tasks.ledger.access_classes import in_force, list_classes, mark_column, mark_of, meaning_of
from freshet.tasks.ledger.releases import find_standing, release_at
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import in_parts, is_any

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.governance.expressions import Expression
    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.store.tables import Store

_COLUMNS = ["doc_id", "source", "path", "uri", "licence", "uses", "content_hash", "duplicate_of", "space"]
_AT_ONCE = 1_000
"""Names that one query of the ledger looks up."""

_DOCUMENTS_AT_ONCE = 50
"""Documents whose chunks are read at a time."""


@dataclass(frozen=True)
class Found:
    """A document of the ledger.

    Attributes:
        access: who may read the document: what its access class means now, whenever the document is looked up as of.
        content_hash: the hash of the served version of the document; None where none is served.
        duplicate_of: the id of the document whose chunks stand for this document's; None where it has its own.
        space: the embedding space of the document's chunks.
        now: what the newest ledger says of a document that was looked up as of the past; None otherwise.
        is_withdrawn: whether the document was served at the moment of the look-up, and is not served now.
    """

    doc_id: str
    source: str
    path: str
    uri: str
    licence: str | None
    access: Expression
    uses: tuple[str, ...]
    content_hash: str | None
    duplicate_of: str | None
    space: str
    now: Found | None = None
    is_withdrawn: bool = False

    @property
    def is_served(self) -> bool:
        """Whether a version of the document is served, and was not withdrawn since."""
        return self.content_hash is not None and not self.is_withdrawn


class DocumentLedger:
    """The document ledger of a corpus, pinned to its newest version at the time of creation, or to a release.

    What access classes mean is read once, at the time of creation as well.

    Args:
        corpus: the name of the corpus.
        called: the name of the input that derives from the corpus, for errors.
        store: the store of the corpus.
        past: a moment; documents are looked up in the release that readers saw at that moment.

    Attributes:
        corpus: the name of the corpus.
        version: the version of the ledger's table that is read.

    Raises:
        SettingsError: the corpus was never refreshed, or not by `past`.
        StoreError: what the release held is gone from the store.
    """

    def __init__(self, corpus: str, called: str, store: Store, *, past: datetime | None = None) -> None:
        """Opens the tables of the corpus."""
        self.corpus = corpus
        self._tables = store.corpus(corpus)
        self._chunks: Table | None
        head = self._tables.find(schemas.DOCUMENTS)
        if head is None:
            raise SettingsError(
                f"input {called} derives from corpus {corpus}, which was never refreshed",
                f"Type: freshet refresh {corpus}",
            )
        # The standing comes first: a release that is published meanwhile must not widen what was read before it.
        standing = find_standing(store, corpus)
        self._expressions = in_force(list_classes(store, corpus), standing.published if standing else 0)
        self._now: Table | None = None
        # A document that came into a wider class is let out by no release yet. The state that readers were offered
        # last has a say, too, where it is not the newest.
        self._offered: Table | None = None
        if past is None and standing is not None and standing.offered.ledger_version != head.version:
            self._offered = self._tables.at(schemas.DOCUMENTS, standing.offered.ledger_version)
        self.version = int(head.version)
        if past is not None:
            self._now, release = head, release_at(store, corpus, past)
            if release is None:
                raise SettingsError(
                    f"input {called} derives from corpus {corpus}, which had no release by {past:%Y-%m-%d %H:%M} UTC",
                    f"Speak for a later moment: freshet releases {corpus} says when there were which.",
                )
            self.version = release.ledger_version
            self._chunks = self._tables.at(release.table, release.table_version)
        self._documents = self._tables.at(schemas.DOCUMENTS, self.version)
        if past is None:
            self._chunks = self._live_chunks(standing.live if standing else None)

    def _live_chunks(self, live: Release | None) -> Table | None:
        """The chunks that readers see; before the first release, those that the last refresh wrote."""
        if live is not None:
            return self._tables.at(live.table, live.table_version)
        rows = self._documents.search().where("content_hash IS NOT NULL").select(["space"]).limit(1).to_list()
        return self._tables.find(schemas.chunks_table(rows[0]["space"])) if rows else None

    def find(self, names: Collection[str]) -> dict[str, list[Found]]:
        """Returns for each name the documents that have it as their path, URI or id, sorted by id."""
        usable = sorted(name for name in set(names) if "\0" not in name)
        found: dict[str, dict[str, Found]] = {}
        for start in range(0, len(usable), _AT_ONCE):
            wanted = usable[start : start + _AT_ONCE]
            named = " OR ".join(is_any(column, wanted) for column in ("doc_id", "path", "uri"))
            for one in self._look_up(self._documents, named):
                for name in {one.doc_id, one.path, one.uri} & set(wanted):
                    found.setdefault(name, {})[one.doc_id] = one
        doc_ids = {doc_id for by_id in found.values() for doc_id in by_id}
        now, offered = self._by_id(self._now, doc_ids), self._by_id(self._offered, doc_ids)
        return {name: [_judged(by_id[key], now, offered) for key in sorted(by_id)] for name, by_id in found.items()}

    def _by_id(self, ledger: Table | None, doc_ids: Collection[str]) -> dict[str, Found] | None:
        """Returns by id what a state of the ledger says of documents; None where there is none to be asked."""
        if ledger is None:
            return None
        by_id: dict[str, Found] = {}
        for predicate in in_parts("doc_id", sorted(doc_ids), _AT_ONCE):
            by_id |= {one.doc_id: one for one in self._look_up(ledger, predicate)}
        return by_id

    def _look_up(self, table: Table, where: str) -> Iterator[Found]:
        """Yields the documents that meet a predicate, with what their classes mean now."""
        for row in table.search().where(where).select([*_COLUMNS, mark_column(table)]).to_list():
            access = meaning_of(mark_of(row), self._expressions)
            known = {name: row[name] for name in _COLUMNS}
            yield Found(**{**known, "access": access, "uses": tuple(row["uses"])})

    def texts(self, doc_ids: Collection[str]) -> Iterator[tuple[str, DocumentText]]:
        """Yields the id and the text of each document; memory holds the chunks of a few documents at a time."""
        if self._chunks is None:
            return
        wanted = sorted(set(doc_ids))
        columns = ["doc_id", "chunk_id", "text", "start", "end"]
        for at in range(0, len(wanted), _DOCUMENTS_AT_ONCE):
            few = wanted[at : at + _DOCUMENTS_AT_ONCE]
            rows: dict[str, list[dict[str, Any]]] = {}
            for row in self._chunks.search().where(is_any("doc_id", few)).select(columns).to_list():
                rows.setdefault(row["doc_id"], []).append(row)
            for doc_id in few:
                if doc_id in rows:
                    yield doc_id, DocumentText(rows[doc_id])


def _judged(one: Found, now: dict[str, Found] | None, offered: dict[str, Found] | None) -> Found:
    """Returns a document with what else has a say in it.

    Args:
        now: what the newest ledger says, where the document was looked up as of the past.
        offered: what the state says that readers were offered last, where that is not the newest.
    """
    if offered is not None and one.doc_id in offered:
        one = replace(one, access=one.access.both(offered[one.doc_id].access))
    if now is None:
        return one
    today = now.get(one.doc_id)
    return replace(one, now=today, is_withdrawn=one.is_served and (today is None or not today.is_served))


_WORD = re.compile(r"\S+")


class DocumentText:
    """A document's text without white space, which chunks do not hold, and the position of each of its characters.

    Args:
        chunks: the document's chunks, with `chunk_id`, `text`, `start` and `end`.
    """

    def __init__(self, chunks: Sequence[dict[str, Any]]) -> None:
        """Joins the chunks, each character of the document once."""
        self._chunks = sorted(chunks, key=lambda one: (one["start"], one["end"], one["chunk_id"]))
        pieces: list[str] = []
        self._at: list[int] = []  # the position of each piece in the packed text
        self._from: list[int] = []  # the position of each piece in the document
        length = done = 0
        for chunk in self._chunks:
            for word in _WORD.finditer(chunk["text"]):
                start = max(done, chunk["start"] + word.start())
                piece = word[0][start - chunk["start"] - word.start() :]
                if piece:
                    pieces.append(piece)
                    self._at.append(length)
                    self._from.append(start)
                    length += len(piece)
            done = max(done, chunk["end"])
        self._packed = "".join(pieces)

    def span(self, quotation: str) -> tuple[int, int] | None:
        """Returns the characters of the document that a quotation covers; None where it does not occur exactly once."""
        packed = _packed(quotation)
        found = locate(packed, self._packed, None).start if packed else None
        return None if found is None else self._span(found, len(packed))

    def span_within(self, passage: str, start: int, end: int) -> tuple[int, int] | None:
        """Returns the characters of the document that `passage[start:end]` covers.

        The result is None where the passage does not occur exactly once in the document.
        """
        whole, before, inside = _packed(passage), _packed(passage[:start]), _packed(passage[start:end])
        found = locate(whole, self._packed, None).start if whole else None
        return None if found is None or not inside else self._span(found + len(before), len(inside))

    def locate(self, quotation: str, stated: int) -> tuple[Located, tuple[int, int] | None]:
        """Returns the occurrence of a quotation that is nearest to a stated character, and the characters it covers.

        Args:
            stated: the first character of the quotation in the document, as the row states it.
        """
        packed = _packed(quotation)
        spans: list[tuple[int, int]] = []
        at = self._packed.find(packed) if packed else -1
        while at >= 0:
            spans.append(self._span(at, len(packed)))
            at = self._packed.find(packed, at + 1)
        stated += len(quotation) - len(quotation.lstrip())
        by_start = {span[0]: span for span in spans}
        if stated in by_start:
            return Located(stated), by_start[stated]
        before = max((start for start in by_start if start < stated), default=None)
        after = min((start for start in by_start if start > stated), default=None)
        if before is None and after is None:
            return Located(None, fault=MISSING), None
        located = nearest(before, after, stated)
        return located, None if located.start is None else by_start[located.start]

    def chunks_over(self, start: int, end: int) -> list[str]:
        """Returns the ids of the chunks that a span touches, in the order of the document."""
        return [one["chunk_id"] for one in self._chunks if one["start"] < end and start < one["end"]]

    def _span(self, at: int, length: int) -> tuple[int, int]:
        return self._position(at), self._position(at + length - 1) + 1

    def _position(self, at: int) -> int:
        """Returns the position in the document of a character of the packed text."""
        piece = bisect_right(self._at, at) - 1
        return self._from[piece] + at - self._at[piece]


def _packed(text: str) -> str:
    """Returns the text without white space."""
    return "".join(text.split())
