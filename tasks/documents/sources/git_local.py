"""Git repositories on this machine, opened with dulwich, without ever reading beyond the source."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_READ = frozenset({"objects", "refs", "info", "reftable"})
"""Folders of a repository that are read; hooks, logs, and what belongs to worktrees and submodules is not."""

_LONGEST_PATH = 4096
_REPACK = "type there: git repack -a -d, and remove its objects/info/alternates"
_COPY = "put what it leads to in its place"


class RepositoryError(Exception):
    """A repository that cannot be read as it should; the text is for a person, credentials still unmasked."""


def resolve(refs: Mapping[bytes, bytes], ref: str) -> bytes | None:
    """The object id that `ref` names, by git's order: as written, then refs/, tags, branches; None if there is none."""
    wanted = ref.encode()
    for name in (wanted, b"refs/" + wanted, b"refs/tags/" + wanted, b"refs/heads/" + wanted):
        if refs.get(name):
            return refs[name]
    return wanted.lower() if re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", ref) else None


def commit_of(repository: Any, object_id: bytes, ref: str) -> bytes:
    """The commit that an object id stands for, through annotated tags."""
    from dulwich.objects import Commit, Tag

    try:
        found = repository[object_id]
        while isinstance(found, Tag):
            found = repository[found.object[1]]
    except KeyError as error:
        raise RepositoryError(f"has no commit {ref}") from error
    if not isinstance(found, Commit):
        raise RepositoryError(f"{ref} is not a commit")
    return bytes(found.id)


def no_such_ref(refs: Mapping[bytes, bytes], ref: str) -> RepositoryError:
    """What to say where `ref` names nothing: the branches that there are."""
    branches = sorted(name[11:].decode("utf-8", "replace") for name in refs if name.startswith(b"refs/heads/"))
    held = f"its branches are {', '.join(branches[:8])}" if branches else "it has no branch yet"
    return RepositoryError(f"has no branch, tag or full commit id {ref!r}; {held}")


def local_commit(repository: Any, ref: str) -> bytes:
    """The commit that `ref` names in a local repository."""
    refs = repository.get_refs()
    object_id = resolve(refs, ref)
    if object_id is None:
        raise no_such_ref(refs, ref)
    return commit_of(repository, object_id, ref)


@contextmanager
def open_local(path: Path) -> Iterator[Any]:
    """A repository on this machine, bare or not.

    Whoever may write into a source must not get Freshet to read for him what he may not read himself. So options of
    the repository's configuration that name other files are ignored, and a repository that leads to another place is
    refused, be it by a `.git` file, by links, or by borrowing objects.

    Raises:
        RepositoryError: there is none, or it leads out of the folder.
    """
    root = os.path.realpath(path)
    control = _control_folder(root)
    common = _named_folder(root, control, "commondir", b"") or control
    if not os.path.isdir(os.path.join(common, "objects")):
        raise RepositoryError("is not a git repository" if path.exists() else "does not exist")
    _refuse_redirections(root, {*map(os.path.realpath, (control, common))}, os.path.join(common, "objects"))
    with _repository_class()(root, controldir=control, commondir=common) as repository:
        yield repository


def _control_folder(root: str) -> str:
    """The folder that holds a repository's objects and branches: `.git`, what that names, or the folder itself."""
    inside = os.path.join(root, ".git")
    if os.path.islink(inside):
        _within(root, inside, "its .git is a symbolic link to")
    if named := _named_folder(root, root, ".git", b"gitdir: "):
        return named
    return inside if os.path.isdir(os.path.join(inside, "objects")) else root


def _named_folder(root: str, folder: str, name: str, mark: bytes) -> str | None:
    """The folder that a file of git names in its one line, after `mark`; None where there is no such file."""
    file = os.path.join(folder, name)
    if not os.path.isfile(file):
        return None
    _within(root, file, f"its {name} is a symbolic link to")
    with open(file, "rb") as stream:
        line = stream.read(_LONGEST_PATH)
    if not line.startswith(mark):
        raise RepositoryError(f"is not a git repository: its {name} is a file that names none")
    target = os.path.join(folder, os.fsdecode(line.removeprefix(mark).rstrip(b"\r\n")))
    return _within(root, target, f"its {name} names")


def _within(root: str, path: str, how: str, mend: str | None = None) -> str:
    """The resolved path, where it lies in the source.

    Args:
        how: it leads there.
        mend: what to do where it does not; by default, to name in the settings what it leads to.

    Raises:
        RepositoryError: it leads elsewhere.
    """
    target = os.path.realpath(path)
    if target != root and not target.startswith(root.rstrip("/") + "/"):
        worktree = re.fullmatch(r"(.+?)(?:/\.git)?/worktrees/[^/]+", target)
        named = f"git: {worktree[1]}, with the branch as ref: …" if worktree else f"git: {target}"
        raise RepositoryError(f"leads out of the source: {how} {target}; {mend or f'write what it leads to, {named}'}")
    return target


def _refuse_redirections(root: str, tops: set[str], objects: str) -> None:
    """Looks at every file that dulwich may open: none may be a link out of the source, nor anything but a file."""
    stores, seen = [objects], set[str]()
    waiting = [*tops, objects]
    for store in stores:
        while waiting:
            folder = os.path.realpath(waiting.pop())
            if folder not in seen:
                seen.add(folder)
                waiting += _folders_in(root, folder, None if folder in tops else "")
        borrowed = [_within(root, path, "it borrows objects from", _REPACK) for path in _alternates(store)]
        stores += borrowed
        waiting += borrowed


def _folders_in(root: str, folder: str, below: str | None) -> Iterator[str]:
    """The folders in a folder that are to be looked at: only some of a repository's own (`below` is None)."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                name = os.path.relpath(entry.path, root)
                if os.path.isdir(_within(root, entry.path, f"its {name} is a symbolic link to", _COPY)):
                    yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                if below is not None or entry.name in _READ:
                    yield entry.path
            elif not entry.is_file(follow_symlinks=False) and not stat.S_ISSOCK(os.lstat(entry.path).st_mode):
                raise RepositoryError(f"is not a git repository: its {os.path.relpath(entry.path, root)} is no file")


def _alternates(store: str) -> Iterator[str]:
    """The folders that a store of objects borrows from."""
    file = os.path.join(store, "info", "alternates")
    if os.path.isfile(file):
        for line in Path(file).read_bytes().split(b"\n"):
            if line and not line.startswith(b"#"):
                yield os.path.join(store, os.fsdecode(line))


def _repository_class() -> Any:
    """dulwich's repository, but for its configuration: of that it reads one file, and follows none."""
    from dulwich.config import ConfigFile
    from dulwich.repo import Repo

    class Local(Repo):  # type: ignore[misc]
        def get_config(self) -> ConfigFile:
            path = os.path.join(self.commondir(), "config")
            try:
                with open(path, "rb") as file:
                    config = ConfigFile.from_file(file, expand_includes=False)
            except FileNotFoundError:
                config = ConfigFile()
            except ValueError:  # its text quotes the line
                raise RepositoryError("has a file config that is none of git's") from None
            config.path = path
            with suppress(KeyError):  # objects are read, and no working tree
                config.remove((b"core",), b"worktree")
            return config

        def get_worktree_config(self) -> ConfigFile:
            return ConfigFile()

    return Local
