"""Rows that contradict each other: both are named, whatever the batches, and nobody else."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.copies import spill
from freshet.tasks.datasets.copies.conflicts import find_conflicts
from freshet.tasks.settings.datasets import Format
from freshet.tasks.text.normalise import normalise

_FIELDS = ("prompt", "answer", "other", "passage", "label")
_SCHEMA = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in _FIELDS)])

Row = dict[str, Any]


def _row(prompt: str, answer: str = "yes", **more: Any) -> Row:
    return {**dict.fromkeys(_FIELDS), "prompt": prompt, "answer": answer, **more}


def _conflicts(rows: list[Row], folder: Path, format: Format, size: int = 1000) -> dict[int, tuple[str, int, int]]:
    table = pa.Table.from_pylist([{"row": n, **row} for n, row in enumerate(rows)], _SCHEMA)

    def batches() -> Iterator[pa.Table]:
        return (table.slice(start, size) for start in range(0, len(rows), size))

    found = list(find_conflicts(batches, folder, format))
    assert len(found) == len({row for row, _ in found})
    assert not list(folder.iterdir())
    return {row: (one.code, one.evidence["of"], one.evidence["rows"]) for row, one in found}


def test_every_row_of_a_text_with_two_classes_is_named(tmp_path: Path) -> None:
    rows = [
        _row("My card?", "lost", label="lost"),
        _row("my CARD", "stolen", label="stolen"),
        _row("my card!", "lost", label="lost"),
        _row("my card", "stolen", label="stolen", passage="another"),
        _row("my pin", "stolen", label="stolen"),
        _row("my card", "no class"),
        _row("", "a", label="a"),
        _row("", "b", label="b"),
    ]
    code = "CONFLICT-LABEL"
    assert _conflicts(rows, tmp_path, "prompt_completion") == {0: (code, 1, 3), 1: (code, 0, 3), 2: (code, 1, 3)}


def test_questions_that_differ_in_a_symbol_do_not_contradict_each_other(tmp_path: Path) -> None:
    asked = ["Is 3 > 2?", "Is 3 < 2?", "Is 5 + 3 = 8?", "Is 5 * 3 = 8?", "Is -5 more?", "Is 5 more?", "C++?", "C#?"]
    rows = [_row(text, label, label=label) for text, label in zip(asked, ["yes", "no"] * 4, strict=True)]
    assert _conflicts(rows, tmp_path, "prompt_completion") == {}
    pairs = [_row("Which?", "3 > 2", other="3 < 2"), _row("Which?", "3 = 2", other="3 > 1")]
    assert _conflicts(pairs, tmp_path, "preference") == {}


def test_an_answer_called_good_and_bad_is_named(tmp_path: Path) -> None:
    rows = [
        _row("Who?", "He.", label="true"),
        _row("Who?", "She.", label="false"),
        _row("who", "he", label="false"),
        _row("Who?", "He.", label="true", passage="p"),
    ]
    code = "CONFLICT-ANSWER"
    assert _conflicts(rows, tmp_path, "unpaired_preference") == {0: (code, 2, 2), 2: (code, 0, 2)}


def test_a_pair_that_says_the_opposite_of_another_is_named_once(tmp_path: Path) -> None:
    rows = [
        _row("Who?", "He.", other="She."),
        _row("who", "she", other="HE"),
        _row("Who?", "He.", other="They."),
        _row("Who?", "It.", other="It!"),
        _row("Who?", "They.", other="It."),
        _row("Whom?", "She.", other="He."),
    ]
    found = _conflicts(rows, tmp_path, "preference")
    assert {row: code for row, (code, _, _) in found.items()} == dict.fromkeys([0, 1, 2, 4], "CONFLICT-ANSWER")
    assert found[1][1] in {0, 2}
    assert found[4][1] == 2


_TEXT = st.sampled_from(["", "a", "A!", "b", "a b", "?", "?!"])


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.builds(_row, _TEXT, _TEXT, other=_TEXT, label=st.sampled_from([None, "x", "y"])), max_size=20),
    size=st.integers(1, 7),
)
def test_the_rows_named_are_those_of_brute_force(rows: list[Row], size: int, tmp_path: Path) -> None:
    def form(text: str) -> str:
        return normalise(text) or "\0" + text

    def opposed(one: Row, two: Row, format: str) -> bool:
        if form(one["prompt"]) != form(two["prompt"]):
            return False
        if format == "preference":
            honest = all(form(row["answer"]) != form(row["other"]) for row in (one, two))
            crossed = form(one["answer"]) == form(two["other"]) or form(two["answer"]) == form(one["other"])
            return honest and crossed
        same = (format == "prompt_completion" and one["prompt"] != "") or form(one["answer"]) == form(two["answer"])
        asked = format == "unpaired_preference" or one["prompt"] != ""
        return asked and same and None not in {one["label"], two["label"]} and one["label"] != two["label"]

    formats: tuple[Format, ...] = ("prompt_completion", "unpaired_preference", "preference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spill, "SHARE_BYTES", 160)
        for format in formats:
            found = _conflicts(rows, tmp_path, format, size)
            expected = {n for n, one in enumerate(rows) if any(opposed(one, two, format) for two in rows)}
            assert set(found) == expected
            assert all(opposed(rows[row], rows[of], format) for row, (_, of, _) in found.items())


def test_banking77_has_one_text_with_two_classes(public_data: Path, tmp_path: Path) -> None:
    with (public_data / "finetune" / "banking77_train.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    rows = [_row(one["text"], one["category"], label=one["category"]) for one in table]
    found = _conflicts(rows, tmp_path, "prompt_completion")
    assert len(found) == 2
    assert len({normalise(rows[row]["prompt"]) for row in found}) == 1
