"""Pairs without a preference, and answers that say the prompt again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.datasets.checks import check_batch
from freshet.tasks.datasets.checks.length import TokenCounter, token_counter
from tests.unit.dataset_rows import dataset, staged


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    return token_counter(dataset("preference").checks.tokens, Path())


def pair(
    counter: TokenCounter, chosen: Any, rejected: Any, prompt: Any = "What makes tides?", most: int = 2048
) -> list[str]:
    content = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    settings = dataset("preference", checks={"tokens": {"max_tokens": most}})
    return [one.code for _, one in check_batch(staged("preference", [content]), settings, counter)]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        ("The moon.", "The moon.", ["PAIR-IDENTICAL"]),
        ("The moon.", "the moon", ["PAIR-ALIKE"]),
        ("The moon; the sun", "The moon. The SUN!", ["PAIR-ALIKE"]),
        ("The moon.", "The moons.", []),
        ("3 > 2", "3 < 2", []),
        ("It is 5 + 3.", "It is 5+3", ["PAIR-ALIKE"]),
        ("😀", "😞", []),  # no words to be alike in
        ("😀", "😀", ["PAIR-IDENTICAL"]),
    ],
)
def test_pairs_that_say_the_same_are_found(
    counter: TokenCounter, chosen: str, rejected: str, expected: list[str]
) -> None:
    assert pair(counter, chosen, rejected) == expected
    assert pair(counter, said(chosen), said(rejected), [{"role": "user", "content": "Why?"}]) == expected


def test_pairs_that_differ_beyond_max_tokens_only_are_found(counter: TokenCounter) -> None:
    same = "one two three four five six seven eight nine ten"
    assert pair(counter, f"{same} moon", f"{same} wind", most=14) == ["PAIR-TRUNCATED", "LENGTH-TRUNCATED"]
    assert pair(counter, f"{same} moon", f"{same} wind", most=64) == []
    assert pair(counter, f"moon {same}", f"wind {same}", most=14) == ["LENGTH-TRUNCATED"]
    assert pair(counter, f"{same} moon", same, most=12) == ["PAIR-TRUNCATED", "LENGTH-TRUNCATED"]
    assert pair(counter, f"{same} moon", f"{same} moon", most=14) == ["PAIR-IDENTICAL", "LENGTH-TRUNCATED"]


def test_an_answer_that_is_the_prompt_is_an_echo(counter: TokenCounter) -> None:
    assert pair(counter, "what makes TIDES", "The moon.") == ["PAIR-ECHO"]
    assert pair(counter, "The moon.", "What makes tides?") == ["PAIR-ECHO"]
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "What makes tides?"}]
    assert pair(counter, said("What makes tides?"), said("The moon."), turns) == ["PAIR-ECHO"]
    row = {"messages": [*turns, *said("What makes tides?")]}
    found = check_batch(staged("conversational", [row]), dataset("conversational"), counter)
    assert [(one.code, one.evidence) for _, one in found] == [("PAIR-ECHO", {"part": "answer"})]


def test_what_repeats_a_part_or_greets_back_is_no_echo(counter: TokenCounter) -> None:
    assert pair(counter, "What makes tides? The moon.", "The moon.") == []
    assert pair(counter, "He goes home.", "Him go home.", "Mend the grammar.\n\nHe goes home.") == []
    assert pair(counter, "Hello!", "What?", "hello") == []
