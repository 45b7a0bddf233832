"""Rows that repeat a benchmark: all that brute force finds, by place, and nothing for words that everybody uses."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.datasets.leaks import brief, index
from freshet.tasks.datasets.leaks import find as contamination
from freshet.tasks.datasets.leaks.find import OWN_SPLIT, BenchmarkText, find_leaks
from freshet.tasks.text import minhash
from freshet.tasks.text.normalise import normalise, tokens
from freshet.tasks.text.symbols import normalise_with_symbols

Evidence = dict[str, Any]
_SCHEMA = pa.schema([("row", pa.int64()), ("prompt", pa.string()), ("answer", pa.string())])


def _leaks(
    rows: list[tuple[str, str]], texts: list[str] | list[BenchmarkText], size: int = 1000, **more: Any
) -> tuple[list[tuple[int, str, Evidence]], dict[str, int]]:
    table = pa.Table.from_pylist([{"row": n, "prompt": p, "answer": a} for n, (p, a) in enumerate(rows)], _SCHEMA)

    def batches() -> Iterator[pa.Table]:
        return (table.slice(start, size) for start in range(0, len(rows), size))

    named = [one if isinstance(one, BenchmarkText) else BenchmarkText("b", n, one) for n, one in enumerate(texts, 1)]
    counts: dict[str, int] = {}
    found = [(row, one.code, one.evidence) for row, one in find_leaks(batches, named, counts, **more)]
    return found, counts


def _place(evidence: Evidence) -> int:
    """The number of the text, from 0."""
    return int(evidence["of"].rpartition(":")[2]) - 1


def _words(prefix: str, count: int) -> str:
    return " ".join(f"{prefix}{n}" for n in range(count))


def test_thirteen_words_block_and_eight_are_for_review_with_both_places() -> None:
    benchmark = [
        BenchmarkText("one", 7, _words("x", 3) + " " + _words("s", 20)),
        BenchmarkText("two", 9, _words("t", 30)),
    ]
    rows = [
        (f"Start: {_words('S', 13)}, end.", "yes"),
        ("No.", f"Only {_words('t', 12)} then other words"),
        (f"a {_words('s', 7)}", _words("t", 7)),
        (f"{_words('t', 8)} or {_words('s', 14)}", ""),
    ]
    found, counts = _leaks(rows, benchmark)
    overlap = {"how": "overlap"}
    assert found == [
        (0, "LEAK-BENCHMARK", {"of": "one:7", "in": "prompt", "at": 1, "words": 13, **overlap}),
        (1, "LEAK-BENCHMARK-REVIEW", {"of": "two:9", "in": "answer", "at": 1, "words": 12, **overlap}),
        (3, "LEAK-BENCHMARK", {"of": "one:7", "in": "prompt", "at": 9, "words": 14, **overlap}),
        (3, "LEAK-BENCHMARK-REVIEW", {"of": "two:9", "in": "prompt", "at": 0, "words": 8, **overlap}),
    ]
    assert counts == {"texts": 2, "unjudged": 0, "shared_long": 1, "shared_short": 2, "boilerplate": 0}


def test_a_row_of_the_dataset_is_named_by_its_place_and_side() -> None:
    one, other = _words("s", 20), _words("t", 20)
    texts = [BenchmarkText("a.json", 2, one, "qas[1]", "test"), BenchmarkText("a.json", 7, other, None, "validation")]
    found, _ = _leaks([(f"{one} {other}", "yes")], texts, codes=OWN_SPLIT)
    assert [(code, said["of"], said["side"]) for _, code, said in found] == [
        ("LEAK-SPLIT", "a.json:2 qas[1]", "test"),
        ("LEAK-SPLIT", "a.json:7", "validation"),
    ]


def test_no_words_are_shared_across_prompt_and_answer() -> None:
    words = _words("w", 14).split()
    assert _leaks([(" ".join(words[:7]), " ".join(words[7:]))], [" ".join(words)])[0] == []


def test_short_texts_are_repeated_whole_or_nearly() -> None:
    twelve = _words("w", 12)
    rows = [
        ("Capital of FRANCE?", "Paris"),
        ("What is the capital of France", "Paris"),
        (f"{twelve} more", "near: 8 of 9 shingles"),
        (f"{_words('w', 6)} and so on", "far"),
        ("", "capital of france"),
        ("Ask", "capital of France"),
    ]
    found, counts = _leaks(rows, ["capital of France", twelve, "?!"], codes=OWN_SPLIT)
    assert [(row, code, one["how"], one["in"]) for row, code, one in found] == [
        (0, "LEAK-SPLIT", "whole", "prompt"),
        (2, "LEAK-SPLIT", "near", "prompt"),
        (4, "LEAK-SPLIT", "whole", "answer"),
    ]
    assert found[1][2]["similarity"] == round(8 / 9, 4)
    assert counts["unjudged"] == 2


def test_short_texts_are_told_apart_by_their_symbols_and_long_ones_are_not() -> None:
    rows = [
        ("What is 5 + 3?", "8"),
        ("what is 5+3", "8"),
        ("What is 5 - 3?", "2"),
        ("", "Is 3 > 2?"),
        ("", "Is 3 < 2?"),
    ]
    found, _ = _leaks(rows, ["What is 5+3?", "Is 3 < 2?"])
    assert [(row, one["of"], one["how"]) for row, _, one in found] == [
        (0, "b:1", "whole"),
        (1, "b:1", "whole"),
        (4, "b:2", "whole"),
    ]
    long = _words("w", 13)
    (hit,) = _leaks([(long.replace(" ", " + "), "a")], [long])[0]
    assert (hit[1], hit[2]["how"], hit[2]["words"]) == ("LEAK-BENCHMARK", "overlap", 13)


def test_what_many_rows_say_is_boilerplate_and_what_few_say_is_not() -> None:
    template = _words("please", 15)
    benchmark = [f"{template} {_words('q', 20)}", "hello there"]
    rows = [(f"{template} {_words(f'r{n}x', 5)}", "a") for n in range(30)]
    rows += [(f"{template} {_words('q', 4)}", "a"), *[("Hello there!", str(n)) for n in range(11)]]
    found, counts = _leaks(rows, benchmark)
    assert [(row, one["words"]) for row, _, one in found] == [(30, 19)]
    assert counts["boilerplate"] == 8 + 1
    few, counts = _leaks(rows[:10], benchmark)
    assert len(few) == 10
    assert counts["boilerplate"] == 0


def test_short_texts_that_all_begin_alike_are_told_apart() -> None:
    """A template in thousands of rows and texts: the n-grams in common are not looked at pair by pair."""
    template = _words("please", 9)
    rows = [(f"{template} r{n} s{n}", "a") for n in range(4000)]
    texts = [f"{template} t{n} u{n}" for n in range(4000)]
    found, _ = _leaks([*rows, (texts[77].upper(), "a"), (f"{texts[78]} !", "a")], texts)
    assert [(row, one["of"], one["how"]) for row, _, one in found] == [(4000, "b:78", "whole"), (4001, "b:79", "whole")]


def test_other_words_of_the_same_hash_are_no_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, texts = [(_words("a", 14), ""), (_words("b", 9), "")], [_words("c", 14), _words("d", 9)]
    grams = minhash.gram_hashes

    def all_alike(*given: Any) -> Any:
        hashes, bounds = grams(*given)
        return hashes * 0, bounds

    monkeypatch.setattr(minhash, "gram_hashes", all_alike)
    assert _leaks(rows, texts)[0] == []


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="words for review"):
        _leaks([("a", "b")], ["c"], long=5, short=8)


def _longest_run(mine: list[str], its: list[str]) -> int:
    return max(
        (
            next((k for k in range(min(len(mine) - i, len(its) - j)) if mine[i + k] != its[j + k]), None)
            or (min(len(mine) - i, len(its) - j) if mine[i] == its[j] else 0)
            for i in range(len(mine))
            for j in range(len(its))
            if mine[i] == its[j]
        ),
        default=0,
    )


def _similarity(mine: list[str], its: list[str]) -> float:
    one, other = ({tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (mine, its))
    return len(one & other) / len(one | other) if one and other else 0.0


def _expected(rows: list[tuple[str, str]], texts: list[str], long: int, short: int) -> dict[int, str]:
    expected = {}
    for n, row in enumerate(rows):
        best = 0
        for text in texts:
            its = tokens(text)
            brief, *sides = (normalise_with_symbols(one).split() for one in (text, *row))
            whole = sides[0] or sides[1]
            runs = [_longest_run(tokens(side), its) for side in row]
            is_short = 0 < len(its) < long and (whole == brief or _similarity(whole, brief) >= 0.8)
            best = max(best, 2 if is_short or max(runs) >= long else int(max(runs) >= short))
        if best:
            expected[n] = ("", "LEAK-BENCHMARK-REVIEW", "LEAK-BENCHMARK")[best]
    return expected


def _texts(chance: random.Random, source: list[str], count: int) -> list[str]:
    """Texts that share stretches of one source."""
    made = []
    for _ in range(count):
        start, length = chance.randrange(len(source)), chance.randint(0, 18)
        made.append(" ".join([*chance.choices("xyz", k=chance.randint(0, 2)), *source[start : start + length]]))
    return made


@pytest.mark.parametrize("seed", range(6))
def test_the_rows_found_are_those_of_brute_force_in_any_batches_and_parts(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    source = chance.choices([f"w{n}" for n in range(60)], k=300)
    rows = list(zip(_texts(chance, source, 60), _texts(chance, source, 60), strict=True))
    texts = _texts(chance, source, 40)
    monkeypatch.setattr(contamination, "COMMON_ROWS", 1000)
    long, short = chance.choice([(13, 8), (9, 6), (13, 13)])
    expected = _expected(rows, texts, long, short)
    found, _ = _leaks(rows, texts, long=long, short=short)
    assert {row: code for row, code, _ in found} == expected
    assert len(set(expected.values())) == (1 if long == short else 2)
    for row, _, one in found:
        if one["how"] == "overlap":
            mine = tokens(rows[row][one["in"] == "answer"])[one["at"] : one["at"] + one["words"]]
            assert " ".join(mine) in normalise(texts[_place(one)])
    monkeypatch.setattr(brief, "_PAIRS", 3)
    assert _leaks(rows, texts, size=7, long=long, short=short)[0] == found
    monkeypatch.setattr(index, "PART_BYTES", 300)
    again, _ = _leaks(rows, texts, long=long, short=short)
    assert {row: min(code for at, code, _ in again if at == row) for row, _, _ in again} == expected


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(*[st.lists(st.sampled_from(["a", "B", "é", "?"]), max_size=9).map(" ".join)] * 2), max_size=8),
    st.lists(st.lists(st.sampled_from(["a", "b", "É", "!"]), max_size=9).map(" ".join), max_size=8),
)
def test_any_texts(rows: list[tuple[str, str]], texts: list[str]) -> None:
    found, counts = _leaks(rows, texts, long=6, short=4)
    assert {row: code for row, code, _ in found} == _expected(rows, texts, 6, 4)
    assert counts["texts"] == len(texts)
    assert counts["unjudged"] == sum(len(tokens(text)) < 4 for text in texts)


def test_nothing_is_compared_with_no_benchmark() -> None:
    assert _leaks([("a", "b")], [])[0] == []


@pytest.fixture(scope="session")
def questions(public_data: Path) -> Callable[[str], list[str]]:
    def read(side: str) -> list[str]:
        lines = (public_data / "finetune" / f"gsm8k_{side}.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line)["question"] for line in lines]

    return read


def test_of_gsm8k_test_questions_3_share_thirteen_words_with_train_and_80_eight(
    questions: Callable[[str], list[str]],
) -> None:
    found, counts = _leaks([(text, "") for text in questions("train")], questions("test"))
    assert counts == {"texts": 1319, "unjudged": 0, "shared_long": 3, "shared_short": 80, "boilerplate": 0}
    assert {_place(one) for _, code, one in found if code == "LEAK-BENCHMARK"} == {581, 602, 632}


def test_all_25_test_texts_of_banking77_that_stand_in_train_are_found(public_data: Path) -> None:
    train, test = (
        [row["text"] for row in csv.DictReader((public_data / "finetune" / f"banking77_{side}.csv").open(newline=""))]
        for side in ("train", "test")
    )
    found, _ = _leaks([(text, "") for text in train], test)
    blocked = {normalise(train[row]) for row, code, _ in found if code == "LEAK-BENCHMARK"}
    there = {normalise(text) for text in train}
    repeated = [normalise(text) for text in test if normalise(text) in there]
    assert len(repeated) == 25
    assert blocked.issuperset(repeated)
