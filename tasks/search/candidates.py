"""Finds the chunks of one table that answer a question best, of those that whoever asks may see.

The access list is part of the query itself: a chunk that the predicate `visible` excludes is never ranked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.search.asked_words import WORDS, terms_of

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

Mode = Literal["hybrid", "vector", "text"]
Vector = NDArray[np.float32]

EXACT_ROWS = 50_000
"""A principal who may see fewer rows gets an exact search: there an approximate index would lose half of them."""

REFINE_FACTOR = 20
"""The approximate index proposes this many times `limit` rows, which are then ranked by their whole vectors."""

PROBED_PARTITIONS = 64
"""Partitions of the approximate index that are searched: more find more, and take longer.

The gate compares what a search finds with both settings to an exact search (GATE-INDEX-RECALL).
"""

DEPTH = 100
"""The least number of candidates that each half of a hybrid search fetches; fusion ranks the union of both halves."""

_CITED = ["chunk_id", "doc_id", "ordinal", "text", "text_hash", "start", "end", "headings", "page_first"]
"""Columns that a citation is made of, and the hash that its text must have."""


def find_candidates(
    chunks: Table,
    question: str,
    vector: Vector | None,
    visible: str,
    mode: Mode,
    limit: int,
    vector_weight: float | None = None,
) -> pa.Table:
    """Finds the visible chunks that answer best; equal scores are ordered by chunk id.

    Args:
        vector: the question's vector, in the space of the chunks; None searches by words alone, whatever the mode.
        visible: the predicate that a chunk must satisfy to be seen.
        limit: how many rows are returned at most; fewer only where fewer were found.
        vector_weight: share of the vector half in mode hybrid, in place of the usual one.

    Returns:
        The columns that a citation needs, and `score`: the cosine for mode vector, BM25 for mode text, and a fusion
        of both between 0 and 1 for mode hybrid. Beside it what it is made of: `cosine`, `bm25` or both, and for a
        fusion what each adds to it, as `fused_` and the name.
    """
    if vector is None:
        return _best(_by_text(chunks, question, visible, limit), "bm25", limit)
    if mode == "vector":
        return _best(_by_vector(chunks, vector, visible, limit), "cosine", limit)
    return _by_both(chunks, question, vector, visible, limit, vector_weight)


def _by_both(
    chunks: Table, question: str, vector: Vector, visible: str, limit: int, vector_weight: float | None
) -> pa.Table:
    import pyarrow as pa

    from freshet.tasks.search.fusion import fuse, parts

    depth = max(DEPTH, 2 * limit)
    by_vector = _by_vector(chunks, vector, visible, depth)
    by_text = _by_text(chunks, question, visible, depth)
    # The cosines of what the text half found are computed, not guessed: both halves are judged by both measures.
    vectors = np.asarray(by_text["vector"].combine_chunks().flatten(), np.float32).reshape(-1, len(vector))
    by_text = by_text.drop_columns(["vector"]).append_column("cosine", pa.array(vectors @ vector, pa.float32()))
    by_vector = by_vector.append_column("bm25", pa.nulls(by_vector.num_rows, pa.float32()))
    in_text = set(by_text["chunk_id"].to_pylist())
    mask = pa.array([chunk_id not in in_text for chunk_id in by_vector["chunk_id"].to_pylist()], pa.bool_())
    union = pa.concat_tables([by_text, by_vector.filter(mask).select(by_text.column_names)])
    for name, part in parts(union, vector_weight).items():
        union = union.append_column(f"fused_{name}", pa.array(part, pa.float64()))
    fused = pa.array(fuse(union, vector_weight), pa.float32())
    return _best(union.append_column("fused", fused), "fused", limit)


def _best(found: pa.Table, score: str, limit: int) -> pa.Table:
    """Orders rows by a column and returns the best ones, with that column as `score`."""
    found = found.append_column("score", found[score])
    made_of = [name for name in found.column_names if name in ("cosine", "bm25") or name.startswith("fused_")]
    best = found.sort_by([("score", "descending"), ("chunk_id", "ascending")])
    return best.select([*_CITED, *made_of, "score"]).slice(0, limit)


def _by_vector(chunks: Table, vector: Vector, visible: str, limit: int) -> pa.Table:
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


def _by_text(chunks: Table, question: str, visible: str, limit: int) -> pa.Table:
    from lancedb.query import MatchQuery

    # A match query takes the question as words; a plain string would be read as query syntax.
    if WORDS in chunks.schema.names:
        # Where there is nothing to look for, nothing is found: a blank is no word.
        query = MatchQuery(" ".join(terms_of(chunks, question, visible)) or " ", WORDS)
    else:
        query = MatchQuery(question, "text")
    asked = chunks.search(query, query_type="fts").where(visible, prefilter=True)
    found = asked.select([*_CITED, "vector", "_score"]).limit(limit).to_arrow()
    return found.rename_columns([*_CITED, "vector", "bm25"])
