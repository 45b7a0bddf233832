"""Answers questions from the live release: prefiltered by principal, checked against the newest ledger, cited.

Starts neither a Prefect server nor a flow, and loads the model only for modes that need a vector.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from freshet.expectations.rules import RULES, Rule
from freshet.tasks.errors import AccessCheckFailed, EmbeddingError, FreshetError, StoreError
from freshet.tasks.governance.freshness import check_unverified, is_marked_stale, staleness
from freshet.tasks.ledger.releases import Release, list_releases, live_release
from freshet.tasks.ledger.runs import last_looked_at
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import is_any, permits

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store, Tables

Mode = Literal["hybrid", "vector", "text"]
Vector = NDArray[np.float32]

EXACT_ROWS = 50_000
"""A principal who may see fewer rows gets exact search: there an approximate index would lose half of them."""

REFINE_FACTOR = 20
PROBED_PARTITIONS = 64
DEPTH = 100
"""Candidates of each half in hybrid search."""

_CITED = ["chunk_id", "doc_id", "text", "start", "end", "headings", "page_first"]


@dataclass(frozen=True)
class Hit:
    """A passage that answers, and where it stands.

    `score` is the cosine in mode vector, BM25 in mode text, and in hybrid a fusion of both between 0 and 1.
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


@dataclass(frozen=True)
class Answer:
    """Hits, best first, and the release that they come from."""

    release: int
    hits: list[Hit]

    def as_dict(self) -> dict[str, Any]:
        """As `freshet search --json` prints it."""
        return {
            "release": self.release,
            "hits": [
                {
                    "text": hit.text,
                    "score": hit.score,
                    "document": {"id": hit.doc_id, "uri": hit.uri, "title": hit.title},
                    "citation": {
                        "page": hit.page,
                        "heading": hit.heading,
                        "chars": list(hit.chars),
                        "source_version": hit.source_version,
                        "verified_at": hit.verified_at,
                    },
                    "stale": hit.stale,
                }
                for hit in self.hits
            ],
        }


def search(
    store: Store,
    corpus: str,
    question: str,
    *,
    principals: Collection[str],
    mode: Mode,
    limit: int,
    now: datetime,
    embed_query: Callable[[Release, str], Vector],
    rules: Mapping[str, Rule] = RULES,
) -> Answer:
    """The passages of the live release that answer best, of those that the principals may see.

    Every candidate passes twice: its chunk's access list is part of the query itself, and its document is
    looked up in the newest ledger, so that a permission revoked or a document withdrawn since the release
    is gone at once. Where hits fall away at the second check, further ones take their place.

    Args:
        principals: who asks, `everyone` included if so meant.
        embed_query: gives the question's vector in the space of a release; not called in mode text.
        rules: as the corpus has tuned them.

    Raises:
        StoreError: the corpus has no release, or its tables are gone.
        AccessCheckFailed: the newest ledger could not be read.
    """
    release = live_release(list_releases(store, corpus))
    if release is None:
        raise StoreError(f"corpus {corpus} has no release yet", f"Run freshet refresh {corpus}.")
    tables = store.corpus(corpus)
    if not release.chunks:
        return Answer(release.release, [])
    chunks = tables.at(release.table, release.table_version)
    vector = None if mode == "text" else embed_query(release, question)
    wanted = limit
    while True:
        found = candidates(chunks, question, vector, permits(principals), mode, wanted)
        permitted = _permitted(tables, release, found, principals, now)
        rows = [row for row in found.to_pylist() if row["doc_id"] in permitted]
        if len(rows) >= limit or found.num_rows < wanted:
            break
        wanted *= 4
    return Answer(release.release, _cite(store, tables, release, rows[:limit], permitted, now, rules))


