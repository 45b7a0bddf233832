"""The answer exam: golden questions asked by who may read what answers them, and by who may not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    from freshet.tasks.answers.compose import Draft
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.settings.project import AnswersGate

MEASURES = ("answered", "supported", "cited", "refused")
"""What is measured, each a share from 0 to 1; `gate.answers` sets floors under the same names."""

NAMED = 5


@dataclass(frozen=True)
class AnswerQuestion:
    """A question of the exam.

    Attributes:
        asker: who asks.
        answers: ids of the documents that answer; empty where an answer must be refused.
        never: ids of documents that whoever asks must not be shown.
    """

    id: str
    question: str
    asker: Asker
    answers: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()


@dataclass
class AnswerExam:
    """How the questions were answered.

    Attributes:
        counts: by measure, how many there were and how many came up to it: questions for `answered` and `refused`,
            sentences that were written for `supported`, answers for `cited`.
        missed: by measure, the questions that did not come up to it.
        set_aside: by id of a golden question that could not be asked, why.
        shown: ids of questions whose asker was shown a document that he must never be shown, with its id.
    """

    counts: dict[str, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(MEASURES, (0, 0)))
    missed: dict[str, list[AnswerQuestion]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    shown: dict[str, str] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)

    def share(self, measure: str) -> float | None:
        """The share that came up to a measure; None where nothing was there to measure."""
        asked, good = self.counts[measure]
        return good / asked if asked else None

    def as_dict(self) -> dict[str, Any]:
        """Figures for reports: by measure, how many there were, and the share; the questions that missed it."""
        measures = {
            name: {"asked": self.counts[name][0], "share": None if (one := self.share(name)) is None else round(one, 4)}
            for name in MEASURES
        }
        missed = {
            name: [{"id": one.id, "question": one.question} for one in missed]
            for name, missed in self.missed.items()
            if missed
        }
        return {"measures": measures, "missed": missed, "set_aside": self.set_aside, "shown": self.shown}

    def count(self, measure: str, question: AnswerQuestion, asked: int, good: int) -> None:
        """Adds what one question brought to a measure."""
        before, well = self.counts[measure]
        self.counts[measure] = (before + asked, well + good)
        if good < asked:
            self.missed[measure].append(question)


def sit_answer_exam(answer: Callable[[str, Asker], Draft], questions: Iterable[AnswerQuestion]) -> AnswerExam:
    """Asks every question as whoever asks it.

    Args:
        answer: how a question of somebody is answered by the state that is examined.
    """
    exam = AnswerExam()
    for one in questions:
        draft = answer(one.question, one.asker)
        cited = {citation.passage.hit.doc_id for sentence in draft.sentences for citation in sentence.citations}
        _look_for(one.never, {passage.hit.doc_id for passage in draft.passages} | cited, one.id, exam)
        if not one.answers:
            exam.count("refused", one, 1, int(draft.reason is not None))
            continue
        exam.count("answered", one, 1, int(draft.reason is None))
        written = len(draft.sentences) + draft.held_back
        exam.count("supported", one, written, sum(not sentence.findings for sentence in draft.sentences))
        if draft.reason is None:
            exam.count("cited", one, 1, int(not cited.isdisjoint(one.answers)))
    return exam


def _look_for(never: Collection[str], seen: Collection[str], question: str, exam: AnswerExam) -> None:
    for doc_id in sorted(set(never) & set(seen)):
        exam.shown.setdefault(question, doc_id)


def judge_answers(floors: AnswersGate, exam: AnswerExam) -> Sequence[Verdict]:
    """What speaks against publishing, by `gate.answers`. A floor under what was not measured is not reached."""
    found: list[Verdict] = []
    for name in MEASURES:
        floor, share = getattr(floors, name), exam.share(name)
        if floor is not None and (share is None or share < floor):
            said = "nothing to measure" if share is None else round(share, 4)
            found.append(
                verdict(
                    "GATE-ANSWERS", measure=name, share=said, floor=floor, asked=exam.counts[name][0],
                    first=[one.id for one in exam.missed[name]][:NAMED],
                )
            )  # fmt: skip
    if exam.shown:
        first = dict(list(exam.shown.items())[:NAMED])
        found.append(verdict("GATE-PROBE", questions=len(exam.shown), first=first))
    return found
