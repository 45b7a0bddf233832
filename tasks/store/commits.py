"""Writes rows in one commit, and notices where another writer came between."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
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
    see_whole(table.to_lance())
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
    table = tables.open(name, schema)
    result = table.merge_insert(list(keys)).when_not_matched_insert_all().execute(made)
    see_whole(table.to_lance())
    return int(result.num_inserted_rows) == len(rows)


def see_whole(dataset: Any) -> None:
    """Sees that a commit's files are as long as it says they are, and goes back behind a commit whose files are not.

    Lance does not notice where the last bytes of a file find no room, and commits it all the same (pylance 14.0, seen
    with a limit on the size of files). Nobody could read the head of the table then.

    Args:
        dataset: the table as Lance opens it, at the version that was committed.

    Raises:
        OSError: there was no room for a file.
    """
    if "://" in dataset.uri:
        return  # in a bucket an object is not cut short
    folder = Path(dataset.uri)
    for file in (file for fragment in dataset.get_fragments() for file in fragment.metadata.files):
        path = folder / "data" / file.path
        if file.file_size_bytes and path.exists() and path.stat().st_size < file.file_size_bytes:
            for number in (_LAST_VERSION - dataset.version, dataset.version):
                (folder / "_versions" / f"{number}.manifest").unlink(missing_ok=True)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


_LAST_VERSION = 2**64 - 1
"""Manifests are named so that the newest comes first: by this number less the version's, or by the version."""


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
    see_whole(table.to_lance())
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
