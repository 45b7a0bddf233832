"""The difference of two versions: what was added, removed, edited and moved, and why rows went."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.flows.command.texts.datasets import diff_text
from freshet.tasks.datasets.assembly.compare import Keys, compare, pair
from freshet.tasks.datasets.versions.diff import GONE, Diff, diff_versions
from freshet.tasks.datasets.versions.publish import publish
from freshet.tasks.errors import StoreError
from freshet.tasks.rules.verdicts import verdict
from freshet.tasks.store.tables import Store
from tests.unit.built_dataset import AS_OF, Rows, declared, no_extras, pairs, proposed
from tests.unit.built_dataset import pair as example


def keys(rows: list[tuple[int, int, int]]) -> Keys:
    """Keys of (digest, side, origin)."""
    digest, side, origin = np.array(rows, dtype=np.uint64).reshape(-1, 3).T
    # Either part of a key may be equal where the whole is not.
    return Keys(np.column_stack([digest // 2, digest]), side, np.column_stack([origin // 2, origin]))


SMALL = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.integers(0, 5)), max_size=12)


@given(before=st.lists(st.integers(0, 6)), after=st.lists(st.integers(0, 6)))
def test_pairs_are_one_to_one_and_as_many_as_there_can_be(before: list[int], after: list[int]) -> None:
    one, other = (np.array(some, dtype=np.uint64).reshape(-1, 1) for some in (before, after))
    i, j = pair(one, other)
    assert len(set(i.tolist())) == len(set(j.tolist())) == len(i)
    assert all(before[a] == after[b] for a, b in zip(i, j, strict=True))
    assert len(i) == (Counter(before) & Counter(after)).total()


@given(before=SMALL, after=SMALL)
def test_every_row_is_the_same_moved_edited_or_alone(
    before: list[tuple[int, int, int]], after: list[tuple[int, int, int]]
) -> None:
    found = compare(keys(before), keys(after))
    same = (Counter((d, s) for d, s, _ in before) & Counter((d, s) for d, s, _ in after)).total()
    alike = (Counter(d for d, _, _ in before) & Counter(d for d, _, _ in after)).total()
    assert len(found.moved[0]) == alike - same
    assert same + len(found.moved[0]) + len(found.edited[0]) + len(found.removed) == len(before)
    assert same + len(found.moved[1]) + len(found.edited[1]) + len(found.added) == len(after)
    for i, j in zip(*found.edited, strict=True):
        assert before[i][2] == after[j][2]
        assert before[i][0] != after[j][0]
    assert not {before[i][2] for i in found.removed} & {after[j][2] for j in found.added}


@given(rows=SMALL)
def test_a_state_does_not_differ_from_itself(rows: list[tuple[int, int, int]]) -> None:
    assert set(compare(keys(rows), keys(rows)).counts().values()) == {0}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def build(store: Store, folder: Path, rows: Rows, hour: int, **said: Any) -> str:
    done, candidate = proposed(store, folder, rows, declared(rows.format, **said))
    version = publish(store, done, candidate, no_extras, run_id="x", now=AS_OF + timedelta(hours=hour))
    return version.version


def by_change(diff: Diff) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in diff.rows:
        found.setdefault(row["change"], []).append(row)
    return found


def test_a_diff_tells_each_row_that_changed_and_why(store: Store, tmp_path: Path) -> None:
    before = build(store, tmp_path / "1", Rows(pairs(12)), 1)
    # Row 0 is edited, 1 is rejected as it stands, 2 has lost permission and its text, 11 is gone, 20 is new.
    contents: list[Any] = [example("How much is 0 and 0?", "Nothing."), *pairs(10, 1), example("New?", "Yes.")]
    contents[2] = example("How much is 2 and 2?", "Five.")
    said = {11: {"uri": "b.jsonl"}}
    found = [(1, verdict("LEAK-BENCHMARK")), (2, verdict("USE-TRAINING")), (2, verdict("ANSWER-ARITHMETIC"))]
    after = build(store, tmp_path / "2", Rows(contents, said=said, found=found), 2)
    diff = diff_versions(store, "sums", before, f"v{after}")

    assert (diff.before, diff.after, diff.left_out) == ("1.0.0", "2.0.0", 0)
    assert diff.change == {"added": 1, "removed": 3, "edited": 1, "moved": 0}
    assert diff.reasons == {GONE: 1, "ANSWER-ARITHMETIC, USE-TRAINING": 1, "LEAK-BENCHMARK": 1}
    rows = by_change(diff)
    reasons = {row["place"]: row["reason"] for row in rows["removed"]}
    assert reasons == {2: "LEAK-BENCHMARK", 3: "ANSWER-ARITHMETIC, USE-TRAINING", 12: GONE}
    [edited] = rows["edited"]
    assert (edited["place"], edited["columns"]) == (1, ["completion"])
    assert edited["before"] != edited["example_id"]
    assert [row["uri"] for row in rows["added"]] == ["b.jsonl"]
    assert json.loads(json.dumps(diff.as_dict())) == diff.as_dict()
    assert "How much" not in json.dumps(diff.as_dict())


def test_of_a_copy_that_went_the_diff_names_the_row_that_is_kept(store: Store, tmp_path: Path) -> None:
    build(store, tmp_path / "1", Rows(pairs(12)), 1)
    found = [(8, verdict("COPY-EXACT", of=4)), (8, verdict("COPY-PROMPT", of=3)), (9, verdict("ROW-EMPTY"))]
    build(store, tmp_path / "2", Rows(pairs(11), found=found), 2)
    diff = diff_versions(store, "sums", "1.0.0", "2.0.0")
    said = {row["place"]: [(one["code"], one["evidence"]) for one in row["verdicts"]] for row in diff.rows}
    assert said == {9: [("COPY-EXACT", {"of": "a.jsonl:5"})], 10: [("ROW-EMPTY", {})], 12: []}
    told = diff_text(diff.as_dict())
    assert "a.jsonl:9  (COPY-EXACT; COPY-EXACT of a.jsonl:5)" in told
    assert len(diff_versions(store, "sums", "1.0.0", "2.0.0", limit=1).rows) == 1


def test_rows_that_moved_say_from_which_side(store: Store, tmp_path: Path) -> None:
    halves = {"train": 0.5, "validation": 0.0, "test": 0.5}
    build(store, tmp_path / "1", Rows(pairs(40)), 1, split=halves)
    build(store, tmp_path / "2", Rows(pairs(40)), 2, split={**halves, "salt": "other"})
    diff = diff_versions(store, "sums", "1.0.0", "2.0.0")
    assert 0 < diff.change["moved"] < 40
    assert {(row["change"], row["from"] == row["split"]) for row in diff.rows} == {("moved", False)}


def test_lines_that_shift_in_their_file_are_no_change(store: Store, tmp_path: Path) -> None:
    build(store, tmp_path / "1", Rows(pairs(20)), 1)
    build(store, tmp_path / "2", Rows([example("First?", "Yes."), *pairs(20)]), 2)
    assert diff_versions(store, "sums", "1.0.0", "1.1.0").change == {"added": 1, "removed": 0, "edited": 0, "moved": 0}


def test_of_two_copies_one_may_go(store: Store, tmp_path: Path) -> None:
    build(store, tmp_path / "1", Rows([*pairs(5), *pairs(5)]), 1)
    build(store, tmp_path / "2", Rows([*pairs(5), *pairs(4)]), 2)
    diff = diff_versions(store, "sums", "1.0.0", "2.0.0")
    assert diff.change == {"added": 0, "removed": 1, "edited": 0, "moved": 0}


def test_all_rows_are_counted_and_so_many_told_as_asked_for(store: Store, tmp_path: Path) -> None:
    build(store, tmp_path / "1", Rows(pairs(20)), 1)
    build(store, tmp_path / "2", Rows(pairs(20, 100), said={i: {"uri": "b.jsonl"} for i in range(20)}), 2)
    whole = diff_versions(store, "sums", "1.0.0", "2.0.0")
    for limit in (0, 1, 20, 21, 39, 40):
        diff = diff_versions(store, "sums", "1.0.0", "2.0.0", limit=limit)
        assert (diff.change, diff.reasons) == (whole.change, {GONE: 20})
        assert (len(diff.rows), diff.left_out) == (limit, 40 - limit)
        assert diff.rows == whole.rows[:limit]


def test_a_diff_against_nothing_known_says_what_there_is(store: Store, tmp_path: Path) -> None:
    build(store, tmp_path / "1", Rows(pairs(5)), 1)
    with pytest.raises(StoreError, match=r"no version 1\.0\.1; published: 1\.0\.0"):
        diff_versions(store, "sums", "1.0.0", "1.0.1")
