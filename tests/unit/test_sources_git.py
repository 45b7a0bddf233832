"""Git repositories, built with dulwich: versions, dates, refs, remotes, and what is refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from dulwich.objects import Blob, Commit, Tag, Tree
from dulwich.repo import Repo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.documents.sources import (
    FetchedFile,
    FetchFailure,
    Listing,
    SourceReader,
    git,
    git_mirror,
    open_source,
)
from freshet.tasks.documents.sources.git_history import last_touched
from freshet.tasks.settings.project import GitSource

FILE, LINK, SUBMODULE, FOLDER = 0o100644, 0o120000, 0o160000, 0o040000


class Repository:
    """A bare repository whose commits are given as whole trees: path → bytes."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        self.path = path
        self.repo = Repo.init_bare(str(path), default_branch=b"main")

    def tree(self, files: dict[str, Any]) -> bytes:
        tree = Tree()
        folders: dict[str, dict[str, Any]] = {}
        for path, content in files.items():
            name, _, rest = path.partition("/")
            if rest:
                folders.setdefault(name, {})[rest] = content
            else:
                mode, data = content if isinstance(content, tuple) else (FILE, content)
                tree.add(name.encode("utf-8", "surrogateescape"), mode, self.blob(data) if mode != SUBMODULE else data)
        for name, below in folders.items():
            tree.add(name.encode("utf-8", "surrogateescape"), FOLDER, self.tree(below))
        self.repo.object_store.add_object(tree)
        return bytes(tree.id)

    def blob(self, data: bytes) -> bytes:
        blob = Blob.from_string(data)
        self.repo.object_store.add_object(blob)
        return bytes(blob.id)

    def commit(
        self, files: dict[str, Any], at: int, parents: Sequence[bytes] | None = None, branch: str = "main"
    ) -> bytes:
        ref = b"refs/heads/" + branch.encode()
        commit = Commit()
        commit.tree = self.tree(files)
        head = self.repo.refs.as_dict().get(ref)
        commit.parents = list(parents) if parents is not None else [head] if head else []
        commit.author = commit.committer = b"Ada <ada@example.org>"
        commit.author_time, commit.commit_time = at - 5_000, at
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"m"
        self.repo.object_store.add_object(commit)
        self.repo.refs[ref] = commit.id
        return bytes(commit.id)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def reader(root: Path, address: str = "repo", **more: Any) -> SourceReader:
    return open_source(GitSource(git=address, owner="o", acl=["everyone"], **more), root, root / "cache")


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def times(listing: Listing) -> dict[str, int]:
    rows = listing.table.to_pylist()
    return {row["path"]: int(row["modified_at"].timestamp()) for row in rows}


