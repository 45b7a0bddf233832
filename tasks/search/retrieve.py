"""Answers questions from the live release: prefiltered by principal, checked against the newest ledger, cited.

A search starts neither a Prefect server nor a flow, and loads the model only for modes that need a vector.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES, Rule
from freshet.tasks.errors import EmbeddingError, StoreError
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
from freshet.tasks.search.explaining import not_there, why, why_not
from freshet.tasks.search.filters import let_in
from freshet.tasks.search.hits import Answer, Hit
from freshet.tasks.search.intact import check_texts
from freshet.tasks.search.ordering import PLAIN, Ordering
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
    ordering: Ordering = PLAIN,
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
        ordering: the project's own (`ordering_of`).

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
        return find_candidates(chunks, question, vector, where, mode, depth, weight)

    vector = None if mode == "text" else embed_query(release, question)
    weight = None if vector is None else ordering.vector_weight(release.model, question)
    visible = released_chunks(store, chunks, standing, sight())
    view = View(tables, standing, chunks, visible, let_in(store, release, wanted.filters), sight, now)
    ranked = rank(view, find, ordering.depth(limit), wanted.per_document)
    model = None if vector is None else release.model
    passages, notices = ordering.order(question, ranked.passages, limit, model)
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
    return Answer(release.release, hits, told, notices)


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
    check_texts(release, passages)
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
        relevance=passage.get("relevance"),
    )
