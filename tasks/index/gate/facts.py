"""Facts about the rows of the ledger and the chunk table: what the suites of the rule book are asked about.

A fact is a number worked out of a row: how many required fields are empty, how long the text is. So what
reaches Great Expectations holds no text, title or path that a report could quote, and a million rows are
streamed in batches of a bounded size. Whatever needs the whole table, such as whether an id repeats, is
worked out beforehand, in eight bytes a row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from freshet.tasks.settings.datasets import Use

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

FACT_ROWS = 50_000
"""Rows that one batch of facts holds at most."""

_ID = "^[0-9a-f]{32}$"
_HASH = "^[0-9a-f]{64}$"
_SEEN = "^([0-9a-f]{64}$|unread:)"
"""What was seen of a document: the hash of its bytes; of one too large to be read, the hint in place of that."""
_CHUNK_COLUMNS = [
    "chunk_id", "doc_id", "ordinal", "text", "text_hash", "start", "end", "page_first", "page_last", "tokens",
    "access",
]  # fmt: skip
_DOCUMENT_COLUMNS = [
    "doc_id", "source", "path", "uri", "title", "owner", "seen_hash", "content_hash", "access", "uses", "parser",
    "stale_after", "blocked_after", "chunking", "space", "chunks", "verdicts",
]  # fmt: skip


def chunk_facts(chunks: Table, classes: Collection[str]) -> Iterator[pa.Table]:
    """The facts that `freshet.expectations.chunks` is about, in batches, one row for each chunk.

    Args:
        classes: ids of the access classes of which it is known what they mean.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for rows in _batches(chunks, _CHUNK_COLUMNS):
        characters = pc.utf8_length(rows["text"])
        yield pa.table(
            {
                "chunk_id": rows["chunk_id"],
                "empty_fields": _empty_fields(rows, ["chunk_id", "doc_id", "text_hash", "ordinal", "start", "end"]),
                "malformed_hashes": _faults(
                    _unlike(rows["chunk_id"], _ID), _unlike(rows["doc_id"], _ID), _unlike(rows["text_hash"], _HASH)
                ),
                "ordinal": rows["ordinal"],
                "start": rows["start"],
                "span": pc.subtract(rows["end"], rows["start"]),
                "characters": characters,
                "is_altered": _altered(rows["text"], rows["text_hash"]),
                "tokens": rows["tokens"],
                "unknown_classes": _unknown(rows["access"], classes),
                "page_first": rows["page_first"],
                "page_last": rows["page_last"],
            }
        )


def document_facts(ledger: Table, chunks: Table, classes: Collection[str]) -> Iterator[pa.Table]:
    """The facts that `freshet.expectations.documents` is about, in batches, one row for each document.

    Args:
        classes: ids of the access classes of which it is known what they mean.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    repeated = _repeated(ledger, "doc_id")
    highest = _numbers(chunks)
    uses = "^(" + "|".join(get_args(Use)) + ")$"
    for rows in _batches(ledger, _DOCUMENT_COLUMNS):
        numbers = rows.select(["doc_id"]).append_column("at", pa.array(np.arange(rows.num_rows)))
        numbers = numbers.join(highest, "doc_id").sort_by("at")
        good, served = pc.is_valid(rows["content_hash"]), pc.greater(rows["chunks"], 0)
        silent = pc.equal(rows["verdicts"], "[]")
        is_lost = pc.and_(pc.and_(good, pc.invert(served)), silent)
        yield pa.table(
            {
                "doc_id": rows["doc_id"],
                "occurrences": _occurrences(rows["doc_id"], repeated),
                "empty_fields": _empty_fields(
                    rows, ["doc_id", "source", "path", "uri", "title", "owner", "parser", "chunking", "space"]
                ),
                "malformed_hashes": _faults(
                    _unlike(rows["doc_id"], _ID),
                    _unlike(rows["seen_hash"], _SEEN),
                    _unlike(rows["content_hash"], _HASH),
                ),
                "unknown_classes": _unknown(rows["access"], classes),
                "uses": _length(rows["uses"]),
                "unknown_uses": _strangers(rows["uses"], uses),
                "is_unexplained": _faults(pc.or_(is_lost, pc.and_(pc.invert(good), served))),
                "numbers_expected": pc.fill_null(numbers["rows"], 0),
                "numbers_found": pc.fill_null(pc.add(numbers["highest"], 1), 0),
                "stale_after": _moment(rows["stale_after"]),
                "blocked_after": _moment(rows["blocked_after"]),
            }
        )


def _batches(table: Table, columns: Sequence[str]) -> Iterator[pa.Table]:
    """The table's rows in batches of at most FACT_ROWS; small ones that follow each other are joined."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in table.search().select(list(columns)).to_batches():
        if waiting and rows + batch.num_rows > FACT_ROWS:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, rows = [], 0
        waiting.append(batch)
        rows += batch.num_rows
    if rows:
        yield pa.Table.from_batches(waiting).combine_chunks()


