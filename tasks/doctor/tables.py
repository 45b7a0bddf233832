"""One table on the disk: its manifests whole, its files there, its indices complete."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.doctor.findings import Finding
from freshet.tasks.doctor.intact import UNREADABLE, Intact, answers_wrongly, damaged_tags
from freshet.tasks.doctor.table_files import TableFiles, drop_manifests, remove_files, remove_manifest, version_of
from freshet.tasks.store import schemas
from freshet.tasks.store.seals import SEALS, read_seals
from freshet.tasks.store.trouble import mendable, panics_as_errors

if TYPE_CHECKING:
    import pyarrow as pa


def examine_table(
    table: TableFiles,
    intact: Intact,
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
    if torn := table.torn(intact):
        yield _torn_manifests(table, torn)
        return
    try:
        head = table.open()
    except UNREADABLE as error:
        yield _cannot_be_opened(table, error)
        return
    sizes = intact.of(table.address)
    if broken := broken_fragments(head, sizes):
        held = sum(int(one.metadata.physical_rows) for one in head.get_fragments())
        lost = f"{sum(broken.values()):,} of {held:,} rows were in them"
        repair = (lambda: _give_up_fragments(table)) if remade else None
        yield table.finding("DOCTOR-MISSING-FILES" if remade else "DOCTOR-ROWS-GONE", lost, repair)
    if read_seals(table.address) is None:
        yield table.finding("DOCTOR-SEALS", SEALS, partial(remove_files, table, [SEALS]))
    if tags := damaged_tags(table.address, head):
        yield table.finding("DOCTOR-TAG-FILES", ", ".join(tags), partial(remove_files, table, tags))
    for version in sorted(set(pinned) - {head.version}):
        if (old := _open_version(table, version)) is not None and not _is_whole_version(old, sizes):
            yield table.finding(
                "DOCTOR-VERSION-BROKEN", f"version {version}", partial(_give_up_version, table, version)
            )
    torn_now = torn_indices(head, sizes)
    if not broken:
        torn_now |= _wrong_indices(head, torn_now)
    for name, columns in torn_now.items():
        repair = None if rebuild is None else partial(rebuild, name)
        yield table.finding("DOCTOR-INDEX-FILES", f"index {name} over {columns}", repair)


def _torn_manifests(table: TableFiles, torn: list[Path]) -> Finding:
    numbers = ", ".join(str(version_of(one)) for one in torn)
    return table.finding("DOCTOR-TORN-MANIFEST", f"version {numbers}", lambda: drop_manifests(table, torn))


def _cannot_be_opened(table: TableFiles, error: Exception) -> Finding:
    """A table whose manifests look whole, but whose newest one Lance cannot read; or one that nobody may read."""
    if mendable(error) is not None:
        return table.finding("DOCTOR-STORE-ACCESS", f"it cannot be opened ({type(error).__name__})")
    manifests = table.manifests()
    if not manifests:
        return table.finding("DOCTOR-TORN-MANIFEST", "no version is left", lambda: drop_manifests(table, []))
    return _torn_manifests(table, [max(manifests, key=version_of)])


def broken_fragments(dataset: Any, sizes: Mapping[str, int]) -> dict[int, int]:
    """Fragments of which a file is gone or cut short, and how many rows each held."""
    broken = {}
    for fragment in dataset.get_fragments():
        meta = fragment.metadata
        fits = all(_fits(sizes, f"data/{one.path}", one.file_size_bytes) for one in meta.files)
        if meta.deletion_file is not None:
            fits = fits and sizes.get(meta.deletion_file.path(fragment.fragment_id), 0) > 0
            fits = fits and _are_deletions_readable(fragment)
        if not fits:
            deleted = meta.deletion_file.num_deleted_rows if meta.deletion_file is not None else 0
            broken[int(fragment.fragment_id)] = int(meta.physical_rows) - int(deleted or 0)
    return broken


def _are_deletions_readable(fragment: Any) -> bool:
    try:
        with panics_as_errors():
            return int(fragment.count_rows()) >= 0
    except UNREADABLE:
        return False


def _fits(sizes: Mapping[str, int], path: str, size: int | None) -> bool:
    held = sizes.get(path)
    return held is not None and (held == size if size else held > 0)


def _open_version(table: TableFiles, version: int) -> Any | None:
    try:
        return table.open(version)
    except UNREADABLE:
        return None


def is_readable(address: str, version: int, intact: Intact) -> bool:
    """Whether a version of a table is there with all its files."""
    table = TableFiles(address, "", "", None)
    found = _open_version(table, version)
    return found is not None and _is_whole_version(found, intact.of(address))


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


def _wrong_indices(head: Any, torn: Collection[str]) -> dict[str, str]:
    """Indices that fail or miss rows when they are asked, by name: what they are over."""
    wrong, rows = {}, int(head.count_rows())
    for index in head.describe_indices():
        columns = list(index.field_names)
        if index.name in torn or len(columns) != 1 or int(index.num_rows_indexed or 0) != rows:
            continue
        if answers_wrongly(head, columns[0], str(index.index_type)):
            wrong[str(index.name)] = columns[0]
    return wrong


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
    except UNREADABLE:
        return set()
    return gone


def examine_schema(table: TableFiles, expected: pa.Schema) -> Iterator[Finding]:
    """Columns that the code does not know were written by a newer version; columns that are not there, by an older.

    A table that has a column of an earlier version is read as it is, and converted when it is written to: that is none.
    """
    try:
        held = set(table.open().schema.names)
    except UNREADABLE:
        return
    if held & schemas.FORMER_COLUMNS:
        return
    more, fewer = sorted(held - set(expected.names)), sorted(set(expected.names) - held)
    if more:
        yield table.finding("DOCTOR-SCHEMA", f"a newer one wrote {', '.join(more)}")
    elif fewer:
        yield table.finding("DOCTOR-SCHEMA", f"an older one wrote it without {', '.join(fewer)}")


def _give_up_fragments(table: TableFiles) -> list[str]:
    import lance

    head = table.open()
    broken = broken_fragments(head, Intact().of(table.address))
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
    remove_manifest(table, version)
    return [f"{table.where}: version {version}"]
