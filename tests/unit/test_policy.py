"""Who may see what, decided from settings and names alone."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.policy import class_id, classes_of, effective_expression, principals_of, scopes_of
from freshet.tasks.index.gate.probes import _granted
from freshet.tasks.settings.project import AccessRule, FolderSource


def _source(*rules: tuple[str, list[str]], acl: list[str] | None = None) -> FolderSource:
    access = [AccessRule(path=path, acl=principals) for path, principals in rules]
    return FolderSource(folder="x", owner="o", acl=acl or ["everyone"], access=access)


def _said(path: str, source: FolderSource) -> object:
    """Who may read the document at a path, by the settings themselves and by what its access class stands for."""
    (access,) = classes_of("c", [path], source)
    (scope,) = [scope for scope in scopes_of("c", source) if scope.access == access]
    assert scope.expression == effective_expression(path, source)
    return scope.expression.said


def test_without_a_rule_the_acl_of_the_source_holds_sorted_and_distinct() -> None:
    source = _source(acl=["user:b", "group:a", "user:b"])
    assert _said("a.md", source) == ["group:a", "user:b"]


def test_the_first_matching_rule_wins_also_when_it_is_wider() -> None:
    source = _source(
        ("legal/public/**", ["everyone"]), ("legal/**", ["group:legal"]), ("*.md", ["user:ada"]), acl=["user:root"]
    )
    paths = ["legal/public/a.md", "legal/a.md", "deep/er/a.md", "a.txt"]
    assert [_said(path, source) for path in paths] == [["everyone"], ["group:legal"], ["user:ada"], ["user:root"]]
    rules = ["legal/public/**", "legal/**", "*.md", None]
    assert classes_of("c", paths, source) == [class_id("c", "x", rule) for rule in rules]
    assert [(scope.rule, scope.access) for scope in scopes_of("c", source)] == [
        (rule, class_id("c", "x", rule)) for rule in rules
    ]


def test_a_class_keeps_its_id_whatever_it_means_and_wherever_its_rule_stands() -> None:
    first, second = ("legal/**", ["group:legal"]), ("*.md", ["user:ada"])
    source = _source(first, second)
    other = _source(second, ("legal/**", ["group:board"]), acl=["user:root"])
    for path in ("legal/a.pdf", "a.md", "a.txt"):
        assert classes_of("c", [path], source) == classes_of("c", [path], other)
    assert len({scope.access for name in "cd" for scope in scopes_of(name, source)}) == 6


def test_of_two_rules_with_one_glob_the_first_counts() -> None:
    source = _source(("a/**", ["user:first"]), ("a/**", ["user:second"]))
    assert _said("a/b", source) == ["user:first"]
    assert [scope.rule for scope in scopes_of("c", source)] == ["a/**", None]


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("legal/**", "legal/a/b.md", True),
        ("legal/**", "other/legal/a.md", False),
        ("legal/", "other/legal/a.md", True),
        ("/legal", "legal/a.md", True),
        ("*.md", "a/b.md", True),
        ("*.md", "a/b.MD", False),
        ("a/*.md", "a/b/c.md", False),
        ("a/**/c.md", "a/c.md", True),
        ("[ab].md", "b.md", True),
        ("**", "a", True),
        ("**", "\na", True),
        ("*.md", "a\nb.md", True),
        ("*.md", "a.md\n", False),
    ],
)
def test_globs_match_as_in_gitignore(glob: str, path: str, matches: bool) -> None:
    assert _said(path, _source((glob, ["group:g"]))) == (["group:g"] if matches else ["everyone"])


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_rule_holds_however_its_letters_were_typed(form: str) -> None:
    source = _source((normalize(form, "légal/Ärzte/**"), [normalize(form, "group:ärzte")]))
    for path in (normalize("NFC", "légal/Ärzte/a.md"), normalize("NFD", "légal/Ärzte/a.md")):
        assert _said(path, source) == [normalize("NFC", "group:ärzte")]
        assert _granted(path, source) == [normalize("NFC", "group:ärzte")]
    for asked in ("NFC", "NFD"):
        assert principals_of([normalize(asked, "group:ärzte")]) == [normalize("NFC", "group:ärzte"), "everyone"]


PATHS = st.lists(st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1), min_size=1, max_size=4)


@given(PATHS.map("/".join))
def test_no_file_name_escapes_a_rule_for_everything(path: str) -> None:
    assert _said(path, _source(("**", ["group:g"]))) == ["group:g"]


@given(PATHS.map("/".join))
def test_no_file_name_escapes_the_rule_of_its_folder(path: str) -> None:
    assert _said(f"legal/{path}", _source(("legal/**", ["group:g"]))) == ["group:g"]


def test_a_rule_is_compiled_once_however_many_paths_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, compile_lines = [], GitIgnoreSpec.from_lines

    def counted(lines: list[str]) -> GitIgnoreSpec:
        compiled.extend(lines)
        return compile_lines(lines)

    source = _source(*((f"folder-{i}/**", ["group:g"]) for i in range(5)))
    monkeypatch.setattr(GitIgnoreSpec, "from_lines", counted)
    paths = [f"folder-{i % 10}/sub/document-{i}.md" for i in range(1_000)]
    found = classes_of("c", paths, source)
    assert sum(access != class_id("c", "x", None) for access in found) == 500
    assert compiled == [f"folder-{i}/**" for i in range(5)]


def test_whoever_asks_is_everyone_too() -> None:
    assert principals_of([]) == ["everyone"]
    assert principals_of(["user:ada", "group:legal", "user:ada"]) == ["user:ada", "group:legal", "everyone"]
    assert principals_of(["everyone"]) == ["everyone"]


@pytest.mark.parametrize("name", ["user:x' OR 1=1 --", "group:Domain Users", 'user:"; DROP', "user:everyone"])
def test_a_strange_name_is_only_itself(name: str) -> None:
    assert principals_of([name]) == [name, "everyone"]


@pytest.mark.parametrize(
    "name",
    ["", "ada", "x' OR 1=1 --", "user:", "user: ada", "User:ada", "everyone ", "user:a\neveryone", "user:\u202ea"],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        principals_of(["user:ada", name])


def test_a_bare_word_is_told_what_it_could_be() -> None:
    with pytest.raises(SettingsError, match=r"'ada' is no principal\n.*did you mean user:ada or group:ada\?"):
        principals_of(["ada"])
