"""The retrieval exam: questions whose answers are known, asked of a state of a corpus before readers see it.

What is asked about is anything that ranks passages (`Ask`), so that the head, which nobody sees yet, and the last
release sit the same exam.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.index.gate.golden import ExamQuestion, SetAside
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.search.asking import Ask

if TYPE_CHECKING:
    from freshet.expectations.rules import Rule
    from freshet.tasks.settings.project import Gate

DEPTH = 50
"""Passages that are asked for, so that ten documents come even where some fill several places."""

MEASURES = {"recall_at_1": "R@1", "recall_at_5": "R@5", "recall_at_10": "R@10", "mrr": "RR@10", "ndcg_at_10": "nDCG@10"}
JUDGED = "ndcg_at_10"
"""The measure by which two exams are compared: the others move it too, and testing one keeps chance at its 5 %."""

RESAMPLES = 9999
"""Up to 13 questions that differ, the test is exact; beyond, it draws so many times."""

NAMED = 5

FIRST = 5
"""Documents that are kept of what was found, to be told where a question missed: as many as `recall_at_5` looks at."""


@dataclass(frozen=True)
class ExamResult:
    """How one state of a corpus did.

    Attributes:
        scores: measure → question id → value from 0 to 1.
        shown: question ids whose asker was shown a document that they must never be shown, with its id.
        first: by question id, the first five documents that were found, best first.
    """

    scores: dict[str, dict[str, float]]
    shown: dict[str, str] = field(default_factory=dict)
    first: dict[str, list[str]] = field(default_factory=dict)

    @property
    def questions(self) -> list[str]:
        """Ids of the questions that were asked."""
        return list(self.scores[JUDGED])

    def mean(self, measure: str) -> float:
        """The mean over the questions; 0 without any."""
        values = self.scores[measure].values()
        return sum(values) / len(values) if values else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Figures for a report: means, and the number of questions."""
        return {"questions": len(self.questions), **{name: round(self.mean(name), 4) for name in MEASURES}}


@dataclass(frozen=True)
class Change:
    """One measure of two exams on the same questions.

    `p` is the chance that so great a loss comes about although neither is worse: one-sided, paired.
    """

    old: float
    new: float
    p: float

    @property
    def drop(self) -> float:
        """By how much the measure fell; negative where it rose."""
        return self.old - self.new


