"""Answers to the golden questions, from a head that nobody sees yet or from a release: the floor, and the exam."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.answers.ask import ask, writer_of
from freshet.tasks.answers.compose import HITS, Draft, Writer, compose
from freshet.tasks.answers.exam import AnswerExam, AnswerQuestion, judge_answers, sit_answer_exam
from freshet.tasks.answers.floor import DEFAULT_FLOOR, calibrate
from freshet.tasks.answers.reading import read_passages
from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.roster import load_roster
from freshet.tasks.index.gate.golden import Access, ExamQuestion, resolve_questions
from freshet.tasks.ledger.access_classes import read_in_force
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.search.asking import Find, finding
from freshet.tasks.search.retrieve import standing_at
from freshet.tasks.settings.golden import GoldenQuestion, load_golden
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.expectations.rules import Rule
    from freshet.tasks.embedding.embed import Embedder
    from freshet.tasks.embedding.vectors import Vectors
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.settings.file import Project
    from freshet.tasks.settings.project import Corpus
    from freshet.tasks.store.tables import Store

MOST_CALIBRATED = 50
"""Questions by which the floor is set, chosen by hash. Each is read twice, in a tenth of a second or so."""


@dataclass(frozen=True)
class Subject:
    """A state of a corpus whose answers are examined.

    Attributes:
        access: what its classes mean, and who is in which group.
        embedder: of the space of its chunks.
    """

    chunks: Table
    ledger: Table
    access: Access
    embedder: Embedder
    now: datetime

    @property
    def find(self) -> Find:
        """Finds passages of it for somebody."""
        return finding(self.chunks, self.ledger, self.access.expressions, self.now)


def examine_answers(
    project: Project, settings: Corpus, subject: Subject, golden: Sequence[GoldenQuestion]
) -> tuple[list[Verdict], dict[str, Any]]:
    """Sets the floor by the golden questions and, where `gate.answers` asks for it, sits the exam.

    Returns:
        What speaks against publishing; and for the release's record `floor` (`value`, None where the questions are
        too few to say, and `questions`) and `answers` (as `AnswerExam.as_dict`; None where no exam was sat).
    """
    questions, aside = resolve_questions(golden, subject.ledger, subject.access, subject.now)
    value, count = _calibrated(subject, questions)
    figures: dict[str, Any] = {"floor": {"value": value, "questions": count}, "answers": None}
    floors = settings.gate.answers
    if not floors.model_fields_set:
        return [], figures
    rules = tuned_rules(settings)
    answer = _answering(subject, writer_of(project), DEFAULT_FLOOR if value is None else value, rules)
    exam = sit_answer_exam(answer, _answer_questions(golden, questions, subject.access))
    exam.set_aside = {one.id: one.reason for one in aside}
    figures["answers"] = exam.as_dict()
    return list(judge_answers(floors, exam)), figures


def _calibrated(subject: Subject, questions: Iterable[ExamQuestion]) -> tuple[float | None, int]:
    """The floor by questions that can be answered, and by the same ones with what answers them taken out.

    Only what everyone may ask and see counts: the floor holds for all, and must tell nobody of what is kept from him.
    """
    asked = [one for one in questions if one.asker.principals <= {EVERYONE}]
    drawn = sorted(asked, key=lambda one: sha256(f"floor {one.id}".encode()).hexdigest())[:MOST_CALIBRATED]
    answered, absent = [], []
    embed = _remembering(subject.embedder)
    for one in drawn:
        vector = subject.embedder.embed_query(one.question)
        answering = {target.doc_id for target in one.targets}
        # So many more that as many stay once those of the answering documents are taken out.
        hits = subject.find(one.question, vector, one.asker, 4 * HITS)
        others = [hit for hit in hits if hit.doc_id not in answering][:HITS]
        answered.append(read_passages(one.question, vector, hits[:HITS], embed).score)
        absent.append(read_passages(one.question, vector, others, embed).score)
    return calibrate(answered, absent), len(drawn)


def _remembering(embedder: Embedder) -> Callable[[Sequence[str]], Vectors]:
    """Embeds each text once: most of what is read for a question is read again without its document."""
    known: dict[str, Any] = {}

    def embed(texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, embedder.embed(new), strict=True))
        return np.stack([known[text] for text in texts])

    return embed


def _answering(
    subject: Subject, writer: Writer, floor: float, rules: Mapping[str, Rule]
) -> Callable[[str, Asker], Draft]:
    find = subject.find

    def answer(question: str, asker: Asker) -> Draft:
        vector = subject.embedder.embed_query(question)
        hits = find(question, vector, asker, HITS)
        return compose(question, hits, vector, subject.embedder.embed, writer, floor, rules=rules)

    return answer


def _answer_questions(
    golden: Iterable[GoldenQuestion], questions: Iterable[ExamQuestion], access: Access
) -> list[AnswerQuestion]:
    """The golden questions as those ask them who may read what answers, and as those do who are to be refused."""
    asked = [
        AnswerQuestion(one.id, one.question, one.asker, frozenset(target.doc_id for target in one.targets), one.never)
        for one in questions
    ]
    refused = [
        AnswerQuestion(f"{one.id} as {principal}", one.question, access.sight([principal]).asker)
        for one in golden
        for principal in one.refused_for
    ]
    return [*asked, *refused]


def examine_release(
    project: Project, store: Store, corpus: str, *, release: int | None, writer: Writer, now: datetime
) -> tuple[int, AnswerExam]:
    """Asks the golden questions of a corpus of a published release, as they would be asked by people.

    Args:
        release: its number; None for the live one.

    Returns:
        The number of the release that was asked, and how it answered.

    Raises:
        SettingsError: the corpus has no golden questions.
        StoreError: there is no such release.
    """
    settings = project.settings.corpora[corpus]
    if settings.golden is None:
        raise SettingsError(
            f"corpus {corpus} has no golden questions, so there is nothing to ask",
            "Write some, and name the file under golden:; docs/configuration.md describes it.",
        )
    golden = load_golden(Path(project.resolve(settings.golden)))
    standing = standing_at(store, corpus, release)
    ledger = store.corpus(corpus).at(schemas.DOCUMENTS, standing.live.ledger_version)
    access = Access(read_in_force(store, corpus, standing.published), load_roster(project))
    questions, aside = resolve_questions(golden, ledger, access, now)

    number = standing.live.release  # a release that is published meanwhile is not asked

    def answer(question: str, asker: Asker) -> Draft:
        return ask(
            project, store, corpus, question, asker=asker, writer=writer, log=None, now=now, release=number
        ).draft

    exam = sit_answer_exam(answer, _answer_questions(golden, questions, access))
    exam.set_aside = {one.id: one.reason for one in aside}
    return number, exam
