"""A build's rows → an immutable version that readers are offered, or a decision that there is none.

The order of writing, under the lock of the dataset's one writer: the two tables, their tags, the exports (written
beside their place and moved at once), and last the row in the ledger, with which the version exists. A kill before that
row leaves what no reader is told of; the next build of the same rows finds or replaces it and ends with the same
version and bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.assembly.digest import settings_of, version_digest
from freshet.tasks.datasets.export import check_kinds, write_exports
from freshet.tasks.datasets.export.kinds import Rows
from freshet.tasks.datasets.export.manifest import MANIFEST, place, write_manifest
from freshet.tasks.datasets.versions.diff import change_since, scan
from freshet.tasks.datasets.versions.past import past_number, version_before
from freshet.tasks.errors import ConcurrentWriter, StoreError
from freshet.tasks.ledger.versions import (
    Version,
    VersionFacts,
    insert_version,
    last_number,
    list_versions,
    live_version,
    next_number,
    published_versions,
)
from freshet.tasks.store import schemas
from freshet.tasks.store.bucket import file_system, reaching
from freshet.tasks.store.files import remove
from freshet.tasks.store.locks import dataset_files

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.datasets.assembly.assemble import Settled
    from freshet.tasks.settings.datasets import Dataset, ExportKind
    from freshet.tasks.store.tables import Store

Extras = Callable[[Path, VersionFacts], None]
"""Writes into a version's folder what describes it: card, metadata, plots. As pure as the rows: no clock."""

_DIGEST = b"freshet:digest"
_WAITING_BYTES = 8 << 20
"""Of rows that wait to become pages of their table. Lance's own choice is 8 MiB for each column of each list."""


class _Taken(Exception):
    """Another machine put the version on record first."""


@dataclass(frozen=True)
class Candidate:
    """A build that the gate has still to decide on.

    Attributes:
        previous: the live version, None before the first; of a version that looks back from before the live one, the
            newest version of no later moment.
        unchanged: whether the build is the live version over again, or, looking back, any version.
    """

    facts: VersionFacts
    previous: Version | None
    unchanged: bool


def propose(
    store: Store,
    settled: Settled,
    name: str,
    declared: Dataset,
    *,
    as_of: datetime,
    measured: Mapping[str, Any] | None = None,
    looks_back: bool = False,
) -> Candidate:
    """What the version would be: its digest, its number, and how it differs from the live one.

    Args:
        measured: what the checks counted, for the card (`VersionFacts.measured`).
        looks_back: the rows are those of `as_of`; where the live version speaks for a later moment, the new one will
            not be live.
    """
    check_kinds(declared.export, declared.format)
    previous = live_version(store, name)
    digest = version_digest(settled.rows_digest, settled.record_digest, name, declared)
    is_past = looks_back and previous is not None and as_of < previous.as_of
    if is_past:
        published = published_versions(list_versions(store, name))
        same = next((one for one in published if one.digest == digest), None)
        previous = same or version_before(published, as_of)
    if previous is not None and previous.digest == digest:
        return Candidate(previous.facts, previous, unchanged=True)
    change = change_since(store, previous, settled)
    # Where every version has expired, the next one still gets a number of its own.
    number = last_number(list_versions(store, name))
    version = past_number(list_versions(store, name), as_of) if is_past else next_number(number, change)
    settings = settings_of(declared)
    facts = VersionFacts(
        dataset=name,
        version=version,
        digest=digest,
        rows_digest=settled.rows_digest,
        format=declared.format,
        settings=settings,
        as_of=as_of,
        rows=settled.rows,
        splits=settled.splits,
        sources=settled.sources,
        documents=settled.documents,
        retain=settings["retain"],
        previous=None if previous is None else previous.version,
        change=change,
        licences=settled.licences,
        classes=settled.classes,
        without_group=settled.without_group,
        measured=measured or {},
    )
    return Candidate(facts, previous, unchanged=False)


