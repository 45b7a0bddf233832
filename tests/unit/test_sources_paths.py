"""Which paths a source takes, which are refused, and how a name is spelled."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from freshet.tasks.documents.sources import matches
from freshet.tasks.documents.sources.paths import path_filter, printable, spellings, unsafe
from freshet.tasks.errors import SettingsError


@pytest.mark.parametrize(
    ("path", "include", "exclude", "taken"),
    [
        ("a/b.md", ["**"], [], True),
        (".hidden/b.md", ["**"], [], True),
        ("a/b.md", ["*.md"], [], True),
        ("a/b.pdf", ["*.md"], [], False),
        ("docs/a/b.md", ["docs/**"], [], True),
        ("other/docs/b.md", ["docs/**"], [], False),
        ("docs/b.md", ["docs"], [], True),
        ("a/b.md", ["**"], ["a/"], False),
        ("a/b.md", ["**"], ["*.md", "!b.md"], True),
        ("a/b.md", ["*.md", "!b.md"], [], False),
        ("A.MD", ["*.md"], [], False),
        ("übung/é.md", ["übung/*.md"], [], True),
    ],
)
def test_globs_mean_what_they_mean_in_gitignore(path: str, include: list[str], exclude: list[str], taken: bool) -> None:
    assert matches(path, include, exclude) is taken


@pytest.mark.parametrize("pattern", ["!", "[a", "/", "#comment", " "])
def test_a_glob_that_is_invalid_or_matches_nothing_is_named(pattern: str) -> None:
    with pytest.raises(SettingsError, match="exclude"):
        path_filter(["**"], [pattern])


def test_globs_are_compiled_once_however_many_paths_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, compile_lines = [], GitIgnoreSpec.from_lines

    def counted(lines: Sequence[str]) -> GitIgnoreSpec:
        compiled.append(tuple(lines))
        return compile_lines(lines)

    monkeypatch.setattr(GitIgnoreSpec, "from_lines", counted)
    include, exclude = ("*.md", "one-time/**"), ("dir1/**", "*.tmp")
    paths = [f"dir{i % 97}/sub{i % 101}/file-{i}.{'md' if i % 3 else 'pdf'}" for i in range(1_000)]
    taken = sum(matches(path, include, exclude) for path in paths)
    assert sorted(compiled) == sorted([include, exclude, *((one,) for one in include + exclude)])
    assert taken == sum(path.endswith(".md") and not path.startswith("dir1/") for path in paths)


_PARTS = st.sampled_from(["a", "b", "ab", "private", "x.md", ".env"])
_GLOBS = st.sampled_from(
    ["a", "a/", "a/**", "a/*", "*.md", "/a", "private/[!a]*", "**/b", "a/**/b", "*", "a*/", "!a", "b/x.md", "**"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_GLOBS, max_size=4), st.lists(_PARTS, min_size=2, max_size=5))
def test_a_pruned_folder_holds_nothing_that_would_be_taken(exclude: list[str], parts: list[str]) -> None:
    chosen = path_filter(["**"], exclude)
    pruned = any(chosen.prunes("/".join(parts[:depth])) for depth in range(1, len(parts)))
    assert not (pruned and chosen.matches("/".join(parts)))


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../x", "a/..", "./a", "a//b", "a/", "a\0b", ".."])
def test_an_unsafe_path_is_refused(path: str) -> None:
    assert unsafe(path)


@pytest.mark.parametrize("path", ["a", "a/b.md", "..a/b..", ".hidden", "a b/ü", "c:\\x"])
def test_an_ordinary_path_is_safe(path: str) -> None:
    assert unsafe(path) is None


def test_spellings_finds_stored_names_best_first() -> None:
    tree = {"": ["e\u0301", "é", "x"], "é": ["b.md"], "e\u0301": ["b.md", "c.md"]}
    assert list(spellings("é/b.md", lambda folder: tree.get(folder, []))) == ["é/b.md", "e\u0301/b.md"]
    assert list(spellings("é/c.md", lambda folder: tree.get(folder, []))) == ["e\u0301/c.md"]


def test_a_name_that_is_no_utf8_can_be_shown() -> None:
    assert printable(b"caf\xe9.md".decode("utf-8", "surrogateescape")) == "caf\\xe9.md"
