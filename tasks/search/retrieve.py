"""Answers questions from the live release: prefiltered by principal, checked against the newest ledger, cited.

A search starts neither a Prefect server nor a flow, and loads the model only for modes that need a vector.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES, Rule
from freshet.tasks.errors import DamagedTable, EmbeddingError, StoreError
from freshet.tasks.governance.freshness import check_unverified, is_marked_stale, staleness
from freshet.tasks.ledger.releases import (
    Release,
    Standing,
    find_standing,
    kept_as,
    list_releases,
    published_releases,
)
from freshet.tasks.ledger.runs import last_looked_at
from freshet.tasks.search.around import neighbours
from freshet.tasks.search.candidates import Mode, Vector, find_candidates
from freshet.tasks.search.explaining import Why, WhyNot, not_there, why, why_not
from freshet.tasks.search.filters import let_in
from freshet.tasks.search.questions import check_question
from freshet.tasks.search.ranking import View, rank
from freshet.tasks.search.sight import Sight, released_chunks, sight_of
from freshet.tasks.search.visible import rows_by_document
from freshet.tasks.search.wanted import NOTHING, Wanted
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.embedding.embed import Embedder
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store, Tables


@dataclass(frozen=True)
class Hit:
    """A passage that answers, and the citation that says where it stands.

    Attributes:
        score: the cosine in mode vector, BM25 in mode text, and in hybrid a fusion of both between 0 and 1.
        page: the page that the passage begins on, from 1; None for a document without pages.
        heading: the headings above the passage, outermost first, joined by ` > `.
        chars: the half-open span of characters of the parsed document that the passage fills.
        source_version: the source's own version of the document (a commit, an ETag), or else its content hash.
        verified_at: when the document was last compared with its source and found to be the one cited.
        stale: whether the document is older than its source allows, says so itself, was not compared with its
            source for too long, or has changed since the release.
        before, after: the passages around it in the document's text, where they were wanted.
        explain: how the score came about, where that was wanted.
    """

    text: str
    score: float
    doc_id: str
    uri: str
    title: str
    page: int | None
    heading: str | None
    chars: tuple[int, int]
    source_version: str | None
    verified_at: datetime
    stale: bool
    before: Sequence[Hit] = ()
    after: Sequence[Hit] = ()
    explain: Why | None = None

    def as_dict(self) -> dict[str, Any]:
        """The hit in the shape that `freshet search --json` prints."""
        return {
            "text": self.text,
            "score": self.score,
            "document": {"id": self.doc_id, "uri": self.uri, "title": self.title},
            "citation": self.citation,
            "stale": self.stale,
            "before": [{"text": one.text, "citation": one.citation} for one in self.before],
            "after": [{"text": one.text, "citation": one.citation} for one in self.after],
            "explain": None if self.explain is None else self.explain.as_dict(),
        }

    @property
    def citation(self) -> dict[str, Any]:
        """Where the passage stands, in the shape that `freshet search --json` prints."""
        return {
            "page": self.page,
            "heading": self.heading,
            "chars": list(self.chars),
            "source_version": self.source_version,
            "verified_at": self.verified_at,
        }


@dataclass(frozen=True)
class Answer:
    """The hits of a search, best first, and the number of the release that they come from.

    Attributes:
        why_not: why a document that was asked for is not among them.
    """

    release: int
    hits: list[Hit]
    why_not: WhyNot | None = None

    def as_dict(self) -> dict[str, Any]:
        """Gives the answer in the shape that `freshet search --json` prints."""
        why_not = None if self.why_not is None else self.why_not.as_dict()
        return {"release": self.release, "hits": [hit.as_dict() for hit in self.hits], "why_not": why_not}


def search(
    store: Store,
    corpus: str,
    question: str,
    *,
    asker: Asker,
    mode: Mode,
    limit: int,
    now: datetime,
    embed_query: Callable[[Release, str], Vector],
    rules: Mapping[str, Rule] = RULES,
    standing: Standing | None = None,
    wanted: Wanted = NOTHING,
) -> Answer:
    """Finds the passages of the live release that answer best, of those that somebody may see.

    Every candidate passes twice: its chunk's access class is part of the query itself, and its document is
    looked up in the newest ledger and its class in the newest classes, so that a permission revoked or a document
    withdrawn since the release is gone at once. Where hits fall away at the second check, further ones take their
    place. Filters are one more part of the query.

    Args:
        asker: who asks, with all groups (`governance.roster.asker_of`).
        embed_query: gives the question's vector in the space of a release; not called in mode text.
        rules: as the corpus has tuned them.
        standing: where another release than the live one is asked, as `standing_at` gives it.
        wanted: filters, and what else is wanted (`wanted_of`).

    Raises:
        SettingsError: the question is none.
        StoreError: the corpus has no release, or its tables are gone or damaged.
        AccessCheckFailed: the newest ledger could not be read.
    """
    check_question(question)
    standing = standing or standing_at(store, corpus)
    release, tables = standing.live, store.corpus(corpus)
    if not release.chunks:
        return Answer(release.release, [], not_there(wanted.why_not, release.release) if wanted.why_not else None)
    chunks = tables.at(release.table, release.table_version)

    def sight() -> Sight:
        return sight_of(store, corpus, asker, standing)

    def find(where: str, depth: int) -> pa.Table:
        return find_candidates(chunks, question, vector, where, mode, depth)

    vector = None if mode == "text" else embed_query(release, question)
    visible = released_chunks(store, chunks, standing, sight())
    view = View(tables, standing, chunks, visible, let_in(store, release, wanted.filters), sight, now)
    ranked = rank(view, find, limit, wanted.per_document)
    passages = ranked.passages
    sides = neighbours(view, passages, wanted.around)
    beside = [one for before, after in sides for one in (*before, *after)]
    cited = iter(cite(store, tables, release, [*passages, *beside], ranked.newest, now, rules))
    hits = list(islice(cited, len(passages)))
    if wanted.around:
        hits = [
            replace(hit, before=list(islice(cited, len(before))), after=list(islice(cited, len(after))))
            for hit, (before, after) in zip(hits, sides, strict=True)
        ]
    if wanted.explain:
        hits = [replace(hit, explain=why(one, question)) for hit, one in zip(hits, passages, strict=True)]
    told = why_not(view, find, question, wanted.why_not, wanted.filters, passages) if wanted.why_not else None
    return Answer(release.release, hits, told)


def standing_at(store: Store, corpus: str, number: int | None = None) -> Standing:
    """Where a corpus stands, as readers see it, or as if readers were back at an earlier release.

    Args:
        number: of a published release; None for the live one.

    Raises:
        StoreError: the corpus has no release, or none of this number was published.
    """
    standing = find_standing(store, corpus)
    if standing is None:
        raise StoreError(f"corpus {corpus} has no release yet", f"Run freshet refresh {corpus}.")
    if number is None:
        return standing
    releases = list_releases(store, corpus)
    asked = next((one for one in published_releases(releases) if one.release == number), None)
    if asked is None:
        raise StoreError(f"corpus {corpus} has no published release {number}", f"Type: freshet releases {corpus}")
    return replace(standing, live=kept_as(releases, asked))


def query_embedder(project: Project) -> Callable[[Release, str], Vector]:
    """Returns a function that embeds a question in the space of a release, as `embedder_of` does."""

    def embed(release: Release, question: str) -> Vector:
        return embedder_of(project, release).embed_query(question)

    return embed


def embedder_of(project: Project, release: Release) -> Embedder:
    """Loads the model that a release was made by, which the settings may have left since.

    Raises:
        EmbeddingError: that model now gives another space.
    """
    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model

    wanted = project.settings.embedding.model_copy(update={"model": release.model})
    plain = resolve_model(wanted, project.root)
    model = plain if plain.space == release.space else plain.with_context("title")
    if model.space != release.space:
        raise EmbeddingError(
            f"release {release.release} of {release.corpus} was embedded in space {release.space}, "
            f"and model {release.model!r} now gives {model.space}",
            f"Restore the model's files, or type: freshet refresh {release.corpus}",
        )
    return load_embedder(model, wanted.precision)


def _check_texts(release: Release, passages: Sequence[dict[str, Any]]) -> None:
    """Sees that the texts are those that were written: Lance does not notice a bit that the disk flipped.

    Raises:
        DamagedTable: one is not.
    """
    for passage in passages:
        if sha256(passage["text"].encode()).hexdigest() != passage["text_hash"]:
            raise DamagedTable(
                f"table corpora/{release.corpus}/{release.table} is damaged: the text of passage {passage['chunk_id']} "
                "is not the one that was written",
                f"Type: freshet doctor --repair, then: freshet refresh {release.corpus} --full",
            )


def cite(
    store: Store,
    tables: Tables,
    release: Release,
    passages: Sequence[dict[str, Any]],
    newest: Mapping[str, dict[str, Any]],
    now: datetime,
    rules: Mapping[str, Rule],
) -> list[Hit]:
    """Makes hits of passages, which have a `score`.

    The release's own ledger says where their text is from, the newest one how old it is.
    """
    _check_texts(release, passages)
    pinned = tables.at(schemas.DOCUMENTS, release.ledger_version)
    as_released = rows_by_document(pinned, {passage["doc_id"] for passage in passages})
    since = min((row["verified_at"] for row in as_released.values()), default=now)
    looked_at = last_looked_at(store, release.corpus, since)
    hits = []
    for passage in passages:
        cited, current = as_released[passage["doc_id"]], newest[passage["doc_id"]]
        is_aged = staleness(current, now) is not None or is_marked_stale(json.loads(current["verdicts"]))
        is_current = current["seen_hash"] == cited["content_hash"]
        # A source that was looked at later confirms the text only while the ledger's newest version is the cited one.
        seen = looked_at.get(current["source"]) if is_current else None
        verified_at = max(cited["verified_at"], seen) if seen else cited["verified_at"]
        is_unverified = any(v.severity == "warn" for v in check_unverified(verified_at, now, rules))
        hits.append(hit_of(passage, cited, verified_at, stale=is_aged or is_unverified or not is_current))
    return hits


def hit_of(passage: Mapping[str, Any], document: Mapping[str, Any], verified_at: datetime, *, stale: bool) -> Hit:
    """A hit, of a passage as `find_candidates` gives it and its document's row of a ledger."""
    return Hit(
        text=passage["text"],
        score=passage["score"],
        doc_id=passage["doc_id"],
        uri=document["uri"],
        title=document["title"],
        page=passage["page_first"],
        heading=" > ".join(passage["headings"]) or None,
        chars=(passage["start"], passage["end"]),
        source_version=document["source_version"] or document["content_hash"],
        verified_at=verified_at,
        stale=stale,
    )
