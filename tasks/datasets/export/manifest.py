"""The manifest of a version's folder, and the step that makes the folder visible at its address."""

from __future__ import annotations

import os
import shutil
from hashlib import file_digest
from pathlib import Path

from freshet.tasks.errors import StoreError
from freshet.tasks.store.bucket import file_system, reaching

MANIFEST = "MANIFEST.sha256"


def write_manifest(folder: Path) -> str:
    """Writes the SHA-256 sums of every file below the folder, in the form that `sha256sum -c` reads.

    When the function returns, all files have reached the disk, and not only the cache of the system.

    Returns:
        The SHA-256 of the manifest itself, in hexadecimal digits.
    """
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    lines = [f"{_sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files]
    manifest = folder / MANIFEST
    manifest.write_bytes("".join(sorted(lines, key=lambda line: line[66:])).encode("utf-8"))
    for file in (*files, manifest):
        _sync(file)
    for inner in (*(one for one in folder.rglob("*") if one.is_dir()), folder):
        _sync(inner)
    return _sha256(manifest)


def check_manifest(folder: Path) -> list[str]:
    """Returns what is wrong with the folder's files: which are altered, missing, or not in the manifest."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return [f"{MANIFEST} is missing"]
    stated = {line[66:]: line[:64] for line in manifest.read_text("utf-8").splitlines()}
    there = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()} - {MANIFEST}
    wrong = [f"{name} is missing" for name in sorted(stated.keys() - there)]
    wrong += [f"{name} is not in the manifest" for name in sorted(there - stated.keys())]
    kept = sorted(there & stated.keys())
    return wrong + [f"{name} was altered" for name in kept if _sha256(folder / name) != stated[name]]


def deliver(written: Path, address: str) -> None:
    """Moves a finished folder to its address: on a disk in one step, into a bucket file by file, the manifest last.

    What a killed build left at the address is replaced: the caller makes sure that no reader was offered it.
    """
    if "://" in address:
        with reaching(address):
            _upload(written, address)
        return
    final = Path(address)
    final.parent.mkdir(parents=True, exist_ok=True)
    if final.exists():
        left = final.with_name(f".left-{final.name}")
        shutil.rmtree(left, ignore_errors=True)
        final.rename(left)
        shutil.rmtree(left)
    written.rename(final)
    _sync(final.parent)


def _upload(written: Path, address: str) -> None:
    system, root = file_system(address)
    if system.exists(root):
        system.rm(root, recursive=True)
    files = sorted(file for file in written.rglob("*") if file.is_file() and file.name != MANIFEST)
    for file in (*files, written / MANIFEST):
        target = f"{root}/{file.relative_to(written).as_posix()}"
        system.makedirs(target.rpartition("/")[0], exist_ok=True)
        system.put_file(str(file), target)
        if system.size(target) != file.stat().st_size:
            raise StoreError(f"{target} did not arrive whole", "Build again; readers were not told of it.")
    shutil.rmtree(written)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
