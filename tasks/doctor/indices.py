"""The indices of a corpus's tables: every one that searches rely on is there and knows every row."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from freshet.tasks.doctor.findings import Finding, finding
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.store.tables import Store


def examine_indices(corpus: str, table: Table, declared: set[str]) -> Iterator[Finding]:
    """Finds indices that are not there, or that do not know all rows.

    Args:
        table: a table of the corpus, at its head; one without rows needs no index.
        declared: the columns that should have an index.
    """
    from freshet.tasks.index.indices import indexed_columns, unindexed_rows

    where = f"corpora/{corpus}/{table.name}"
    if not table.count_rows():
        return
    if missing := sorted(declared - indexed_columns(table)):
        yield finding(
            "DOCTOR-INDEX-MISSING", where, f"over {', '.join(missing)}", name=corpus, lock=corpus,
            repair=lambda: _rebuild(table),
        )  # fmt: skip
    elif behind := unindexed_rows(table):
        yield finding(
            "DOCTOR-INDEX-LAG", where, f"{behind:,} rows", name=corpus, lock=corpus, repair=lambda: _rebuild(table)
        )


def _rebuild(table: Table) -> list[str]:
    from freshet.tasks.index.indices import declared_for, make_indices

    table.checkout_latest()
    make_indices(table, declared_for(table))
    return []


def rebuild_index(store: Store, corpus: str, table_name: str, index: str) -> list[str]:
    """Makes an index anew whose files are damaged; nothing is lost by that.

    Where readers see the head, they move to the new one: the index that is gone is theirs.
    """
    from freshet.tasks.index.indices import declared_for, make_indices
    from freshet.tasks.index.release import republish
    from freshet.tasks.ledger.releases import list_releases, live_release

    tables, live = store.corpus(corpus), live_release(list_releases(store, corpus))
    table, ledger = tables.find(table_name), tables.find(schemas.DOCUMENTS)
    assert table is not None
    assert ledger is not None
    chunks = tables.find(live.table) if live else None
    seen = (live.table_version, live.ledger_version) if live else None
    is_seen = chunks is not None and (chunks.version, ledger.version) == seen
    table.drop_index(index)
    make_indices(table, declared_for(table))
    if live is not None and chunks is not None and is_seen:
        chunks.checkout_latest()
        ledger.checkout_latest()
        now = datetime.now(UTC)
        republish(store, live, table_version=chunks.version, ledger_version=ledger.version, now=now)
    return []
