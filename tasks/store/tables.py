"""Opens, reads and writes the tables of the store, and knows where else in it things are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import DamagedTable, StoreError
from freshet.tasks.store.bucket import reaching, unreachable
from freshet.tasks.store.column_check import check_columns
from freshet.tasks.store.modes import PRIVATE, private_folder, settle, written_with
from freshet.tasks.store.trouble import panics_as_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.db import DBConnection
    from lancedb.table import Table

CACHE_BYTES = 256 << 20
"""Size of each cache in which LanceDB keeps indices and metadata. Without a bound they grow with the corpus."""


class Store:
    """The tables of one store, on a disk or in a bucket.

    Attributes:
        address: absolute folder, or the URL of a bucket's prefix.
        mode: of its folders on this machine's disk. For a bucket that is the owner's alone, whatever the setting.
    """

    def __init__(self, address: str, mode: int = PRIVATE) -> None:
        """Opens nothing yet."""
        self.address = address.rstrip("/")
        self.mode = mode if self.is_local else PRIVATE

    @property
    def is_local(self) -> bool:
        """Whether the store is on a disk of this machine, and not in a bucket."""
        return "://" not in self.address

    @contextmanager
    def writing(self, tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
        """What is written meanwhile has the store's mode; so has the store's folder, which is made if it is missing.

        Args:
            tell: is told where the folder had another mode.

        Raises:
            StoreError: the work folder of a bucket cannot be trusted.
        """
        with written_with(self.mode):
            if self.is_local:
                settle(Path(self.address), self.mode, tell)
            else:
                self._on_disk(make=True)
            yield

    @cached_property
    def _session(self) -> Any:
        import lancedb

        return lancedb.Session(index_cache_size_bytes=CACHE_BYTES, metadata_cache_size_bytes=CACHE_BYTES)

    @cached_property
    def _checked(self) -> set[tuple[str, str]]:
        return set()

    def check_columns(self, folder: str, table: Table) -> None:
        """Sees once that a table has the columns that this version of Freshet reads and writes.

        Raises:
            StoreError: it has not.
        """
        if (folder, table.name) not in self._checked:
            check_columns(table)
            self._checked.add((folder, table.name))

    def connect(self, folder: str) -> DBConnection:
        """The LanceDB database in a folder of the store. On a disk, this makes the folder.

        Raises:
            StoreUnreachable: the bucket does not answer.
        """
        import lancedb

        if self.is_local and not Path(self.address, folder).is_dir():
            with self.writing():
                Path(self.address, folder).mkdir(parents=True, exist_ok=True)
        # Connecting asks a bucket for the first time, so that here is told what keeps somebody from it.
        with reaching(self.address):
            # Zero: a handle always sees what other processes committed.
            return lancedb.connect(
                f"{self.address}/{folder}", read_consistency_interval=timedelta(0), session=self._session
            )

    def corpus(self, name: str) -> Tables:
        """The tables of a corpus: documents, elements, chunks-<space>."""
        return Tables(self, f"corpora/{name}")

    def dataset(self, name: str) -> Tables:
        """The tables of a dataset: examples, rejected."""
        return Tables(self, f"datasets/{name}")

    def export_folder(self, dataset: str) -> str:
        """The folder in which each version of a dataset has a folder with its exports."""
        return f"{self.address}/datasets/{dataset}/exports"

    @cached_property
    def ledger(self) -> Tables:
        """The append-only tables that all corpora and datasets share: `schemas.LEDGER_TABLES`."""
        return Tables(self, "ledger")

    def _on_disk(self, *, make: bool = False) -> Path:
        return Path(self.address) if self.is_local else self.own_folder(make=make)

    def own_folder(self, *, make: bool = False) -> Path:
        """The folder of this user on this machine's disk for what is about the store and cannot lie in it.

        Args:
            make: make it where it is missing.

        Raises:
            StoreError: it cannot be trusted.
        """
        return private_folder(sha256(self.address.encode()).hexdigest()[:16], make=make)

    def spool_folder(self, *, make: bool = False) -> Path:
        """The folder on this machine's disk in which events wait for the query log; raises as `work_folder` does.

        Args:
            make: for a bucket, make the folder that it is in.
        """
        return self._on_disk(make=make) / "spool"

    def work_folder(self, corpus: str) -> Path:
        """The folder on this machine's disk in which the writer of a corpus leaves files between two steps of a run.

        Raises:
            StoreError: the store is in a bucket, and its folder on the disk cannot be trusted.
        """
        return self._on_disk() / "work" / corpus

    def cache_folder(self, corpus: str) -> Path:
        """The folder on this machine's disk in which the sources of a corpus keep copies; raises as `work_folder`."""
        return self._on_disk() / "cache" / corpus

    def lock_file(self, corpus: str) -> Path:
        """The file of the writer's lock; raises as `work_folder` does.

        For a bucket it guards this machine's user only; versions are checked as well.
        """
        return self._on_disk() / "locks" / f"{corpus}.lock"


