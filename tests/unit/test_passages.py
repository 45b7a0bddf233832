"""What a person reads of a search: passages with the words that matched, and nothing that steers a terminal."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freshet.flows.command.texts.passages import BOLD, PLAIN, answer_text
from freshet.tasks.search.explaining import Why, WhyNot
from freshet.tasks.search.hits import Answer, Hit
from freshet.tasks.search.words import matched_spans, matched_words

NOW = datetime(2026, 11, 30, tzinfo=UTC)
HOSTILE = "\x1b[1mpump\x1b[0m \x9b2J\u202e pump\r\nreleased\x07"


def _hit(text: str, **more: object) -> Hit:
    given = {
        "score": 0.5, "doc_id": "d", "uri": text, "title": text, "page": None, "heading": text, "chars": (0, 9),
        "source_version": text, "verified_at": NOW, "stale": False,
    }  # fmt: skip
    return Hit(text=text, **{**given, **more})  # type: ignore[arg-type]


def _bold(text: str) -> list[str]:
    return re.findall(rf"{re.escape(BOLD)}([^\x1b]*){re.escape(PLAIN)}", text)


def test_words_that_match_are_marked_in_the_passage_alone() -> None:
    answer = Answer(1, [_hit("The pumps of the cellar, and a Pump.", title="pump", uri="pump")])
    text = answer_text(answer, "Which pump?")
    assert _bold(text) == ["pumps", "Pump"]
    assert text.startswith("1. pump, ")
    assert BOLD not in answer_text(answer)


@given(text=st.one_of(st.text(max_size=80), st.lists(st.sampled_from([HOSTILE, "pump", " ", "ß"])).map("".join)))
@example(HOSTILE)
@example(BOLD + PLAIN)
def test_the_marks_are_the_only_escape_sequences(text: str) -> None:
    beside = _hit(text)
    why, told = Why(0.5, None, {"cosine": 0.5}, [text]), WhyNot(text, "far", text)
    answer = Answer(1, [_hit(text, before=[beside], after=[beside], explain=why)], told)
    marked, plain = answer_text(answer, "pump released ß"), answer_text(answer)
    assert marked.replace(BOLD, "").replace(PLAIN, "") == plain
    assert plain.isascii() or not re.search("[\x80-\x9f\u2028-\u202e\u2066-\u2069]", plain)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", plain)
    assert marked.count(BOLD) == marked.count(PLAIN) == len(_bold(marked))


@pytest.mark.parametrize(
    ("question", "text", "words"),
    [
        ("Who repairs the pump?", "Pumps are repaired by whoever finds them.", ("repairs", "pump")),
        ("pump PUMP", "a pump", ("pump",)),
        ("ﬁle", "FILE", ("file",)),
        ("zebra", "a pump", ()),
    ],
)
def test_words_match_whatever_their_case_and_ending(question: str, text: str, words: tuple[str, ...]) -> None:
    assert matched_words(question, text) == words
    assert [text[start:end] for start, end in matched_spans(question, text)] == re.findall(
        r"(?i)\b(?:pumps?|repaired|file)\b", text if words else ""
    )