@dataclass(frozen=True)
class Comparison:
    """A new exam against an old one, on the questions that both answered.

    Attributes:
        worse: ids of the questions that lost most, worst first.
    """

    questions: int
    changes: dict[str, Change]
    worse: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Returns the comparison as JSON-able values."""
        changes = {name: {**asdict(one), "drop": one.drop} for name, one in self.changes.items()}
        return {"questions": self.questions, "measures": changes, "worse": self.worse}


ASKED_AT_ONCE = 4


def sit_exam(ask: Ask, questions: Iterable[ExamQuestion]) -> ExamResult:
    """Asks every question as whoever asks it, and scores the first ten documents."""
    import ir_measures

    judged, ranked = [], []
    shown: dict[str, str] = {}
    first: dict[str, list[str]] = {}
    asked = list(questions)
    # Most of an answer's time is spent in LanceDB, beside Python.
    with ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="exam") as pool:
        answers = list(pool.map(lambda one: ask(one.question, one.asker, DEPTH), asked))
    for one, passages in zip(asked, answers, strict=True):
        forbidden = next((doc_id for doc_id, _ in passages if doc_id in one.never), None)
        if forbidden:
            shown[one.id] = forbidden
        first[one.id] = list(dict.fromkeys(doc_id for doc_id, _ in passages))[:FIRST]
        judged += [ir_measures.Qrel(one.id, target.key, 1) for target in one.targets]
        keys = list(dict.fromkeys(_key(one, doc_id, text) for doc_id, text in passages))
        ranked += [ir_measures.ScoredDoc(one.id, key, -float(place)) for place, key in enumerate(keys)]
    measures = {ir_measures.parse_measure(text): name for name, text in MEASURES.items()}
    scores: dict[str, dict[str, float]] = {name: {} for name in MEASURES}
    if judged:
        for value in ir_measures.iter_calc(list(measures), judged, ranked):
            scores[measures[value.measure]][value.query_id] = float(value.value)
    return ExamResult(scores, shown, first)


def _key(question: ExamQuestion, doc_id: str, text: str) -> str:
    return next((target.key for target in question.targets if target.is_met(doc_id, text)), doc_id)


def compare(new: ExamResult, old: ExamResult, measures: Iterable[str] = tuple(MEASURES)) -> Comparison:
    """A paired randomisation test on the questions that both were asked."""
    both = [one for one in new.questions if one in old.scores[JUDGED]]
    changes = {}
    for name in measures:
        ours = np.array([new.scores[name][one] for one in both])
        theirs = np.array([old.scores[name][one] for one in both])
        mean = (float(ours.mean()), float(theirs.mean())) if both else (0.0, 0.0)
        changes[name] = Change(old=mean[1], new=mean[0], p=_chance(ours - theirs))
    lost = {one: new.scores[JUDGED][one] - old.scores[JUDGED][one] for one in both}
    worse = sorted((one for one in both if lost[one] < 0), key=lambda one: (lost[one], one))
    return Comparison(len(both), changes, worse)


def _chance(differences: np.ndarray[Any, Any]) -> float:
    """The chance of so low a sum if each difference might as well have the other sign."""
    # Questions that did not change add nothing to the sum, whatever their sign.
    moved = differences[differences != 0]
    if not len(moved) or moved.sum() >= 0:
        return 1.0
    if len(moved) == 1:
        return 0.5
    # Here, since it takes a second to load and seldom has anything to do.
    from scipy.stats import permutation_test

    found = permutation_test(
        (moved, np.zeros_like(moved)),
        _summed,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        alternative="less",
        batch=1000,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def _summed(first: Any, second: Any, axis: int) -> Any:
    return np.sum(first - second, axis=axis)


def judge(
    gate: Gate,
    new: ExamResult,
    comparison: Comparison | None,
    aside: Sequence[SetAside] = (),
    rules: Mapping[str, Rule] | None = None,
) -> list[Verdict]:
    """What speaks against publishing, by the corpus's gate.

    Args:
        comparison: with the last release; None where there is none.
        aside: questions that could not be asked; they are reported and fail nothing.
        rules: as the corpus has tuned them; as they are without.
    """
    found = []
    recall = new.mean("recall_at_5")
    if gate.recall_at_5 is not None and new.questions and recall < gate.recall_at_5:
        missed = [one for one in new.questions if not new.scores["recall_at_5"][one]]
        found.append(
            verdict(
                "GATE-EXAM-FLOOR", recall_at_5=round(recall, 4), floor=gate.recall_at_5,
                questions=len(new.questions), missed=len(missed), first=missed[:NAMED],
            )
        )  # fmt: skip
    if comparison is not None:
        found += judge_drop("GATE-EXAM-DROP", gate, comparison, rules or {})
    if new.shown:
        first = dict(list(new.shown.items())[:NAMED])
        found.append(verdict("GATE-PROBE", questions=len(new.shown), first=first))
    if aside:
        reasons = {reason: sum(one.reason == reason for one in aside) for reason in sorted({a.reason for a in aside})}
        found.append(verdict("GATE-EXAM-QUESTIONS", questions=reasons, first=[one.id for one in aside][:NAMED]))
    return found


def judge_drop(code: str, gate: Gate, comparison: Comparison, rules: Mapping[str, Rule]) -> list[Verdict]:
    """A verdict of this code where an exam fell by more than the corpus allows, and by more than chance explains."""
    from freshet.expectations.rules import RULES

    change, significance = comparison.changes[JUDGED], rules.get(code, RULES[code]).threshold
    assert significance is not None
    if change.drop <= gate.max_drop or change.p >= significance:
        return []
    return [
        verdict(
            code, measure=JUDGED, before=round(change.old, 4), now=round(change.new, 4), p=round(change.p, 5),
            questions=comparison.questions, first=comparison.worse[:NAMED],
        )
    ]  # fmt: skip