def query_embedder(project: Project) -> Callable[[Release, str], Vector]:
    """Embeds questions in the space of a release: by the model that made it, which the settings may have left since."""

    def embed(release: Release, question: str) -> Vector:
        from freshet.tasks.embedding.embed import load_embedder
        from freshet.tasks.embedding.models import resolve_model

        wanted = project.settings.embedding.model_copy(update={"model": release.model})
        model = resolve_model(wanted, project.root)
        if model.space != release.space:
            raise EmbeddingError(
                f"release {release.release} of {release.corpus} was embedded in space {release.space}, "
                f"and model {release.model!r} now gives {model.space}",
                f"Restore the model's files, or type: freshet refresh {release.corpus}",
            )
        return load_embedder(model, wanted.precision).embed_query(question)

    return embed


def candidates(chunks: Table, question: str, vector: Vector | None, visible: str, mode: Mode, limit: int) -> pa.Table:
    """Visible chunks, best first, with `score`; as many as `limit` where there are so many."""
    if vector is None:
        return _best(_text_half(chunks, question, visible, limit), "bm25", limit)
    if mode == "vector":
        return _best(_vector_half(chunks, vector, visible, limit), "cosine", limit)
    return _hybrid(chunks, question, vector, visible, limit)


def _hybrid(chunks: Table, question: str, vector: Vector, visible: str, limit: int) -> pa.Table:
    import pyarrow as pa

    from freshet.tasks.search.fusion import fuse

    depth = max(DEPTH, 2 * limit)
    near = _vector_half(chunks, vector, visible, depth)
    worded = _text_half(chunks, question, visible, depth)
    # The text half's cosines are computed, not guessed: both halves are judged by both measures.
    values = np.asarray(worded["vector"].combine_chunks().flatten(), np.float32).reshape(-1, len(vector))
    worded = worded.drop_columns(["vector"]).append_column("cosine", pa.array(values @ vector, pa.float32()))
    near = near.append_column("bm25", pa.nulls(near.num_rows, pa.float32()))
    known = set(worded["chunk_id"].to_pylist())
    unheard = pa.array([chunk_id not in known for chunk_id in near["chunk_id"].to_pylist()], pa.bool_())
    both = pa.concat_tables([worded, near.filter(unheard).select(worded.column_names)])
    return _best(both.append_column("fused", pa.array(fuse(both), pa.float32())), "fused", limit)


def _best(found: pa.Table, score: str, limit: int) -> pa.Table:
    """The best rows by a score, equal ones by chunk id, with that score as `score`."""
    found = found.append_column("score", found[score])
    return (
        found.sort_by([("score", "descending"), ("chunk_id", "ascending")]).select([*_CITED, "score"]).slice(0, limit)
    )


def _vector_half(chunks: Table, vector: Vector, visible: str, limit: int) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    query = chunks.search(vector, vector_column_name="vector").distance_type("cosine").where(visible, prefilter=True)
    if chunks.count_rows(visible) < EXACT_ROWS:
        query = query.bypass_vector_index()
    else:
        query = query.nprobes(PROBED_PARTITIONS).refine_factor(REFINE_FACTOR)
    found = query.select([*_CITED, "_distance"]).limit(limit).to_arrow()
    cosine = pc.subtract(pa.scalar(1, pa.float32()), found["_distance"])
    return found.drop_columns(["_distance"]).append_column("cosine", cosine)


def _text_half(chunks: Table, question: str, visible: str, limit: int) -> pa.Table:
    from lancedb.query import MatchQuery

    # A match query takes the question as words; a plain string would be read as query syntax.
    query = chunks.search(MatchQuery(question, "text"), query_type="fts").where(visible, prefilter=True)
    found = query.select([*_CITED, "vector", "_score"]).limit(limit).to_arrow()
    return found.rename_columns([*_CITED, "vector", "bm25"])


