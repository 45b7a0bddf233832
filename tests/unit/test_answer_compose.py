"""How an answer is made of passages, whatever model writes it and however its rules are tuned."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from freshet.expectations.answer_rules import ANSWER_RULES
from freshet.expectations.rules import RULES, Rule
from freshet.flows.command.texts.answers import Numbered
from freshet.tasks.answers.compose import Draft, Writer, compose
from freshet.tasks.answers.models.model import Model
from freshet.tasks.answers.prompt import DEFAULT, Prompt
from freshet.tasks.errors import ModelFailed
from freshet.tasks.search.hits import Hit
from tests.flows.scripted_model import Scripted

LEAVE = "Parental leave is 20 weeks for all parents.\r\nIt begins with the day of the birth."
CLAIMS = "Travel claims are handed in within 30 days of the last day of the journey."
NO_RULES = {code: rule for code, rule in RULES.items() if rule not in ANSWER_RULES}


def passage(text: str, doc_id: str, start: int = 0) -> Hit:
    chars = (start, start + len(text))
    return Hit(text, 1.0, doc_id, doc_id, "Handbook", None, None, chars, None, datetime(2026, 1, 1, tzinfo=UTC), False)


HITS = (passage(LEAVE, "leave", 100), passage(CLAIMS, "claims"))


def composed(
    model: Model | None,
    *,
    rules: Mapping[str, Rule] = RULES,
    hits: Sequence[Hit] = HITS,
    context: int = 2048,
) -> Draft:
    def embed(texts: Sequence[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.ones((len(texts), 1), np.float32)

    writer = Writer(model, Prompt(DEFAULT.read_text(), "answer.md.j2"), context, 100)
    question = "How long is parental leave?"
    return compose(question, hits, np.ones(1, np.float32), embed, writer, 0.0, rules=rules)


def says(text: str) -> Scripted:
    """Writes a text in which `{0}` and `{1}` are the keys of the passages."""
    return Scripted(lambda prompt: iter([text.format(*re.findall(r"^\[(k\w+)\]", prompt, re.MULTILINE))]))


def written(draft: Draft) -> list[str]:
    return [sentence.text for sentence in draft.sentences]


@pytest.mark.parametrize("rules", [RULES, NO_RULES], ids=["default", "off"])
@pytest.mark.parametrize(
    "text", ["Yes, you may have it.", "You should do so.", "Ships sail from the harbour at night."]
)
def test_what_cites_nothing_and_is_in_no_passage_is_not_shown(text: str, rules: Mapping[str, Rule]) -> None:
    draft = composed(says(text), rules=rules)
    assert draft.sentences == []
    assert draft.reason == "NO-SUPPORT"
    assert draft.held_back == 1


@pytest.mark.parametrize("text", ["No [{0}].", "No, not at all [{0}]."])
def test_a_bare_denial_is_not_called_supported(text: str) -> None:
    (sentence,) = composed(says(text)).sentences
    assert sentence.findings == ("SUPPORT-UNJUDGED",)
    assert sentence.support < 0.5


def test_the_numbers_of_a_list_are_not_held_against_its_items_and_a_number_that_answers_is() -> None:
    listed = "1. Parental leave is 20 weeks [{0}].\n2. It begins with the day of the birth [{0}].\n"
    draft = composed(says(f"{listed}3. Claims are handed in within 30 days of the journey [{{1}}].\n"))
    assert [text[:2] for text in written(draft)] == ["1.", "2.", "3."]
    assert not draft.withheld
    for number in ("45", "450", "5"):
        draft = composed(says(f"{number}. Parental leave is 20 weeks for all parents [{{0}}].\n"))
        assert draft.withheld.keys() == {"NUMBER-UNSUPPORTED"}


@pytest.mark.parametrize("severity", ["warn", "note"])
def test_what_a_corpus_lets_pass_is_shown_with_its_finding(severity: str) -> None:
    rules = {**RULES, "NUMBER-UNSUPPORTED": replace(RULES["NUMBER-UNSUPPORTED"], severity=severity)}  # type: ignore[arg-type]
    draft = composed(says("Parental leave is 45 weeks for all parents [{0}]."), rules=rules)
    assert [sentence.findings for sentence in draft.sentences] == [("NUMBER-UNSUPPORTED",)]
    assert "(NUMBER-UNSUPPORTED: compare it with its source)" in Numbered().sentence_text(draft.sentences[0])


def test_a_model_that_cannot_be_loaded_to_count_tokens_is_a_refusal() -> None:
    class Unloadable(Scripted):
        def count_tokens(self, text: str) -> int:
            raise ModelFailed("it does not fit into the memory")

    draft = composed(Unloadable(lambda _: iter(["Never asked."])))
    assert (draft.reason, draft.finish, draft.detail) == ("MODEL-FAILED", "failed", "it does not fit into the memory")


def test_a_prompt_without_room_for_a_passage_is_a_refusal_that_says_what_to_raise() -> None:
    draft = composed(says("Never asked."), context=101)
    assert draft.reason == "MODEL-FAILED"
    assert draft.detail is not None
    assert "generation.context_tokens" in draft.detail


def test_each_citation_is_the_span_of_its_own_passage() -> None:
    text = "It begins with the day of the birth [{0}]. Travel claims are handed in within 30 days [{1}]."
    draft = composed(says(text))
    quotes = [(one.passage.hit.doc_id, one.quote, one.chars) for s in draft.sentences for one in s.citations]
    start = LEAVE.index("It begins")
    assert quotes == [
        ("leave", LEAVE[start:], (100 + start, 100 + len(LEAVE))),
        ("claims", CLAIMS, (0, len(CLAIMS))),
    ]


@pytest.mark.parametrize(
    "text", [LEAVE, "Cafe\u0301 hours are\r\n9 to 17.\r\nIt is 𝔬𝔭𝔢𝔫 daily.", "A \ud800 half. Another one."]
)
def test_the_quote_stands_where_its_span_says_in_any_text(text: str) -> None:
    draft = composed(None, hits=[passage(text, "a", 7)])
    assert draft.sentences
    for sentence in draft.sentences:
        (citation,) = sentence.citations
        start, end = citation.chars
        assert text[start - 7 : end - 7] == citation.quote
