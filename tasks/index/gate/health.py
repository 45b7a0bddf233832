"""The index's own health: what searches rely on is there, up to date, exact enough, and made by the right model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.expectations.rules import RULES, Rule
from freshet.tasks.documents.parse.fingerprint import COMMENTS
from freshet.tasks.embedding.context import embedded_text
from freshet.tasks.embedding.vectors import Embeds, as_vectors
from freshet.tasks.index.indices import declared_for, indexed_columns, unindexed_rows
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

SAMPLED_VECTORS = 50
SAMPLED_TEXTS = 16
SAMPLED_DOCUMENTS = 5000
NEIGHBOURS = 10
NAMED = 5


def check_indices(chunks: Table, rules: Mapping[str, Rule] = RULES) -> list[Verdict]:
    """Every declared index is there, knows nearly every row, and finds what exact search finds."""
    rows = chunks.count_rows()
    if not rows:
        return []
    found = []
    held = indexed_columns(chunks)
    missing = sorted(declared_for(chunks).keys() - held)
    if missing:
        found.append(verdict("GATE-INDEX-MISSING", columns=missing))
    behind = unindexed_rows(chunks)
    if behind > _threshold(rules, "GATE-INDEX-LAG"):
        found.append(verdict("GATE-INDEX-LAG", rows=behind, of=rows))
    if "vector" in held:
        recall = index_recall(chunks)
        if recall < _threshold(rules, "GATE-INDEX-RECALL"):
            found.append(verdict("GATE-INDEX-RECALL", recall_at_10=round(recall, 4), sampled=SAMPLED_VECTORS))
    return found


def index_recall(chunks: Table) -> float:
    """Share of the exact ten nearest that searches find through the vector index, over sampled vectors of the table."""
    from freshet.tasks.search.candidates import PROBED_PARTITIONS, REFINE_FACTOR

    sample = _rows(chunks, _lowest(chunks, SAMPLED_VECTORS), ["chunk_id", "vector"])
    shares = []
    for vector in as_vectors(sample["vector"]):
        exact = _nearest(chunks, vector).bypass_vector_index().to_arrow()["chunk_id"].to_pylist()
        through = _nearest(chunks, vector).nprobes(PROBED_PARTITIONS).refine_factor(REFINE_FACTOR)
        near = through.to_arrow()["chunk_id"].to_pylist()
        shares.append(len(set(exact) & set(near)) / len(exact))
    return float(np.mean(shares)) if shares else 1.0


def _nearest(chunks: Table, vector: Any) -> Any:
    """A query for the rows that are nearest to a vector. Lance warns at each one that leaves its distance out."""
    query = chunks.search(vector, vector_column_name="vector").distance_type("cosine")
    return query.select(["chunk_id", "_distance"]).limit(NEIGHBOURS)


def check_embedding(
    chunks: Table,
    embed: Embeds,
    documents: Sequence[str] | None = None,
    rules: Mapping[str, Rule] = RULES,
    known: Table | None = None,
) -> list[Verdict]:
    """Sampled passages, embedded again, give the vectors that stand beside them.

    Args:
        documents: ids of those to sample from, such as what a refresh has written; None for all.
        known: a state in the same space whose vectors were looked at before. What it does not hold is sampled, and
            as much of all there is: a model that is wrong whatever it is asked agrees with itself, but not with those.
    """
    ids = _lowest(chunks, SAMPLED_TEXTS, documents, known)
    if ids and known is not None:
        ids |= _lowest(chunks, SAMPLED_TEXTS)
    sample = _rows(chunks, ids, ["chunk_id", "context", "text", "vector"])
    if not sample.num_rows:
        return []
    pairs = zip(sample["context"].to_pylist(), sample["text"].to_pylist(), strict=True)
    held, made = as_vectors(sample["vector"]), embed([embedded_text(context, text) for context, text in pairs])
    cosines = np.sum(held * made, axis=1)
    astray = np.flatnonzero(~(cosines >= _threshold(rules, "GATE-EMBEDDING")))
    if not len(astray):
        return []
    names = [sample["chunk_id"][int(at)].as_py() for at in astray]
    least = round(float(np.min(cosines)), 4)
    return [verdict("GATE-EMBEDDING", chunks=len(astray), sampled=sample.num_rows, least=least, first=names[:NAMED])]


def check_loss(
    old_chunks: Table, old_ledger: Table, chunks: Table, ledger: Table, rules: Mapping[str, Rule] = RULES
) -> list[Verdict]:
    """Documents whose content did not change still hold their text, by the characters of their passages.

    Neither chunking nor a model can change what there is to read, so this also holds across their settings. Documents
    that have become duplicates of others are left out, and those whose comments were text and no longer are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ["doc_id", "content_hash", "chunks", "parser"]
    before = old_ledger.search().where("chunks > 0").select(columns).to_arrow()
    now = ledger.search().select([*columns, "duplicate_of"]).to_arrow()
    joined = before.join(now, "doc_id", join_type="inner", right_suffix="_now")
    served = pc.or_(pc.greater(joined["chunks_now"], 0), pc.is_null(joined["duplicate_of"]))
    had_comments, have_comments = (pc.match_substring(joined[name], COMMENTS) for name in ("parser", "parser_now"))
    is_same = pc.and_(pc.equal(joined["content_hash"], joined["content_hash_now"]), served)
    same = joined.filter(pc.and_not(is_same, pc.and_not(had_comments, have_comments))).select(["doc_id"])
    if not same.num_rows:
        return []
    texts = same.join(_covered(old_chunks), "doc_id").join(_covered(chunks), "doc_id", right_suffix="_now")
    had = pc.fill_null(texts["covered"], 0).to_numpy()
    lost = np.maximum(had - pc.fill_null(texts["covered_now"], 0).to_numpy(), 0)
    share = float(lost.sum() / max(1, had.sum()))
    if share <= _threshold(rules, "GATE-LOSS"):
        return []
    worst = texts.filter(pa.array(lost > 0))["doc_id"].to_pylist()
    return [verdict("GATE-LOSS", lost=round(share, 4), documents=len(worst), first=sorted(worst)[:NAMED])]


