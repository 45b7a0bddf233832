"""The answer exam: what is counted, what is missed, and what its floors make of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from freshet.tasks.answers.answer import NOT_COVERED, Citation, Passage, Sentence
from freshet.tasks.answers.compose import Draft
from freshet.tasks.answers.exam import MEASURES, AnswerQuestion, judge_answers, sit_answer_exam
from freshet.tasks.governance.expressions import Asker
from freshet.tasks.search.hits import Hit
from freshet.tasks.settings.file import find_problems
from freshet.tasks.settings.project import AnswersGate

NOBODY = Asker(frozenset({"everyone"}))


def answered(doc_id: str, *findings: str, held_back: int = 0) -> Draft:
    hit = Hit("Text.", 1.0, doc_id, doc_id, doc_id, None, None, (0, 5), None, datetime(2026, 1, 1, tzinfo=UTC), False)
    passage = Passage("k3f", hit)
    sentence = Sentence("Text.", 1.0, findings, (Citation(passage, "Text.", (0, 5)),))
    return Draft(0.9, [sentence], passages=[passage], held_back=held_back)


def refused() -> Draft:
    return Draft(0.1, reason=NOT_COVERED)


def question(name: str, *answers: str, never: tuple[str, ...] = ()) -> AnswerQuestion:
    return AnswerQuestion(name, name, NOBODY, frozenset(answers), frozenset(never))


def test_each_measure_counts_what_it_says() -> None:
    drafts = {
        "right": answered("a"),
        "wrong document": answered("b"),
        "doubtful": answered("a", "SUPPORT-UNJUDGED", held_back=2),
        "not answered": refused(),
        "rightly refused": refused(),
        "wrongly answered": answered("a"),
    }
    questions = [question(name, "a") for name in list(drafts)[:4]] + [question(name) for name in list(drafts)[4:]]
    exam = sit_answer_exam(lambda text, _: drafts[text], questions)
    assert exam.counts == {"answered": (4, 3), "supported": (5, 2), "cited": (3, 2), "refused": (2, 1)}
    assert {name: [one.id for one in missed] for name, missed in exam.missed.items()} == {
        "answered": ["not answered"], "supported": ["doubtful"], "cited": ["wrong document"],
        "refused": ["wrongly answered"],
    }  # fmt: skip
    assert exam.as_dict()["measures"]["answered"] == {"asked": 4, "share": 0.75}


def test_a_floor_that_is_reached_says_nothing_and_one_that_is_not_names_the_questions() -> None:
    exam = sit_answer_exam(lambda *_: answered("b"), [question("who", "a"), question("when", "b")])
    assert judge_answers(AnswersGate(answered=1.0, cited=0.5), exam) == []
    (found,) = judge_answers(AnswersGate(answered=1.0, cited=0.6), exam)
    assert (found.code, found.severity) == ("GATE-ANSWERS", "block")
    assert (found.evidence["measure"], found.evidence["first"]) == ("cited", ["who"])


@pytest.mark.parametrize("measure", MEASURES)
def test_a_floor_under_what_was_not_measured_is_not_reached(measure: str) -> None:
    (found,) = judge_answers(AnswersGate(**{measure: 0.1}), sit_answer_exam(lambda *_: refused(), []))
    assert found.evidence["share"] == "nothing to measure"


def test_a_document_that_must_never_be_shown_blocks_whatever_the_floors() -> None:
    exam = sit_answer_exam(lambda *_: answered("secret"), [question("who", "a", never=("secret",))])
    assert exam.shown == {"who": "secret"}
    assert [one.code for one in judge_answers(AnswersGate(), exam)] == ["GATE-PROBE"]


@pytest.mark.parametrize(
    ("golden", "floor", "told"),
    [
        (None, "answered: 0.9", "there are no golden questions whose answers could be judged"),
        ("- {question: Who?, answers: [a.md]}", "refused: 0.9", "no golden question says for whom it must be refused"),
        ("- {question: Who?, refused_for: [everyone]}", "cited: 0.9", "no golden question has an answer"),
        ("- {question: Who?, answers: [a.md], refused_for: [everyone]}", "refused: 0.9", None),
    ],
)
def test_a_floor_that_no_question_could_reach_is_an_error_of_the_settings(
    tmp_path: Path, golden: str | None, floor: str, told: str | None
) -> None:
    (tmp_path / "docs").mkdir()
    named = "" if golden is None else "    golden: golden.yaml\n"
    (tmp_path / "golden.yaml").write_text(golden or "")
    config = tmp_path / "freshet.yaml"
    config.write_text(
        "corpora:\n  docs:\n    sources: [{folder: docs, owner: me, acl: [everyone]}]\n"
        f"{named}    gate: {{answers: {{{floor}}}}}\n"
    )
    assert [problem.what for problem in find_problems(config)] == ([told] if told else [])
