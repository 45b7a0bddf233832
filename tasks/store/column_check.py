"""Sees whether a table has the columns that this version of Freshet reads and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.errors import StoreError
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from lancedb.table import Table


def check_columns(table: Table) -> None:
    """Sees that a table has the columns that this version of Freshet reads and writes.

    Raises:
        StoreError: it has not.
    """
    expected = schemas.KNOWN_TABLES.get(table.name)
    if expected is None:
        return
    known, held = expected(), set(table.schema.names)
    if held & schemas.FORMER_COLUMNS:
        return
    required = {field.name for field in known if not field.nullable}
    if more := sorted(held - set(known.names)):
        raise StoreError(
            f"table {table.name} of the store has columns that this Freshet does not know: {', '.join(more)}",
            "A newer version wrote it: install that one, or restore the store from a backup. If none did, the table is "
            "damaged: type freshet doctor.",
        )
    if fewer := sorted(required - held):
        raise StoreError(
            f"table {table.name} of the store lacks columns: {', '.join(fewer)}",
            "Install the version of Freshet that wrote it, or restore the store from a backup. If it is this one, the "
            "table is damaged: type freshet doctor.",
        )
