"""A table's folder and its manifests: which are torn, and how one goes back behind them."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.doctor.findings import Finding, finding
from freshet.tasks.doctor.intact import UNREADABLE, Intact, damaged_tags
from freshet.tasks.store.files import remove, sizes_below, table_addresses, table_name
from freshet.tasks.store.trouble import panics_as_errors

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

MAGIC = b"LANC"
"""What a whole manifest ends with."""

FOOTER = 16
_MANIFEST = re.compile(r"_versions/\d+\.manifest")
_LAST = 2**64 - 1


class TableFiles:
    """A table's folder.

    Args:
        address: of the folder.
        where: what it is called in findings.
        lock: name of the writer's lock that guards it; None for tables that all append to.
    """

    def __init__(self, address: str, where: str, name: str, lock: str | None) -> None:
        """Names a table by its address; nothing is opened yet."""
        self.address, self.where, self.name, self.lock = address, where, name, lock

    def finding(self, code: str, detail: str, repair: Any = None) -> Finding:
        """Returns a finding about this table."""
        return finding(code, self.where, detail, name=self.name, lock=self.lock, repair=repair)

    def torn(self, intact: Intact) -> list[Path]:
        """Manifests that are empty, cut short or altered. In a bucket an object is not cut short."""
        whole = intact.of(self.address)
        is_local = "://" not in self.address
        return [
            path for path in self.manifests()
            if str(path) not in whole or (is_local and not _is_whole(Path(self.address, path)))
        ]  # fmt: skip

    def manifests(self) -> list[Path]:
        """All manifests, by their paths within the folder."""
        return [Path(path) for path in sorted(sizes_below(self.address)) if _MANIFEST.fullmatch(path)]

    def open(self, version: int | None = None) -> Any:
        """Opens the table with Lance, at a version or at its head."""
        import lance

        with panics_as_errors():
            return lance.dataset(self.address, version=version)


def corpus_tables(store: Store, corpus: str) -> list[TableFiles]:
    """Returns the tables of a corpus as files."""
    return [
        TableFiles(address, f"corpora/{corpus}/{table_name(address)}", corpus, corpus)
        for address in table_addresses(f"{store.address}/corpora/{corpus}")
    ]


def _is_whole(manifest: Path) -> bool:
    with manifest.open("rb") as opened:
        size = opened.seek(0, 2)
        if size < FOOTER:
            return False
        opened.seek(size - len(MAGIC))
        return opened.read() == MAGIC


def version_of(manifest: Path) -> int:
    """The version that a manifest is of; its name counts down from the highest number, or is the version."""
    number = int(manifest.stem)
    return _LAST - number if number > _LAST // 2 else number


def drop_manifests(table: TableFiles, torn: list[Path]) -> list[str]:
    """Goes back to the newest version that is whole, under a number that no torn version had."""
    gone = {version_of(one): one for one in torn}
    remove_files(table, [str(one) for one in torn])
    try:
        tags = table.open().tags
    except UNREADABLE:
        # Not one version is whole: there is no table.
        remove(table.address)
        return [f"{table.where}: the whole table"]
    remove_files(table, damaged_tags(table.address, table.open()))
    for name, tag in tags.list().items():
        if int(tag["version"]) in gone:
            tags.delete(name)
    pass_by(table, max(gone))
    return [f"{table.where}: version {version}, and what was written with it" for version in sorted(gone)]


def remove_files(table: TableFiles, paths: Collection[str]) -> list[str]:
    """Removes files of a table that are of no use to anybody; nothing is lost by that."""
    for path in paths:
        remove(f"{table.address}/{path}")
    return []


def pass_by(table: TableFiles, version: int) -> None:
    """Makes the head's number higher than a version that is gone.

    Lance numbers on from the newest manifest that there is. Without this the next commit would get the number of the
    version that was lost, and whatever names that one would mean another state.
    """
    made = []
    while (head := table.open()).version <= version:
        head.restore()
        made.append(table.open().version)
    for number in made[:-1]:
        remove_manifest(table, number)


def remove_manifest(table: TableFiles, version: int) -> None:
    """Removes the manifest of a version, which then counts as cleaned up."""
    for name in (f"{_LAST - version}.manifest", f"{version}.manifest"):
        remove(f"{table.address}/_versions/{name}")
