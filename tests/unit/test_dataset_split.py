"""Splits: where a row falls depends on its group and the salt alone. And settling: every row is in one place."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.assembly.assemble import assemble
from freshet.tasks.datasets.assembly.assembled import Assembled
from freshet.tasks.datasets.split import NO_SPLIT, SPLITS, Splits, assign_splits, count_splits
from freshet.tasks.errors import StoreError
from freshet.tasks.rules.verdicts import Verdict, verdict
from tests.unit.built_dataset import Rows, all_rows, assembled, declared, pair, pairs, splits_of

_NUMBER = count()
TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stages")


def split_of(folder: Path, contents: list[Any], said: Any = None, batch: int = 4, **split: Any) -> Splits:
    rows = Rows(contents, said=said or {}, batch=batch)
    return splits_of(rows.stage(folder / str(next(_NUMBER))), len(contents), declared(split=split))


@settings(max_examples=40, deadline=None)
@given(old=st.lists(TEXTS, min_size=1, max_size=12), new=st.lists(TEXTS, max_size=6), batch=st.integers(1, 5))
def test_added_rows_never_move_old_ones_nor_does_the_size_of_batches(
    folders: Path, old: list[str], new: list[str], batch: int
) -> None:
    halves: dict[str, Any] = {"train": 0.5, "validation": 0.25, "test": 0.25}
    before = split_of(folders, [pair(text, "x") for text in old], **halves)
    after = split_of(folders, [pair(text, "x") for text in [*old, *new]], batch=batch, **halves)
    assert after.split[: len(old)].tolist() == before.split.tolist()
    assert after.group[: len(old)].tolist() == before.group.tolist()


@settings(max_examples=30, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=12), data=st.data())
def test_the_order_of_rows_does_not_matter(folders: Path, texts: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    halves: dict[str, Any] = {"train": 0.5, "validation": 0.25, "test": 0.25}
    straight = split_of(folders, [pair(text, "x") for text in texts], **halves)
    shuffled = split_of(folders, [pair(texts[i], "x") for i in order], **halves)
    assert shuffled.split.tolist() == straight.split[list(order)].tolist()


@pytest.mark.parametrize("salt", ["freshet", "another", ""])
def test_shares_are_those_that_were_wanted(folders: Path, salt: str) -> None:
    splits = split_of(folders, pairs(4000), batch=1000, salt=salt, train=0.8, validation=0.15, test=0.05)
    shares = {name: of["share"] for name, of in count_splits(splits, np.ones(4000, bool)).items()}
    # Four standard deviations of a binomial draw.
    for name, wanted in (("train", 0.8), ("validation", 0.15), ("test", 0.05)):
        assert abs(shares[name] - wanted) < 4 * (wanted * (1 - wanted) / 4000) ** 0.5


def test_another_salt_gives_another_split_and_a_split_without_a_share_gets_no_row(folders: Path) -> None:
    first = split_of(folders, pairs(300), train=0.5, validation=0.0, test=0.5)
    second = split_of(folders, pairs(300), train=0.5, validation=0.0, test=0.5, salt="other")
    assert set(first.split.tolist()) == {SPLITS.index("train"), SPLITS.index("test")}
    assert 0.3 < np.mean(first.split == second.split) < 0.7
    assert set(split_of(folders, pairs(300), train=1.0, validation=0.0, test=0.0).split.tolist()) == {0}


def test_the_rows_of_a_document_stay_together_and_those_without_one_go_by_content(folders: Path) -> None:
    said = {i: {"document": f"manual-{i % 7}.md"} for i in range(70)} | {
        i: {"corpus": "handbook", "doc_id": "d1", "document": f"spelt-{i}"} for i in range(70, 80)
    }
    contents = [*pairs(80), pair("Same?", "Yes."), pair("  same ", "No.")]
    splits = split_of(folders, contents, said, group_by="document")
    assert len(np.unique(splits.group)) == 7 + 1 + 1
    assert splits.without_group == 2
    assert splits.groups_are_whole()


def test_rows_with_the_same_prompt_and_passage_stay_together(folders: Path) -> None:
    contents = [pair("What is it?", "A."), pair("what IS it", "B."), pair("What is it?", "A."), pair("?!", "A.")]
    splits = split_of(folders, contents, {2: {"passage": "Another text."}})
    groups = splits.group.tolist()
    assert groups[0] == groups[1]
    assert len(set(groups)) == 3


def test_language_modeling_goes_by_the_text(folders: Path) -> None:
    rows = Rows([{"text": "One two."}, {"text": "one TWO"}, {"text": "Three."}], format="language_modeling")
    splits = splits_of(rows.stage(folders / "lm"), 3, declared("language_modeling"))
    assert splits.group[0] == splits.group[1] != splits.group[2]


def test_a_column_groups_rows_and_an_empty_value_is_none(folders: Path) -> None:
    said = {0: {"group": "x"}, 1: {"group": "x"}, 2: {"group": ""}}
    splits = split_of(folders, pairs(4), said, group_by="column:customer")
    assert splits.group[0] == splits.group[1]
    assert len(set(splits.group.tolist())) == 3
    assert splits.without_group == 2


def test_classes_are_split_in_sequences_of_their_own_and_documents_stay_whole(folders: Path) -> None:
    contents = [pair("Same text.", "a"), pair("Same text.", "b")]
    said = {0: {"label": "a", "document": "d"}, 1: {"label": "b", "document": "d"}}
    by_content = split_of(folders, contents, said, stratify=True)
    by_document = split_of(folders, contents, said, stratify=True, group_by="document")
    assert by_content.group[0] != by_content.group[1]
    assert by_document.group[0] == by_document.group[1]
    assert by_content.groups_are_whole()


def test_rows_that_are_kept_out_are_nowhere(folders: Path) -> None:
    rows = Rows(pairs(3), found=[(1, verdict("ROW-EMPTY"))])
    splits = splits_of(rows.stage(folders / "dead"), 3, declared())
    assert splits.split[1] == NO_SPLIT
    assert sum(of["rows"] for of in count_splits(splits, np.array([True, False, True])).values()) == 2


def test_a_group_in_two_splits_is_noticed() -> None:
    assert not Splits(np.array([0, 1], np.int8), np.array([5, 5], np.int64)).groups_are_whole()


# ---- settling


def made(folder: Path, rows: Rows, **said: Any) -> tuple[Assembled, list[dict[str, Any]], list[dict[str, Any]]]:
    done = assembled(folder, rows, declared(rows.format, **said))
    return done, all_rows(done.kept()), all_rows(done.rejected())


@settings(max_examples=30, deadline=None)
@given(fates=st.lists(st.sampled_from(["kept", "rejected", "unread", "noted"]), max_size=25), batch=st.integers(1, 6))
def test_every_row_read_is_kept_or_rejected_once_in_order(folders: Path, fates: list[str], batch: int) -> None:
    codes = {"rejected": "ROW-EMPTY", "unread": "ROW-UNREADABLE", "noted": "COPY-PROMPT"}
    contents = [None if fate == "unread" else one for fate, one in zip(fates, pairs(len(fates)), strict=True)]
    found = [(i, verdict(codes[fate])) for i, fate in enumerate(fates) if fate in codes]
    rows = Rows(contents, found=list(reversed(found)), batch=batch)
    done, kept, rejected = made(folders / str(next(_NUMBER)), rows)
    out = [i for i, fate in enumerate(fates) if fate in ("rejected", "unread")]
    assert [row["row"] for row in rejected] == out
    assert [row["origins"][0]["place"] - 1 for row in kept] == [i for i in range(len(fates)) if i not in out]
    assert done.rows["read"] == len(fates) == len(kept) + len(rejected)
    assert all(row["codes"] for row in rejected)
    assert sum(done.rows["by_code"].values()) == len(out)


def test_an_example_carries_its_origins_and_those_of_its_copies(tmp_path: Path) -> None:
    found = [
        (1, verdict("COPY-EXACT", of=0)),
        (2, verdict("COPY-NEAR", of=1)),  # a copy of a copy is one of the row that is kept
        (4, verdict("COPY-EXACT", of=3)),
        (5, verdict("COPY-EXACT", of=0)),
        (5, verdict("REVIEW-DROPPED")),
    ]
    said = {0: {"start": 3, "end": 9, "document": "d.md", "chunk_ids": ["c1", "c2"]}}
    _, kept, rejected = made(tmp_path, Rows(pairs(6), said=said, found=found, batch=2))
    origins = [[(one["relation"], one["place"]) for one in row["origins"]] for row in kept]
    assert origins == [[("source", 1), ("copy", 2), ("near copy", 3)], [("source", 4), ("copy", 5)]]
    own = kept[0]["origins"][0]
    assert (own["start"], own["end"], own["document"], own["chunk_ids"]) == (3, 9, "d.md", ["c1", "c2"])
    assert [row["codes"] for row in rejected][-1] == ["COPY-EXACT", "REVIEW-DROPPED"]


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_what_is_said_of_a_row_names_another_by_its_place(batch: int, tmp_path: Path) -> None:
    found = [
        (1, verdict("COPY-EXACT", of=0)),
        (2, verdict("COPY-NEAR", of=3, similarity=0.9)),
        (4, verdict("COPY-PROMPT", of=3)),
        (5, verdict("CONFLICT-ANSWER", of=6, rows=2)),
        (6, verdict("CONFLICT-LABEL", of=5, rows=2)),
        (7, verdict("SPAN-AMBIGUOUS", of="passage")),
    ]
    said = {
        0: {"uri": "rows/é.jsonl", "place": 12},
        3: {"uri": "z.json", "place": 2, "field": "data[1].qas[0]"},
    }
    _, kept, rejected = made(tmp_path, Rows(pairs(8), said=said, found=found, batch=batch))
    evidence = {one["code"]: one["evidence"] for row in (*kept, *rejected) for one in json.loads(row["verdicts"])}
    assert evidence == {
        "COPY-EXACT": {"of": "rows/é.jsonl:12"},
        "COPY-NEAR": {"of": "z.json:2 data[1].qas[0]", "similarity": 0.9},
        "COPY-PROMPT": {"of": "z.json:2 data[1].qas[0]"},
        "CONFLICT-ANSWER": {"of": "a.jsonl:7", "rows": 2},
        "CONFLICT-LABEL": {"of": "a.jsonl:6", "rows": 2},
        "SPAN-AMBIGUOUS": {"of": "passage"},
    }


def test_a_row_that_is_named_and_was_not_staged_is_a_fault(tmp_path: Path) -> None:
    found = [(1, verdict("COPY-PROMPT", of=2)), (2, verdict("ROW-UNREADABLE"))]
    with pytest.raises(StoreError, match="row 2 is named by another and not staged"):
        assembled(tmp_path, Rows([*pairs(2), None], found=found), declared())


def test_copies_of_a_row_that_is_rejected_later_add_no_origin(tmp_path: Path) -> None:
    found = [(1, verdict("COPY-EXACT", of=0)), (0, verdict("LEAK-BENCHMARK"))]
    _, kept, rejected = made(tmp_path, Rows(pairs(3), found=found))
    assert [len(row["origins"]) for row in kept] == [1]
    assert [row["codes"] for row in rejected] == [["LEAK-BENCHMARK"], ["COPY-EXACT"]]


def test_what_may_not_be_held_is_not_in_the_store(tmp_path: Path) -> None:
    found = [
        (0, verdict("USE-TRAINING")),
        (1, verdict("ROW-SECRET")),
        (2, verdict("ROW-EMPTY")),
        (3, verdict("ROW-UNREADABLE")),
    ]
    _, _, rejected = made(tmp_path, Rows([*pairs(3), None], found=found))
    assert [row["content"] is None for row in rejected] == [True, True, False, True]
    assert [row["raw"] for row in rejected] == [None, None, None, "{torn"]
    assert [row["digest"] is None for row in rejected] == [False, False, False, True]
    assert all(row["uri"] == "a.jsonl" for row in rejected)


def test_verdicts_that_do_not_block_stay_with_the_row(tmp_path: Path) -> None:
    near = [(0, verdict("COPY-PROMPT", row=1)), (0, Verdict("ANSWER-REFUSAL", "warn", {"text": 'a "quote"'}))]
    _, kept, _ = made(tmp_path, Rows(pairs(2), found=[*near, near[0]]))
    assert [one["code"] for one in json.loads(kept[0]["verdicts"])] == ["ANSWER-REFUSAL", "COPY-PROMPT"]
    assert json.loads(kept[0]["verdicts"])[0]["evidence"] == {"text": 'a "quote"'}
    assert kept[1]["verdicts"] == "[]"


def test_ids_tell_equal_rows_apart_and_are_those_of_their_content(tmp_path: Path) -> None:
    _, kept, _ = made(tmp_path / "one", Rows([*pairs(2), *pairs(1)]))
    _, again, _ = made(tmp_path / "two", Rows([*pairs(1, 1), *pairs(1)], batch=1))
    ids = [row["example_id"] for row in kept]
    assert len(set(ids)) == 3
    assert [row["example_id"] for row in again] == [ids[1], ids[0]]
    assert {len(one) for one in ids} == {32}


def test_a_row_out_of_nothing_but_silence_is_a_fault(tmp_path: Path) -> None:
    rows = Rows([*pairs(2), None])
    with pytest.raises(StoreError, match="row 2 is left out without a reason"):
        assembled(tmp_path, rows, declared())


def test_rows_that_do_not_add_up_are_a_fault(tmp_path: Path) -> None:
    stage, dataset = Rows(pairs(3)).stage(tmp_path), declared()
    splits = assign_splits(stage, dataset.split, stage.mask(4))
    with pytest.raises(StoreError, match="1 of 4 rows do not add up: row 3 is neither kept nor rejected"):
        assemble(stage, 4, splits, "sums", dataset)


def test_a_kept_row_in_no_split_is_a_fault(tmp_path: Path) -> None:
    stage = Rows(pairs(2)).stage(tmp_path)
    nowhere = Splits(np.full(2, NO_SPLIT, np.int8), np.zeros(2, np.int64))
    with pytest.raises(StoreError, match="row 0 is kept and on no side"):
        assemble(stage, 2, nowhere, "sums", declared())


def test_copies_in_a_circle_are_a_fault(tmp_path: Path) -> None:
    found = [(0, verdict("COPY-EXACT", of=1)), (1, verdict("COPY-EXACT", of=0))]
    with pytest.raises(StoreError, match="in a circle"):
        assembled(tmp_path, Rows(pairs(2), found=found), declared())


def test_what_was_counted_can_be_read_again(tmp_path: Path) -> None:
    said = {0: {"label": "yes", "document": "d.md"}, 1: {"label": "no", "document": "d.md", "licence": "MIT"}}
    done, _, _ = made(tmp_path, Rows(pairs(3), said=said, found=[(2, verdict("ROW-EMPTY"))]))
    assert Assembled.load(tmp_path / "assembled") == done
    assert done.documents == 1
    assert done.licences == {"CC0-1.0": 1, "MIT": 1}
    assert {label: sum(of.values()) for label, of in done.classes.items()} == {"no": 1, "yes": 1}
    [source] = done.sources
    assert (source["rows_read"], source["rows_kept"], source["owner"]) == (3, 2, "ada")