def walks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The commits that the history walk reads from now on."""
    seen: list[bytes] = []
    getitem = Repo.__getitem__

    def recording(self: Repo, name: Any) -> Any:
        seen.append(name)
        return getitem(self, name)

    monkeypatch.setattr(Repo, "__getitem__", recording)
    return seen


@pytest.mark.parametrize("address", ["repo", "file://{root}/repo"])
def test_a_listing_gives_blob_commit_and_the_date_of_each_file(
    tmp_path: Path, repository: Repository, address: str
) -> None:
    address = address.format(root=tmp_path)
    repository.commit({"a.md": b"a", "d/é.md": b"one"}, 1_000)
    tip = repository.commit({"a.md": b"a", "d/é.md": b"three"}, 2_000)
    listing = reader(tmp_path, address).list()
    assert (listing.complete, listing.error, listing.skipped) == (True, None, [])
    assert listing.table.to_pylist() == [
        {
            "path": path, "uri": f"git+{address}@HEAD#{path}", "size": len(data), "modified_at": at(seconds),
            "hint": Blob.from_string(data).id.decode(), "source_version": tip.decode(), "content_hash": None,
        }
        for path, data, seconds in (("a.md", b"a", 1_000), ("d/é.md", b"three", 2_000))
    ]  # fmt: skip
    (tmp_path / "into").mkdir()
    # Another process fetches with a reader of its own.
    for path, fetched in reader(tmp_path, address).fetch(["a.md", "d/é.md"], tmp_path / "into").items():
        data = {"a.md": b"a", "d/é.md": b"three"}[path]
        assert isinstance(fetched, FetchedFile)
        assert fetched.local_path.read_bytes() == data
        assert (fetched.content_hash, fetched.size) == (sha256(data).hexdigest(), len(data))


def test_a_repository_with_a_working_tree_is_read_at_its_commit_not_at_its_files(tmp_path: Path) -> None:
    from dulwich import porcelain

    work = tmp_path / "work"
    porcelain.init(str(work))
    (work / "a.md").write_bytes(b"committed")
    porcelain.add(str(work), paths=[str(work / "a.md")])
    porcelain.commit(str(work), message=b"m", author=b"A <a@b>", committer=b"A <a@b>")
    (work / "a.md").write_bytes(b"edited")
    (work / "b.md").write_bytes(b"untracked")
    source = reader(tmp_path, "work")
    assert source.list().table["path"].to_pylist() == ["a.md"]
    fetched = source.fetch(["a.md"], tmp_path)["a.md"]
    assert isinstance(fetched, FetchedFile)
    assert fetched.local_path.read_bytes() == b"committed"


def test_a_rename_and_a_delete_are_seen_and_dated(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a", "b.md": b"b", "c.md": b"c"}, 1_000)
    repository.commit({"sub/a.md": b"a", "b.md": b"b"}, 2_000)
    assert times(reader(tmp_path).list()) == {"b.md": 1_000, "sub/a.md": 2_000}


def test_an_edit_that_was_reverted_counts_as_a_touch(tmp_path: Path, repository: Repository) -> None:
    for seconds, data in ((1_000, b"a"), (2_000, b"b"), (3_000, b"a")):
        repository.commit({"a.md": data, "b.md": b"b"}, seconds)
    assert times(reader(tmp_path).list()) == {"a.md": 3_000, "b.md": 1_000}


def test_refs_are_found_as_git_finds_them(tmp_path: Path, repository: Repository) -> None:
    first = repository.commit({"a.md": b"1"}, 1_000)
    repository.commit({"a.md": b"22"}, 2_000)
    repository.commit({"a.md": b"333"}, 3_000, parents=[first], branch="draft")
    tag = Tag()
    tag.tagger, tag.tag_time, tag.tag_timezone, tag.message = b"A <a@b>", 1, 0, b"m"
    tag.object, tag.name = (Commit, first), b"v1"
    repository.repo.object_store.add_object(tag)
    repository.repo.refs[b"refs/tags/v1"] = tag.id
    sizes = {"HEAD": 2, "main": 2, "draft": 3, "refs/heads/draft": 3, "v1": 1, first.decode(): 1}
    for address in ("repo", f"file://{tmp_path}/repo"):
        for ref, size in sizes.items():
            listing = reader(tmp_path, address, ref=ref).list()
            assert listing.error is None
            assert listing.table["size"].to_pylist() == [size], ref
        listing = reader(tmp_path, address, ref="drift").list()
        assert not listing.complete
        assert listing.error is not None
        assert "no branch, tag or full commit id 'drift'; its branches are draft, main" in listing.error
        unknown = reader(tmp_path, address, ref="0" * 40).list()
        assert not unknown.complete
        assert unknown.error is not None
        assert f"has no commit {'0' * 40}" in unknown.error


@pytest.fixture
def served(repository: Repository) -> Iterator[str]:
    """The address of the repository on an HTTP server on this machine, with a password in it."""
    from dulwich.server import DictBackend
    from dulwich.web import make_wsgi_chain

    class Quiet(WSGIRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    backend = DictBackend({"/repo": repository.repo})
    with make_server("127.0.0.1", 0, make_wsgi_chain(backend), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://ada:s3cret@127.0.0.1:{server.server_port}/repo"
        server.shutdown()
        thread.join()


def test_a_repository_over_http_is_mirrored_and_followed(tmp_path: Path, repository: Repository, served: str) -> None:
    first = repository.commit({"a.md": b"a"}, 1_000)
    assert times(reader(tmp_path, served).list()) == {"a.md": 1_000}
    tip = repository.commit({"a.md": b"a", "b.md": b"b"}, 2_000)
    listing = reader(tmp_path, served).list()
    assert times(listing) == {"a.md": 1_000, "b.md": 2_000}
    assert set(listing.table["source_version"].to_pylist()) == {tip.decode()}
    assert not any("s3cret" in uri for uri in listing.table["uri"].to_pylist())
    assert times(reader(tmp_path, served, ref=first.decode()).list()) == {"a.md": 1_000}
    assert reader(tmp_path, served).list().complete
    fetched = reader(tmp_path, served).fetch(["b.md"], tmp_path)["b.md"]
    assert isinstance(fetched, FetchedFile)
    assert fetched.local_path.read_bytes() == b"b"


def test_what_an_http_server_does_not_have_is_said_without_the_password(
    tmp_path: Path, repository: Repository, served: str
) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    wrong_ref = reader(tmp_path, served, ref="drift").list()
    gone = reader(tmp_path, served.replace("/repo", "/gone")).list()
    reasons = ("'drift'; its branches are main", "is not there, or is no git repository")
    for listing, reason in zip((wrong_ref, gone), reasons, strict=True):
        assert not listing.complete
        assert listing.error is not None
        assert reason in listing.error
        assert "s3cret" not in listing.error


@pytest.mark.parametrize("address", ["repo", "file://{root}/repo"])
def test_a_new_commit_is_seen_and_the_same_commit_is_not_walked_again(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    address = address.format(root=tmp_path)
    for number in range(1, 30):
        repository.commit({"a.md": b"a", "b.md": b"%d" % number}, 1_000 + number)
    assert times(reader(tmp_path, address).list()) == {"a.md": 1_001, "b.md": 1_029}
    repository.commit({"a.md": b"a", "b.md": b"29", "c.md": b"c"}, 2_000)
    seen = walks(monkeypatch)
    assert times(reader(tmp_path, address).list()) == {"a.md": 1_001, "b.md": 1_029, "c.md": 2_000}
    assert len(set(seen)) < 5, "only the commits since the last listing are read"
    monkeypatch.setattr(git, "last_touched", lambda *_: pytest.fail("the same commit was walked again"))
    again = reader(tmp_path, address).list()
    assert times(again) == {"a.md": 1_001, "b.md": 1_029, "c.md": 2_000}
    assert again.complete


def test_a_rewritten_history_is_dated_anew(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a", "b.md": b"b"}, 1_000)
    address = f"file://{tmp_path}/repo"
    assert times(reader(tmp_path, address).list()) == {"a.md": 1_000, "b.md": 1_000}
    other = repository.commit({"a.md": b"a"}, 3_000, parents=[])
    repository.commit({"a.md": b"a", "b.md": b"b"}, 4_000, parents=[other])
    assert times(reader(tmp_path, address).list()) == {"a.md": 3_000, "b.md": 4_000}


def test_a_damaged_cache_is_made_anew(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    address = f"file://{tmp_path}/repo"
    reader(tmp_path, address).list()
    for cached in (tmp_path / "cache/git").glob("*.listing"):
        cached.write_bytes(b"torn")
    (head,) = (tmp_path / "cache/git").glob("*/HEAD")
    head.unlink()
    assert times(reader(tmp_path, address).list()) == {"a.md": 1_000}


def test_a_mirror_of_many_packs_is_made_anew(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_mirror, "_MOST_PACKS", 3)
    for number in range(8):
        repository.commit({"a.md": b"%d" % number}, 1_000 + number)
        assert times(reader(tmp_path, f"file://{tmp_path}/repo").list()) == {"a.md": 1_000 + number}
        assert len(list((tmp_path / "cache/git").glob("*/objects/pack/*.pack"))) <= 4


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://ada:s3cret@127.0.0.1:1/p.git", "could not be read: HTTPConnection(host='127.0.0.1', port=1): Failed"),
        ("git://127.0.0.1:1/p.git", "refused"),
        ("svn://127.0.0.1:1/p", "cannot be reached by svn://"),
        ("gone", "does not exist"),
        ("cache", "is not a git repository"),
        ("file:///gone", "does not exist"),
    ],
)
def test_an_unreachable_repository_is_an_incomplete_listing(tmp_path: Path, address: str, reason: str) -> None:
    (tmp_path / "cache").mkdir()
    listing = reader(tmp_path, address).list()
    assert (listing.complete, listing.table.num_rows) == (False, 0)
    assert listing.error is not None
    assert reason in listing.error
    assert ":s3cret" not in listing.error
    assert "ada" not in listing.error
    assert isinstance(reader(tmp_path, address).fetch(["a.md"], tmp_path)["a.md"], FetchFailure)


def other(tmp_path: Path) -> Repository:
    """A repository beside the source, which is none of its documents."""
    made = Repository(tmp_path / "other")
    made.commit({"secret.md": b"secret"}, 1_000)
    return made


ADDRESSES = pytest.mark.parametrize("address", ["repo", "file://{root}/repo"])


@ADDRESSES
@pytest.mark.parametrize("section", ["[include]", '[includeIf "gitdir:**"]', '[includeIf "onbranch:**"]'])
def test_a_configuration_that_includes_another_file_is_read_without_it(
    tmp_path: Path, repository: Repository, address: str, section: str
) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    (tmp_path / "passwords").write_text("root:s3cret:0:0\n")
    with (repository.path / "config").open("a") as config:
        config.write(f"{section}\n\tpath = {tmp_path}/passwords\n")
    listing = reader(tmp_path, address.format(root=tmp_path)).list()
    assert (listing.error, listing.table["path"].to_pylist()) == (None, ["a.md"])


@ADDRESSES
def test_a_configuration_that_cannot_be_read_is_not_quoted(
    tmp_path: Path, repository: Repository, address: str
) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    (repository.path / "config").write_text("s3cret\n")
    listing = reader(tmp_path, address.format(root=tmp_path)).list()
    assert not listing.complete
    assert "has a file config that is none of git's" in (listing.error or "")
    assert "s3cret" not in (listing.error or "")


@ADDRESSES
def test_a_working_tree_elsewhere_is_ignored(tmp_path: Path, repository: Repository, address: str) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    (repository.path / "config").write_text(f"[core]\n\tbare = true\n\tworktree = {tmp_path}/other\n")
    assert reader(tmp_path, address.format(root=tmp_path)).list().table["path"].to_pylist() == ["a.md"]


def _replace(path: Path, target: Path) -> None:
    """Puts a link to `target` in the place of a file or folder."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    path.symlink_to(target)


