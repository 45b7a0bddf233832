"""A dataset: every version on record has its rows, its tags and its exports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.doctor.intact import Intact
from freshet.tasks.doctor.table_files import TableFiles
from freshet.tasks.doctor.tables import examine_schema, examine_table, is_readable
from freshet.tasks.store import schemas
from freshet.tasks.store.files import is_folder, remove, table_addresses, table_name
from freshet.tasks.store.locks import dataset_files

if TYPE_CHECKING:
    from freshet.tasks.ledger.versions import Version
    from freshet.tasks.store.tables import Store


def examine_files(patient: Patient, dataset: str) -> Iterator[Finding]:
    """The dataset's tables as files."""
    store = patient.store
    for address in table_addresses(f"{store.address}/datasets/{dataset}"):
        name = table_name(address)
        table = TableFiles(address, f"datasets/{dataset}/{name}", dataset, dataset_files(dataset))
        # What a version lost is not given up: nothing makes just those rows again.
        yield from examine_table(table, patient.intact, remade=False)
        if expected := schemas.DATASET_TABLES.get(name):
            yield from examine_schema(table, expected())


def examine_dataset(patient: Patient, dataset: str) -> Iterator[Finding]:
    """Its versions: rows, tags, exports, retention."""
    from freshet.tasks.ledger.versions import list_versions, live_among, published_versions
    from freshet.tasks.maintenance.retention import kept_until

    store = patient.store
    published = published_versions(list_versions(store, dataset))
    for version in published:
        where = f"datasets/{dataset}, version {version.version}"
        is_whole = _has_rows(store, version, patient.intact)
        if not is_whole:
            yield finding("DOCTOR-VERSION-GONE", where, name=dataset)
        elif _lacks_tag(store, version):
            yield finding(
                "DOCTOR-TAG", where, name=dataset, lock=dataset_files(dataset),
                repair=partial(_tag, store, version),
            )  # fmt: skip
        yield from _examine_exports(store, version, where, is_whole)
    live = live_among(published)
    if live is not None and (until := kept_until(live)) is not None and until < datetime.now(UTC):
        where = f"datasets/{dataset}, version {live.version}"
        yield finding("DOCTOR-RETENTION", where, f"it was to be kept until {until:%Y-%m-%d}", name=dataset)


def _versions(version: Version) -> dict[str, int]:
    return {schemas.EXAMPLES: version.table_version, schemas.REJECTED: version.rejected_version}


def _has_rows(store: Store, version: Version, intact: Intact) -> bool:
    folder = f"{store.address}/datasets/{version.dataset}"
    return all(is_readable(f"{folder}/{name}.lance", number, intact) for name, number in _versions(version).items())


def _lacks_tag(store: Store, version: Version) -> bool:
    tables = store.dataset(version.dataset)
    for name, number in _versions(version).items():
        table = tables.find(name)
        tags = {} if table is None else table.tags.list()
        if tags.get(f"v{version.version}", {}).get("version") != number:
            return True
    return False


def _tag(store: Store, version: Version) -> list[str]:
    from freshet.tasks.datasets.versions.publish import tag_version

    tag_version(store, version)
    return []


def _examine_exports(store: Store, version: Version, where: str, is_whole: bool) -> Iterator[Finding]:
    if not version.exports:
        return
    folder = f"{store.export_folder(version.dataset)}/{version.version}"
    wrong = _what_is_wrong(store, version, folder)
    if not wrong:
        return
    code = "DOCTOR-EXPORT-ALTERED" if is_folder(folder) else "DOCTOR-EXPORT-MISSING"
    repair = (lambda: _restore(store, version, folder)) if is_whole else None
    detail = ", ".join(wrong[:3]) if is_folder(folder) else ""
    lock = dataset_files(version.dataset)
    yield finding(code, where, detail, name=version.dataset, lock=lock, repair=repair)


def _what_is_wrong(store: Store, version: Version, folder: str) -> list[str]:
    """Files that are not what the version's record says; in a bucket, those that are not there."""
    from hashlib import sha256

    from freshet.tasks.datasets.export.manifest import MANIFEST, check_manifest

    if not is_folder(folder):
        return ["the folder is missing"]
    if not store.is_local:
        return []
    manifest = Path(folder, MANIFEST)
    stated = {one["manifest"] for one in version.exports}
    if manifest.is_file() and sha256(manifest.read_bytes()).hexdigest() not in stated:
        return [f"{MANIFEST} is not that of the record"]
    return check_manifest(Path(folder))


def _restore(store: Store, version: Version, folder: str) -> list[str]:
    """Writes the exports again. What stood there is put back where they would not come out as they were."""
    from freshet.tasks.datasets.card.describe import write_description
    from freshet.tasks.datasets.versions.exports import restore_exports
    from freshet.tasks.ledger.versions import VersionFacts

    def describe(into: Path, facts: VersionFacts) -> None:
        write_description(into, facts, published=facts.settings.get("published"))

    damaged = Path(folder).with_name(f"{version.version}.damaged")
    there = store.is_local and Path(folder).is_dir()
    if there:
        remove(str(damaged))
        Path(folder).rename(damaged)
    try:
        restore_exports(store, version, describe)
    except BaseException:
        if there:
            damaged.rename(folder)
        raise
    if there:
        remove(str(damaged))
    return []
