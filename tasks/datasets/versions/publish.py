"""Makes a build's rows an immutable version that readers are offered, or records that the gate refused them.

The order of writing, under the lock of the dataset's one writer: the two tables, their tags, the exports (written
beside their place and moved at once), and last the row in the ledger, with which the version exists. A kill before that
row leaves what no reader is offered; the next build of the same rows finds or replaces it and ends with the same
version and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.export.manifest import deliver
from freshet.tasks.datasets.versions.exports import (
    Extras,
    export_address,
    partial_folder,
    restore_exports,
    write_folder,
)
from freshet.tasks.errors import ConcurrentWriter, StoreError
from freshet.tasks.ledger.versions import Version, VersionFacts, insert_version, list_versions, published_versions
from freshet.tasks.store import schemas
from freshet.tasks.store.files import remove
from freshet.tasks.store.seals import seal_tables

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.datasets.assembly.assembled import Assembled
    from freshet.tasks.datasets.versions.candidate import Candidate
    from freshet.tasks.store.tables import Store

_DIGEST = b"freshet:digest"
"""The key of a table's schema metadata under which the digest of the version stands whose rows the table holds."""

_WAITING_BYTES = 8 << 20
"""Bytes of rows that wait to become pages of their table. Lance's own choice is 8 MiB for each column of each list."""


class _Taken(Exception):
    """Another machine put the version on record first."""


def publish(
    store: Store, assembled: Assembled, candidate: Candidate, extras: Extras, *, run_id: str, now: datetime
) -> Version:
    """Publishes the candidate; the last step, which takes no time, offers it to readers.

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
    folder = partial_folder(store, facts)
    exports = write_folder(folder, facts, assembled.kept, assembled.rejected, extras)
    versions = _commit_both(store, assembled, facts)
    for name, version in versions.items():
        _tag(store.dataset(facts.dataset).find(name), f"v{facts.version}", version)
    seal_tables(store, f"datasets/{facts.dataset}")
    address = export_address(store, facts.dataset, facts.version)
    deliver(folder, address)
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
    store: Store, assembled: Assembled, candidate: Candidate, reasons: Sequence[str], *, run_id: str, now: datetime
) -> Version:
    """Records that the gate refused the candidate, and why; the same refusal twice running is recorded once.

    The rows of the candidate are then at the head of the tables, which no reader reads.
    """
    newest = next(iter(list_versions(store, candidate.facts.dataset)), None)
    refused = ("rejected", candidate.facts.digest, list(reasons))
    if newest is not None and (newest.outcome, newest.digest, newest.reasons) == refused:
        return newest
    versions = _commit_both(store, assembled, candidate.facts)
    return _append(
        store, candidate.facts, "rejected", versions, exports=[], reasons=list(reasons), run_id=run_id, now=now
    )


def _commit_both(store: Store, assembled: Assembled, facts: VersionFacts) -> dict[str, int]:
    """Writes the build's rows into the two tables, and returns for each table the version that holds them."""
    return {
        name: _commit(store, facts, name, schema, tables, expected)
        for name, schema, tables, expected in (
            (schemas.EXAMPLES, schemas.examples(), assembled.kept(), assembled.rows["kept"]),
            (schemas.REJECTED, schemas.rejected_rows(), assembled.rejected(), assembled.rows["rejected"]),
        )
    }


def _commit(
    store: Store, facts: VersionFacts, name: str, schema: pa.Schema, tables: Iterable[pa.Table], expected: int
) -> int:
    """Replaces a table's rows in one commit, which keeps the table's older versions.

    Where the head of the table holds these rows already, nothing is committed. A head with other columns, which an
    earlier Freshet wrote, is replaced: the exports of the version have the columns of now.

    Returns:
        The version of the table that holds the rows.
    """
    import lance
    import pyarrow as pa

    table = store.dataset(facts.dataset).open(name, schema)
    is_held = (table.schema.metadata or {}).get(_DIGEST) == facts.digest.encode()
    if is_held and table.schema.names == schema.names:
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
    """Tags a version of a table, so that cleaning up keeps it; a tag that a killed build left is moved."""
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
    """Puts the decision on record in the ledger.

    Raises:
        _Taken: another machine has published the same number.
    """
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
