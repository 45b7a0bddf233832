"""What every source gives: a listing that says whether it is whole, and files with the hash of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, TypeAlias

import pyarrow as pa

from freshet.tasks.documents.sources.paths import matches
from freshet.tasks.errors import StoreError
from freshet.tasks.settings.addresses import escaped

__all__ = [
    "CHANGED_AT", "LISTING_SCHEMA", "FetchFailure", "Fetched", "FetchedFile", "Listing", "ListingRows", "Readable",
    "Skipped", "SourceReader", "copy_hashing", "file_hint", "local_name", "matches", "safe_micros", "said_by_source",
]  # fmt: skip

LISTING_SCHEMA = pa.schema(
    [
        # Relative, / between parts, NFC; never absolute, never with a part that is empty, . or ..
        pa.field("path", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("modified_at", pa.timestamp("us", tz="UTC")),
        # Differs when the document may have changed: an ETag, `file_hint`, a blob id.
        pa.field("hint", pa.string(), nullable=False),
        # The source's own version: the commit, a bucket's version id or ETag.
        pa.field("source_version", pa.string()),
        # Plain hex SHA-256, only where the source knew it without a fetch.
        pa.field("content_hash", pa.string()),
    ]
)
"""The columns of a listing; its rows are sorted by path, and no path occurs twice."""

CHANGED_AT = " ctime:"
"""What a hint has between what a document's owner says and what the system adds."""

_FIRST_MICROS = int(datetime(1, 1, 2, tzinfo=UTC).timestamp()) * 1_000_000
_LAST_MICROS = int(datetime(9999, 12, 30, tzinfo=UTC).timestamp()) * 1_000_000
_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Skipped:
    """Something below a source that is no document, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a source holds.

    Attributes:
        table: rows of `LISTING_SCHEMA`.
        complete: False where something may be missing; what is not listed must then not be withdrawn.
        error: why it is not complete, in plain words and without credentials; None where it is.
        skipped: what was seen and left out for a reason that a person should know.
    """

    table: pa.Table
    complete: bool
    error: str | None = None
    skipped: list[Skipped] = field(default_factory=list)

    @classmethod
    def unreachable(cls, error: str) -> Listing:
        """The listing of a source that could not be read at all."""
        return cls(LISTING_SCHEMA.empty_table(), complete=False, error=escaped(error))


@dataclass(frozen=True)
class FetchedFile:
    """A document's bytes, on this machine.

    Attributes:
        local_path: a private copy below the folder that `fetch` was given; its suffix is the document's.
        content_hash: hex SHA-256 of exactly the bytes of that copy.
        size: their number.
    """

    path: str
    local_path: Path
    content_hash: str
    size: int


@dataclass(frozen=True)
class FetchFailure:
    """A document that was listed and could not be delivered; `code` is a rule of the rule book."""

    path: str
    reason: str
    code: str = "SOURCE-UNREADABLE"


Fetched: TypeAlias = FetchedFile | FetchFailure


