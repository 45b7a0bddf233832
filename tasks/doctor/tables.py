"""One table on the disk: its manifests whole, its files there, its indices complete."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.doctor.findings import Finding, finding
from freshet.tasks.store import schemas
from freshet.tasks.store.files import remove, sizes_below, table_addresses, table_name

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.store.tables import Store

MAGIC = b"LANC"
"""What a whole manifest ends with."""

FOOTER = 16
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

    def torn(self) -> list[Path]:
        """Manifests that are empty or cut short. In a bucket an object is whole or not there."""
        if "://" in self.address:
            return []
        return [one for one in sorted(Path(self.address, "_versions").glob("*.manifest")) if not _is_whole(one)]

    def open(self, version: int | None = None) -> Any:
        """Opens the table with Lance, at a version or at its head."""
        import lance

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


def examine_table(
    table: TableFiles,
    pinned: Collection[int] = (),
    *,
    remade: bool = True,
    rebuild: Callable[[str], list[str]] | None = None,
) -> Iterator[Finding]:
    """What is wrong with a table's files, at its head and at the versions that must be kept.

    A table that cannot be opened is not looked into further.

    Args:
        remade: what is lost of the table can be made again, so that it may be given up.
        rebuild: makes an index of the head anew, by name.
    """
    if torn := table.torn():
        numbers = ", ".join(str(version_of(one)) for one in torn)
        yield table.finding("DOCTOR-TORN-MANIFEST", f"version {numbers}", lambda: _drop_manifests(table, torn))
        return
    try:
        head = table.open()
    except (ValueError, OSError, RuntimeError) as error:
        yield table.finding("DOCTOR-STORE-ACCESS", f"it cannot be opened ({type(error).__name__})")
        return
    sizes = sizes_below(table.address)
    if broken := broken_fragments(head, sizes):
        rows = sum(broken.values())
        yield table.finding(
            "DOCTOR-MISSING-FILES", f"{rows:,} of {head.count_rows():,} rows were in them",
            (lambda: _give_up_fragments(table)) if remade else None,
        )  # fmt: skip
    for version in sorted(set(pinned) - {head.version}):
        if (old := _open_version(table, version)) is not None and not _is_whole_version(old, sizes):
            yield table.finding(
                "DOCTOR-VERSION-BROKEN", f"version {version}", partial(_give_up_version, table, version)
            )
    for name, columns in torn_indices(head, sizes).items():
        repair = None if rebuild is None else partial(rebuild, name)
        yield table.finding("DOCTOR-INDEX-FILES", f"index {name} over {columns}", repair)


def broken_fragments(dataset: Any, sizes: Mapping[str, int]) -> dict[int, int]:
    """Fragments of which a file is gone or cut short, and how many rows each held."""
    broken = {}
    for fragment in dataset.get_fragments():
        meta = fragment.metadata
        fits = all(_fits(sizes, f"data/{one.path}", one.file_size_bytes) for one in meta.files)
        if meta.deletion_file is not None:
            fits = fits and sizes.get(meta.deletion_file.path(fragment.fragment_id), 0) > 0
        if not fits:
            broken[int(fragment.fragment_id)] = int(meta.physical_rows) - int(fragment.num_deletions)
    return broken


def _fits(sizes: Mapping[str, int], path: str, size: int | None) -> bool:
    held = sizes.get(path)
    return held is not None and (held == size if size else held > 0)


def _open_version(table: TableFiles, version: int) -> Any | None:
    try:
        return table.open(version)
    except (ValueError, OSError, RuntimeError):
        return None


def is_readable(address: str, version: int) -> bool:
    """Whether a version of a table is there with all its files."""
    table = TableFiles(address, "", "", None)
    found = _open_version(table, version)
    return found is not None and _is_whole_version(found, sizes_below(address))


def _is_whole_version(dataset: Any, sizes: Mapping[str, int]) -> bool:
    """Whether all files of a version are there, those of its indices too: searches use them."""
    return not broken_fragments(dataset, sizes) and not torn_indices(dataset, sizes)


def torn_indices(dataset: Any, sizes: Mapping[str, int]) -> dict[str, str]:
    """Indices of which a file is gone or empty, by name: what they are over."""
    gone, torn = _index_files_gone(dataset, sizes), {}
    for index in sorted(dataset.describe_indices(), key=lambda one: str(one.name)):
        parts = {str(one.uuid) for one in index.segments}
        if parts & gone or any(not _is_there(sizes, f"_indices/{part}/") for part in parts):
            torn[str(index.name)] = ", ".join(index.field_names)
    return torn


def _is_there(sizes: Mapping[str, int], folder: str) -> bool:
    """Whether a folder has files, none of them empty."""
    held = [size for path, size in sizes.items() if path.startswith(folder)]
    return bool(held) and all(held)


def _index_files_gone(head: Any, sizes: Mapping[str, int]) -> set[str]:
    """Indices of the head that lack a file. Where data are gone as well, nobody can tell."""
    gone = set()
    try:
        for batch in head.tracked_files(min_version=head.version):
            for version, path in zip(batch["version"].to_pylist(), batch["path"].to_pylist(), strict=True):
                if version == head.version and path.startswith("_indices/") and path not in sizes:
                    gone.add(path.split("/")[1])
    except (OSError, ValueError, RuntimeError):
        return set()
    return gone


def examine_schema(table: TableFiles, expected: pa.Schema) -> Iterator[Finding]:
    """Columns that the code does not know were written by a newer version; columns that are not there, by an older.

    A table that has a column of an earlier version is read as it is, and converted when it is written to: that is none.
    """
    try:
        held = set(table.open().schema.names)
    except (ValueError, OSError, RuntimeError):
        return
    if held & schemas.FORMER_COLUMNS:
        return
    more, fewer = sorted(held - set(expected.names)), sorted(set(expected.names) - held)
    if more:
        yield table.finding("DOCTOR-SCHEMA", f"a newer one wrote {', '.join(more)}")
    elif fewer:
        yield table.finding("DOCTOR-SCHEMA", f"an older one wrote it without {', '.join(fewer)}")


def _drop_manifests(table: TableFiles, torn: list[Path]) -> list[str]:
    """Goes back to the newest version that is whole, under a number that no torn version had."""
    gone = {version_of(one): one for one in torn}
    for manifest in gone.values():
        manifest.unlink()
    try:
        tags = table.open().tags
    except (ValueError, OSError, RuntimeError):
        # Not one version is whole: there is no table.
        remove(table.address)
        return [f"{table.where}: the whole table"]
    for name, tag in tags.list().items():
        if int(tag["version"]) in gone:
            tags.delete(name)
    pass_by(table, max(gone))
    return [f"{table.where}: version {version}, and what was written with it" for version in sorted(gone)]


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
        _remove_manifest(table, number)


def _remove_manifest(table: TableFiles, version: int) -> None:
    for name in (f"{_LAST - version}.manifest", f"{version}.manifest"):
        remove(f"{table.address}/_versions/{name}")


def _give_up_fragments(table: TableFiles) -> list[str]:
    import lance

    head = table.open()
    broken = broken_fragments(head, sizes_below(table.address))
    if not broken:
        return []
    lance.LanceDataset.commit(
        table.address, lance.LanceOperation.Delete([], sorted(broken), "true"), read_version=head.version
    )
    return [f"{table.where}: {sum(broken.values()):,} rows", *_give_up_version(table, head.version)]


def _give_up_version(table: TableFiles, version: int) -> list[str]:
    """Nobody is to be sent to a version that cannot be read: it goes as if it had been cleaned up."""
    head = table.open()
    if version == head.version:
        return []
    for name, tag in head.tags.list().items():
        if int(tag["version"]) == version:
            head.tags.delete(name)
    _remove_manifest(table, version)
    return [f"{table.where}: version {version}"]