def _lead_away(how: str, repo: Path, away: Path) -> None:
    """Has the repository at `repo` lead to the one at `away`."""
    if how == "alternates":
        (repo / "objects/info/alternates").write_text(f"# shared\n{away}/objects\n")
    elif how == "commondir":
        (repo / "commondir").write_text(f"{away}\n")
    elif how.startswith(".git"):
        shutil.rmtree(repo)
        repo.mkdir()
        if how == ".git link":
            (repo / ".git").symlink_to(away)
        else:
            (repo / ".git").write_text(f"gitdir: ../{away.name}\n")
    else:
        _replace(repo / how, away / how)


@ADDRESSES
@pytest.mark.parametrize(
    ("how", "told"),
    [
        (".git file", "its .git names {away}; write what it leads to, git: {away}"),
        (".git link", "its .git is a symbolic link to {away}; write what it leads to, git: {away}"),
        ("commondir", "its commondir names {away}; write what it leads to, git: {away}"),
        ("alternates", "it borrows objects from {away}/objects; type there: git repack -a -d, and remove"),
        ("objects", "its objects is a symbolic link to {away}/objects; put what it leads to in its place"),
        ("objects/pack", "its objects/pack is a symbolic link to {away}/objects/pack"),
        ("refs/heads", "its refs/heads is a symbolic link to {away}/refs/heads"),
        ("HEAD", "its HEAD is a symbolic link to {away}/HEAD"),
        ("config", "its config is a symbolic link to {away}/config"),
        ("packed-refs", "its packed-refs is a symbolic link to {away}/packed-refs"),
    ],
)
def test_a_repository_that_leads_out_of_the_source_is_refused(
    tmp_path: Path, repository: Repository, address: str, how: str, told: str
) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    away = other(tmp_path).path
    _lead_away(how, repository.path, away)
    source = reader(tmp_path, address.format(root=tmp_path))
    listing = source.list()
    assert (listing.complete, listing.table.num_rows) == (False, 0)
    assert f"leads out of the source: {told.format(away=away)}" in (listing.error or "")
    failure = source.fetch(["secret.md"], tmp_path)["secret.md"]
    assert isinstance(failure, FetchFailure)


