"""The checks on real data: what they find there, read one by one, and how much they leave alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.datasets.checks import Looked, look_at
from freshet.tasks.datasets.checks.length import TokenCounter, token_counter
from tests.unit.dataset_rows import dataset, staged


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    return token_counter(dataset("preference").checks.tokens, Path())


def _read(public_data: Path, name: str) -> list[dict[str, Any]]:
    text = (public_data / "finetune" / name).read_text("utf-8")
    rows = json.loads(text) if name.endswith(".json") else [json.loads(line) for line in text.splitlines()]
    assert isinstance(rows, list)
    return rows


def _asked(row: dict[str, Any]) -> str:
    return f"{row['instruction']}\n\n{row['input']}" if row["input"] else str(row["instruction"])


def _look(counter: TokenCounter, format: Any, contents: list[dict[str, Any]]) -> tuple[Looked, Counter[str]]:
    looked = look_at(staged(format, contents), dataset(format), counter)
    return looked, Counter(found.code for _, found in looked.verdicts)


def test_preference_pairs_has_six_identical_pairs_and_three_more_that_are_alike(
    public_data: Path, counter: TokenCounter
) -> None:
    rows = _read(public_data, "preference_pairs.json")
    contents = [{"prompt": _asked(row), "chosen": row["chosen"], "rejected": row["rejected"]} for row in rows]
    looked, codes = _look(counter, "preference", contents)
    assert codes == {"PAIR-IDENTICAL": 6, "PAIR-ALIKE": 3}
    assert (looked.counts.rows, looked.counts.pairs) == (1100, 1100)


def test_gsm8k_is_sound_and_what_has_no_annotation_is_counted(public_data: Path, counter: TokenCounter) -> None:
    rows = _read(public_data, "gsm8k_train.jsonl") + _read(public_data, "gsm8k_test.jsonl")
    contents = [{"prompt": row["question"], "completion": row["answer"]} for row in rows]
    looked, codes = _look(counter, "prompt_completion", contents)
    assert codes == {}
    assert (looked.counts.annotations, looked.counts.unreadable_annotations) == (27_998, 0)
    assert looked.counts.unannotated == 113


def test_alpaca_has_links_refusals_and_answers_that_break_off(public_data: Path, counter: TokenCounter) -> None:
    rows = _read(public_data, "alpaca_en_demo.json")
    contents = [{"prompt": _asked(row), "completion": row["output"]} for row in rows]
    _, codes = _look(counter, "prompt_completion", contents)
    assert codes == {"ANSWER-REFUSAL": 15, "ANSWER-TRUNCATED": 6, "ANSWER-IMPOSSIBLE": 6}


def test_spans_of_covid_qa_are_supported_and_answers_to_other_questions_are_not(
    public_data: Path, counter: TokenCounter
) -> None:
    file = (public_data / "finetune" / "covid_qa.json").read_text("utf-8")
    paragraphs = [paragraph for document in json.loads(file)["data"] for paragraph in document["paragraphs"]]
    answers = [paragraph["qas"][0]["answers"][0]["text"] for paragraph in paragraphs]
    found: Counter[str] = Counter()
    for shift in (0, 1):
        for number, paragraph in enumerate(paragraphs):
            row = {"prompt": paragraph["qas"][0]["question"], "completion": answers[number - shift]}
            table = staged("prompt_completion", [row], paragraph["context"][:20_000] if shift else paragraph["context"])
            for _, one in look_at(table, dataset("prompt_completion"), counter).verdicts:
                found[f"{one.code} {shift}"] += 1
    assert found["ANSWER-UNSUPPORTED 0"] == found["ANSWER-TRUNCATED 0"] == 0
    assert found["ANSWER-UNSUPPORTED 1"] > 0.6 * len(paragraphs)