def publish(
    store: Store, settled: Settled, candidate: Candidate, extras: Extras, *, run_id: str, now: datetime
) -> Version:
    """Publishes the candidate; readers are offered it with the last step, at once.

    An unchanged candidate writes nothing, unless exports of its version were lost: they are written again, and must
    come out as they were.

    Raises:
        StoreError: the version exists already, or its exports did not come out as they were.
        SettingsError: a kind of export cannot say what the rows say; nothing was published.
    """
    facts = candidate.facts
    if candidate.unchanged and candidate.previous is not None:
        restore_exports(store, candidate.previous, extras)
        return candidate.previous
    if any(v.version == facts.version for v in list_versions(store, facts.dataset) if v.outcome == "published"):
        raise _has_version(facts)
    folder = _partial(store, facts)
    exports = _write(folder, facts, settled.kept, settled.rejected, extras)
    versions = _commit_both(store, settled, facts)
    for name, version in versions.items():
        _tag(store.dataset(facts.dataset).find(name), f"v{facts.version}", version)
    address = f"{store.export_folder(facts.dataset)}/{facts.version}"
    place(folder, address)
    try:
        return _append(store, facts, "published", versions, exports=exports, reasons=[], run_id=run_id, now=now)
    except _Taken:
        first = next(v for v in published_versions(list_versions(store, facts.dataset)) if v.version == facts.version)
        tag_version(store, first)
        if first.digest != facts.digest:
            remove(address)
            restore_exports(store, first, extras)
        raise _has_version(facts) from None


def _has_version(facts: VersionFacts) -> StoreError:
    return StoreError(
        f"dataset {facts.dataset} has a version {facts.version} already, and versions are never altered",
        "Another build published meanwhile: build again.",
    )


def record_rejected(
    store: Store, settled: Settled, candidate: Candidate, reasons: Sequence[str], *, run_id: str, now: datetime
) -> Version:
    """Records that the gate refused the candidate, and why. Its rows are at the head of the tables, where nobody reads.

    The same refusal twice running is one on record.
    """
    newest = next(iter(list_versions(store, candidate.facts.dataset)), None)
    refused = ("rejected", candidate.facts.digest, list(reasons))
    if newest is not None and (newest.outcome, newest.digest, newest.reasons) == refused:
        return newest
    versions = _commit_both(store, settled, candidate.facts)
    return _append(
        store, candidate.facts, "rejected", versions, exports=[], reasons=list(reasons), run_id=run_id, now=now
    )


def restore_exports(store: Store, version: Version, extras: Extras) -> None:
    """Writes the exports of a published version again where its folder is gone.

    Raises:
        StoreError: they do not come out as they were.
    """
    if has_exports(store, version):
        return
    folder = _partial(store, version.facts)
    exports = export_version(store, version, extras, folder)
    if exports != version.exports:
        shutil.rmtree(folder)
        raise StoreError(
            f"the exports of {version.dataset} {version.version} are gone, and would not come out as they were",
            "Restore them from a backup, or install the versions of libraries with which they were written.",
        )
    place(folder, f"{store.export_folder(version.dataset)}/{version.version}")


def export_version(
    store: Store, version: Version, extras: Extras, folder: Path, kinds: Sequence[ExportKind] | None = None
) -> list[dict[str, str]]:
    """Writes a published version into a folder that does not exist yet, from its tables.

    Args:
        kinds: by default, those that it was published as.

    Returns:
        By kind: `kind`, `path` within the store, and `manifest`, the SHA-256 of the folder's manifest.
    """
    tables = store.dataset(version.dataset)
    kept = tables.at(schemas.EXAMPLES, version.table_version)
    rejected = tables.at(schemas.REJECTED, version.rejected_version)
    return _write(folder, version.facts, lambda: scan(kept), lambda: scan(rejected), extras, kinds)


def _write(
    folder: Path,
    facts: VersionFacts,
    rows: Rows,
    rejected: Rows,
    extras: Extras,
    kinds: Sequence[ExportKind] | None = None,
) -> list[dict[str, str]]:
    chosen = facts.settings["export"] if kinds is None else kinds
    write_exports(chosen, facts.settings["format"], rows, rejected, folder)
    extras(folder, facts)
    manifest = write_manifest(folder)
    inside = f"datasets/{facts.dataset}/exports/{facts.version}"
    return [{"kind": kind, "path": f"{inside}/{kind}", "manifest": manifest} for kind in dict.fromkeys(chosen)]