def test_a_linked_object_is_refused_and_what_borrowed_objects_borrow(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    away = other(tmp_path).path
    object_id = Blob.from_string(b"secret").id.decode()
    inside = repository.path / "objects" / object_id[:2] / object_id[2:]
    inside.parent.mkdir(exist_ok=True)
    inside.symlink_to(away / "objects" / object_id[:2] / object_id[2:])
    assert "symbolic link" in (reader(tmp_path).list().error or "")
    inside.unlink()
    within = repository.path / "more"
    (within / "info").mkdir(parents=True)
    (repository.path / "objects/info/alternates").write_text("../more\n")
    assert reader(tmp_path).list().error is None
    (within / "info/alternates").write_text(f"{away}/objects\n")
    assert f"borrows objects from {away}/objects" in (reader(tmp_path).list().error or "")


@pytest.mark.parametrize("git", ["main/.git", "main"])
def test_a_linked_worktree_is_told_to_be_read_at_its_repository(tmp_path: Path, git: str) -> None:
    folder = tmp_path / git / "worktrees/work"
    folder.mkdir(parents=True)
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo/.git").write_text(f"gitdir: {folder}\n")
    error = reader(tmp_path).list().error or ""
    assert error.endswith(f"write what it leads to, git: {tmp_path}/main, with the branch as ref: …")


def test_a_repository_that_leads_to_another_place_of_the_source_is_read(tmp_path: Path) -> None:
    bare = Repository(tmp_path / "repo/.bare")
    bare.commit({"a.md": b"a"}, 1_000)
    (tmp_path / "repo/.git").write_text("gitdir: .bare\n")
    assert times(reader(tmp_path).list()) == {"a.md": 1_000}
    (tmp_path / "repo/.git").unlink()
    (tmp_path / "repo/.git").symlink_to(".bare")
    assert times(reader(tmp_path).list()) == {"a.md": 1_000}


def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    (repository.path / "HEAD").unlink()
    os.mkfifo(repository.path / "HEAD")
    assert "its HEAD is no file" in (reader(tmp_path).list().error or "")


def test_an_empty_repository_is_an_incomplete_listing(tmp_path: Path, repository: Repository) -> None:
    for address in ("repo", f"file://{tmp_path}/repo"):
        listing = reader(tmp_path, address).list()
        assert not listing.complete
        assert listing.error is not None
        assert "no branch yet" in listing.error or "no commit yet" in listing.error


def test_an_unreachable_remote_does_not_end_what_was_mirrored(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a"}, 1_000)
    address = f"file://{tmp_path}/repo"
    assert reader(tmp_path, address).list().complete
    shutil.move(tmp_path / "repo", tmp_path / "away")
    listing = reader(tmp_path, address).list()
    assert (listing.complete, listing.table.num_rows) == (False, 0)
    shutil.move(tmp_path / "away", tmp_path / "repo")
    assert reader(tmp_path, address).list().complete


def test_a_password_in_the_address_is_in_no_row(tmp_path: Path) -> None:
    source = reader(tmp_path, "http://ada:s3cret@127.0.0.1:1/p.git")
    assert isinstance(source, git.GitRepository)
    repository = Repository(tmp_path / "repo")
    commit = repository.commit({"a.md": b"a"}, 1_000)
    listing = source._list(repository.repo, commit)
    assert listing.table["uri"].to_pylist() == ["git+http://***@127.0.0.1:1/p.git@HEAD#a.md"]
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]


def test_links_submodules_and_crafted_names_are_skipped_with_a_reason(tmp_path: Path, repository: Repository) -> None:
    files = {
        "a.md": b"a", "link.md": (LINK, b"/etc/passwd"), "module": (SUBMODULE, b"1" * 40), "caf\udce9.md": b"latin",
        ".git/config": b"x", ".DS_Store": b"x", "run.sh": (0o100755, b"x"),
    }  # fmt: skip
    repository.commit(files, 1_000)
    crafted = Tree()
    for name in (b"..", b".", b"x/../../y"):
        crafted.add(name, FILE, repository.blob(b"evil"))
    crafted.add(b"up", FOLDER, repository.tree({"b.md": b"b"}))
    repository.repo.object_store.add_object(crafted)
    commit = repository.repo[repository.commit(files, 2_000)]
    tree = repository.repo[commit.tree]
    tree.add(b"crafted", FOLDER, crafted.id)
    repository.repo.object_store.add_object(tree)
    commit.tree = tree.id
    repository.repo.object_store.add_object(commit)
    repository.repo.refs[b"refs/heads/main"] = commit.id
    for _ in range(2):  # the second is out of the cache
        listing = reader(tmp_path).list()
        assert listing.complete
        assert listing.table["path"].to_pylist() == ["a.md", "crafted/up/b.md", "run.sh"]
        assert {item.path: item.reason for item in listing.skipped} == {
            "link.md": "a symbolic link, not a file", "module": "a submodule, not a file",
            "caf\\xe9.md": "its name is not valid UTF-8",
            "crafted/..": "a path with an empty, . or .. part is refused",
            "crafted/.": "a path with an empty, . or .. part is refused",
            "crafted/x/../../y": "a name with a slash is refused",
        }  # fmt: skip


def test_trees_that_name_each_other_into_billions_of_files_end_the_listing(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "_MOST_ENTRIES", 10_000)
    tree = repository.tree({f"{number}.md": b"x" for number in range(10)})
    for _ in range(9):
        above = Tree()
        for number in range(10):
            above.add(b"%d" % number, FOLDER, tree)
        repository.repo.object_store.add_object(above)
        tree = above.id
    commit = repository.repo[repository.commit({}, 1_000)]
    commit.tree = tree
    repository.repo.object_store.add_object(commit)
    repository.repo.refs[b"refs/heads/main"] = commit.id
    listing = reader(tmp_path).list()
    assert not listing.complete
    assert listing.error == "git repository repo names more than 10000 files"


def test_what_cannot_be_delivered_fails_alone(tmp_path: Path, repository: Repository) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    files = {"a.md": b"a", "big.pdf": pointer, "large.md": b"x" * 101, "lost.md": b"lost"}
    repository.commit(files, 1_000)
    source = reader(tmp_path, max_size=100, include=["**"], exclude=["none/"])
    assert source.list().table.num_rows == 4
    lost = Blob.from_string(b"lost").id.decode()
    (repository.path / "objects" / lost[:2] / lost[2:]).unlink()
    (tmp_path / "into").mkdir()
    fetched = source.fetch(["a.md", "big.pdf", "large.md", "lost.md", "other.md", "../a.md"], tmp_path / "into")
    assert isinstance(fetched["a.md"], FetchedFile)
    failures = {path: item for path, item in fetched.items() if isinstance(item, FetchFailure)}
    assert failures["big.pdf"].reason.startswith("LFS pointer")
    assert failures["large.md"].code == "SOURCE-SIZE"
    assert failures["lost.md"].reason.startswith(f"its blob {lost} cannot be read")
    assert failures["other.md"].reason == "is not in the commit that was listed"
    assert "refused" in failures["../a.md"].reason
    assert len(list((tmp_path / "into").iterdir())) == 1


def test_globs_choose_and_a_changed_glob_is_listed_anew(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a", "b.pdf": b"b", "private/c.md": b"c"}, 1_000)
    assert reader(tmp_path, include=["*.md"], exclude=["private/"]).list().table["path"].to_pylist() == ["a.md"]
    assert reader(tmp_path, include=["*.md"]).list().table["path"].to_pylist() == ["a.md", "private/c.md"]


def test_two_spellings_of_one_name_are_one_document(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"cafe\u0301.md": b"decomposed", "caf\u00e9.md": b"nfc", "e\u0301/a.md": b"only"}, 1_000)
    source = reader(tmp_path)
    listing = source.list()
    assert listing.table["path"].to_pylist() == ["caf\u00e9.md", "\u00e9/a.md"]
    assert [item.path for item in listing.skipped] == ["caf\u00e9.md"]
    fetched = source.fetch(["caf\u00e9.md", "\u00e9/a.md"], tmp_path).values()
    contents = [item.local_path.read_bytes() for item in fetched if isinstance(item, FetchedFile)]
    assert contents == [b"nfc", b"only"]


def test_the_root_of_a_shallow_clone_dates_what_is_older(tmp_path: Path, repository: Repository) -> None:
    repository.commit({"a.md": b"a", "b.md": b"b"}, 1_000)
    middle = repository.commit({"a.md": b"a", "b.md": b"bb"}, 2_000)
    repository.commit({"a.md": b"a", "b.md": b"bb", "c.md": b"c"}, 3_000)
    repository.repo.update_shallow([middle], [])
    assert times(reader(tmp_path).list()) == {"a.md": 2_000, "b.md": 2_000, "c.md": 3_000}


def test_files_that_reach_one_commit_through_different_branches_are_both_dated(
    tmp_path: Path, repository: Repository
) -> None:
    base = repository.commit({"x.md": b"x", "y.md": b"y"}, 1_000, parents=[])
    left = repository.commit({"x.md": b"x", "y.md": b"left"}, 2_000, parents=[base])
    right = repository.commit({"x.md": b"right", "y.md": b"y"}, 3_000, parents=[base])
    repository.commit({"x.md": b"x", "y.md": b"y"}, 4_000, parents=[left, right])
    assert times(reader(tmp_path).list()) == {"x.md": 1_000, "y.md": 1_000}


def _expected(repo: Repo, commit_id: bytes, path: bytes) -> int:
    """What `git log -1 -- path` dates a file to, by its definition and one path at a time."""
    from dulwich.object_store import tree_lookup_path

    def held(commit: bytes) -> Any:
        try:
            return tree_lookup_path(repo.object_store.__getitem__, repo[commit].tree, path)
        except KeyError:
            return None

    while True:
        same = [parent for parent in repo[commit_id].parents if held(parent) == held(commit_id)]
        if not same:
            return int(repo[commit_id].commit_time)
        commit_id = same[0]


_STATES = st.dictionaries(st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a"]), st.sampled_from([b"1", b"2"]), max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_dates_follow_merges_and_broken_clocks_as_git_log_does(tmp_path_factory: Any, data: st.DataObject) -> None:
    repository = Repository(tmp_path_factory.mktemp("any") / "repo")
    commits: list[bytes] = []
    for number in range(data.draw(st.integers(1, 9))):
        parents = data.draw(st.lists(st.sampled_from(commits), unique=True, max_size=3)) if commits else []
        clock = data.draw(st.sampled_from([1_000 + number, 5_000 - number]))
        commits.append(repository.commit(data.draw(_STATES), clock * 10 + number, parents=parents))
    repo, tip = repository.repo, commits[-1]
    trees = {commit: _paths(repo, repo[commit].tree) for commit in commits}
    expected = {path: _expected(repo, tip, path) for path in trees[tip]}
    assert last_touched(repo, tip, trees[tip], None, {}) == expected
    known = data.draw(st.sampled_from(commits))
    answers = {path: _expected(repo, known, path) for path in trees[known]}
    assert last_touched(repo, tip, trees[tip], known, answers) == expected
    repo.close()


def _paths(repo: Repo, tree: bytes) -> set[bytes]:
    return {entry.path for entry in repo.object_store.iter_tree_contents(tree)}


@pytest.mark.skipif(shutil.which("git") is None, reason="the git executable is not installed")
def test_dates_are_those_of_git_itself(tmp_path: Path, repository: Repository) -> None:
    first = repository.commit({"a.md": b"a", "b.md": b"b", "c.md": b"c"}, 1_000)
    left = repository.commit({"a.md": b"left", "b.md": b"b", "c.md": b"c"}, 2_000, parents=[first])
    right = repository.commit({"a.md": b"a", "b.md": b"right", "c.md": b"c"}, 3_000, parents=[first], branch="side")
    repository.commit({"a.md": b"left", "b.md": b"right", "c.md": b"merged"}, 4_000, parents=[left, right])
    for path, seconds in times(reader(tmp_path).list()).items():
        command = ["git", "--git-dir", str(repository.path), "log", "-1", "--format=%ct", "main", "--", path]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == str(seconds)