def _permitted(
    tables: Tables, release: Release, found: pa.Table, principals: Collection[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """Of the candidates' documents, those that the newest ledger lets the principals see now, with their rows there."""
    doc_ids = set(found["doc_id"].to_pylist())
    try:
        ledger = tables.find(schemas.DOCUMENTS)
        rows = ledger_rows(ledger, doc_ids)
        visible = {doc_id: row for doc_id, row in rows.items() if _is_open(row, principals, now)}
        if rows.keys() != doc_ids:
            visible |= _moved(tables, release, doc_ids - rows.keys(), principals, now)
    except FreshetError:
        raise
    except Exception as error:
        raise AccessCheckFailed(
            f"the document ledger could not be read ({type(error).__name__}), so nothing is shown",
            "Check the store, then ask again.",
        ) from error
    return visible


def _is_open(row: Mapping[str, Any], principals: Collection[str], now: datetime) -> bool:
    return row["content_hash"] is not None and bool(set(principals) & set(row["acl"])) and not is_blocked(row, now)


def _moved(
    tables: Tables, release: Release, doc_ids: Collection[str], principals: Collection[str], now: datetime
) -> dict[str, dict[str, Any]]:
    """For documents that the newest ledger no longer has: the row of one with the same bytes that may be seen.

    A document that moved since the release stands in the ledger under its new path; until the next release its
    passages are found under the old one, and must not fall out of sight meanwhile.
    """
    pinned = ledger_rows(tables.at(schemas.DOCUMENTS, release.ledger_version), doc_ids)
    contents = sorted({row["content_hash"] for row in pinned.values() if row["content_hash"]})
    ledger = tables.find(schemas.DOCUMENTS)
    copies = [] if ledger is None else ledger.search().where(is_any("content_hash", contents)).to_list()
    by_content = {
        row["content_hash"]: row
        for row in sorted(copies, key=lambda row: str(row["path"]), reverse=True)
        if _is_open(row, principals, now)
    }
    return {
        doc_id: by_content[row["content_hash"]] for doc_id, row in pinned.items() if row["content_hash"] in by_content
    }


def ledger_rows(ledger: Table | None, doc_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Rows of a state of the ledger, by document id."""
    if ledger is None:
        raise AccessCheckFailed("the document ledger is gone, so nothing is shown", "Restore the store.")
    rows = ledger.search().where(is_any("doc_id", sorted(doc_ids))).to_list()
    return {row["doc_id"]: row for row in rows}


def is_blocked(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether a document is older than its source may serve."""
    judged = staleness(row, now)
    return judged is not None and judged.severity == "block"


def _cite(
    store: Store,
    tables: Tables,
    release: Release,
    rows: Sequence[dict[str, Any]],
    newest: Mapping[str, dict[str, Any]],
    now: datetime,
    rules: Mapping[str, Rule],
) -> list[Hit]:
    """Hits with their citations: what the release's own ledger says of the text, and the newest of its age."""
    pinned = ledger_rows(tables.at(schemas.DOCUMENTS, release.ledger_version), {row["doc_id"] for row in rows})
    looked_at = last_looked_at(store, release.corpus)
    hits = []
    for row in rows:
        cited, current = pinned[row["doc_id"]], newest[row["doc_id"]]
        aged = staleness(current, now) is not None or is_marked_stale(json.loads(current["verdicts"]))
        current_text = current["seen_hash"] == cited["content_hash"]
        seen = looked_at.get(current["source"]) if current_text else None
        verified_at = max(cited["verified_at"], seen) if seen else cited["verified_at"]
        unverified = any(v.severity == "warn" for v in check_unverified(verified_at, now, rules))
        hits.append(
            Hit(
                text=row["text"],
                score=row["score"],
                doc_id=row["doc_id"],
                uri=cited["uri"],
                title=cited["title"],
                page=row["page_first"],
                heading=" > ".join(row["headings"]) or None,
                chars=(row["start"], row["end"]),
                source_version=cited["source_version"] or cited["content_hash"],
                verified_at=verified_at,
                stale=aged or unverified or not current_text,
            )
        )
    return hits
