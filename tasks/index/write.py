"""Commits a prepared batch to the head of the tables: merge, delete, ledger; and mends what a killed run left.

Readers are pinned to a release, so the moments between two commits are never seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, is_any, is_none
from freshet.tasks.store.tables import delete_rows, merge_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.runs.run import RefreshRun

IDS_PER_PREDICATE = 5000

LENGTH_TOLERANCE = 1e-3
"""How far a vector's length may be from 1."""

Vectors = NDArray[np.float32]


class Embeds(Protocol):
    """Turns texts into vectors of unit length, float32, (texts, dimension), in their order."""

    def __call__(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True)
class WrittenBatch:
    """What committing a batch did.

    Attributes:
        texts_embedded: distinct texts whose vector stood nowhere.
        rows_written, rows_deleted: of the chunk table.
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

    Only rows that are new or altered are written, and only texts are embedded whose vector stands neither
    at the head nor in `released`.

    Args:
        documents_file, chunks_file, links_file: what `freshet.tasks.documents.prepare` left.
        released: the chunk table of this embedding space, pinned to each release, newest first.
    """
    from pyarrow import feather

    watch = Stopwatch()
    tables = run.store.corpus(run.corpus)
    documents = feather.read_table(documents_file)
    wanted = feather.read_table(chunks_file)
    head = tables.open(schemas.chunks_table(run.model.space), schemas.chunks(run.model.dimension))
    replaced = documents.filter(documents["replace"])["doc_id"].to_pylist()
    kept = documents.filter(_inverted(documents["replace"]))
    with watch("compare"):
        altered, spoiled = _altered_rows(head, wanted, replaced)
        restamped = _restamped_rows(head, kept)
    with watch("reuse"):
        vectors = _known_vectors([head, *released], altered)
    missing = _missing_texts(altered, vectors)
    with watch("embed"):
        if missing:
            vectors |= dict(zip(missing, _checked(embed(list(missing.values())), len(missing), run), strict=True))
    with watch("write"):
        deleted = sum(delete_rows(head, is_any("chunk_id", part)) for part in _parts(spoiled))
        rows = _with_vectors(altered, vectors, run.model.dimension)
        if restamped is not None:
            rows = _concatenated(rows, restamped)
        if rows.num_rows:
            merge_rows(head, "chunk_id", rows)
        deleted += _delete_leftovers(head, replaced, wanted["chunk_id"].to_pylist())
        if (links := feather.read_table(links_file)).num_rows:
            merge_rows(tables.open(schemas.LINKS, schemas.links()), "doc_id", links.cast(schemas.links()))
        _write_ledger(run, documents, head.version)
    return WrittenBatch(len(missing), rows.num_rows, deleted, watch.seconds)


def withdraw(run: RefreshRun, doc_ids: Sequence[str]) -> None:
    """Takes documents out: their ledger rows, then their chunks.

    In this order, since a withdrawal that somebody approved must not need a second word after a kill: chunks
    that no ledger row names are deleted at the next start.
    """
    tables = run.store.corpus(run.corpus)
    for name in (schemas.DOCUMENTS, schemas.chunks_table(run.model.space)):
        table = tables.find(name)
        if table is not None:
            for part in _parts(doc_ids):
                delete_rows(table, is_any("doc_id", part))


def delete_strays(run: RefreshRun, doc_ids: Sequence[str]) -> None:
    """Deletes the chunks that a killed run left of documents, but of those that the ledger names by now."""
    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if head is None:
        return
    for part in _parts(doc_ids):
        named: set[str] = set()
        if ledger is not None:
            rows = ledger.search().where(is_any("doc_id", part)).select(["doc_id"]).to_arrow()
            named.update(rows["doc_id"].to_pylist())
        delete_rows(head, is_any("doc_id", sorted(set(part) - named)))


@dataclass(frozen=True)
class Reconciliation:
    """Documents whose chunks are not what the ledger says, and chunks' documents that it does not name."""

    damaged: list[str]
    strays: list[str]