def _numbers(chunks: Table) -> pa.Table:
    """Per document of the chunk table: `rows`, and `highest`, the last ordinal."""
    import pyarrow as pa

    parts = [
        pa.Table.from_batches([batch]).group_by("doc_id").aggregate([("ordinal", "count"), ("ordinal", "max")])
        for batch in chunks.search().select(["doc_id", "ordinal"]).to_batches()
    ]
    if not parts:
        return pa.schema([("doc_id", pa.string()), ("rows", pa.int64()), ("highest", pa.int32())]).empty_table()
    whole = pa.concat_tables(parts).group_by("doc_id").aggregate([("ordinal_count", "sum"), ("ordinal_max", "max")])
    return whole.rename_columns(["doc_id", "rows", "highest"])


def _repeated(table: Table, column: str) -> set[str]:
    """Values of the column that stand in more than one row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from freshet.tasks.store.predicates import is_any

    found: list[Any] = []
    for batch in table.search().select([column]).to_batches():
        found.append(np.array([hash(value) for value in batch[column].to_pylist()], np.int64))
    hashes = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
    suspicious = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    if not suspicious:
        return set()
    # Two values may share a hash, so those that seem to repeat are counted themselves.
    values: set[str] = set()
    for batch in table.search().select([column]).to_batches():
        values |= {value for value in batch[column].to_pylist() if hash(value) in suspicious}
    rows = table.search().where(is_any(column, sorted(values))).select([column]).to_arrow()
    counts = rows[column].value_counts()
    repeated = counts.filter(pc.greater(counts.field("counts"), pa.scalar(1, pa.int64())))
    return set(repeated.field("values").to_pylist())


def _occurrences(column: Any, repeated: set[str]) -> Any:
    """1 where a value stands in one row only, else 2."""
    import pyarrow as pa
    import pyarrow.compute as pc

    again = pc.is_in(column, value_set=pa.array(sorted(repeated), pa.string()))
    return pc.add(pc.cast(again, pa.int64()), 1)


def _empty_fields(rows: pa.Table, columns: Sequence[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    faults = []
    for column in columns:
        missing = pc.is_null(rows[column])
        if pa.types.is_string(rows.schema.field(column).type):
            missing = pc.or_(missing, pc.equal(pc.fill_null(rows[column], ""), ""))
        faults.append(missing)
    return _faults(*faults)


def _faults(*masks: Any) -> Any:
    """How many of the masks are true, row by row; a null counts as no fault."""
    import functools

    import pyarrow as pa
    import pyarrow.compute as pc

    return functools.reduce(pc.add, [pc.cast(pc.fill_null(mask, False), pa.int64()) for mask in masks])


def _unlike(column: Any, pattern: str) -> Any:
    """Where a text does not match; null where there is none."""
    import pyarrow.compute as pc

    return pc.invert(pc.match_substring_regex(column, pattern))


def _length(lists: Any) -> Any:
    import pyarrow.compute as pc

    return pc.fill_null(pc.list_value_length(lists), 0)


def _strangers(lists: Any, pattern: str) -> Any:
    """How many items of each list do not match, a null item included."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
    strange = pc.invert(pc.fill_null(pc.match_substring_regex(pc.list_flatten(whole), pattern), False))
    parents = pc.list_parent_indices(whole).to_numpy(zero_copy_only=False)
    counts = np.bincount(parents[strange.to_numpy(zero_copy_only=False).astype(bool)], minlength=len(whole))
    return pa.array(counts.astype(np.int64))


def _unknown(column: Any, classes: Collection[str]) -> Any:
    """1 where a class is none of those that are known, else 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _faults(pc.invert(pc.is_in(column, value_set=pa.array(sorted(classes), pa.string()))))


def _altered(texts: Any, hashes: Any) -> Any:
    """1 where a text is not the one that its hash was made of."""
    import pyarrow as pa

    pairs = zip(texts.to_pylist(), hashes.to_pylist(), strict=True)
    return pa.array([int(sha256((text or "").encode()).hexdigest() != known) for text, known in pairs], pa.int64())


def _moment(column: Any) -> Any:
    """A timestamp as milliseconds since 1970, a float so that none can be told.

    Microseconds of a year beyond 2255 are more than a float counts exactly, and milliseconds of any year are not.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pc.divide(pc.cast(column, pa.int64()), 1000), pa.float64())
