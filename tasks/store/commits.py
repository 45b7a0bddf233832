"""Writes rows in one commit, and notices where another writer came between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import ConcurrentWriter

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.store.tables import Tables


def merge_rows(table: Table, key: str, rows: pa.Table) -> int:
    """Inserts or replaces rows by key in one commit, and returns the new version.

    Raises:
        ConcurrentWriter: another writer committed in between, or the counts are not those of `rows`.
        ValueError: a key occurs twice in `rows` (LanceDB would insert both, silently).
    """
    import pyarrow.compute as pc

    if pc.count_distinct(rows[key]).as_py() != rows.num_rows:
        raise ValueError(f"a {key} occurs twice in one batch for {table.name}")
    before = table.version
    result = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all().execute(rows)
    written = result.num_inserted_rows + result.num_updated_rows
    if written != rows.num_rows or result.num_attempts != 1 or result.version != before + 1:
        raise ConcurrentWriter(
            f"table {table.name}: {written} of {rows.num_rows} rows written in {result.num_attempts} attempt(s), "
            f"version {before} → {result.version}",
            "Another process writes to this corpus without holding its lock. Stop it, then refresh again.",
        )
    return int(result.version)


def insert_new(tables: Tables, name: str, schema: pa.Schema, keys: Sequence[str], row: dict[str, Any]) -> bool:
    """Appends a row, unless another writer, on this machine or another one, was first with the same keys.

    Returns:
        Whether the row stands there now.
    """
    return insert_all_new(tables, name, schema, keys, [row])


def insert_all_new(
    tables: Tables, name: str, schema: pa.Schema, keys: Sequence[str], rows: Sequence[dict[str, Any]]
) -> bool:
    """Appends rows in one commit, but for those whose keys another writer was first with.

    Returns:
        Whether all of them stand there now.
    """
    import pyarrow as pa

    made = pa.Table.from_pylist(list(rows), schema=schema)
    result = tables.open(name, schema).merge_insert(list(keys)).when_not_matched_insert_all().execute(made)
    return int(result.num_inserted_rows) == len(rows)


def update_rows(table: Table, predicate: str, values: Mapping[str, str | None]) -> int:
    """Sets columns of rows in one commit where any match, and returns how many do.

    Raises:
        ConcurrentWriter: another writer committed in between.
    """
    found = table.count_rows(predicate)
    if not found:
        return 0
    before = table.version
    result = table.update(where=predicate, values=dict(values))
    if result.rows_updated != found or result.version != before + 1:
        raise ConcurrentWriter(
            f"table {table.name}: {result.rows_updated} of {found} rows updated, version {before} → {result.version}",
            "Another process writes to this corpus without holding its lock. Stop it, then refresh again.",
        )
    return int(found)


def delete_rows(table: Table, predicate: str) -> int:
    """Deletes rows in one commit where any match, and returns how many."""
    found = table.count_rows(predicate)
    if not found:
        return 0
    before = table.version
    result = table.delete(predicate)
    if result.num_deleted_rows != found or result.version != before + 1:
        raise ConcurrentWriter(
            f"table {table.name}: {result.num_deleted_rows} of {found} rows deleted, "
            f"version {before} → {result.version}",
            "Another process writes to this corpus without holding its lock. Stop it, then refresh again.",
        )
    return int(found)