def reconcile(run: RefreshRun, vectors: bool = False) -> Reconciliation:
    """Compares the digest of each document's chunks, and their access, with the ledger.

    Args:
        vectors: look at every vector as well.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    tables = run.store.corpus(run.corpus)
    head, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if head is None:
        return Reconciliation([], [])
    found = chunk_digests(head)
    columns = ["doc_id", "chunks_digest", "chunks", "acl"]
    empty = schemas.documents().empty_table().select(columns)
    mine = is_any("space", [run.model.space])
    said = empty if ledger is None else ledger.search().where(mine).select(columns).to_arrow()
    said = said.set_column(3, "acl", pc.binary_join(said["acl"], " "))
    known = empty["doc_id"] if ledger is None else ledger.search().select(["doc_id"]).to_arrow()["doc_id"]
    strays = found.filter(pc.invert(pc.is_in(found["doc_id"], value_set=pc.unique(known))))
    joined = said.join(found, keys="doc_id", join_type="left outer", right_suffix="_found")
    fits = pc.and_(
        pc.equal(joined["chunks_digest"], pc.fill_null(joined["digest"], 0)),
        pc.equal(pc.cast(joined["chunks"], pa.int64()), pc.fill_null(joined["rows"], 0)),
    )
    fits = pc.and_(
        fits, pc.or_(pc.equal(joined["chunks"], 0), pc.fill_null(pc.equal(joined["acl"], joined["acl_found"]), False))
    )
    damaged = set(joined.filter(pc.invert(fits))["doc_id"].to_pylist())
    if vectors:
        damaged |= _documents_with_unfit_vectors(head) & set(said["doc_id"].to_pylist())
    return Reconciliation(
        damaged=sorted(damaged),
        strays=sorted(strays["doc_id"].to_pylist()),
    )


def _documents_with_unfit_vectors(table: Table) -> set[str]:
    import pyarrow as pa

    found: set[str] = set()
    for batch in table.search().select(["doc_id", "vector"]).to_batches():
        unfit = ~has_unit_length(_as_vectors(batch["vector"]))
        if unfit.any():
            found |= set(batch["doc_id"].filter(pa.array(unfit)).to_pylist())
    return found


def chunk_digests(table: Table) -> pa.Table:
    """Per document of a chunk table: `rows`, `digest` (sum of row digests in 64 bits) and `acl`.

    `acl` is null where the document's chunks do not all carry the same one. The table is streamed; what
    stays in memory grows with its documents, not with its chunks.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = []
    for batch in table.search().select(["doc_id", "row_digest", "acl"]).to_batches():
        rows = pa.table({"doc_id": batch["doc_id"], "digest": batch["row_digest"], "acl": _joined(batch["acl"])})
        rows = rows.append_column("rows", pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows))
        rows = rows.append_column("acl_low", rows["acl"]).rename_columns(
            ["doc_id", "digest", "acl_high", "rows", "acl_low"]
        )
        parts.append(_per_document(rows))
    if not parts:
        nothing = {"doc_id": pa.string(), "rows": pa.int64(), "digest": pa.int64(), "acl": pa.string()}
        return pa.schema(list(nothing.items())).empty_table()
    whole = _per_document(pa.concat_tables(parts))
    alike = pc.equal(whole["acl_low"], whole["acl_high"])
    return pa.table(
        {
            "doc_id": whole["doc_id"],
            "rows": whole["rows"],
            "digest": whole["digest"],
            "acl": pc.if_else(alike, whole["acl_low"], pa.scalar(None, pa.string())),
        }
    )


def _per_document(rows: pa.Table) -> pa.Table:
    summed = rows.group_by("doc_id").aggregate(
        [("rows", "sum"), ("digest", "sum"), ("acl_low", "min"), ("acl_high", "max")]
    )
    return summed.rename_columns(["doc_id", "rows", "digest", "acl_low", "acl_high"])


def _joined(acl: Any) -> Any:
    """Access lists as one text each; an absent list becomes one that equals no real one."""
    import pyarrow.compute as pc

    return pc.fill_null(pc.binary_join(acl, " "), "\0")


def _inverted(column: Any) -> Any:
    import pyarrow.compute as pc

    return pc.invert(column)


def _concatenated(*tables: pa.Table) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables)


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    for start in range(0, len(values), IDS_PER_PREDICATE):
        yield values[start : start + IDS_PER_PREDICATE]


