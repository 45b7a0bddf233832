"""Takes away old versions of tables, and tables, that nobody reads or can go back to."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from freshet.tasks.settings.spans import shifted
from freshet.tasks.store import schemas
from freshet.tasks.store.files import bytes_below, bytes_not_of, is_folder, remove, table_addresses, table_name

if TYPE_CHECKING:
    from lance import LanceDataset

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.maintenance.freed import Maintained
    from freshet.tasks.settings.maintenance import Maintenance
    from freshet.tasks.store.tables import Store

OWN_TAG = re.compile(r"release-\d+")
"""Tags that publishing sets. Any other one was set by a person, and stays."""


def kept_releases(releases: Sequence[Release], settings: Maintenance, now: datetime) -> list[Release]:
    """The decisions whose table versions must stay, newest first.

    The newest published ones, the live one first of all, where what maintenance published stands for the release whose
    rows it compacted; those that were live within the grace period, since readers
    may still have them open; the newest that a refresh published, which the next one compares with; and what the gate
    rejected last, which a person may still publish.
    """
    from freshet.tasks.ledger.releases import kept_as, newest_decision, published_releases

    published = published_releases(releases)
    states = [one for one in published if kept_as(releases, one) == one]
    kept = {one.release: one for one in states[: settings.keep_releases]}
    for newer, older in pairwise(published):
        if newer.published_at > shifted(now, -settings.grace):
            kept[older.release] = older
    for one in (newest_decision(published), newest_decision(releases)):
        if one is not None:
            kept[one.release] = one
    return sorted(kept.values(), key=lambda one: one.release, reverse=True)


def give_up(store: Store, corpus: str, kept: Sequence[Release]) -> None:
    """Takes the tags of publishing off what is not kept. From here on nobody can go back to it.

    Call it within the brief lock in which `kept` was decided: a rollback asks for the tags in the same lock, so that
    it never publishes what is then cleaned up.
    """
    import lance

    for address in table_addresses(f"{store.address}/corpora/{corpus}"):
        table = lance.dataset(address)
        for name in _loose(table, _versions(kept, table_name(address))):
            table.tags.delete(name)


def clean_corpus(
    store: Store, corpus: str, kept: Sequence[Release], found: Maintained, settings: Maintenance, now: datetime,
    dry_run: bool,
) -> None:  # fmt: skip
    """Drops chunk tables of embedding spaces that nothing needs, and old versions of the others."""
    from freshet.tasks.maintenance.compaction import SIDE_TABLES

    folder = f"{store.address}/corpora/{corpus}"
    spaces = spaces_in_use(store, corpus)
    for address in table_addresses(folder):
        name = table_name(address)
        stray = name.startswith(schemas.chunks_table("")) and name not in {schemas.chunks_table(s) for s in spaces}
        if stray and not any(one.table == name for one in kept):
            found.add("tables", f"corpora/{corpus}/{name}", _rows(address), bytes_below(address))
            if not dry_run:
                remove(address)
            continue
        versions = _versions(kept, name)
        grace = timedelta(0) if name in SIDE_TABLES else settings.grace
        clean_table(
            address, f"corpora/{corpus}/{name}", versions, found, shifted(now, -grace), dry_run=dry_run, alone=True
        )


def spaces_in_use(store: Store, corpus: str) -> set[str]:
    """The embedding spaces that documents of the ledger are in: one, or two while a model is being replaced."""
    ledger = store.corpus(corpus).find(schemas.DOCUMENTS)
    found: set[str] = set()
    if ledger is not None:
        for batch in ledger.search().select(["space"]).to_batches():
            found.update(batch["space"].unique().to_pylist())
    return found


def clean_table(
    address: str,
    where: str,
    kept: Collection[int],
    found: Maintained,
    before: datetime,
    *,
    dry_run: bool,
    alone: bool,
) -> None:
    """Takes away a table's versions from before a moment, but the head, the kept ones and what a person has tagged.

    Args:
        alone: nobody else can be writing to the table, so that files of no version were left by a kill, and go too.
    """
    import lance

    if not is_folder(address):
        return
    table = lance.dataset(address)
    loose = _loose(table, kept)
    tagged = {int(tag["version"]) for name, tag in table.tags.list().items() if name not in loose}
    held = {*kept, table.latest_version, *tagged}
    known = {int(one["version"]): one["timestamp"].astimezone() for one in table.versions()}
    old = sorted(version for version, at in known.items() if version not in held and at < before)
    if dry_run:
        found.add(
            "table versions", where, len(old), bytes_not_of(address, known.keys() - set(old)) if alone or old else 0
        )
        return
    if old:
        stats = table.cleanup_old_versions(versions=old, delete_unverified=alone, error_if_tagged_old_versions=False)
    elif alone:
        stats = table.cleanup_old_versions(
            older_than=timedelta(days=36_500), delete_unverified=True, error_if_tagged_old_versions=False
        )
    else:
        return
    found.add("table versions", where, stats.old_versions, stats.bytes_removed)


def _versions(kept: Sequence[Release], name: str) -> set[int]:
    """The versions of a table that kept releases name."""
    if name == schemas.DOCUMENTS:
        return {one.ledger_version for one in kept}
    return {one.table_version for one in kept if one.table == name}


def _loose(table: LanceDataset, kept: Collection[int]) -> list[str]:
    """The tags that publishing set on versions that are not kept."""
    tags = {name: int(tag["version"]) for name, tag in table.tags.list().items()}
    return [name for name, version in tags.items() if OWN_TAG.fullmatch(name) and version not in kept]


def _rows(address: str) -> int:
    import lance

    return int(lance.dataset(address).count_rows())
