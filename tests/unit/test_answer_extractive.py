"""Answers without a language model: quotes of the sentences that answer."""

from __future__ import annotations

import pytest

from freshet.tasks.answers.extractive import MOST_CHARACTERS, MOST_QUOTED, quote_best
from freshet.tasks.answers.reading import Reading
from freshet.tasks.embedding.embed import Embedder, load_embedder
from freshet.tasks.embedding.models import ModelFiles
from tests.unit.test_answer_floor import LEAVE, PUMPS, hit, read

QUESTIONS = [
    "How many days of leave do I get after 5 to 10 years of service?",
    "Within how many days is leave granted?",
    "How many days may I carry over?",
    "At what level do the pumps at Southmoor start?",
]
LONG = (
    "The settlement of a flood claim "
    + "is decided upon by the legal team, which reads the whole file, and " * 12
    + "ends."
)


@pytest.fixture(scope="module")
def embedder(model: ModelFiles) -> Embedder:
    return load_embedder(model, "fp32")


@pytest.mark.parametrize("question", QUESTIONS)
def test_quotes_are_verbatim_and_few(embedder: Embedder, question: str) -> None:
    hits = [hit(LEAVE), hit(PUMPS, title="Pumps"), hit(LONG, title="Claims")]
    quotes = quote_best(read(embedder, question, *hits), hits)
    assert 1 <= len(quotes) <= MOST_QUOTED
    assert sum(len(quote.text) for quote in quotes) <= MOST_CHARACTERS
    assert all(hits[quote.passage].text[slice(*quote.span)] == quote.text for quote in quotes)
    assert len({(quote.passage, quote.span) for quote in quotes}) == len(quotes)


@pytest.mark.parametrize(
    ("question", "answer"),
    [*zip(QUESTIONS, ["5 to 10 years | 30", "It is granted within", "up to eight days", "2.4 metres"], strict=True)],
)
def test_the_sentence_that_answers_is_quoted(embedder: Embedder, question: str, answer: str) -> None:
    hits = [hit(LEAVE), hit(PUMPS, title="Pumps")]
    assert answer in "\n".join(quote.text for quote in quote_best(read(embedder, question, *hits), hits))


def test_a_row_brings_its_header_and_a_sentence_what_it_leans_on(embedder: Embedder) -> None:
    hits = [hit(LEAVE)]
    texts = [quote.text for quote in quote_best(read(embedder, QUESTIONS[0], *hits), hits)]
    assert texts.index("Service | Days") < texts.index("5 to 10 years | 30")
    texts = [quote.text for quote in quote_best(read(embedder, QUESTIONS[1], *hits), hits)]
    at = texts.index("It is granted within five working days.")
    assert texts[at - 1] == "Staff ask for leave in the portal."


def test_a_very_long_sentence_is_quoted_whole(embedder: Embedder) -> None:
    hits = [hit(LONG)]
    assert [quote.text for quote in quote_best(read(embedder, "Who decides upon a flood claim?", *hits), hits)] == [
        LONG
    ]


def test_headings_alone_and_nothing_are_not_quoted(embedder: Embedder) -> None:
    hits = [hit("Annual leave\n\n" + PUMPS)]
    texts = [quote.text for quote in quote_best(read(embedder, "annual leave", *hits), hits)]
    assert "Annual leave" not in texts
    assert quote_best(Reading(0.0), []) == []


def test_a_sentence_that_two_passages_have_is_quoted_once(embedder: Embedder) -> None:
    hits = [hit(PUMPS), hit(PUMPS, title="Copy")]
    texts = [quote.text for quote in quote_best(read(embedder, QUESTIONS[3], *hits), hits)]
    assert len(set(texts)) == len(texts)


def test_unlike_passages_of_one_score_are_quoted_alike_in_either_order(embedder: Embedder) -> None:
    first, second = hit(LEAVE, title="Leave"), hit(PUMPS, title="Pumps")
    found = []
    for hits in ([first, second], [second, first]):
        quotes = quote_best(read(embedder, QUESTIONS[3], *hits), hits)
        found.append((hits[quotes[0].passage].title, quotes[0].text))
    assert found[0] == found[1]
