"""Predicates mean what Python would say, whatever text is in them: asked of real tables, with and without indices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from freshet.tasks.store.predicates import both, either, equals, holds, in_parts, is_any, is_none, permits

HOSTILE = [
    "x' OR 1=1 --", "'", "''", "\\", "\\'", "\\\\'", "a\nb", "a\r\nb", "\t", "", " ", "%", "_", '"', "`", ";", "--",
    "/*", "*/", "$1", "?", ":name", "{}", "NULL", "true", "') OR ('1'='1", "1", "1.0", "E'\\x27'",
    "']) OR true OR array_has_any(acl, ['everyone", "é", "e\u0301", "日本語", "🙂", "\u202e", "\ufeff", "\u200b", "ß",
    "ẞ", "İ", "\x01", "\x7f", "\u2028",
]  # fmt: skip

texts = st.one_of(
    st.sampled_from(HOSTILE),
    # Lone surrogates are no Unicode text, and no name of a file or a person reaches us with them.
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text(st.sampled_from("'\\\"-;%_ ab\n"), max_size=8),
)
examined = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import lancedb

    return lancedb.connect(str(tmp_path_factory.mktemp("predicates")))


def _table(database: Any, values: Sequence[str], lists: Sequence[Sequence[str]], indexed: bool) -> Any:
    rows = pa.table(
        {
            "row": pa.array(range(len(values)), pa.int64()),
            "value": pa.array(values, pa.string()),
            "acl": pa.array(lists, pa.list_(pa.string())),
        }
    )
    table = database.create_table("rows", rows, mode="overwrite")
    if indexed and values:
        from lancedb.index import BTree, LabelList

        table.create_index("value", config=BTree())
        table.create_index("acl", config=LabelList())
    return table


def _matching(table: Any, predicate: str) -> set[int]:
    found = set(table.search().where(predicate).select(["row"]).to_arrow()["row"].to_pylist())
    assert table.count_rows(predicate) == len(found)
    return found


@pytest.mark.parametrize("indexed", [False, True])
@examined
@given(values=st.lists(texts, min_size=1, max_size=8), asked=st.lists(texts, max_size=5), own=st.integers(0, 7))
@example(values=HOSTILE, asked=HOSTILE[:5], own=0)
@example(values=HOSTILE, asked=HOSTILE, own=0)
def test_a_column_is_any_or_none_of_just_the_values_asked_for(
    database: Any, indexed: bool, values: list[str], asked: list[str], own: int
) -> None:
    asked = [*asked, values[own % len(values)]] if own % 2 else asked
    table = _table(database, values, [[]] * len(values), indexed)
    expected = {row for row, value in enumerate(values) if value in asked}
    everything = set(range(len(values)))
    assert _matching(table, is_any("value", asked)) == expected
    assert _matching(table, is_none("value", asked)) == everything - expected
    assert _matching(table, both(is_any("value", asked), is_none("value", asked))) == set()
    assert _matching(table, either(is_any("value", asked), is_none("value", asked))) == everything
    assert _matching(table, both("true", either("false", is_any("value", asked)))) == expected
    for value in asked[:2]:
        assert _matching(table, equals("value", value)) == {row for row, held in enumerate(values) if held == value}


@pytest.mark.parametrize("indexed", [False, True])
@examined
@given(
    lists=st.lists(st.lists(texts, min_size=1, max_size=4), min_size=1, max_size=6),
    asking=st.lists(texts, max_size=4),
    own=st.integers(0, 5),
)
@example(lists=[[text] for text in HOSTILE], asking=["x' OR 1=1 --"], own=0)
@example(lists=[["everyone"], ["group:legal"]], asking=["']) OR true OR array_has_any(acl, ['everyone"], own=0)
@example(lists=[["everyone"], ["group:legal"]], asking=[], own=0)
def test_an_access_list_permits_just_those_whom_it_names(
    database: Any, indexed: bool, lists: list[list[str]], asking: list[str], own: int
) -> None:
    asking = [*asking, lists[own % len(lists)][0]] if own % 2 else asking
    table = _table(database, [""] * len(lists), lists, indexed)
    expected = {row for row, acl in enumerate(lists) if set(acl) & set(asking)}
    assert _matching(table, permits(asking)) == expected


@examined
@given(lists=st.lists(st.lists(texts, max_size=3), min_size=1, max_size=8), asked=texts)
@example(lists=[["COPY-EXACT", "ROW-EMPTY"], [], ["COPY"]], asked="COPY-EXACT")
def test_a_list_holds_just_its_own_values(database: Any, lists: list[list[str]], asked: str) -> None:
    lists = [*lists, [asked]]
    table = _table(database, [""] * len(lists), lists, indexed=False)
    assert _matching(table, holds("acl", asked)) == {row for row, held in enumerate(lists) if asked in held}


@examined
@given(values=st.lists(texts, min_size=1, max_size=8), asked=st.lists(texts, min_size=1, max_size=4))
def test_a_delete_takes_just_what_its_predicate_names(database: Any, values: list[str], asked: list[str]) -> None:
    asked = [*asked, values[0]]
    table = _table(database, values, [[]] * len(values), indexed=False)
    table.delete(is_any("value", asked))
    assert table.to_arrow()["value"].to_pylist() == [value for value in values if value not in asked]


@pytest.mark.parametrize("build", [is_any, is_none])
def test_a_value_with_a_nul_character_is_refused(build: Any) -> None:
    with pytest.raises(ValueError, match="NUL"):
        build("value", ["a\0b"])


def test_thousands_of_values_are_no_problem(database: Any, tmp_path: Path) -> None:
    values = [f"it's {number}" for number in range(6000)]
    table = _table(database, values, [[]] * len(values), indexed=False)
    assert len(_matching(table, is_any("value", values[:5000]))) == 5000
    assert len(_matching(table, is_none("value", values[:5000]))) == 1000


@pytest.mark.parametrize(("count", "parts"), [(0, 0), (1, 1), (4, 1), (5, 2), (10, 3)])
def test_a_long_list_in_parts_names_every_value_once(database: Any, count: int, parts: int) -> None:
    values = [f"it's {number}" for number in range(10)]
    table = _table(database, values, [[]] * len(values), indexed=False)
    found = [_matching(table, predicate) for predicate in in_parts("value", values[:count], at_once=4)]
    assert len(found) == parts
    assert sorted(row for rows in found for row in rows) == list(range(count))
