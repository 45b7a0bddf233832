"""Joins the small files that refreshes leave, within bounds: a table of few files is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.store import schemas
from freshet.tasks.store.commits import see_whole

if TYPE_CHECKING:
    from datetime import datetime

    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.maintenance.freed import Maintained
    from freshet.tasks.store.tables import Store

MOST_SMALL_FILES = 8
"""More small files than this are joined; a daily refresh leaves one or two."""

MOST_DELETED = 0.1
LEAST_DELETED = 10_000
"""Rows that are only marked as deleted are taken out of the files where they are this share, and so many, or more."""

ROWS_AT_ONCE = 2048
ROWS_PER_RUN = 2_000_000
"""Most rows that one maintenance rewrites of a table; the next one goes on."""

SIDE_TABLES = (schemas.ELEMENTS, schemas.LINKS, schemas.SIGNATURES, schemas.DUPLICATES, schemas.OPENINGS)
"""Tables of a corpus that no release names."""


def needs_compaction(table: Table) -> int:
    """How many files of a table are to be joined or rewritten; 0 where that is not worth it."""
    from freshet.tasks.index.indices import ROWS_PER_FRAGMENT

    small = holed = rows = deleted = 0
    for fragment in table.to_lance().get_fragments():
        # num_deletions and physical_rows stand in the manifest: no file is read.
        physical, gone = fragment.physical_rows, fragment.num_deletions
        rows, deleted = rows + physical, deleted + gone
        small += physical < ROWS_PER_FRAGMENT // 2
        holed += gone > MOST_DELETED * physical
    if small > MOST_SMALL_FILES:
        return small
    return holed if deleted >= max(LEAST_DELETED, MOST_DELETED * rows) else 0


def compact_table(table: Table) -> int:
    """Joins a table's files, and returns by how many they became fewer."""
    from freshet.tasks.index.indices import ROWS_PER_FRAGMENT

    before = len(table.to_lance().get_fragments())
    table.to_lance().optimize.compact_files(
        target_rows_per_fragment=ROWS_PER_FRAGMENT,
        batch_size=ROWS_AT_ONCE,
        max_source_rows=ROWS_PER_RUN,
        num_threads=1,
    )
    table.checkout_latest()
    see_whole(table.to_lance())
    return before - len(table.to_lance().get_fragments())


def compact_released(store: Store, live: Release | None, found: Maintained, now: datetime, dry_run: bool) -> None:
    """Joins the files of a corpus's chunk table and ledger, and moves its readers to what comes out of it.

    Only where readers see the head: after a rollback or a rejection, what would be joined is not what is published,
    and the next refresh is to find the tables as they were decided on.
    """
    from freshet.tasks.errors import ConcurrentWriter
    from freshet.tasks.index.indices import declared_for, make_indices
    from freshet.tasks.index.release import republish

    if live is None:
        return
    tables = store.corpus(live.corpus)
    chunks, ledger = tables.find(live.table), tables.find(schemas.DOCUMENTS)
    if chunks is None or ledger is None:
        return
    work = {table.name: needs_compaction(table) for table in (chunks, ledger)}
    if not any(work.values()):
        return
    if (chunks.version, ledger.version) != (live.table_version, live.ledger_version):
        found.notes.append(
            f"corpus {live.corpus} was not compacted: readers see another state than its newest; the next refresh "
            f"that publishes settles that"
        )
        return
    for table in (chunks, ledger):
        if not work[table.name]:
            continue
        fewer = work[table.name] - 1 if dry_run else compact_table(table)
        found.add("compaction", f"corpora/{live.corpus}/{table.name}", fewer)
    if dry_run:
        return
    for table in (chunks, ledger):
        make_indices(table, declared_for(table))
    try:
        moved = republish(store, live, table_version=chunks.version, ledger_version=ledger.version, now=now)
    except ConcurrentWriter as other:
        found.notes.append(f"{other.what}; readers stay with that one")
        return
    found.release = moved.release


def compact_side_tables(store: Store, corpus: str, found: Maintained, dry_run: bool) -> None:
    """Joins the files of the tables that no release names."""
    tables = store.corpus(corpus)
    for name in SIDE_TABLES:
        table = tables.find(name)
        if table is not None and (files := needs_compaction(table)):
            found.add("compaction", f"corpora/{corpus}/{name}", files - 1 if dry_run else compact_table(table))


def compact_ledger(store: Store, names: list[str], found: Maintained, dry_run: bool) -> None:
    """Joins the files of the tables that all share. Others may append meanwhile: what is joined is left to them."""
    for name in names:
        table = store.ledger.find(name)
        if table is None or not (files := needs_compaction(table)):
            continue
        try:
            found.add("compaction", f"ledger/{name}", files - 1 if dry_run else compact_table(table))
        except (OSError, RuntimeError) as error:
            found.notes.append(f"table ledger/{name} is in use and was not compacted: {type(error).__name__}")
