"""When each file of a commit was last touched: one walk over the history, as short as it can be."""

from __future__ import annotations

import heapq
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

_CACHED_TREES = 2048

Entries = dict[bytes, tuple[int, bytes]]
"""What a tree holds: name → mode and object id."""


def tree_reader(store: Any, id_length: int) -> Callable[[bytes], Entries]:
    """A function from a tree's id to its entries that remembers the trees read last.

    Args:
        store: dulwich's object store.
        id_length: bytes of an object id: 20, or 32 in a SHA-256 repository.
    """
    from dulwich.objects import parse_tree

    @lru_cache(maxsize=_CACHED_TREES)
    def read(tree_id: bytes) -> Entries:
        return {name: (mode, entry) for name, mode, entry in parse_tree(store.get_raw(tree_id)[1], id_length)}

    return read


def last_touched(
    repository: Any, tip: bytes, paths: set[bytes], known_commit: bytes | None, known: Mapping[bytes, int | None]
) -> dict[bytes, int | None]:
    """The committer time, in seconds since 1970, of the commit that last touched each of `paths`.

    It is the commit that `git log -1 -- PATH` names: from the tip, a path is followed into the first parent that holds
    the very same file, and belongs to the commit none of whose parents does. All paths are followed at once, and each
    commit is compared with its parents once, so the walk costs what the history's changes cost and ends with its last
    open path. The root of a shallow clone counts as the commit that touched whatever is older.

    Args:
        tip: the commit to start from; every path must be in its tree.
        known_commit: a commit, usually of the last listing, whose answers are in `known`; the walk stops there.
    """
    parents = repository.parents_provider()
    read = tree_reader(repository.object_store, repository.object_format.oid_length)
    folders = {path[:end] for path in paths for end in _folder_ends(path)}
    found: dict[bytes, int | None] = {}
    pending: dict[bytes, set[bytes]] = {tip: set(paths)}
    queue = [(-repository[tip].commit_time, tip)]
    while queue:
        _, commit_id = heapq.heappop(queue)
        open_paths = pending.pop(commit_id)
        if commit_id == known_commit:
            answered = {path: known[path] for path in open_paths if path in known}
            found.update(answered)
            open_paths.difference_update(answered)
        if not open_paths:
            continue
        commit = repository[commit_id]
        for parent_id in parents.get_parents(commit_id, commit):
            parent = repository[parent_id]
            altered = open_paths.intersection(_altered(read, parent.tree, commit.tree, folders))
            # In a linear history this hands one set down from commit to commit without ever copying it.
            open_paths -= altered
            if open_paths:
                if parent_id in pending:
                    pending[parent_id] |= open_paths
                else:
                    pending[parent_id] = open_paths
                    heapq.heappush(queue, (-parent.commit_time, parent_id))
            open_paths = altered
        found.update(dict.fromkeys(open_paths, commit.commit_time))
    return found


def _folder_ends(path: bytes) -> Iterator[int]:
    end = path.find(b"/")
    while end >= 0:
        yield end
        end = path.find(b"/", end + 1)


def _altered(read: Callable[[bytes], Entries], old: bytes, new: bytes, folders: set[bytes]) -> Iterator[bytes]:
    """The files of tree `new` that tree `old` does not hold identically, in the folders that matter."""
    trees: list[tuple[bytes, bytes | None, bytes]] = [(b"", old, new)]
    while trees:
        prefix, old_tree, new_tree = trees.pop()
        if old_tree == new_tree:
            continue
        before = read(old_tree) if old_tree is not None else {}
        for name, (mode, entry) in read(new_tree).items():
            was = before.get(name)
            if was == (mode, entry):
                continue
            path = prefix + name
            if not stat.S_ISDIR(mode):
                yield path
            elif path in folders:
                trees.append((path + b"/", was[1] if was and stat.S_ISDIR(was[0]) else None, entry))