def _partial(store: Store, facts: VersionFacts) -> Path:
    """An empty place for a version's folder, on the disk that it will be moved on; what killed builds left is gone."""
    exports = store.export_folder(facts.dataset)
    beside = Path(exports) if store.is_local else store.work_folder(dataset_files(facts.dataset))
    for left in (*beside.glob(".partial-*"), *beside.glob(".left-*")):
        shutil.rmtree(left)
    beside.mkdir(parents=True, exist_ok=True)
    return beside / f".partial-{facts.version}"


def has_exports(store: Store, version: Version) -> bool:
    """Whether the folder of a version is there, to its end."""
    address = f"{store.export_folder(version.dataset)}/{version.version}/{MANIFEST}"
    with reaching(address):
        system, path = file_system(address)
        return bool(system.exists(path))


def _commit_both(store: Store, settled: Settled, facts: VersionFacts) -> dict[str, int]:
    """The versions of the two tables that hold the build's rows, by table."""
    return {
        name: _commit(store, facts, name, schema, tables, expected)
        for name, schema, tables, expected in (
            (schemas.EXAMPLES, schemas.examples(), settled.kept(), settled.rows["kept"]),
            (schemas.REJECTED, schemas.rejected_rows(), settled.rejected(), settled.rows["rejected"]),
        )
    }


def _commit(
    store: Store, facts: VersionFacts, name: str, schema: pa.Schema, tables: Iterable[pa.Table], expected: int
) -> int:
    """Replaces the table's rows in one commit, which keeps its older versions; none where its head holds these rows."""
    import lance
    import pyarrow as pa

    table = store.dataset(facts.dataset).open(name, schema)
    if (table.schema.metadata or {}).get(_DIGEST) == facts.digest.encode():
        return int(table.version)
    marked = schema.with_metadata({_DIGEST: facts.digest.encode()})
    batches = (batch for one in tables for batch in one.cast(marked).to_batches())
    before = table.version
    rows = pa.RecordBatchReader.from_batches(marked, batches)
    lance.write_dataset(rows, table.to_lance().uri, mode="overwrite", data_cache_bytes=_WAITING_BYTES)
    table.checkout_latest()
    written = table.count_rows()
    if table.version != before + 1 or written != expected:
        raise ConcurrentWriter(
            f"table {name} of {facts.dataset}: {written} of {expected} rows, version {before} → {table.version}",
            "Another process writes to this dataset without holding its lock. Stop it, then build again.",
        )
    return int(table.version)


def tag_version(store: Store, version: Version) -> None:
    """Tags the rows of a published version, so that cleaning up keeps them."""
    tables = store.dataset(version.dataset)
    _tag(tables.find(schemas.EXAMPLES), f"v{version.version}", version.table_version)
    _tag(tables.find(schemas.REJECTED), f"v{version.version}", version.rejected_version)


def _tag(table: Table | None, name: str, version: int) -> None:
    """Tags the version, so that cleaning up keeps it. A tag that a killed build left is moved."""
    assert table is not None
    if name in table.tags.list():
        table.tags.update(name, version)
    else:
        table.tags.create(name, version)


def _append(
    store: Store,
    facts: VersionFacts,
    outcome: Any,
    versions: Mapping[str, int],
    *,
    exports: list[dict[str, str]],
    reasons: list[str],
    run_id: str,
    now: datetime,
) -> Version:
    version = Version(
        dataset=facts.dataset,
        version=facts.version,
        outcome=outcome,
        digest=facts.digest,
        rows_digest=facts.rows_digest,
        table_version=versions[schemas.EXAMPLES],
        rejected_version=versions[schemas.REJECTED],
        facts=facts,
        reasons=reasons,
        exports=exports,
        run_id=run_id,
        as_of=facts.as_of,
        published_at=now,
    )
    if not insert_version(store, version):
        raise _Taken
    return version
