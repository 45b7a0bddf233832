"""Nothing disappears by accident: what vanishes from a source, and what it takes for it to go."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.governance.expressions import Asker
from tests.flows.conftest import Project
from tests.flows.killer import embed_by_hash, read_embedded


@pytest.fixture(autouse=True)
def hash_embedder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embed_by_hash(monkeypatch, tmp_path)


@pytest.fixture
def two_sources(project: Project) -> Project:
    """A project whose corpus has a second source, the folder more."""
    more = {"folder": "more", "name": "more", "owner": "me", "acl": ["everyone"]}
    project.settings["corpora"]["docs"]["sources"].append(more)
    project.save()
    (project.folder / "more").mkdir()
    _add(project, "more/kept.md")
    return project


def _add(project: Project, *paths: str) -> None:
    for path in paths:
        file = project.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# Page {path}\n\nIn spring this is what {path} says.\n")


def _pages(count: int, folder: str = "docs") -> list[str]:
    return [f"{folder}/{number:02}.md" for number in range(count)]


def _remove(project: Project, *paths: str) -> None:
    for path in paths:
        (project.folder / path).unlink()


def _found(project: Project) -> set[str]:
    """The documents that a reader finds; every page has the word in it."""
    from freshet.tasks.search.retrieve import search

    def no_vector(release: object, text: str) -> Any:
        raise AssertionError("full text needs no vector")

    answer = search(
        project.store, "docs", "spring", asker=Asker(frozenset({"everyone"})), mode="text", limit=200,
        now=datetime.now(UTC), embed_query=no_vector,
    )  # fmt: skip
    return {hit.uri for hit in answer.hits}


def _counts(report: dict[str, Any], *names: str) -> tuple[int, ...]:
    return tuple(report["documents"][name] for name in names)


def _what_to_type(text: str) -> list[str]:
    """The words of the one command that a message says to type."""
    (command,) = set(re.findall(r"type: freshet (refresh docs.*)", text))
    return str(command).split()


def _break_scandir(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on that folder cannot be listed, as on a disk that fails: no rights would stop a test run as root."""
    real = os.scandir

    def scandir(path: Any = ".") -> Any:
        if not isinstance(path, int) and Path(os.path.realpath(path)) == folder.resolve():
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.parametrize(
    "when",
    [
        "before the settings are read",
        "after",
    ],
)
def test_of_a_folder_that_is_gone_nothing_is_withdrawn_and_other_sources_go_on(
    two_sources: Project, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    project = two_sources
    _add(project, *_pages(3))
    assert project.refresh()["outcome"] == "released"
    _add(project, "more/new.md")
    with monkeypatch.context() as patch:
        if when == "after":
            _move_away_before_listing(patch, project)
        else:
            (project.folder / "docs").rename(project.folder / "away")
        report = project.refresh(allow_withdrawals=100)
    assert report["outcome"] == "released"
    assert _counts(report, "added", "withdrawn", "withheld", "unchanged") == (1, 0, 3, 1)
    (note,) = report["notes"]
    assert "source docs could not be listed to the end: folder docs does not exist" in note
    assert _what_to_type(note) == ["refresh", "docs"]
    assert _found(project) == {*_pages(3), "more/kept.md", "more/new.md"}
    (project.folder / "away").rename(project.folder / "docs")
    report = project.refresh()
    assert (report["outcome"], report["notes"], _counts(report, "withheld", "unchanged")) == ("unchanged", [], (0, 5))


def _move_away_before_listing(patch: pytest.MonkeyPatch, project: Project) -> None:
    """The folder goes once the settings were read and found right, as a mount that is lost does."""
    from freshet.flows import refresh_index

    named = refresh_index.sources_by_name

    def names(run: Any) -> dict[str, Any]:
        if (project.folder / "docs").exists():
            (project.folder / "docs").rename(project.folder / "away")
        return named(run)

    patch.setattr(refresh_index, "sources_by_name", names)


def test_of_a_git_repository_out_of_reach_nothing_is_withdrawn(two_sources: Project) -> None:
    project = two_sources
    repository = project.folder / "upstream"
    repository.mkdir()
    _add(project, *_pages(3, "upstream"))
    _git(repository, "init", "-q", "-b", "main")
    _git(repository, "add", ".")
    _git(repository, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "pages")
    remote = {"git": "upstream", "name": "policies", "owner": "me", "acl": ["everyone"]}
    project.settings["corpora"]["docs"]["sources"][0] = remote
    project.save()
    report = project.refresh()
    assert (report["outcome"], _counts(report, "added")) == ("released", (4,)), report
    remote["git"] = "https://127.0.0.1:1/policies.git"  # the same source, moved to where nobody answers
    project.save()
    _add(project, "more/new.md")
    report = project.refresh(allow_withdrawals=100)
    assert report["outcome"] == "released"
    assert _counts(report, "added", "withdrawn", "withheld") == (1, 0, 3)
    (note,) = report["notes"]
    assert "source policies could not be listed to the end" in note
    assert _what_to_type(note) == ["refresh", "docs"]
    assert len(_found(project)) == 5


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def test_an_empty_listing_withdraws_nothing_without_a_word_and_all_with_it(project: Project) -> None:
    _add(project, *_pages(3))
    project.refresh()
    _remove(project, *_pages(3))
    report = project.refresh()
    assert (report["outcome"], _counts(report, "withdrawn", "withheld")) == ("unchanged", (0, 3))
    (note,) = report["notes"]
    assert _what_to_type(note) == ["refresh", "docs", "--allow-withdrawals", "3"]
    report = project.refresh(allow_withdrawals=2)
    assert (report["outcome"], _counts(report, "withdrawn", "withheld")) == ("unchanged", (0, 3))
    assert _found(project) == set(_pages(3))
    report = project.refresh(allow_withdrawals=3)
    assert (report["outcome"], _counts(report, "withdrawn", "withheld"), report["notes"]) == ("released", (3, 0), [])
    assert _found(project) == set()


def test_a_listing_that_lost_half_waits_for_a_word_and_says_which(project: Project) -> None:
    _add(project, *_pages(24))
    project.refresh()
    _remove(project, *_pages(12))
    _add(project, "docs/new.md")
    report = project.refresh()
    assert report["outcome"] == "released"
    assert _counts(report, "added", "withdrawn", "withheld", "unchanged") == (1, 0, 12, 12)
    assert _found(project) == {*_pages(24), "docs/new.md"}
    refused = project.freshet("refresh", "docs", "--json", code=3)
    assert '"withheld": 12' in refused.stdout
    words = _what_to_type(refused.stderr)
    assert words == ["refresh", "docs", "--allow-withdrawals", "12"]
    done = project.freshet_json(*words, code=0)
    assert (done["outcome"], _counts(done, "withdrawn", "withheld")) == ("released", (12, 0))
    assert _found(project) == {*_pages(24)[12:], "docs/new.md"}


def test_ten_documents_may_vanish_without_a_word(project: Project) -> None:
    _add(project, *_pages(12))
    project.refresh()
    _remove(project, *_pages(10))
    report = project.refresh()
    assert (report["outcome"], _counts(report, "withdrawn", "withheld"), report["notes"]) == ("released", (10, 0), [])
    assert _found(project) == set(_pages(12)[10:])


def test_documents_that_come_back_while_their_withdrawal_waits_are_as_before(project: Project) -> None:
    _add(project, *_pages(12))
    project.refresh()
    (project.folder / "docs").rename(project.folder / "away")
    (project.folder / "docs").mkdir()
    assert _counts(project.refresh(), "withheld") == (12,)
    before = project.versions()
    shutil.rmtree(project.folder / "docs")
    (project.folder / "away").rename(project.folder / "docs")
    report = project.refresh()
    assert (report["outcome"], _counts(report, "withheld", "unchanged"), report["notes"]) == ("unchanged", (0, 12), [])
    assert project.versions() == before


def test_a_listing_that_broke_half_way_withdraws_nothing_whatever_is_allowed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(project, *_pages(3), *_pages(3, "docs/below"))
    project.refresh()
    _remove(project, "docs/00.md", "docs/below/00.md")
    with monkeypatch.context() as patch:
        _break_scandir(patch, project.folder / "docs" / "below")
        report = project.refresh(allow_withdrawals=100)
    assert (report["outcome"], _counts(report, "withdrawn", "withheld")) == ("unchanged", (0, 4))
    assert "below: Input/output error" in report["notes"][0]
    assert not any("--allow-withdrawals" in note for note in report["notes"])
    assert len(_found(project)) == 6
    report = project.refresh()
    assert (report["outcome"], _counts(report, "withdrawn", "withheld")) == ("released", (2, 0))


def test_a_copy_of_a_document_that_a_broken_listing_left_out_is_no_move(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _add(project, "docs/a.md", "docs/below/b.md")
    project.refresh()
    shutil.copy(project.folder / "docs" / "below" / "b.md", project.folder / "docs" / "copy.md")
    with monkeypatch.context() as patch:
        _break_scandir(patch, project.folder / "docs" / "below")
        report = project.refresh()
    assert _counts(report, "added", "moved", "withdrawn", "withheld") == (1, 0, 0, 1)
    assert set(project.ledger()["uri"].to_pylist()) == {"docs/a.md", "docs/below/b.md", "docs/copy.md"}
    # Of two copies, the newer answers for both.
    assert _found(project) == {"docs/a.md", "docs/copy.md"}


def test_the_documents_of_a_source_removed_from_the_settings_go_the_same_way(two_sources: Project) -> None:
    project = two_sources
    _add(project, *_pages(12))
    project.refresh()
    first, second = project.settings["corpora"]["docs"]["sources"]
    project.settings["corpora"]["docs"]["sources"] = [second]
    project.save()
    report = project.refresh()
    assert (report["outcome"], _counts(report, "withdrawn", "withheld")) == ("unchanged", (0, 12))
    assert _what_to_type(report["notes"][0]) == ["refresh", "docs", "--allow-withdrawals", "12"]
    report = project.refresh(allow_withdrawals=12)
    assert (report["outcome"], _counts(report, "withdrawn", "withheld")) == ("released", (12, 0))
    assert _found(project) == {"more/kept.md"}
    project.settings["corpora"]["docs"]["sources"] = [first]
    project.save()
    report = project.refresh()
    assert (report["outcome"], _counts(report, "added", "withdrawn", "withheld")) == ("released", (12, 1, 0))


def test_a_renamed_folder_withdraws_nothing_and_embeds_nothing(project: Project, tmp_path: Path) -> None:
    _add(project, "docs/stays.md", *_pages(12, "docs/old"))
    project.refresh()
    texts = sorted(project.chunks()["text"].to_pylist())
    embedded = len(read_embedded(tmp_path))
    (project.folder / "docs" / "old").rename(project.folder / "docs" / "new")
    report = project.refresh()
    assert (report["outcome"], report["texts_embedded"], report["notes"]) == ("released", 0, [])
    assert _counts(report, "moved", "added", "withdrawn", "withheld", "unchanged") == (12, 0, 0, 0, 1)
    assert len(read_embedded(tmp_path)) == embedded
    assert sorted(project.chunks()["text"].to_pylist()) == texts
    assert _found(project) == {"docs/stays.md", *_pages(12, "docs/new")}


def test_several_copies_of_one_content_move_at_once_each_to_a_path_of_its_own(project: Project) -> None:
    copies = _pages(13, "docs/old")
    _add(project, "docs/stays.md", copies[0])
    for copy in copies[1:]:
        shutil.copy(project.folder / copies[0], project.folder / copy)
    assert _counts(project.refresh(), "added") == (14,)
    (project.folder / "docs" / "old").rename(project.folder / "docs" / "new")
    _remove(project, "docs/new/00.md")
    report = project.refresh()
    assert (report["outcome"], report["texts_embedded"]) == ("released", 0)
    assert _counts(report, "moved", "added", "withdrawn", "withheld", "unchanged") == (12, 0, 1, 0, 1)
    shutil.copytree(project.folder / "docs" / "new", project.folder / "docs" / "copy")
    report = project.refresh()
    assert _counts(report, "moved", "added", "withdrawn", "unchanged") == (0, 12, 0, 13)
    assert report["texts_embedded"] == 0
    chunks = project.chunks()
    assert len(set(chunks["chunk_id"].to_pylist())) == chunks.num_rows
    # Of copies that all may see, one answers for the others.
    answering = [row["doc_id"] for row in project.ledger().to_pylist() if row["duplicate_of"] is None]
    assert len(answering) == 2
    assert set(chunks["doc_id"].to_pylist()) == set(answering)