def check_cutting(old_ledger: Table, ledger: Table, rules: Mapping[str, Rule] = RULES) -> list[Verdict]:
    """Documents that were read and cut as in another state are cut into as many passages: the same gives the same.

    Those that serve nothing in one of the states, such as duplicates of others, are left out.
    """
    import pyarrow.compute as pc

    columns = ["doc_id", "content_hash", "parser", "chunking", "chunks"]
    before, now = (one.search().where("chunks > 0").select(columns).to_arrow() for one in (old_ledger, ledger))
    same = before.join(now, columns[:-1], join_type="inner", right_suffix="_now")
    other = same.filter(pc.not_equal(same["chunks"], same["chunks_now"]))
    share = other.num_rows / max(1, same.num_rows)
    if share <= _threshold(rules, "GATE-CHUNKING"):
        return []
    passages = [pc.sum(other[name]).as_py() for name in ("chunks", "chunks_now")]
    names = sorted(other["doc_id"].to_pylist())[:NAMED]
    return [
        verdict("GATE-CHUNKING", documents=other.num_rows, before=passages[0], now=passages[1], first=names)
    ]  # fmt: skip


def _covered(chunks: Table) -> pa.Table:
    """Characters of each document that its passages cover, as `covered`.

    Passages may repeat the end of the one before, so their lengths never count for more than where the last one ends.
    The table is streamed; what stays in memory grows with its documents.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    for batch in chunks.search().select(["doc_id", "start", "end"]).to_batches():
        length = pc.cast(pc.subtract(batch["end"], batch["start"]), pa.int64())
        spans = pa.table({"doc_id": batch["doc_id"], "length": length, "end": batch["end"]})
        parts.append(spans.group_by("doc_id").aggregate([("length", "sum"), ("end", "max")]))
    if not parts:
        return pa.schema([("doc_id", pa.string()), ("covered", pa.int64())]).empty_table()
    whole = pa.concat_tables(parts).group_by("doc_id").aggregate([("length_sum", "sum"), ("end_max", "max")])
    covered = pc.min_element_wise(whole["length_sum_sum"], pc.cast(whole["end_max_max"], pa.int64()))
    return pa.table({"doc_id": whole["doc_id"], "covered": covered})


def written_since(ledger: Table, table_version: int) -> list[str]:
    """Ids of documents that were written after a version of the chunk table; the lowest, where they are very many."""
    import heapq

    lowest: list[str] = []
    for batch in ledger.search().where(f"table_version > {int(table_version)}").select(["doc_id"]).to_batches():
        lowest = heapq.nsmallest(SAMPLED_DOCUMENTS, [*lowest, *batch["doc_id"].to_pylist()])
    return lowest


def _lowest(chunks: Table, count: int, documents: Sequence[str] | None = None, known: Table | None = None) -> set[str]:
    """The lowest ids, of passages that `known` lacks. An id is a hash, so these are as good as drawn by lot."""
    import heapq

    lowest: list[str] = []
    query = chunks.search().select(["chunk_id"])
    for batch in (query if documents is None else query.where(is_any("doc_id", documents))).to_batches():
        ids = batch["chunk_id"].to_pylist()
        if known is not None:
            ids = sorted(set(ids) - set(_rows(known, ids, ["chunk_id"])["chunk_id"].to_pylist()))
        lowest = heapq.nsmallest(count, [*lowest, *ids])
    return set(lowest)


def _rows(chunks: Table, ids: Collection[str], columns: Sequence[str]) -> pa.Table:
    return chunks.search().where(is_any("chunk_id", sorted(ids))).select(list(columns)).to_arrow().sort_by("chunk_id")


def _threshold(rules: Mapping[str, Rule], code: str) -> float:
    """The threshold of a rule; a rule that a corpus switched off still measures, and its finding is left out later."""
    threshold = rules.get(code, RULES[code]).threshold
    assert threshold is not None
    return threshold
