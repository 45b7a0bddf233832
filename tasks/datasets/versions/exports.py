"""The folder of exported files of a version: how it is written, and written again where it was lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.export import write_exports
from freshet.tasks.datasets.export.manifest import MANIFEST, deliver, write_manifest
from freshet.tasks.datasets.versions.diff import scan
from freshet.tasks.errors import StoreError
from freshet.tasks.ledger.versions import Version, VersionFacts
from freshet.tasks.store import schemas
from freshet.tasks.store.bucket import file_system, reaching
from freshet.tasks.store.locks import dataset_files

if TYPE_CHECKING:
    from freshet.tasks.datasets.export.kinds import Batches
    from freshet.tasks.settings.datasets import ExportKind
    from freshet.tasks.store.tables import Store

Extras = Callable[[Path, VersionFacts], None]
"""Writes into a version's folder what describes the version: card, metadata, plots. Like the rows, it has no clock."""


def export_address(store: Store, dataset: str, version: str) -> str:
    """Returns the address of the folder that holds the exported files of a version."""
    return f"{store.export_folder(dataset)}/{version}"


def has_exports(store: Store, version: Version) -> bool:
    """Returns whether the folder of a version is there with its manifest, which is written last."""
    address = f"{export_address(store, version.dataset, version.version)}/{MANIFEST}"
    with reaching(address):
        system, path = file_system(address)
        return bool(system.exists(path))


def write_folder(
    folder: Path,
    facts: VersionFacts,
    kept: Batches,
    rejected: Batches,
    extras: Extras,
    kinds: Sequence[ExportKind] | None = None,
) -> list[dict[str, str]]:
    """Writes the exported files of a version, what describes them, and the manifest into a folder.

    Args:
        folder: a folder that does not exist yet.
        kept: rows of `schemas.examples()`.
        rejected: rows of `schemas.rejected_rows()`.
        kinds: the kinds of export; by default those that the version's settings name.

    Returns:
        For each kind: `kind`, `path` within the store, and `manifest`, the SHA-256 of the folder's manifest.
    """
    chosen = facts.settings["export"] if kinds is None else kinds
    write_exports(chosen, facts.settings["format"], kept, rejected, folder)
    extras(folder, facts)
    manifest = write_manifest(folder)
    inside = f"datasets/{facts.dataset}/exports/{facts.version}"
    return [{"kind": kind, "path": f"{inside}/{kind}", "manifest": manifest} for kind in dict.fromkeys(chosen)]


def export_version(
    store: Store, version: Version, extras: Extras, folder: Path, kinds: Sequence[ExportKind] | None = None
) -> list[dict[str, str]]:
    """Writes a published version from its tables into a folder that does not exist yet.

    Args:
        kinds: the kinds of export; by default those that the version was published as.

    Returns:
        For each kind: `kind`, `path` within the store, and `manifest`, the SHA-256 of the folder's manifest.
    """
    tables = store.dataset(version.dataset)
    kept = tables.at(schemas.EXAMPLES, version.table_version)
    rejected = tables.at(schemas.REJECTED, version.rejected_version)
    return write_folder(folder, version.facts, lambda: scan(kept), lambda: scan(rejected), extras, kinds)


def restore_exports(store: Store, version: Version, extras: Extras) -> None:
    """Writes the exports of a published version again where its folder is gone.

    Raises:
        StoreError: the exports do not come out as they were.
    """
    if has_exports(store, version):
        return
    folder = partial_folder(store, version.facts)
    exports = export_version(store, version, extras, folder)
    if exports != version.exports:
        shutil.rmtree(folder)
        raise StoreError(
            f"the exports of {version.dataset} {version.version} are gone, and would not come out as they were",
            "Restore them from a backup, or install the versions of libraries with which they were written.",
        )
    deliver(folder, export_address(store, version.dataset, version.version))


def partial_folder(store: Store, facts: VersionFacts) -> Path:
    """Returns a path where a version's folder can be written before it is moved to its address.

    The path lies on the same disk as the address, where the store is on a disk. What killed builds left is deleted.
    """
    exports = store.export_folder(facts.dataset)
    beside = Path(exports) if store.is_local else store.work_folder(dataset_files(facts.dataset))
    for left in (*beside.glob(".partial-*"), *beside.glob(".left-*")):
        shutil.rmtree(left)
    beside.mkdir(parents=True, exist_ok=True)
    return beside / f".partial-{facts.version}"