class Tables:
    """The tables of one LanceDB database. Only writing makes its folder."""

    def __init__(self, store: Store, folder: str) -> None:
        """Opens nothing yet.

        Args:
            folder: of the database, within the store.
        """
        self._store, self._folder = store, folder

    @cached_property
    def _database(self) -> DBConnection:
        return self._store.connect(self._folder)

    @property
    def _is_there(self) -> bool:
        """Whether there is a database to ask: asking one on a disk that does not exist would make its folder."""
        return not self._store.is_local or Path(self._store.address, self._folder).is_dir()

    def names(self) -> list[str]:
        """Names of all tables; none where there is no such database."""
        names: list[str] = []
        if not self._is_there:
            return names
        token: str | None = None
        while True:
            page = self._database.list_tables(page_token=token, limit=1000)
            names += page.tables
            token = page.page_token
            if not token:
                return names

    def find(self, name: str) -> Table | None:
        """The table at its head; None where there is no such table.

        Raises:
            DamagedTable: the table is there and cannot be opened.
            StoreError: it has other columns than this version of Freshet knows.
            StoreUnreachable: the bucket does not answer.
        """
        if not self._is_there:
            return None
        try:
            with panics_as_errors():
                table = self._database.open_table(name)
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
                f"table {self._folder}/{name} of the store is damaged: it cannot be opened",
                "Type freshet doctor, which says what is wrong with it, and freshet doctor --repair, which mends it.",
            ) from error
        self._store.check_columns(self._folder, table)
        return table

    def at(self, name: str, version: int) -> Table:
        """The table pinned to a version: it keeps its rows and indices, and refuses writes.

        Raises:
            StoreError: the table or its version is gone.
        """
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
                "Type: freshet doctor --repair, and then: freshet refresh CORPUS",
            ) from error
        return table

    def open(self, name: str, schema: pa.Schema) -> Table:
        """The table at its head. It is made if it is missing."""
        table = self.find(name)
        # Two batches that are prepared at once may both find that it is missing.
        if table is not None:
            return table
        with self._store.writing():
            return self._database.create_table(name, schema=schema, exist_ok=True)

    def drop(self, name: str) -> None:
        """Removes a table for good. It must be there."""
        self._database.drop_table(name)

    def rows(self, name: str, where: str | None = None, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Rows of a table at its head, in no order; none where there is no such table.

        Args:
            where: a predicate that they meet; by default, all rows.
            columns: by default, all columns.
        """
        table = self.find(name)
        if table is None:
            return []
        query = table.search() if where is None else table.search().where(where)
        found: list[dict[str, Any]] = (query if columns is None else query.select(list(columns))).to_list()
        return found

    def newest_rows(
        self, name: str, where: str, columns: Sequence[str], order: str, version: int
    ) -> Iterator[dict[str, Any]]:
        """Rows of a table to which each commit adds one, the newest first; read only as far as they are asked for.

        Args:
            order: a column that grows from commit to commit.
            version: of the table.

        Raises:
            StoreError: the table or its version is gone.
        """
        table = self.at(name, version)
        fragments = sorted(table.to_lance().get_fragments(), key=lambda one: one.fragment_id, reverse=True)
        # A fragment of one row is as it was added. Compaction joins older ones, and gives what comes of it a higher
        # number than rows have that were added meanwhile.
        for fragment in fragments:
            if fragment.physical_rows == 1:
                yield from fragment.to_table(columns=list(columns), filter=where).to_pylist()
        joined = [one for one in fragments if one.physical_rows != 1]
        older = [row for one in joined for row in one.to_table(columns=list(columns), filter=where).to_pylist()]
        yield from sorted(older, key=lambda row: row[order], reverse=True)

    def append(self, name: str, schema: pa.Schema, rows: Sequence[dict[str, Any]]) -> None:
        """Adds rows in one commit; the table is made if it is missing."""
        import pyarrow as pa

        with self._store.writing():
            self.open(name, schema).add(pa.Table.from_pylist(list(rows), schema=schema))
