"""Dataset versions are kept for as long as their settings said when they were published, and no longer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from freshet.tasks.maintenance.cleaning import clean_table
from freshet.tasks.settings.spans import shifted
from freshet.tasks.store import schemas
from freshet.tasks.store.files import bytes_below, remove, table_addresses, table_name

if TYPE_CHECKING:
    from freshet.tasks.ledger.versions import Version
    from freshet.tasks.maintenance.freed import Maintained, Task
    from freshet.tasks.settings.maintenance import Maintenance
    from freshet.tasks.store.tables import Store


def kept_until(version: Version) -> datetime | None:
    """The moment from which a version is not to be kept: the shortest of the dataset's and its inputs' `retain`.

    None for a version of unknown settings, which is kept.
    """
    inputs = version.facts.settings.get("inputs") or []
    spans = [span for text in (version.facts.retain, *(one.get("retain") for one in inputs)) if (span := _span(text))]
    return shifted(version.published_at, min(spans)) if spans else None


def _span(text: Any) -> timedelta | None:
    from pydantic import TypeAdapter, ValidationError

    from freshet.tasks.settings.types import Duration

    try:
        return TypeAdapter(Duration).validate_python(text) if text else None
    except ValidationError:
        return None


def overdue(versions: list[Version], now: datetime) -> list[Version]:
    """Published versions whose retention has passed, the live one among them if so; oldest number first."""
    from freshet.tasks.ledger.versions import published_versions

    return [one for one in reversed(published_versions(versions)) if (until := kept_until(one)) and until < now]


def expire_versions(
    store: Store, dataset: str, settings: Maintenance, found: Maintained, now: datetime, task: Task
) -> None:
    """Removes the rows, exports and tags of versions whose retention has passed; what they were stays on record."""
    from freshet.tasks.ledger.versions import list_versions, live_among

    versions = list_versions(store, dataset)
    live = live_among(versions)
    late = overdue(versions, now)
    if live in late and not task.expire_live:
        assert live is not None
        found.notes.append(
            f"dataset {dataset}: the retention of its live version {live.version} has passed, and it is kept since "
            f"nothing replaces it. Build one that may be kept: freshet dataset build {dataset}; or remove it: "
            f"freshet maintain {dataset} --expire-live"
        )
        late.remove(live)
    for one in late:
        folder = f"{store.export_folder(dataset)}/{one.version}"
        found.add("dataset versions", f"datasets/{dataset}/exports/{one.version}", 1, bytes_below(folder))
        if not task.dry_run:
            _expire(store, one, folder, now)
    gone = {one.version for one in late}
    left = [one for one in versions if one.version not in gone]
    _clean(store, dataset, versions, left, settings, found, now, task.dry_run)


def _expire(store: Store, version: Version, folder: str, now: datetime) -> None:
    """The record comes first: what is half removed is not offered to anybody."""
    from freshet.tasks.ledger.versions import insert_version

    why = ["its retention has passed"]
    row = replace(version, outcome="expired", exports=[], reasons=why, run_id="maintenance", published_at=now)
    insert_version(store, row)
    remove(folder)
    for name in (schemas.EXAMPLES, schemas.REJECTED):
        table = store.dataset(version.dataset).find(name)
        if table is not None and f"v{version.version}" in table.tags.list():
            table.tags.delete(f"v{version.version}")


def _clean(
    store: Store, dataset: str, versions_before: list[Version], versions: list[Version], settings: Maintenance,
    found: Maintained, now: datetime, dry_run: bool,
) -> None:  # fmt: skip
    """Takes away the table versions that no version on record needs; a head that has expired is emptied first."""
    from freshet.tasks.ledger.versions import published_versions

    kept = published_versions(versions)
    # What the gate refused last can still be looked at, for as long as it may be kept.
    last = versions[0] if versions and versions[0].outcome == "rejected" else None
    if last is not None and ((until := kept_until(last)) is None or until > now):
        kept = [*kept, last]
    for address in table_addresses(f"{store.address}/datasets/{dataset}"):
        name = table_name(address)
        if name not in (schemas.EXAMPLES, schemas.REJECTED):
            continue
        column = "table_version" if name == schemas.EXAMPLES else "rejected_version"
        needed = {int(getattr(one, column)) for one in kept}
        owned = {int(getattr(one, column)) for one in versions_before} - needed
        if not dry_run and _head_is_any(address, owned):
            _empty_head(store, dataset, name)
        where = f"datasets/{dataset}/{name}"
        clean_table(address, where, needed, found, shifted(now, -settings.grace), dry_run=dry_run, alone=True)


def _head_is_any(address: str, versions: set[int]) -> bool:
    """Whether the head of a table is one of these versions, and holds rows."""
    import lance

    table = lance.dataset(address)
    return table.latest_version in versions and table.count_rows() > 0


def _empty_head(store: Store, dataset: str, name: str) -> None:
    import lance

    table = store.dataset(dataset).find(name)
    assert table is not None
    schema = schemas.examples() if name == schemas.EXAMPLES else schemas.rejected_rows()
    lance.write_dataset(schema.empty_table(), table.to_lance().uri, mode="overwrite")
