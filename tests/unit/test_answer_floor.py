"""What is read in passages, how likely they answer, and the floor below which nothing is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from freshet.tasks.answers.floor import DEFAULT_FLOOR, FEWEST, calibrate
from freshet.tasks.answers.pieces import pieces_of
from freshet.tasks.answers.reading import MOST_READ, Reading, read_passages
from freshet.tasks.answers.words import answers_in_kind, words_of
from freshet.tasks.embedding.embed import Embedder, load_embedder
from freshet.tasks.embedding.models import ModelFiles
from freshet.tasks.search.hits import Hit

LEAVE = """Annual leave

Staff ask for leave in the portal. It is granted within five working days.

Service | Days
up to 5 years | 28
5 to 10 years | 30

You may carry days over:

up to eight days into the next year

none after probation"""
PUMPS = (
    "The pumps at Southmoor start by themselves at a level of 2.4 metres. Their alarms are shown in the control room."
)


def hit(text: str, title: str = "Handbook", heading: str | None = None, score: float = 0.5) -> Hit:
    """A passage as a search gives it."""
    place: dict[str, Any] = {"page": None, "chars": (0, len(text)), "source_version": None, "stale": False}
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return Hit(text, score, title, f"file:///{title}.md", title, heading=heading, verified_at=now, **place)


@pytest.fixture(scope="module")
def embedder(model: ModelFiles) -> Embedder:
    return load_embedder(model, "fp32")


def read(embedder: Embedder, question: str, *hits: Hit) -> Reading:
    return read_passages(question, embedder.embed_query(question), hits, embedder.embed)


def test_what_answers_is_above_the_floor_and_what_is_elsewhere_below(embedder: Embedder) -> None:
    asked = "How many days of leave do I get after 5 to 10 years of service?"
    assert read(embedder, asked, hit(LEAVE), hit(PUMPS)).score > DEFAULT_FLOOR
    assert read(embedder, asked, hit(PUMPS)).score < DEFAULT_FLOOR
    assert read(embedder, "Which gate does the ferry leave from?", hit(LEAVE), hit(PUMPS)).score < DEFAULT_FLOOR


def test_german_and_japanese_passages_are_read(embedder: Embedder) -> None:
    german = "Die Kündigungsfrist beträgt drei Monate. Der Urlaub wird im Portal beantragt."
    asked = "Wie lange ist die Kündigungsfrist?"
    assert read(embedder, asked, hit(german)).score > read(embedder, asked, hit(PUMPS)).score
    japanese = "有給休暇は年に二十日です。申請は二週間前までに行います。"
    assert (
        read(embedder, "有給休暇は何日ですか", hit(japanese)).score
        > read(embedder, "有給休暇は何日ですか", hit(PUMPS)).score
    )
    assert [piece.text for piece in pieces_of(0, hit(japanese))] == [
        "有給休暇は年に二十日です。",
        "申請は二週間前までに行います。",
    ]


@pytest.mark.parametrize("hits", [(), (hit(" \n\n"),), (hit("Annual leave", title="Annual leave"),)])
def test_nothing_to_quote_scores_0(embedder: Embedder, hits: tuple[Hit, ...]) -> None:
    reading = read(embedder, "How much leave do I get?", *hits)
    assert (reading.score, reading.pieces) == (0.0, ())


def test_a_question_without_a_word_scores_0(embedder: Embedder) -> None:
    assert read(embedder, "???", hit(LEAVE)).score == 0.0


def test_no_more_is_embedded_than_an_answer_may_cost(model: ModelFiles) -> None:
    texts: list[str] = []

    def embed(wanted: Any) -> Any:
        texts.extend(wanted)
        return np.ones((len(wanted), 4), np.float32) / 2

    long = " ".join(f"Sentence number {number} says nothing." for number in range(200))
    read_passages("What does sentence number 7 say?", np.ones(4, np.float32) / 2, [hit(long)], embed)
    assert len(texts) == MOST_READ
    assert "Sentence number 7 says nothing." in texts


def test_headings_rows_and_items_are_told_apart() -> None:
    pieces = pieces_of(0, hit(LEAVE))
    assert [piece.text for piece in pieces if piece.is_head] == ["Annual leave"]
    needs = {piece.text: piece.needs and LEAVE[slice(*piece.needs)] for piece in pieces}
    assert needs["5 to 10 years | 30"] == "Service | Days"
    assert needs["It is granted within five working days."] == "Staff ask for leave in the portal."
    assert needs["up to eight days into the next year"] == needs["none after probation"] == "You may carry days over:"


@pytest.mark.parametrize(
    ("question", "with_it", "without"),
    [
        ("How many people may vote?", "Three members may vote.", "Members may vote."),
        ("When does it end?", "It ends on 3 May.", "It ends quietly."),
        ("Who signs?", "It is signed by Ada Kern.", "it is signed."),
        ("Wie viele Tage?", "Es sind zwölf Tage.", "Es sind Tage."),
    ],
)
def test_the_kind_of_answer_that_is_asked_for_is_seen(question: str, with_it: str, without: str) -> None:
    assert answers_in_kind(question, with_it)
    assert not answers_in_kind(question, without)


def test_words_that_say_little_do_not_count_unless_there_are_no_others() -> None:
    assert [word.stem for word in words_of("How many days is it?")] == ["day"]
    assert words_of("What is it?")


def test_golden_questions_move_the_floor_between_their_scores() -> None:
    floor = calibrate([0.8 + n / 1000 for n in range(200)], [0.6 + n / 1000 for n in range(150)])
    assert floor is not None
    assert 0.7 < floor < 0.8
    assert calibrate([0.9] * (FEWEST - 1), [0.1] * 50) is None
    assert calibrate([], []) is None


def test_a_floor_stays_where_the_scores_say_nothing_against_the_default() -> None:
    assert calibrate([0.9] * 50, [0.1] * 50) == pytest.approx(DEFAULT_FLOOR, abs=0.05)
    assert 0 < (calibrate([0.5] * 20, [0.5] * 20) or 0) < 1


def test_the_coefficients_are_one_for_each_trait() -> None:
    from freshet.tasks.answers import reading

    assert len(reading.FEATURES) == len(reading.PIECE_WEIGHTS)
    assert len(reading.READ) == len(reading.READ_WEIGHTS)
    assert Path(reading.__file__).name in (Path(__file__).parents[2] / "bench/refusal.py").read_text("utf-8")
