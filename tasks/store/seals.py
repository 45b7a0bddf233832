"""Seals: the SHA-256 of the files of a table, by which it is known later whether they are still what was written.

Lance keeps no checksums: a flipped bit may be read as another text or another hit, without an error. It never writes a
file of a table twice either, so that a file that differs from its seal was damaged. The seals of a table lie in its
folder, so that they go where it goes. They are taken when something is published, of what that is made of.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from freshet.tasks.store.files import HELD, digest_of, read_file, sizes_below, table_addresses, write_file
from freshet.tasks.store.trouble import panics_as_errors

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

SEALS = "_seals.json"
"""The file in a table's folder that holds its seals."""


def seal_tables(store: Store, folder: str) -> None:
    """Seals the tables in a folder of the store: what their newest versions are made of, where it has no seal yet."""
    for address in table_addresses(f"{store.address}/{folder}"):
        with store.writing():
            seal_table(address)


def seal_table(address: str) -> None:
    """Seals the files of a table's newest version that have no seal yet, and forgets those of files that are gone.

    Only what a commit names is sealed: a file beside it may be half written. A seal is never replaced, so that damage
    is not sealed over. A table that cannot be read, or whose seals cannot, is left as it is, for the doctor.
    """
    import lance

    try:
        with panics_as_errors():
            head = lance.dataset(address)
            batches = list(head.tracked_files(min_version=head.version))
    except (ValueError, OSError, RuntimeError):
        return
    made = {path for batch in batches for path in batch["path"].to_pylist() if path.startswith(HELD)}
    if (held := read_seals(address)) is None:
        return
    sizes = sizes_below(address)
    kept = {path: seal for path, seal in held.items() if path in sizes}
    for path in sorted(made & sizes.keys() - kept.keys()):
        if (digest := digest_of(f"{address}/{path}")) is not None:
            kept[path] = digest
    if kept != held:
        said = json.dumps(kept, sort_keys=True)
        write_file(f"{address}/{SEALS}", f"{_checksum(said)}\n{said}".encode())


def read_seals(address: str) -> dict[str, str] | None:
    """The seals of a table, by the path of the file: empty where there are none yet, None where they are damaged."""
    content = read_file(f"{address}/{SEALS}")
    if content is None:
        return {}
    known, _, said = content.decode(errors="replace").partition("\n")
    return dict(json.loads(said)) if _checksum(said) == known else None


def altered_files(address: str, seals: Mapping[str, str], paths: Collection[str]) -> set[str]:
    """Those files of a table, of the ones at `paths`, that are not what was sealed. Each is read once, in blocks."""
    return {path for path in paths if path in seals and digest_of(f"{address}/{path}") != seals[path]}


def _checksum(said: str) -> str:
    return sha256(said.encode()).hexdigest()
