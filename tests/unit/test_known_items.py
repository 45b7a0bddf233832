"""What is asked for of a passage: as a reader would, never its sentences, and answered by more than was asked."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.index.gate.known_items import LEAST_WORDS, STATED, Item, ask_for, common_headings
from freshet.tasks.text.borders import sentences

WORDS = st.sampled_from(
    ["the", "ladder", "Ada", "is", "kept", "beside", "green", "shelf", "42", "of", "Northgate", "hall"]
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=30).map(lambda words: " ".join(words) + ".")
IDEOGRAPHS = st.text("検索語彙北京大学図書館東西南春夏", min_size=1, max_size=60).map(lambda text: text + "。")
PASSAGES = st.lists(SENTENCES | IDEOGRAPHS | st.just("\n\n"), min_size=1, max_size=8).map(" ".join)
ITEMS = st.builds(
    Item,
    title=st.none() | st.sampled_from(["Ladders", "How ladders are kept", "2024-06"]),
    headings=st.lists(st.sampled_from(["Overview", "Where the ladders stand", "棚"]), max_size=2).map(tuple),
    text=PASSAGES,
)


@given(ITEMS)
def test_what_answers_stands_in_the_passage_and_is_no_longer_than_a_reader_sees_at_once(item: Item) -> None:
    asked = ask_for(item)
    if asked and asked.stated is not None:
        assert asked.stated in " ".join(item.text.split())
        assert 0 < len(asked.stated) <= STATED


@given(ITEMS)
def test_no_sentence_of_the_passage_is_asked(item: Item) -> None:
    asked = ask_for(item)
    if asked and asked.kind == "fact":
        borders = pairwise([0, *sentences(item.text), len(item.text)])
        assert asked.question not in {" ".join(item.text[start:end].split()) for start, end in borders}
        assert len(re.findall(r"\w", asked.question)) >= LEAST_WORDS


@given(ITEMS)
def test_the_same_passage_is_asked_for_in_the_same_way(item: Item) -> None:
    assert ask_for(item) == ask_for(item)


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3), st.none() | st.text(max_size=30))
def test_any_text_is_asked_for_or_not(text: str, headings: list[str], title: str | None) -> None:
    asked = ask_for(Item(title, tuple(headings), text))
    assert asked is None or asked.question.strip()


def kinds(item: Item) -> set[str]:
    """The kinds of question that are made of a passage as its text varies."""
    made = (ask_for(Item(item.title, item.headings, f"{item.text} {number}\n")) for number in range(60))
    return {one.kind for one in made if one}


def test_the_kinds_are_mixed() -> None:
    item = Item(
        "How ladders are kept", ("Where ladders stand",), "The ladder stands beside the shelf of the east hall."
    )
    assert kinds(item) == {"fact", "heading", "title"}


@pytest.mark.parametrize(
    ("text", "left_out", "kept"),
    [
        ("Receipts over forty euros are kept for 11 years by the finance office.", "11", "Receipts over forty euros"),
        ("The oldest atlas was printed in Antwerp and never leaves the hall.", "Antwerp", "never leaves the hall."),
        ("seedlings are watered by whoever opens the garden gate first", "", ""),  # no sentence
    ],
)
def test_a_fact_is_asked_for_without_the_words_that_answer(text: str, left_out: str, kept: str) -> None:
    asked = ask_for(Item(None, (), text))
    if not kept:
        assert asked is None
        return
    assert asked is not None
    assert left_out not in asked.question
    assert kept in asked.question
    assert asked.stated == text


def test_a_script_without_spaces_is_asked_for_too() -> None:
    asked = ask_for(Item(None, (), "北京大学図書館の東館は冬季に限り午後八時まで開いている。"))
    assert asked is not None
    assert asked.kind == "fact"
    assert asked.question in "北京大学図書館の東館は冬季に限り午後八時まで開いている。"


def heading(title: str | None, *headings: str, common: tuple[str, ...] = ()) -> str | None:
    asked = ask_for(Item(title, headings, "| 1 | 2 |"), common)
    return asked.question if asked else None


def test_a_heading_that_says_little_is_asked_for_with_what_stands_over_it() -> None:
    assert heading(None, "Who counts the ladders") == "Who counts the ladders"
    assert heading(None, "Overview") is None
    assert heading("Ladders", "Overview") == "Ladders: Overview"
    assert heading(None, "Ladders", "Overview") == "Ladders: Overview"
    assert heading("Ladders", "Who to ask first", common=("Who to ask first",)) == "Ladders: Who to ask first"


def test_headings_of_several_documents_are_common() -> None:
    stand = [("a", ["See also"]), ("b", ["Top", "See  also"]), ("a", ["Own"]), ("a", ["Own"]), ("c", [])]
    assert common_headings(iter(stand)) == {"See also"}
