"""What holds of the check of support for any text."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.answers.support.judge import judge
from freshet.tasks.answers.support.quoting import supporting_span
from freshet.tasks.text.borders import sentences

SAID = """
The Tesla DynamoDB not never no only without 1,200 12 % 3 March 2021 Monday “so” "it" S-12 max_tokens is are available
unavailable fee fees cats don't 1. - | # ** `code` [a](b) <b> 東京 から ничего Ämter .
"""
WORDS = st.sampled_from(SAID.split())
ENDS = st.sampled_from([". ", "! ", ".\n", "\n\n", " ", "; ", "。"])
PROSE = st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=9).map(" ".join), ENDS), min_size=1, max_size=8).map(
    lambda parts: "".join(text + end for text, end in parts)
)
TEXTS = st.one_of(PROSE, st.text(max_size=200))


def parts_of(text: str) -> list[str]:
    return [text[start:end] for start, end in pairwise([0, *sentences(text), len(text)])]


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.lists(TEXTS, max_size=2))
def test_a_verbatim_sentence_of_any_passage_is_never_accused(text: str, others: list[str]) -> None:
    for part in parts_of(text):
        judged = judge(part, [text, *others], [0])
        assert (judged.score, judged.findings, judged.cited) == (1.0, (), (0,))


@settings(max_examples=150, deadline=None)
@given(PROSE, PROSE)
def test_white_space_does_not_matter(text: str, passage: str) -> None:
    spaced = text.replace(" ", "  ")
    one, other = judge(text, [passage], [0]), judge(f"{spaced} ", [passage], [0])
    assert [found.code for found in one.findings] == [found.code for found in other.findings]


@settings(max_examples=150, deadline=None)
@given(PROSE)
def test_typography_and_a_small_letter_at_the_start_do_not_make_a_verbatim_sentence_wrong(text: str) -> None:
    for part in parts_of(text):
        plain = part.replace("“", '"').replace("”", '"').replace("don't", "don’t")
        for one in (plain, plain[:1].lower() + plain[1:]):
            assert judge(one, [text], [0]).findings == ()


@settings(max_examples=100, deadline=None)
@given(PROSE, st.lists(PROSE, min_size=1, max_size=4, unique=True), st.randoms())
def test_judging_is_repeatable_and_the_order_of_passages_that_are_not_cited_does_not_matter(
    sentence: str, passages: list[str], chance: object
) -> None:
    first = judge(sentence, passages, [0])
    assert judge(sentence, passages, [0]) == first
    turned = [passages[0], *reversed(passages[1:])]
    other = judge(sentence, turned, [0])
    assert (other.score, other.findings) == (first.score, first.findings)
    assert [turned[at] for at in other.cited] == [passages[at] for at in first.cited]


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
def test_the_supporting_span_begins_and_ends_with_sentences(sentence: str, text: str) -> None:
    start, end = supporting_span(sentence, text)
    borders = [0, *sentences(text), len(text)]
    assert start in borders
    assert any(text[end:border].strip() == "" for border in borders if border >= end)
