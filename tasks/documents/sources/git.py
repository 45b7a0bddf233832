"""A git repository at a ref, read out of its object store: no checkout, no git executable."""

from __future__ import annotations

import io
import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from freshet.tasks.documents.sources.base import (
    LISTING_SCHEMA,
    Fetched,
    FetchFailure,
    Listing,
    ListingRows,
    Skipped,
    safe_micros,
)
from freshet.tasks.documents.sources.git_history import last_touched, tree_reader
from freshet.tasks.documents.sources.git_local import RepositoryError, local_commit, open_local
from freshet.tasks.documents.sources.git_mirror import Mirror, is_remote
from freshet.tasks.documents.sources.paths import printable, unwanted
from freshet.tasks.documents.sources.reader import Reader, Taking
from freshet.tasks.errors import StoreError
from freshet.tasks.settings.addresses import mask_credentials, safe_reason
from freshet.tasks.settings.project import GitSource

_MOST_ENTRIES = 5_000_000
"""A few crafted trees can name each other into billions of files; no honest repository comes near this many."""

_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_CACHE_FORMAT = "1"


class GitRepository(Reader):
    """Reads a git source. The listing, its versions and what is fetched are those of one commit."""

    def __init__(self, settings: GitSource, root: Path, cache: Path, name: str) -> None:
        """Takes the repository's settings; nothing is read yet. `cache` is for mirrors of remote ones."""
        super().__init__(settings, name)
        self._address = settings.git
        self._ref = settings.ref
        self._shown = mask_credentials(settings.git)
        self._path = root / Path(settings.git).expanduser()
        self._mirror = Mirror(settings.git, cache) if is_remote(settings.git) else None
        where = self._shown if self._mirror else os.path.abspath(self._path)
        identity = [_CACHE_FORMAT, where, self._shown, self._ref, *settings.include, "\0", *settings.exclude]
        self._listed = cache / "git" / f"{sha256(json.dumps(identity).encode()).hexdigest()[:32]}.listing"
        self._listing: pa.Table | None = None

    def list(self) -> Listing:
        """Every file of the ref's commit that the globs take."""
        try:
            commit = self._mirror.update(self._ref) if self._mirror else None
            with self._repository() as repository:
                return self._list(repository, commit or local_commit(repository, self._ref))
        except RepositoryError as error:
            return Listing.unreachable(f"git repository {self._shown} {safe_reason(error, self._address)}")
        except Exception as error:  # transports and damaged objects raise anything; one source must not end a refresh
            return Listing.unreachable(
                f"git repository {self._shown} could not be read: {safe_reason(error, self._address)}"
            )

    def fetch(self, paths: Sequence[str], into: Path) -> dict[str, Fetched]:
        """Copies documents of the commit listed last into `into`; see `SourceReader.fetch`."""
        import pyarrow.compute as pc

        listing = self._listing if self._listing is not None else self._remembered()
        if listing is None:
            self.list()
            listing = self._listing if self._listing is not None else LISTING_SCHEMA.empty_table()
        wanted = listing.filter(pc.is_in(listing["path"], pa.array(paths, pa.string())))
        blobs = dict(zip(wanted["path"].to_pylist(), wanted["hint"].to_pylist(), strict=True))
        try:
            with self._repository() as repository:
                return {
                    path: self._refused(path) or self._fetch(repository, path, blobs.get(path), into) for path in paths
                }
        except StoreError:
            raise
        except Exception as error:  # as in list
            reason = f"git repository {self._shown} {safe_reason(error, self._address)}"
            return {path: FetchFailure(path, reason) for path in paths}

    @contextmanager
    def _repository(self) -> Iterator[Any]:
        with self._mirror.open() if self._mirror else open_local(self._path) as repository:
            yield repository

    def _list(self, repository: Any, commit: bytes) -> Listing:
        before = self._remembered()
        if before is not None and before.schema.metadata[b"commit"] == commit:
            self._listing = before
            skipped = [Skipped(**item) for item in json.loads(before.schema.metadata[b"skipped"])]
            return Listing(before.replace_schema_metadata(None), complete=True, skipped=skipped)
        taking = Taking()
        files = self._files(repository, commit, taking)
        self._listing = self._table(repository, commit, files, before)
        listing = taking.listing(self._listing, f"git repository {self._shown}")
        self._remember(listing, commit)
        return listing

    def _files(self, repository: Any, commit: bytes, taking: Taking) -> dict[str, tuple[bytes, bytes]]:
        """The documents of a commit: path → stored name and blob id."""
        read = tree_reader(repository.object_store, repository.object_format.oid_length)
        files: dict[str, tuple[bytes, bytes]] = {}
        trees = [(b"", repository[commit].tree)]
        entries = 0
        while trees:
            prefix, tree = trees.pop()
            for name, (mode, entry) in read(tree).items():
                entries += 1
                if entries > _MOST_ENTRIES:
                    raise RepositoryError(f"names more than {_MOST_ENTRIES} files")
                stored = prefix + name
                path = self._take(stored, b"/" in name, mode, taking)
                if path is None:
                    continue
                if stat.S_ISDIR(mode):
                    trees.append((stored + b"/", entry))
                elif taking.holds(path, stored.decode()):
                    files[path] = (stored, entry)
        return files

    def _take(self, stored: bytes, crafted: bool, mode: int, taking: Taking) -> str | None:
        """The path of a tree's entry that is to be read or descended into, or None."""
        name = stored.decode("utf-8", "surrogateescape")
        if unwanted(name.rsplit("/", 1)[-1]):
            return None
        # A crafted tree can hold a name with a slash, which would pass for a path elsewhere.
        if crafted:
            taking.skip(printable(name), "a name with a slash is refused")
            return None
        path = taking.path_of(name)
        if path is None:
            return None
        if stat.S_ISDIR(mode):
            return None if self._filter.prunes(path) else path
        if not self._filter.matches(path):
            return None
        if not stat.S_ISREG(mode):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "a submodule"
            taking.skip(path, f"{kind}, not a file")
            return None
        return path

    def _table(
        self, repository: Any, commit: bytes, files: dict[str, tuple[bytes, bytes]], before: pa.Table | None
    ) -> pa.Table:
        """The listing of `files`; what `before`, an earlier commit's listing, knows of them is not looked up again."""
        sizes: dict[str, int] = {}
        known: dict[bytes, int | None] = {}
        known_commit = None
        if before is not None:
            known_commit = before.schema.metadata[b"commit"]
            sizes = dict(zip(before["hint"].to_pylist(), before["size"].to_pylist(), strict=True))
            micros = before["modified_at"].cast(pa.int64()).to_pylist()
            known = {
                files[path][0]: None if at is None else at // 1_000_000
                for path, at in zip(before["path"].to_pylist(), micros, strict=True)
                if path in files
            }
        times = last_touched(repository, commit, {stored for stored, _ in files.values()}, known_commit, known)
        rows = ListingRows(f"git+{self._shown}@{self._ref}#")
        version = commit.decode()
        for path, (stored, blob) in files.items():
            hint = blob.decode()
            size = sizes.get(hint)
            if size is None:
                # The size of a delta stands nowhere but in the object itself; afterwards the cached listing knows it.
                size = len(repository.object_store.get_raw(blob)[1])
            at = times[stored]
            rows.add(path, size, None if at is None else safe_micros(at * 1_000_000), hint, source_version=version)
        return rows.table()

    def _fetch(self, repository: Any, path: str, blob: str | None, into: Path) -> Fetched:
        if blob is None:
            return FetchFailure(path, "is not in the commit that was listed")
        try:
            data = repository.object_store.get_raw(blob.encode())[1]
        except Exception as error:  # a damaged or vanished object raises anything; it is one document
            return FetchFailure(path, f"its blob {blob} cannot be read: {type(error).__name__}")
        if len(data) < 1024 and data.startswith(_LFS_POINTER):
            return FetchFailure(path, "LFS pointer: the repository holds only a reference to this file")
        return self._copy(io.BytesIO(data), path, into)

    def _remembered(self) -> pa.Table | None:
        """The cached listing, with its commit and what was skipped in its metadata; None where none is sound."""
        try:
            with pa.OSFile(str(self._listed)) as file:
                table = pa.ipc.open_file(file).read_all()
        except (OSError, pa.ArrowInvalid):
            return None
        return table if table.schema.equals(LISTING_SCHEMA) and b"commit" in (table.schema.metadata or {}) else None

    def _remember(self, listing: Listing, commit: bytes) -> None:
        metadata = {b"commit": commit, b"skipped": json.dumps([asdict(item) for item in listing.skipped]).encode()}
        annotated = listing.table.replace_schema_metadata(metadata)
        self._listed.parent.mkdir(parents=True, exist_ok=True)
        draft = self._listed.with_suffix(f".{os.getpid()}")
        with pa.OSFile(str(draft), "wb") as file, pa.ipc.new_file(file, annotated.schema) as writer:
            writer.write_table(annotated)
        draft.replace(self._listed)
