"""Opens the tables of the store, and holds the lock of a corpus's one writer."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import ConcurrentWriter, CorpusBusy, DamagedTable, StoreError
from freshet.tasks.store.bucket import reaching, unreachable

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.db import DBConnection
    from lancedb.table import Table

CACHE_BYTES = 256 << 20
"""LanceDB keeps indices and metadata in memory up to its caches' size; unbounded they grow with the corpus."""


class Store:
    """The tables of one store, on a disk or in a bucket.

    Args:
        address: absolute folder, or the URL of a bucket's prefix.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    @property
    def is_local(self) -> bool:
        return "://" not in self.address

    @cached_property
    def _session(self) -> Any:
        import lancedb

        return lancedb.Session(index_cache_size_bytes=CACHE_BYTES, metadata_cache_size_bytes=CACHE_BYTES)

    def _database(self, folder: str) -> DBConnection:
        import lancedb

        # Connecting asks a bucket for the first time, so that here is told what keeps somebody from it.
        with reaching(self.address):
            # Zero: a handle always sees what other processes committed.
            return lancedb.connect(
                f"{self.address}/{folder}", read_consistency_interval=timedelta(0), session=self._session
            )

    def corpus(self, name: str) -> Tables:
        """The tables of a corpus: documents, elements, chunks-<space>."""
        return Tables(self._database(f"corpora/{name}"))

    def dataset(self, name: str) -> Tables:
        """The tables of a dataset: examples, rejected."""
        return Tables(self._database(f"datasets/{name}"))

    def export_folder(self, dataset: str) -> str:
        """Where the exports of a dataset's versions are, a folder each."""
        return f"{self.address}/datasets/{dataset}/exports"

    @cached_property
    def ledger(self) -> Tables:
        """The append-only tables that all corpora and datasets share: releases, runs."""
        return Tables(self._database("ledger"))

    def work_folder(self, corpus: str) -> Path:
        """Where the writer of a corpus leaves files between two steps of a run, on this machine's disk."""
        if self.is_local:
            return Path(self.address) / "work" / corpus
        return Path(tempfile.gettempdir()) / f"freshet-{sha256(self.address.encode()).hexdigest()[:16]}" / corpus

    def lock_file(self, corpus: str) -> Path:
        """The writer's lock. For a bucket it guards this machine only; versions are checked as well."""
        if self.is_local:
            return Path(self.address) / "locks" / f"{corpus}.lock"
        folder = self.work_folder(corpus)
        return folder.with_name(f"{folder.name}.lock")


