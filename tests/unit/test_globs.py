"""Globs mean what pathspec makes of them, and no glob or path takes long."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from freshet.tasks.text.globs import taker_of

PIECES = ("a", "b", ".md", "*", "?", "/", "**", "/**/", "[ab]", "[a-b]", "[]b]", "\\a", "\\*", "a/", " ", "ä")
globs = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join).filter(
    # Of what follows an empty name or more stars than two, git and pathspec think otherwise than one another.
    lambda glob: "//" not in glob and "***" not in glob
)  # fmt: skip
paths = st.lists(st.text("abä]*. ", min_size=1, max_size=4).filter(str.strip), min_size=1, max_size=4).map("/".join)


def _by_pathspec(said: list[str], path: str) -> bool | None:
    try:
        patterns = GitIgnoreSpec.from_lines(said)
    except ValueError:
        return None
    return None if any(one.include is None for one in patterns.patterns) else patterns.match_file(path)


@settings(max_examples=1500, deadline=None)
@given(glob=globs, path=paths.filter(lambda path: not path.startswith("./")))
@example("a/**", "a/b/a")
@example("**/a*b/**/*.md", "x/aab/b/c.md")
@example("*a*a", "aaba")
@example("/a", "b/a")
@example("a/", "a")
@example("a\\ ", "a ")
def test_a_glob_takes_what_pathspec_takes(glob: str, path: str) -> None:
    expected = _by_pathspec([glob], path)
    if expected is None:
        with pytest.raises(ValueError, match=r"matches nothing|bracket|backslash|range"):
            taker_of([glob])
    else:
        assert taker_of([glob])(path) is expected


@pytest.mark.parametrize(
    ("said", "taken", "left"),
    [
        (["legal/**", "*.pdf"], ["legal/a.md", "x/y.pdf"], ["x/legal/a.md", "x.md"]),
        (["legal/**", "!legal/drafts/**"], ["legal/a.md"], ["legal/drafts/a.md", "b.md"]),
        (["legal/**", "!legal/drafts/**", "legal/drafts/final.md"], ["legal/drafts/final.md"], ["legal/drafts/a.md"]),
        (["Ärger.md"], ["x/Ärger.md"], ["ärger.md"]),
        ([], [], ["a"]),
    ],
)
def test_the_last_glob_that_matches_decides(said: list[str], taken: list[str], left: list[str]) -> None:
    takes = taker_of(said)
    assert [path for path in taken if not takes(path)] == []
    assert [path for path in left if takes(path)] == []


@pytest.mark.parametrize("said", [[""], [" "], ["/"], ["# a"], ["a["], ["a\\"], ["[b-a]"], ["!a"], ["!a", "!b"]])
def test_globs_that_can_match_nothing_are_refused(said: list[str]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        taker_of(said)
