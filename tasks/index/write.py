"""Commits a prepared batch to the head of the tables: the chunks, the links, then the ledger rows.

Readers are pinned to a release, so the moments between two commits are never seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.embedding.context import embedded_text
from freshet.tasks.embedding.vectors import Embeds, Vectors, as_vectors, has_unit_length
from freshet.tasks.index.reconciliation import unfit_contents
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows, merge_rows
from freshet.tasks.store.predicates import both, in_parts, is_none

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class WrittenBatch:
    """What committing a batch did.

    Attributes:
        texts_embedded: distinct texts that no table held a vector of.
        rows_written, rows_deleted: rows of the chunk table.
        seconds: time by step.
    """

    texts_embedded: int
    rows_written: int
    rows_deleted: int
    seconds: dict[str, float]


def write_batch(
    run: RefreshRun,
    documents_file: Path,
    chunks_file: Path,
    links_file: Path,
    embed: Embeds,
    released: Sequence[Table],
) -> WrittenBatch:
    """Commits a batch's chunks, its links, then its ledger rows; a step that would change nothing is skipped.

    Only rows that are new or altered are written. A text is embedded only where no vector of it stands at the head
    or in `released`.

    Args:
        documents_file, chunks_file, links_file: files of a `freshet.tasks.documents.batch.PreparedBatch`.
        released: the chunk table of this embedding space, pinned to each release, newest first.

    Raises:
        EmbeddingError: `embed` gave vectors that cannot be used.
        ConcurrentWriter: another process wrote to the tables meanwhile.
    """
    from pyarrow import feather

    from freshet.tasks.embedding.embed import check_vectors

    watch = Stopwatch()
    tables = run.store.corpus(run.corpus)
    documents = feather.read_table(documents_file)
    chunks = feather.read_table(chunks_file)
    head = tables.open(schemas.chunks_table(run.model.space), schemas.chunks(run.model.dimension))
    replaced = documents.filter(documents["replace"])["doc_id"].to_pylist()
    with watch("compare"):
        altered, unusable = _altered_chunks(head, chunks, replaced)
    with watch("reuse"):
        vectors = _known_vectors([head, *released], altered)
    missing = _missing_texts(altered, vectors)
    with watch("embed"):
        if missing:
            made = embed(list(missing.values()))
            check_vectors(made, len(missing), run.model.dimension)
            vectors |= dict(zip(missing, made, strict=True))
    with watch("write"):
        deleted = sum(delete_rows(head, predicate) for predicate in in_parts("chunk_id", unusable))
        rows = _with_vectors(altered, vectors, run.model.dimension)
        if rows.num_rows:
            merge_rows(head, "chunk_id", rows)
        deleted += _delete_leftovers(head, replaced, chunks["chunk_id"].to_pylist())
        if (links := feather.read_table(links_file)).num_rows:
            merge_rows(tables.open(schemas.LINKS, schemas.links()), "doc_id", links.cast(schemas.links()))
        _write_ledger(run, documents, head.version)
    return WrittenBatch(len(missing), rows.num_rows, deleted, watch.seconds)


def _altered_chunks(head: Table, chunks: pa.Table, replaced: Collection[str]) -> tuple[pa.Table, list[str]]:
    """Returns the chunks that the head does not hold just so, and the ids of rows that must go before a merge.

    Such a row stands there twice, which a merge refuses as ambiguous, or has a vector or a text that nobody can use.
    """
    import pyarrow as pa

    held: dict[str, tuple[Any, ...]] = {}
    unusable: set[str] = set()
    columns = ["chunk_id", *_COMPARED, "vector", "text", "text_hash"]
    for predicate in in_parts("doc_id", sorted(replaced)):
        # Streamed: what is compared is small, and the texts and vectors beside it are not.
        for rows in head.search().where(predicate).select(columns).to_batches():
            contents = _contents(rows)
            again = held.keys() & contents.keys()
            unusable |= again | {one for one, count in Counter(rows["chunk_id"].to_pylist()).items() if count > 1}
            unusable |= set(rows["chunk_id"].filter(pa.array(unfit_contents(rows))).to_pylist())
            held |= contents
    mask = [chunk_id in unusable or held.get(chunk_id) != content for chunk_id, content in _contents(chunks).items()]
    return chunks.filter(pa.array(mask, pa.bool_())), sorted(unusable)


_COMPARED = ("row_digest", "access", "embedded_hash", "language", "words")


def _contents(rows: pa.Table | pa.RecordBatch) -> dict[str, tuple[Any, ...]]:
    """What a chunk's row holds, but for its vector, by chunk id: the digest of what it cites, and all else as it is."""
    columns = (rows[name].to_pylist() for name in ("chunk_id", *_COMPARED))
    return {chunk_id: tuple(content) for chunk_id, *content in zip(*columns, strict=True)}


def _known_vectors(tables: Sequence[Table], chunks: pa.Table) -> dict[str, Vectors]:
    """Returns vectors that stand in the tables already, by the hash of what was embedded.

    A later table is searched only for what the earlier ones lack.
    """
    missing = set(chunks["embedded_hash"].to_pylist())
    vectors: dict[str, Vectors] = {}
    for table in tables:
        # A release that an earlier version of Freshet made embedded the text alone.
        column = "embedded_hash" if "embedded_hash" in table.schema.names else "text_hash"
        for predicate in in_parts(column, sorted(missing)):
            # Streamed: a boilerplate text may stand in thousands of documents, each with its vector.
            for batch in table.search().where(predicate).select([column, "vector"]).to_batches():
                values = as_vectors(batch["vector"])
                mask = has_unit_length(values)
                for number, embedded in enumerate(batch[column].to_pylist()):
                    if mask[number]:
                        vectors.setdefault(embedded, values[number])
        missing -= vectors.keys()
        if not missing:
            break
    return vectors


def _missing_texts(chunks: pa.Table, vectors: dict[str, Vectors]) -> dict[str, str]:
    """Returns the distinct texts without a vector, as the model is given them, by their hash."""
    columns = (chunks[name].to_pylist() for name in ("embedded_hash", "context", "text"))
    rows = zip(*columns, strict=True)
    return {embedded: embedded_text(context, text) for embedded, context, text in rows if embedded not in vectors}


def _with_vectors(chunks: pa.Table, vectors: dict[str, Vectors], dimension: int) -> pa.Table:
    import pyarrow as pa

    hashes = chunks["embedded_hash"].to_pylist()
    flat = np.concatenate([vectors[h] for h in hashes]) if hashes else np.zeros(0, np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dimension)
    schema = schemas.chunks(dimension)
    return chunks.append_column(schema.field("vector"), column).cast(schema)


def _delete_leftovers(head: Table, replaced: Sequence[str], chunk_ids: Sequence[str]) -> int:
    """Deletes the chunks that the replaced documents no longer hold, and returns how many."""
    others = is_none("chunk_id", chunk_ids)
    return sum(delete_rows(head, both(predicate, others)) for predicate in in_parts("doc_id", replaced))


def _write_ledger(run: RefreshRun, documents: pa.Table, table_version: int) -> None:
    """Merges the batch's rows into the ledger, each with the version of the chunk table that holds its chunks."""
    import pyarrow as pa

    if not documents.num_rows:
        return
    schema = schemas.documents()
    rows = documents.drop_columns(["replace"])
    versions = pa.repeat(pa.scalar(table_version, pa.int64()), rows.num_rows)
    rows = rows.set_column(rows.column_names.index("table_version"), schema.field("table_version"), versions)
    merge_rows(run.store.corpus(run.corpus).open(schemas.DOCUMENTS, schema), "doc_id", rows.cast(schema))
