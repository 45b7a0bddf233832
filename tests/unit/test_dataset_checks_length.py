"""How long rows are in the tokens of the target tokenizer, and what is counted of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from freshet.tasks.datasets.checks import RowCounts, check_batch, look_at
from freshet.tasks.datasets.checks.counts import LENGTH_EDGES
from freshet.tasks.datasets.checks.length import MESSAGE_TOKENS, TokenCounter, token_counter
from freshet.tasks.embedding.models import resolve_model
from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.datasets import Tokens
from freshet.tasks.settings.embedding import Embedding
from tests.unit.dataset_rows import dataset, staged

USER = {"role": "user", "content": "one two three"}
ASSISTANT = {"role": "assistant", "content": "four five"}


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    return token_counter(Tokens.model_validate({}), Path())


@pytest.fixture(scope="module")
def templated(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    """The bundled tokenizer with a chat template of its own, which knows no system."""
    folder = tmp_path_factory.mktemp("tokenizer")
    bundled = resolve_model(Embedding(), Path()).folder
    for name in ("tokenizer.json", "special_tokens_map.json", "vocab.txt"):
        if (bundled / name).is_file():
            shutil.copy(bundled / name, folder)
    settings = json.loads((bundled / "tokenizer_config.json").read_text("utf-8"))
    settings["chat_template"] = (
        "begin {% for m in messages %}"
        "{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "turn {{ m.content }} end {% endfor %}{% if tools %}tools {{ tools | length }}{% endif %}"
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return token_counter(Tokens(tokenizer=str(folder), max_tokens=2048), Path())


def sizes(counter: TokenCounter, format: Any, content: dict[str, Any]) -> list[int]:
    prompts, answers = counter.parts(format, [content])
    return [int(prompts[0]), *(int(one[0]) for one in answers)]


def test_texts_count_their_tokens_and_special_ones_once_a_row(counter: TokenCounter) -> None:
    assert counter.count(["one two three", "", "tides"]).tolist() == [3, 0, 1]
    assert counter.special == 2
    assert sizes(counter, "language_modeling", {"text": "one two three"}) == [2, 3]
    assert sizes(counter, "prompt_completion", {"prompt": "one two three", "completion": "four"}) == [5, 1]
    pair = {"prompt": "one two", "chosen": "three", "rejected": "four five"}
    assert sizes(counter, "preference", pair) == [4, 1, 2]


def test_messages_count_what_stands_around_them(counter: TokenCounter) -> None:
    row = {"messages": [USER, ASSISTANT, USER, ASSISTANT]}
    assert sizes(counter, "conversational", row) == [2 + 3 + MESSAGE_TOKENS, 2 + 3 + 2 + 3 * MESSAGE_TOKENS]
    offered = sizes(counter, "conversational", row | {"tools": [{"name": "now"}]})
    assert offered[0] > sizes(counter, "conversational", row)[0]
    assert offered[1] == sizes(counter, "conversational", row)[1]


def test_a_chat_template_says_what_stands_around_messages(templated: TokenCounter) -> None:
    assert sizes(templated, "conversational", {"messages": [USER, ASSISTANT]}) == [1 + 5, 4]
    assert sizes(templated, "conversational", {"messages": [USER, ASSISTANT], "tools": [{}]}) == [1 + 5 + 2, 4]
    assert sizes(templated, "prompt_completion", {"prompt": "one two", "completion": "three"}) == [2 + 2, 1]


def test_messages_that_a_template_refuses_are_counted_without_it(templated: TokenCounter) -> None:
    system = {"role": "system", "content": "one"}
    expected = [2 + 1 + 3 + 2 * MESSAGE_TOKENS, 2 + MESSAGE_TOKENS]
    assert sizes(templated, "conversational", {"messages": [system, USER, ASSISTANT]}) == expected


def test_long_texts_and_large_batches_are_counted_in_parts(counter: TokenCounter) -> None:
    assert counter.count(["word " * 50_000, "tides"]).tolist() == [50_000, 1]
    many = ["one two three " * 6000] * 30
    assert counter.count(many).tolist() == [18_000] * 30


def test_a_row_as_long_as_allowed_is_whole_and_one_token_more_is_not(counter: TokenCounter) -> None:
    settings = dataset("prompt_completion", checks={"tokens": {"max_tokens": 10}})

    def found(words: int) -> list[tuple[str, dict[str, Any]]]:
        row = {"prompt": "one two three four", "completion": "word " * words}
        return [
            (one.code, one.evidence) for _, one in check_batch(staged("prompt_completion", [row]), settings, counter)
        ]

    size = {"prompt_tokens": 6, "max_tokens": 10}
    assert found(4) == []
    assert found(5) == [("LENGTH-TRUNCATED", {"tokens": 11, "lost": 1, **size})]


def test_a_prompt_that_leaves_no_room_masks_the_answer(counter: TokenCounter) -> None:
    settings = dataset("conversational", checks={"tokens": {"max_tokens": 9}})
    masked = {"messages": [USER, ASSISTANT]}  # special, three words, and the message's own make nine
    found = list(check_batch(staged("conversational", [masked]), settings, counter))
    expected = {"tokens": 15, "prompt_tokens": 9, "max_tokens": 9}
    assert [(one.code, one.evidence) for _, one in found] == [("LENGTH-MASKED", expected)]


def test_a_conversation_whose_first_turns_fit_is_truncated_and_not_masked(counter: TokenCounter) -> None:
    settings = dataset("conversational", checks={"tokens": {"max_tokens": 16}})
    row = {"messages": [USER, ASSISTANT, USER, ASSISTANT]}
    found = check_batch(staged("conversational", [row]), settings, counter)
    assert [one.code for _, one in found] == ["LENGTH-TRUNCATED"]


def test_a_cited_passage_counts_with_its_prompt(counter: TokenCounter) -> None:
    passage = "tides " * 20
    table = staged("prompt_completion", [{"prompt": f"{passage}\n\nWhy?", "completion": "tides"}], passage)
    assert look_at(table, dataset("prompt_completion"), counter).counts.tokens == 2 + 20 + 2 + 1


@pytest.mark.parametrize("name", ["nowhere", "empty", "torn"])
def test_a_folder_without_a_tokenizer_is_an_error_of_the_settings(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "tokenizer.json").write_text("{", "utf-8")
    with pytest.raises(SettingsError, match=rf"checks\.tokens\.tokenizer.*{name}") as caught:
        token_counter(Tokens(tokenizer=name, max_tokens=2048), tmp_path)
    assert caught.value.mend


def test_counts_of_two_batches_are_those_of_both_together(counter: TokenCounter) -> None:
    settings = dataset("preference", checks={"tokens": {"max_tokens": 16}})
    contents = [
        {"prompt": "one", "chosen": "word " * n, "rejected": "word " * (7 - n % 9), "extra": n}
        if n % 5
        else {"prompt": "one " * 20, "chosen": "<<1+1=2>> <<x=1>>", "rejected": "no"}
        for n in range(1, 24)
    ]
    table = staged("preference", contents)
    whole = look_at(table, settings, counter)
    parts = [look_at(table.slice(start, 5), settings, counter) for start in range(0, 23, 5)]
    assert sum((one.counts for one in parts), RowCounts()) == whole.counts
    assert sum((one.counts for one in reversed(parts)), RowCounts()) == whole.counts
    assert [found for one in parts for found in one.verdicts] == whole.verdicts
    counts = whole.counts
    assert (counts.rows, counts.pairs, counts.annotated, counts.unannotated) == (23, 23, 4, 19)
    assert (counts.annotations, counts.unreadable_annotations) == (8, 4)
    assert counts.masked == 4
    assert counts.truncated == sum(found.code in ("LENGTH-TRUNCATED", "LENGTH-MASKED") for _, found in whole.verdicts)
    assert counts.longer_chosen + counts.longer_rejected <= 23
    assert counts.length_bias == counts.longer_chosen / (counts.longer_chosen + counts.longer_rejected)


def test_lengths_fall_into_their_bars(counter: TokenCounter) -> None:
    tokens = [15, 16, 31, 32, 40_000]
    contents = [{"text": "word " * (n - counter.special)} for n in tokens]
    counts = look_at(staged("language_modeling", contents), dataset("language_modeling"), counter).counts
    bars = dict(zip(LENGTH_EDGES, counts.lengths, strict=True))
    assert (bars[0], bars[16], bars[32], bars[32768]) == (1, 2, 1, 1)
    assert (counts.tokens, counts.longest, counts.truncated, counts.lost) == (sum(tokens), 40_000, 1, 40_000 - 2048)
    assert counts.length_bias is None


def test_an_empty_batch_has_nothing(counter: TokenCounter) -> None:
    looked = look_at(staged("preference", []), dataset("preference"), counter)
    assert (looked.verdicts, looked.counts) == ([], RowCounts())
    assert np.array_equal(counter.count([]), np.zeros(0, np.int64))
