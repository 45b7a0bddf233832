"""Copies the exported files of a version out of the store, and checks every file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.export.manifest import check_manifest
from freshet.tasks.datasets.versions.exports import export_address
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.ledger.versions import chosen_version
from freshet.tasks.store.bucket import file_system

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def copy_export(store: Store, dataset: str, number: str | None, folder: Path) -> dict[str, Any]:
    """Copies the exported files of a version to a folder that does not exist yet, or is empty.

    Args:
        number: the number of the version; None for the live version.

    Returns:
        `dataset`, `version`, `digest`, `folder`, and `files`, the number of files.

    Raises:
        SettingsError: the folder is not empty.
        StoreError: there is no such version, its files are gone, or a file is not what the manifest says.
    """
    version = chosen_version(store, dataset, number)
    target = folder.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise SettingsError(f"{folder} holds something already", "Name a folder that does not exist yet, or is empty.")
    source = export_address(store, dataset, version.version)
    system, path = file_system(source)
    if not system.exists(path):
        raise StoreError(
            f"the exported files of {dataset} {version.version} are gone from the store",
            f"Build again, which writes those of the live version: freshet dataset build {dataset}",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rmdir()
    beside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    system.get(path, str(beside), recursive=True)
    if wrong := check_manifest(beside):
        shutil.rmtree(beside)
        raise StoreError(
            f"the exported files of {dataset} {version.version} are damaged: {', '.join(wrong[:3])}",
            f"Delete {source} and build again: freshet dataset build {dataset}",
        )
    beside.rename(target)
    files = sum(1 for file in target.rglob("*") if file.is_file())
    named = {"dataset": dataset, "version": version.version, "digest": version.digest}
    return {**named, "folder": str(target), "files": files}
