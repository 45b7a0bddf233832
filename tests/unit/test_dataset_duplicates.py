"""Copies among rows: what brute force finds, the first of them kept, whatever the batches and the limits of memory."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.copies import near as near_copies
from freshet.tasks.datasets.copies import spill
from freshet.tasks.datasets.copies.find import find_copies
from freshet.tasks.text.minhash import band_keys, jaccard, shingle_hashes, sign
from freshet.tasks.text.normalise import normalise
from freshet.tasks.text.symbols import normalise_with_symbols

_FIELDS = ("prompt", "answer", "other", "passage", "label")
_SCHEMA = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in _FIELDS)])

Row = dict[str, Any]
Found = list[tuple[int, str, dict[str, Any]]]


def _row(prompt: str, answer: str = "yes", **more: Any) -> Row:
    return {**dict.fromkeys(_FIELDS), "prompt": prompt, "answer": answer, **more}


def _batches(rows: list[Row], size: int = 1000, gap: int = 1) -> Callable[[], Iterator[pa.Table]]:
    table = pa.Table.from_pylist([{"row": n * gap, **row} for n, row in enumerate(rows)], _SCHEMA)
    return lambda: (table.slice(start, size) for start in range(0, len(rows), size))


def _copies(rows: list[Row], folder: Path, near: float = 0.8, size: int = 1000, gap: int = 1) -> Found:
    found = [(row, one.code, one.evidence) for row, one in find_copies(_batches(rows, size, gap), folder, near)]
    assert not list(folder.iterdir())
    return sorted(found, key=lambda one: (one[0], one[1]))


def _forms(row: Row) -> tuple[str, ...]:
    return tuple(
        normalise_with_symbols(row[part] or "") or "\0" + (row[part] or "") for part in ("prompt", "answer", "other")
    )


def _one_currency(forms: tuple[str, ...]) -> tuple[str, ...]:
    if forms[0].startswith("\0"):
        return forms  # a prompt without a word is a copy where it agrees in every character
    return ("".join("$" if unicodedata.category(char) == "Sc" else char for char in forms[0]), *forms[1:])


def _brute_force(rows: list[Row], near: float) -> Found:
    """Row by row, every pair that shares a key."""
    found: Found = []
    sets = [
        shingle_hashes(" ".join(filter(None, (normalise_with_symbols(row[part] or "") for part in _FIELDS[:3]))))
        for row in rows
    ]
    keys = [set(band_keys(sign(one)).tolist()) if len(one) else set() for one in sets]
    context = [(row["passage"], row["label"]) for row in rows]
    exact: dict[Any, int] = {}
    for n, row in enumerate(rows):
        first = exact.setdefault((_one_currency(_forms(row)), context[n]), n)
        if first != n:
            found.append((n, "COPY-EXACT", {"of": first}))
    gone = {n for n, _, _ in found}
    kept: list[int] = []
    for n in range(len(rows)):
        if n in gone:
            continue
        near_ones = (k for k in kept if context[k] == context[n] and keys[k] & keys[n])
        of = next((k for k in near_ones if jaccard(sets[k], sets[n]) >= near), None)
        if of is None:
            kept.append(n)
        else:
            found.append((n, "COPY-NEAR", {"of": of, "similarity": round(jaccard(sets[of], sets[n]), 4)}))
    asked: dict[Any, int] = {}
    for n in kept:
        if rows[n]["prompt"]:
            first = asked.setdefault((_forms(rows[n])[0], rows[n]["passage"]), n)
            if first != n:
                found.append((n, "COPY-PROMPT", {"of": first}))
    return sorted(found, key=lambda one: (one[0], one[1]))


def _edited(chance: random.Random, text: str) -> str:
    words = text.split()
    for _ in range(chance.choice([0, 0, 1, 1, 2, 5])):
        words[chance.randrange(len(words))] = chance.choice(["alpha", "Bêta", "γ", "!", "delta"])
    return " ".join(words)


def _many(seed: int, count: int) -> list[Row]:
    """Rows out of few texts, edited again and again, so that near copies would chain."""
    chance = random.Random(seed)
    texts = [" ".join(chance.choices([f"w{n}" for n in range(40)], k=chance.randint(3, 60))) for _ in range(4)]
    rows = []
    for _ in range(count):
        text = _edited(chance, chance.choice(texts))
        texts.append(text)
        other, passage = chance.choice([None, None, "No."]), chance.choice([None, None, "A passage.", "Another."])
        label = chance.choice([None, None, None, "true", "false"])
        rows.append(_row(text, chance.choice(["Yes.", "yes", "no"]), other=other, passage=passage, label=label))
    return rows


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("near", [0.75, 0.8, 1.0])
def test_copies_are_those_of_brute_force(seed: int, near: float, tmp_path: Path) -> None:
    rows = _many(seed, 250)
    found = _copies(rows, tmp_path, near)
    assert found == _brute_force(rows, near)
    assert {code for _, code, _ in found} >= {"COPY-EXACT", "COPY-PROMPT"}
    assert near == 1.0 or sum(code == "COPY-NEAR" for _, code, _ in found) > 10


_PIECES = ["a", "A", "b", "é", "漢字", "_", "?", " ", "ﬁ", "2", "\n", "+", "-", "*", "€", "$", "C#"]
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=14).map(" ".join)
_ROWS = st.lists(
    st.builds(
        _row,
        _TEXTS,
        _TEXTS,
        other=st.none() | _TEXTS,
        passage=st.sampled_from([None, "", "one", "two"]),
        label=st.sampled_from([None, "true", "one"]),
    ),
    max_size=25,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS, size=st.integers(1, 9))
@example(rows=[_row("€ € \n", "a a"), _row("€ $ \n", "a a")], size=1)
def test_any_rows_in_any_batches(rows: list[Row], size: int, tmp_path: Path) -> None:
    assert _copies(rows, tmp_path, size=size) == _brute_force(rows, 0.8)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_neither_batches_nor_limits_of_memory_change_the_result(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = _many(9, 300)
    usual = _copies(rows, tmp_path, gap=3)
    monkeypatch.setattr(spill, "SHARE_BYTES", 512)
    monkeypatch.setattr(near_copies, "PAIRS", 20)
    monkeypatch.setattr(near_copies, "BLOCK", 32)
    monkeypatch.setattr(near_copies, "_SHINGLES", 500)
    assert _copies(rows, tmp_path, size=size, gap=3) == usual
    assert all(row % 3 == 0 and one["of"] % 3 == 0 and one["of"] < row for row, _, one in usual)


def test_a_row_is_dropped_only_for_the_sake_of_one_that_stays(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(60)]
    chain = [_row(" ".join([*(f"x{i}" for i in range(n)), *words[n:]])) for n in range(0, 21, 4)]
    found = _copies(chain, tmp_path)
    gone = {row for row, _, _ in found}
    assert gone
    assert all(one["of"] not in gone for _, _, one in found)


def test_ten_thousand_near_copies_leave_one(tmp_path: Path) -> None:
    words = [f"w{n}" for n in range(120)]
    rows = [_row(" ".join([*words, f"n{n}"])) for n in range(10_000)]
    found = _copies(rows, tmp_path)
    assert len(found) == 9_999
    assert all(one["of"] == 0 for _, _, one in found)


def test_the_border_of_prompt_and_answer_matters_and_so_does_the_passage(tmp_path: Path) -> None:
    rows = [
        _row("one two", "three"),
        _row("One, two!", "THREE"),
        _row("one", "two three"),
        _row("one two", "three", passage="p"),
        _row("one two", "three", label="false"),
    ]
    assert _copies(rows, tmp_path) == [(1, "COPY-EXACT", {"of": 0}), (4, "COPY-PROMPT", {"of": 0})]


def test_symbols_that_carry_meaning_make_no_copies(tmp_path: Path) -> None:
    prompts = ["Is 3 > 2?", "Is 3 < 2?", "What is 5 + 3?", "What is 5 * 3?", "5 - 3", "-5 3", "$5", "€5", "5"]
    prompts += ["a == b", "a != b", "x^2", "x*2", "C++", "C#", "C", "3.5", "35", "3 5", "(5 + 3) * 2", "5 + 3 * 2"]
    assert _copies([_row(prompt, str(n)) for n, prompt in enumerate(prompts)], tmp_path) == []
    prompts.remove("€5")
    assert _copies([_row(prompt) for prompt in prompts], tmp_path) == []


def test_rows_that_differ_in_the_currency_of_the_prompt_alone_are_copies(tmp_path: Path) -> None:
    """As banking77 has them: the answer shows that it makes no difference."""
    rows = [
        _row("Why was I charged £1?", "charge"),
        _row("Why was I charged €1 ?", "charge"),
        _row("Why was I charged 1?", "charge"),
        _row("Why was I charged $1?", "dollars"),
        _row("How much?", "$1"),
        _row("How much?", "€1"),
        _row("", "It costs £1 and €2."),
        _row("", "It costs €1 and £2."),
    ]
    assert _copies(rows, tmp_path) == [(1, "COPY-EXACT", {"of": 0}), (5, "COPY-PROMPT", {"of": 4})]


def test_a_symbol_tells_near_copies_apart_as_a_word_does(tmp_path: Path) -> None:
    rows = [
        _row(f"Tell me right away whether {sum_} is more than it was.") for sum_ in ("2 + 2", "2 * 2", "2+2", "2 x 2")
    ]
    assert _copies(rows, tmp_path, 0.75) == [(2, "COPY-EXACT", {"of": 0})]
    long = " ".join(f"w{n}" for n in range(50))
    found = _copies([_row(f"{long} 2 {sign} 2") for sign in "+-"], tmp_path)
    assert [(row, code) for row, code, _ in found] == [(1, "COPY-NEAR")]


def test_texts_without_a_word_are_compared_as_they_stand(tmp_path: Path) -> None:
    rows = [_row("?!", ":-)"), _row("?!", ":-("), _row("?!", ":-)"), _row("", ":-)"), _row("", ":-(")]
    assert _copies(rows, tmp_path) == [(1, "COPY-PROMPT", {"of": 0}), (2, "COPY-EXACT", {"of": 0})]


def test_banking77_repeats_31_texts_and_30_of_them_with_the_same_class(public_data: Path, tmp_path: Path) -> None:
    from pyarrow import csv

    table = csv.read_csv(
        public_data / "finetune" / "banking77_train.csv", parse_options=csv.ParseOptions(newlines_in_values=True)
    ).to_pydict()
    texts, classes = table["text"], table["category"]
    assert len({normalise(text) for text in texts}) == len(texts) - 31
    rows = [_row(text, label, label=label) for text, label in zip(texts, classes, strict=True)]
    found = _copies(rows, tmp_path)
    assert sum(code == "COPY-EXACT" for _, code, _ in found) == 30