def _altered_rows(head: Table, wanted: pa.Table, replaced: Collection[str]) -> tuple[pa.Table, list[str]]:
    """Those of the wanted rows that the head does not hold just so; and ids of rows that must go before a merge.

    The latter stand there twice, which a merge refuses as ambiguous, or have a vector that nobody can use.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    held: dict[str, tuple[int, str]] = {}
    spoiled: set[str] = set()
    for part in _parts(sorted(replaced)):
        query = head.search().where(is_any("doc_id", part))
        found = query.select(["chunk_id", "row_digest", "acl", "vector"]).to_arrow()
        times = found["chunk_id"].value_counts()
        spoiled |= set(times.filter(pc.greater(times.field("counts"), 1)).field("values").to_pylist())
        unfit = ~has_unit_length(_as_vectors(found["vector"]))
        spoiled |= set(found["chunk_id"].filter(pa.array(unfit)).to_pylist())
        held |= _signatures(found)
    mask = [
        chunk_id in spoiled or held.get(chunk_id) != signature for chunk_id, signature in _signatures(wanted).items()
    ]
    return wanted.filter(pa.array(mask, pa.bool_())), sorted(spoiled)


def _signatures(rows: pa.Table) -> dict[str, tuple[int, str]]:
    import pyarrow.compute as pc

    access = pc.binary_join(rows["acl"], " ").to_pylist()
    return dict(
        zip(rows["chunk_id"].to_pylist(), zip(rows["row_digest"].to_pylist(), access, strict=True), strict=True)
    )


def _restamped_rows(head: Table, kept: pa.Table) -> pa.Table | None:
    """Rows of documents whose chunks stay but whose access has changed, under the new one; vectors and all."""
    import pyarrow as pa

    access = dict(zip(kept["doc_id"].to_pylist(), kept["acl"].to_pylist(), strict=True))
    found = []
    for part in _parts(sorted(access)):
        rows = head.search().where(is_any("doc_id", part)).to_arrow()
        acl = pa.array([access[doc_id] for doc_id in rows["doc_id"].to_pylist()], pa.list_(pa.string()))
        mask = [old != new for old, new in zip(rows["acl"].to_pylist(), acl.to_pylist(), strict=True)]
        rows = rows.set_column(rows.column_names.index("acl"), rows.schema.field("acl"), acl)
        found.append(rows.filter(pa.array(mask, pa.bool_())))
    return pa.concat_tables(found).cast(head.schema) if found else None


def _known_vectors(tables: Sequence[Table], rows: pa.Table) -> dict[str, Vectors]:
    """Vectors that stand in the tables already, by text hash. Later tables are asked only for what is still missing."""
    missing = set(rows["text_hash"].to_pylist())
    vectors: dict[str, Vectors] = {}
    for table in tables:
        for part in _parts(sorted(missing)):
            # Streamed: a boilerplate text may stand in thousands of documents, each with its vector.
            for batch in table.search().where(is_any("text_hash", part)).select(["text_hash", "vector"]).to_batches():
                values = _as_vectors(batch["vector"])
                fit = has_unit_length(values)
                for number, text_hash in enumerate(batch["text_hash"].to_pylist()):
                    if fit[number]:
                        vectors.setdefault(text_hash, values[number])
        missing -= vectors.keys()
        if not missing:
            break
    return vectors


def _missing_texts(rows: pa.Table, vectors: dict[str, Vectors]) -> dict[str, str]:
    """Distinct texts without a vector, by text hash."""
    pairs = zip(rows["text_hash"].to_pylist(), rows["text"].to_pylist(), strict=True)
    return {text_hash: text for text_hash, text in pairs if text_hash not in vectors}


def _as_vectors(column: Any) -> Vectors:
    """A column of vectors as (rows, dimension)."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(whole.flatten(), dtype=np.float32).reshape(len(column), column.type.list_size)


def has_unit_length(vectors: Vectors) -> NDArray[np.bool_]:
    """For each of (rows, dimension) vectors, whether it is finite and of unit length."""
    fit: NDArray[np.bool_] = np.abs(np.linalg.norm(vectors, axis=1) - 1) <= LENGTH_TOLERANCE
    return fit


def _checked(vectors: Vectors, count: int, run: RefreshRun) -> Vectors:
    from freshet.tasks.embedding.embed import check_vectors

    check_vectors(vectors, count, run.model.dimension)
    return vectors


def _with_vectors(rows: pa.Table, vectors: dict[str, Vectors], dimension: int) -> pa.Table:
    import pyarrow as pa

    hashes = rows["text_hash"].to_pylist()
    flat = np.concatenate([vectors[h] for h in hashes]) if hashes else np.zeros(0, np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), dimension)
    schema = schemas.chunks(dimension)
    return rows.append_column(schema.field("vector"), column).cast(schema)


def _delete_leftovers(head: Table, replaced: Sequence[str], chunk_ids: Sequence[str]) -> int:
    """Deletes what the replaced documents no longer hold."""
    deleted = 0
    for part in _parts(replaced):
        deleted += delete_rows(head, both(is_any("doc_id", part), is_none("chunk_id", chunk_ids)))
    return deleted


def _write_ledger(run: RefreshRun, documents: pa.Table, table_version: int) -> None:
    import pyarrow as pa

    if not documents.num_rows:
        return
    schema = schemas.documents()
    rows = documents.drop_columns(["replace"])
    versions = pa.repeat(pa.scalar(table_version, pa.int64()), rows.num_rows)
    rows = rows.set_column(rows.column_names.index("table_version"), schema.field("table_version"), versions)
    merge_rows(run.store.corpus(run.corpus).open(schemas.DOCUMENTS, schema), "doc_id", rows.cast(schema))
