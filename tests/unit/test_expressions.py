"""Access expressions: who is let in, what implies what, and that equal meaning is equal text."""

from __future__ import annotations

import json
import unicodedata
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from freshet.tasks.governance.expressions import NOBODY, Asker, Expression
from freshet.tasks.settings.access import Acl

UNIVERSE = ("user:a", "user:b", "group:x", "group:y")
NAMES = ("everyone", *UNIVERSE, "user:Zoé", "user:Zoe\u0301", "group:Å", "group:A\u030a", "group:\u212b", "user:A")
ACLS: TypeAdapter[Any] = TypeAdapter(Acl)


def _said(names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """What settings may say: lists, and mappings of all and none, with repetitions."""
    principals = st.lists(st.sampled_from(names), min_size=1, max_size=4)
    lists = st.lists(principals, min_size=1, max_size=4)
    none = st.lists(st.sampled_from(names), max_size=3)
    # That none should name everyone is rare, else half of all expressions let nobody in.
    none |= st.lists(st.sampled_from(names[1:]), max_size=3)
    return principals | st.fixed_dictionaries({"all": lists}, optional={"none": none})


def _nfc(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _lets_in(said: Any, asker: set[str]) -> bool:
    """The naive model: what the words of the settings say, without any normal form."""
    said = said if isinstance(said, dict) else {"all": [said]}
    names = {_nfc(name) for name in asker} | {"everyone"}
    if any(_nfc(name) in names for name in said.get("none", [])):
        return False
    return all(any(_nfc(name) in names for name in one) for one in said["all"])


def _of(said: Any) -> Expression:
    return Expression.of(ACLS.validate_python(said))


def _asker(names: set[str], known_groups: frozenset[str] | None = None) -> Asker:
    return Asker(frozenset(map(_nfc, names)) | {"everyone"}, known_groups)


ASKERS = [set(some) for size in range(len(UNIVERSE) + 1) for some in combinations(UNIVERSE, size)]
"""Everybody there can be, of the principals of a small universe."""

SMALL = _said(("everyone", *UNIVERSE))


@given(_said(NAMES), st.sets(st.sampled_from(NAMES)))
@example({"all": [["everyone", "user:a"]], "none": ["user:a"]}, {"user:b"})
@example({"all": [["user:Zoé"]], "none": ["group:\u212b"]}, {"user:Zoe\u0301", "group:Å"})
def test_whoever_is_one_of_each_list_and_none_of_the_others_is_let_in(said: Any, names: set[str]) -> None:
    assert _of(said).admits(_asker(names)) == _lets_in(said, names)


@given(_said(NAMES), _said(NAMES), st.sets(st.sampled_from(NAMES)))
def test_both_lets_in_exactly_whom_each_of_the_two_lets_in(one: Any, other: Any, names: set[str]) -> None:
    joined = _of(one).both(_of(other))
    assert joined.admits(_asker(names)) == (_lets_in(one, names) and _lets_in(other, names))
    assert joined == _of(other).both(_of(one))


@given(SMALL, SMALL)
@example(["user:a"], {"all": [["everyone"]], "none": ["user:b"]})
@example({"all": [["user:a"]], "none": ["user:a"]}, ["user:b"])
@example({"all": [["user:a", "user:b"]], "none": ["user:b"]}, ["user:a"])
def test_one_implies_another_exactly_where_it_lets_nobody_in_whom_the_other_keeps_out(one: Any, other: Any) -> None:
    subset = all(_lets_in(other, names) for names in ASKERS if _lets_in(one, names))
    assert _of(one).implies(_of(other)) == subset


@given(SMALL, SMALL)
def test_expressions_that_let_in_the_same_people_have_the_same_text(one: Any, other: Any) -> None:
    same = all(_lets_in(one, names) == _lets_in(other, names) for names in ASKERS)
    assert (_of(one).text == _of(other).text) == same
    assert (_of(one) == _of(other)) == same


@given(_said(NAMES), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(said: Any, random: Any) -> None:
    def mixed(names: list[str]) -> list[str]:
        names = [*names, *names[:1]]
        random.shuffle(names)
        return names

    if isinstance(said, list):
        other: Any = mixed(said)
    else:
        other = {"none": mixed(said.get("none", [])), "all": [mixed(one) for one in [*said["all"], said["all"][0]]]}
        random.shuffle(other["all"])
    assert _of(other).text == _of(said).text


@given(_said(NAMES))
def test_an_expression_is_read_as_it_was_written(said: Any) -> None:
    expression = _of(said)
    assert Expression.read(expression.text) == expression
    if expression != NOBODY:
        assert _of(expression.said) == expression
        assert expression.principals == set(chain(*expression.all, expression.none))


def test_nobody_is_written_and_read_as_well() -> None:
    assert Expression.read(NOBODY.text) == NOBODY
    assert NOBODY.principals == set()


def test_the_text_is_that_of_the_settings() -> None:
    assert _of(["user:b", "group:a", "user:b"]).text == '["group:a", "user:b"]'
    assert _of({"all": [["group:a"]], "none": []}).text == '["group:a"]'
    assert _of(["everyone", "user:a"]).text == '["everyone"]'
    assert _of(["user:Zoe\u0301"]).text == '["user:Zo\u00e9"]'
    said = {"all": [["group:b", "group:a"], ["group:c"]], "none": ["user:eve"]}
    assert json.loads(_of(said).text) == {"all": [["group:a", "group:b"], ["group:c"]], "none": ["user:eve"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "null",
        "true",
        "5",
        '"everyone"',
        "{}",
        "[]",
        "[[]]",
        '[["everyone"]]',
        '["everyone", 5]',
        '["ada"]',
        '["user:a\\u0000"]',
        '["user:a\\nb"]',
        '["user:a b"]',
        '["user:\\ud800"]',
        '{"all": []}',
        '{"all": [[]]}',
        '{"all": [["everyone"], []]}',
        '{"all": ["everyone"]}',
        '{"all": [["everyone"]], "none": null}',
        '{"all": [["everyone"]], "none": "user:a"}',
        '{"all": [["everyone"]], "none": [["user:a"]]}',
        '{"all": [["everyone"]], "none": ["user:a\\t"]}',
        '{"all": [["everyone"]], "none": ["everyone"]}',
        '{"all": [["everyone"]], "any": []}',
        '{"none": ["user:a"]}',
        '["everyone"] x',
        "[" * 100_000,
        "9" * 10_000,
    ],
)
def test_a_text_that_is_no_expression_lets_nobody_in(text: str) -> None:
    assert Expression.read(text) == NOBODY
    assert not Expression.read(text).admits(_asker({"user:a", "group:x"}))


@given(st.text() | st.recursive(st.none() | st.text() | st.sampled_from(NAMES), st.lists).map(json.dumps))
def test_whatever_the_text_an_expression_comes_out_that_names_principals_only(text: str) -> None:
    read = Expression.read(text)
    assert Expression.read(read.text) == read
    assert all(name == "everyone" or name.startswith(("user:", "group:")) for name in read.principals)


@given(SMALL, st.sets(st.sampled_from(UNIVERSE)))
def test_where_groups_are_not_known_an_expression_that_keeps_a_group_out_lets_nobody_in(
    said: Any, names: set[str]
) -> None:
    expression = _of(said)
    keeps_out_a_group = any(name.startswith("group:") for name in expression.none)
    nobody_known = _asker(names, known_groups=frozenset())
    assert expression.admits(nobody_known) == (_lets_in(said, names) and not keeps_out_a_group)


def test_nobody_implies_all_and_only_nobody_implies_it() -> None:
    assert NOBODY.implies(NOBODY)
    assert NOBODY.implies(_of(["user:a"]))
    assert not _of(["user:a"]).implies(NOBODY)
    assert _of(["user:a"]).both(NOBODY) == NOBODY