class Tables:
    """The tables of one LanceDB database."""

    def __init__(self, database: DBConnection) -> None:
        self._database = database

    def names(self) -> list[str]:
        names: list[str] = []
        token: str | None = None
        while True:
            page = self._database.list_tables(page_token=token, limit=1000)
            names += page.tables
            token = page.page_token
            if not token:
                return names

    def find(self, name: str) -> Table | None:
        """The table at its head, or None where there is none yet.

        Raises:
            DamagedTable: it is there and cannot be opened.
            StoreUnreachable: the bucket does not answer.
        """
        try:
            return self._database.open_table(name)
        except ValueError as error:
            # A bucket that is gone is not found either.
            if (told := unreachable(error)) is not None:
                raise told from None
            if "not found" in str(error).lower():
                return None
            raise
        except RuntimeError as error:
            if (told := unreachable(error)) is not None:
                raise told from None
            # After a power cut the newest manifest may be empty: local commits are not forced to the disk.
            raise DamagedTable(
                f"table {name} of the store cannot be opened", "Type: freshet doctor, and freshet doctor --repair"
            ) from error

    def at(self, name: str, version: int) -> Table:
        """The table pinned to a version: it keeps its rows and indices, and refuses writes."""
        table = self.find(name)
        if table is None:
            raise StoreError(f"table {name} is gone from the store", "Restore the store from a backup.")
        try:
            table.checkout(version)
        except (ValueError, RuntimeError, OSError) as error:
            if (told := unreachable(error)) is not None:
                raise told from None
            raise StoreError(
                f"version {version} of table {name} is gone from the store",
                "Roll back to a release that freshet releases CORPUS lists, or refresh.",
            ) from error
        return table

    def open(self, name: str, schema: pa.Schema) -> Table:
        """The table at its head, made if it is missing."""
        table = self.find(name)
        # Two batches that are prepared at once may both find that it is missing.
        return self._database.create_table(name, schema=schema, exist_ok=True) if table is None else table

    def append(self, name: str, schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> None:
        import pyarrow as pa

        self.open(name, schema).add(pa.Table.from_pylist(list(rows), schema=schema))


def merge_rows(table: Table, key: str, rows: pa.Table) -> int:
    """Inserts or replaces rows by key in one commit, and returns the new version.

    Raises:
        ConcurrentWriter: another writer committed in between, or the counts are not those of `rows`.
        ValueError: a key occurs twice in `rows` (LanceDB would insert both, silently).
    """
    import pyarrow.compute as pc

    if pc.count_distinct(rows[key]).as_py() != rows.num_rows:
        raise ValueError(f"a {key} occurs twice in one batch for {table.name}")
    before = table.version
    result = table.merge_insert(key).when_matched_update_all().when_not_matched_insert_all().execute(rows)
    written = result.num_inserted_rows + result.num_updated_rows
    if written != rows.num_rows or result.num_attempts != 1 or result.version != before + 1:
        raise ConcurrentWriter(
            f"table {table.name}: {written} of {rows.num_rows} rows written in {result.num_attempts} attempt(s), "
            f"version {before} → {result.version}",
            "Another process writes to this corpus without holding its lock. Stop it, then refresh again.",
        )
    return int(result.version)


def insert_new(tables: Tables, name: str, schema: pa.Schema, keys: Sequence[str], row: dict[str, Any]) -> bool:
    """Appends a row unless another writer, on this machine or any, was first with the same keys.

    Returns:
        Whether the row stands there now.
    """
    import pyarrow as pa

    rows = pa.Table.from_pylist([row], schema=schema)
    result = tables.open(name, schema).merge_insert(list(keys)).when_not_matched_insert_all().execute(rows)
    return int(result.num_inserted_rows) == 1


def delete_rows(table: Table, predicate: str) -> int:
    """Deletes rows in one commit where any match, and returns how many."""
    found = table.count_rows(predicate)
    if not found:
        return 0
    before = table.version
    result = table.delete(predicate)
    if result.num_deleted_rows != found or result.version != before + 1:
        raise ConcurrentWriter(
            f"table {table.name}: {result.num_deleted_rows} of {found} rows deleted, "
            f"version {before} → {result.version}",
            "Another process writes to this corpus without holding its lock. Stop it, then refresh again.",
        )
    return int(found)


def is_held(store: Store, name: str) -> bool:
    """Whether a writer is at work; asking makes no file."""
    from filelock import FileLock, Timeout

    path = store.lock_file(name)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def dataset_files(dataset: str) -> str:
    """The name under which a dataset's work folder and lock lie; no corpus has one with a dot in it."""
    return f"dataset.{dataset}"


@contextmanager
def brief_lock(store: Store, corpus: str) -> Iterator[None]:
    """For the moment in which a release gets its number: a rollback must not wait for a refresh to end."""
    from filelock import FileLock

    path = store.lock_file(f"{corpus}-releases")
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path, timeout=60):
        yield


def hold_corpus(
    store: Store, corpus: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the writer's lock of a corpus; it dies with this process, however that ends.

    Args:
        run: the name by which others learn who holds the corpus.
        wait: how long to wait for another writer before giving up.
        tell: is told once who holds the corpus, if someone does.

    Raises:
        CorpusBusy: it was still held after `wait`.
    """
    return _hold(store.lock_file(corpus), f"corpus {corpus}", run, wait, tell)


def hold_dataset(
    store: Store, dataset: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the writer's lock of a dataset, likewise."""
    return _hold(store.lock_file(dataset_files(dataset)), f"dataset {dataset}", run, wait, tell)


def hold_backfill(
    store: Store, kind: str, target: str, run: str, wait: timedelta, tell: Callable[[str], None]
) -> AbstractContextManager[None]:
    """Holds the lock of a corpus's or dataset's one backfill, likewise. What it writes takes the writer's lock too."""
    return _hold(store.lock_file(f"backfill.{kind}.{target}"), f"the backfill of {kind} {target}", run, wait, tell)


@contextmanager
def _hold(path: Path, what: str, run: str, wait: timedelta, tell: Callable[[str], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(path), path.with_suffix(".holder")
    give_up = time.monotonic() + wait.total_seconds()
    told = False
    while True:
        try:
            lock.acquire(timeout=min(2.0, max(0.0, give_up - time.monotonic())))
            break
        except Timeout:
            who = _describe_holder(holder)
            if time.monotonic() >= give_up:
                raise CorpusBusy(f"{what} is held by {who}", "Wait for it to end, or give a longer --wait.") from None
            if not told:
                tell(f"waiting: {what} is held by {who}")
                told = True
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder.write_text(json.dumps({"run": run, "pid": os.getpid(), "host": socket.gethostname(), "since": since}))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _describe_holder(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        return f"{who['run']} (process {who['pid']} on {who['host']}, since {who['since']})"
    except (OSError, ValueError, KeyError):
        return "another process"
