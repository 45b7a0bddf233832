"""The exam as the gate sits it: which questions, of which states, by which halves, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import EmbeddingError
from freshet.tasks.index.gate.answers import Subject, examine_answers
from freshet.tasks.index.gate.drawn import draw_questions, unchanged_documents
from freshet.tasks.index.gate.exam import ExamResult, compare, judge, sit_exam
from freshet.tasks.index.gate.golden import Access, ExamQuestion, Lost, SetAside, resolve_questions
from freshet.tasks.index.gate.halves import Half, compare_halves, sit_halves
from freshet.tasks.index.gate.missed import describe_missed
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.search.asking import Ask, asking, remembering

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.search.candidates import Mode, Vector
    from freshet.tasks.settings.golden import GoldenQuestion

RECUT = (
    "the chunking changed, and passages that were cut in another way cannot be held against each other by questions \
drawn from them; golden questions decide"
)


@dataclass(frozen=True)
class State:
    """One state of a corpus: its two tables, at the head or pinned to a release."""

    chunks: Table
    ledger: Table


@dataclass(frozen=True)
class Questions:
    """What is asked.

    Attributes:
        aside: golden questions that cannot be asked.
        not_compared: why the release is not asked as well; None where it is.
    """

    asked: list[ExamQuestion]
    aside: Sequence[SetAside] = ()
    not_compared: str | None = None


@dataclass(frozen=True)
class _Sat:
    """How a state did: by both halves together, None where its model is gone, and by each of them."""

    both: ExamResult | None
    halves: dict[Half, ExamResult]


def sit_exams(
    run: RefreshRun, head: State, released: State | None, live: Release | None, access: Access, lost: Lost | None
) -> tuple[list[Verdict], dict[str, Any]]:
    """Asks the head and the live release the same questions, and judges what the head makes of them.

    Returns:
        What speaks against publishing, and figures for reports, JSON-able: `golden`, `head` and `release` (means),
        `not_compared`, `comparison`, `halves`, `set_aside`, `missed`; with golden questions `floor` and `answers`.
    """
    from freshet.tasks.embedding.embed import load_embedder

    rules = tuned_rules(run.settings)
    golden = _golden(run)
    questions = _questions(run, head, released, access, golden, lost)
    asked = list(dict.fromkeys(one.question for one in questions.asked))
    embedder = load_embedder(run.model, run.project.settings.embedding.precision)
    embed = dict(zip(asked, embedder.embed_queries(asked), strict=True)).__getitem__
    new = _sit(run, head, access, embed, questions.asked)
    assert new.both is not None
    old, problem = _Sat(None, {}), questions.not_compared
    if released is not None and live is not None and questions.asked and problem is None:
        try:
            # Both are asked under what will hold then: what is narrowed on purpose is no loss of the index.
            old = _sit(run, released, access, _embed_for(run, live, embed), questions.asked)
        except EmbeddingError as error:
            # The model that made the release is gone: it still serves full text, and is compared by that alone.
            problem = error.what
            old = _sit(run, released, access, None, questions.asked)
    comparison = compare(new.both, old.both) if old.both is not None else None
    found = judge(run.settings.gate, new.both, comparison, questions.aside, rules)
    of_halves, halves = compare_halves(run.settings.gate, new.halves, old.halves, rules)
    figures = {
        "golden": run.settings.golden,
        "head": new.both.as_dict(),
        "release": old.both.as_dict() if old.both is not None else None,
        "not_compared": problem,
        "comparison": comparison.as_dict() if comparison is not None else None,
        "halves": halves,
        "set_aside": [vars(one) for one in questions.aside],
        "missed": describe_missed(head.ledger, questions.asked, new.both, golden=golden is not None),
    }
    found += of_halves
    if golden is not None:
        subject = Subject(head.chunks, head.ledger, access, embedder, run.as_of)
        more, answers = examine_answers(run.project, run.settings, subject, golden)
        return [*found, *more], {**figures, **answers}
    return found, figures


def _sit(
    run: RefreshRun,
    state: State,
    access: Access,
    embed: Callable[[str], Vector] | None,
    questions: Sequence[ExamQuestion],
) -> _Sat:
    def ask_by(mode: Mode) -> Ask:
        return asking(state.chunks, state.ledger, access.expressions, run.as_of, embed, mode)

    if embed is None:
        return _Sat(None, sit_halves(ask_by, questions, ["text"]))
    return _Sat(sit_exam(ask_by("hybrid"), questions), sit_halves(ask_by, questions))


def _golden(run: RefreshRun) -> list[GoldenQuestion] | None:
    """The golden questions of the corpus; None where its settings name no file."""
    from freshet.tasks.settings.golden import load_golden

    return None if run.settings.golden is None else load_golden(Path(run.project.resolve(run.settings.golden)))


def _questions(
    run: RefreshRun,
    head: State,
    released: State | None,
    access: Access,
    golden: Sequence[GoldenQuestion] | None,
    lost: Lost | None,
) -> Questions:
    """The golden questions; without those, some drawn from what the release and the head should both hold alike."""
    if golden is not None:
        return Questions(*resolve_questions(golden, head.ledger, access, run.as_of, lost))
    most = run.settings.gate.questions
    same = None if released is None else unchanged_documents(released.ledger, head.ledger)
    alike = None if same is None else same.filter(same["is_cut_alike"])
    if released is not None and alike is not None and (alike.num_rows or lost is not None):
        return Questions(draw_questions(released.chunks, head.ledger, access, alike, most, run.as_of, lost))
    drawn = draw_questions(head.chunks, head.ledger, access, None, most, run.as_of)
    return Questions(drawn, not_compared=RECUT if same is not None and same.num_rows else None)


def _embed_for(run: RefreshRun, live: Release, embed: Callable[[str], Vector]) -> Callable[[str], Vector]:
    """Embeds questions as the release was embedded."""
    from freshet.tasks.search.retrieve import query_embedder

    if live.space == run.model.space:
        return embed
    by_release = query_embedder(run.project)

    def embed_old(question: str) -> Vector:
        return by_release(live, question)

    return remembering(embed_old)