class SourceReader(Protocol):
    """Lists one source and brings its documents. Not shared between threads."""

    def list(self) -> Listing:
        """What the source holds now. A source that fails gives an incomplete listing, never an exception."""
        ...

    def fetch(self, paths: Sequence[str], into: Path) -> dict[str, Fetched]:
        """Copies documents, given by their paths in the listing, into the folder `into`.

        The bytes hashed are the bytes parsed: each is read once from the source, hashed while it is copied, and only
        the copy is used from then on, so nothing that happens to the source meanwhile can come between. The copies
        are the caller's to delete. One that cannot be brought is a FetchFailure and does not stop the others.
        """
        ...


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class ListingRows:
    """Collects a listing column by column: a Python object per document would cost more than the listing itself."""

    def __init__(self, uri_prefix: str) -> None:
        """Begins with no rows; every path that is added gets the prefix before it as its URI."""
        self._uri_prefix = uri_prefix
        self.path: list[str] = []
        self.size: list[int | None] = []
        self.micros: list[int | None] = []
        self.hint: list[str] = []
        self.source_version: list[str | None] = []
        self.content_hash: list[str | None] = []
        self._rows: dict[str, int] = {}
        self._columns: tuple[list[Any], ...] = (
            self.path, self.size, self.micros, self.hint, self.source_version, self.content_hash,
        )  # fmt: skip

    def add(
        self,
        path: str,
        size: int | None,
        micros: int | None,
        hint: str,
        *,
        source_version: str | None = None,
        content_hash: str | None = None,
    ) -> int:
        """Adds a document and gives its row; one whose path is there already, in another spelling, takes its place.

        Args:
            micros: its last change in microseconds since 1970, UTC.
        """
        values = (path, size, micros, hint, source_version, content_hash)
        end = len(self.path)
        row = end if path.isascii() else self._rows.setdefault(path, end)
        for column, value in zip(self._columns, values, strict=True):
            if row == end:
                column.append(value)
            else:
                column[row] = value
        return row

    def table(self) -> pa.Table:
        """The rows so far, sorted by path."""
        import pyarrow.compute as pc

        paths = pa.array(self.path, pa.string())
        columns = [
            paths,
            pc.binary_join_element_wise(pa.scalar(self._uri_prefix), paths, ""),
            pa.array(self.size, pa.int64()),
            pa.array(self.micros, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            pa.array(self.hint, pa.string()),
            pa.array(self.source_version, pa.string()),
            pa.array(self.content_hash, pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=LISTING_SCHEMA).sort_by("path")


def safe_micros(micros: int) -> int | None:
    """`micros` since 1970, or None where that is no year from 1 to 9999 (broken clocks, crafted commits)."""
    return micros if _FIRST_MICROS <= micros <= _LAST_MICROS else None


def local_name(source: str, path: str) -> str:
    """The file name of a document's copy: unique among sources and paths, with the suffix that parsers go by."""
    suffix = PurePosixPath(path).suffix.lower()
    kept = suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 16 else ""
    return hashlib.sha256(f"{source}\0{path}".encode("utf-8", "surrogatepass")).hexdigest()[:32] + kept


def copy_hashing(stream: Readable, path: str, target: Path, limit: int) -> Fetched:
    """Copies `stream` to `target` and hashes it on the way; beyond `limit` bytes the copy is given up and removed.

    Raises:
        StoreError: the copy cannot be written; that is this machine's fault, and no document's.
    """
    digest = hashlib.sha256()
    size = 0
    try:
        with _writable(target) as copy:
            while data := stream.read(_COPY_BYTES):
                size += len(data)
                if size > limit:
                    break
                digest.update(data)
                _write(copy, data, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if size > limit:
        target.unlink()
        return FetchFailure(path, f"larger than max_size ({limit} bytes)", "SOURCE-SIZE")
    return FetchedFile(path, target, digest.hexdigest(), size)


def _writable(target: Path) -> FileIO:
    try:
        # Unbuffered, so that a full disk is met in the write and not on closing.
        return target.open("wb", buffering=0)
    except OSError as error:
        raise _unwritable(target, error) from error


def _write(copy: FileIO, data: bytes, target: Path) -> None:
    rest = memoryview(data)
    try:
        while rest:
            rest = rest[copy.write(rest) :]
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot write {target}: {error.strerror or error}", "Make room there, or allow writing to it.")


def file_hint(size: int, modified: int, changed: int) -> str:
    """The hint of a file on this machine, of its size in bytes and its mtime and ctime in nanoseconds.

    The ctime is the system's own: whoever renames a file, or sets its mtime back, cannot set it.
    """
    return f"{size}-{modified}{CHANGED_AT}{changed}"


def said_by_source(hint: str) -> str:
    """What a document's owner says in its hint, without what the system adds."""
    return hint.partition(CHANGED_AT)[0]
