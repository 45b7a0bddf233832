"""Remote git repositories, read through a bare mirror in the cache."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freshet.tasks.documents.sources.git_local import RepositoryError, commit_of, no_such_ref, open_local, resolve
from freshet.tasks.settings.addresses import mask_credentials

_SCHEMES = ("https", "http", "ssh", "git+ssh", "git", "file")
_TIMEOUT_SECONDS = 60
_LOCK_SECONDS = 900
_MOST_PACKS = 100
"""Each fetch leaves a pack, and each slows every look-up; beyond this many the mirror is made anew."""


def is_remote(address: str) -> bool:
    """Whether `address` is a URL or git's short form `user@host:path`, and not a path on this machine."""
    return "://" in address or (re.match(r"[^/\\:]+:", address) is not None and not Path(address).exists())


class Mirror:
    """A bare repository in the cache that holds the history of the refs that were asked for."""

    def __init__(self, address: str, cache: Path) -> None:
        """Names the mirror's folder in the cache; nothing is fetched yet."""
        self._address = address
        # Without credentials, so that a new password keeps the mirror; whoever has none gets no further than `update`.
        self._path = cache / "git" / sha256(mask_credentials(address).encode()).hexdigest()[:32]

    def update(self, ref: str) -> bytes:
        """Fetches what is new of `ref` and gives its commit.

        Raises:
            RepositoryError: the remote has no such ref.
            Exception: whatever the transport raises where the remote cannot be reached.
        """
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Two corpora may use one repository; the lock dies with its process.
        with FileLock(f"{self._path}.lock", timeout=_LOCK_SECONDS):
            self._make()
            with self.open() as repository:
                commit = self._fetch(repository, ref)
                # Only what a branch holds is offered as already known in the next fetch.
                repository.refs[b"refs/heads/" + sha256(ref.encode()).hexdigest()[:16].encode()] = commit
                return commit

    @contextmanager
    def open(self) -> Iterator[Any]:
        """The mirror as it stands."""
        with open_local(self._path) as repository:
            yield repository

    def _make(self) -> None:
        packs = self._path / "objects" / "pack"
        if packs.is_dir() and sum(1 for _ in packs.glob("*.pack")) <= _MOST_PACKS and (self._path / "HEAD").exists():
            return
        from dulwich.repo import Repo

        shutil.rmtree(self._path, ignore_errors=True)
        self._path.mkdir(parents=True)
        Repo.init_bare(str(self._path)).close()

    def _fetch(self, repository: Any, ref: str) -> bytes:
        chosen: dict[str, bytes | None] = {}

        def wants(refs: Mapping[bytes, bytes], depth: int | None = None) -> list[bytes]:
            chosen["id"] = object_id = resolve(refs, ref)
            if object_id is None:
                raise no_such_ref(refs, ref)
            if object_id in repository.object_store:
                return []
            if object_id in refs.values():
                return [object_id]
            # Many servers give only what a branch or tag points to, so an older commit comes along with all of them.
            named = (value for name, value in refs.items() if name.startswith((b"refs/heads/", b"refs/tags/")))
            return sorted({value for value in named if value and value not in repository.object_store})

        with _opened(self._address) as fetch:
            fetch(repository, determine_wants=wants)
        object_id = chosen.get("id")
        if object_id is None:
            raise RepositoryError("is empty: it has no commit yet")
        return commit_of(repository, object_id, ref)


@contextmanager
def _opened(address: str) -> Iterator[Callable[..., Any]]:
    """What fetches from a remote into a repository."""
    from dulwich.errors import NotGitRepository

    parts = urlsplit(address)
    if parts.scheme == "file":
        with open_local(Path(parts.path)) as origin:
            yield origin.fetch
        return
    client, path = _client(address)
    try:
        yield partial(client.fetch, path)
    except NotGitRepository as error:
        raise RepositoryError("is not there, or is no git repository") from error
    finally:
        client.close()


def _client(address: str) -> tuple[Any, str]:
    """A dulwich client that neither waits for ever nor asks a question on a terminal."""
    scheme, separator, _ = address.partition("://")
    # dulwich would take any other scheme for the name of an ssh host.
    if separator and scheme.lower() not in _SCHEMES:
        raise RepositoryError(f"cannot be reached by {scheme}://; git is read through {', '.join(_SCHEMES)}")
    from dulwich.client import get_transport_and_path
    from dulwich.config import ConfigDict, StackedConfig

    limits = ConfigDict()
    limits.set((b"http",), b"timeout", str(_TIMEOUT_SECONDS).encode())
    # The person's own git configuration (proxies, certificates) comes first.
    config = StackedConfig([*StackedConfig.default_backends(), limits])
    ssh = os.environ.get("GIT_SSH_COMMAND") or os.environ.get("GIT_SSH")
    if ssh is None and not _has(config, (b"core",), b"sshCommand"):
        ssh = f"ssh -o BatchMode=yes -o ConnectTimeout={_TIMEOUT_SECONDS}"
    client, path = get_transport_and_path(address, config=config, ssh_command=ssh, quiet=True)
    return client, path


def _has(config: Any, section: tuple[bytes, ...], key: bytes) -> bool:
    try:
        return bool(config.get(section, key))
    except KeyError:
        return False
