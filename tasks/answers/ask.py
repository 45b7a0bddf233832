"""Answers a question from a release of a corpus, for somebody, and puts it on record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.answers.answer import Answer, Sentence
from freshet.tasks.answers.compose import HITS, Draft, Writer, compose
from freshet.tasks.answers.floor import DEFAULT_FLOOR
from freshet.tasks.answers.models.open import open_model
from freshet.tasks.answers.prompt import load_prompt
from freshet.tasks.ledger.query_log import QueryLog
from freshet.tasks.ledger.releases import Release, exam_of
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.search.ordering import ordering_of
from freshet.tasks.search.questions import check_question
from freshet.tasks.search.retrieve import embedder_of, search, standing_at
from freshet.tasks.settings.generation import BUNDLED

if TYPE_CHECKING:
    from freshet.tasks.embedding.vectors import Vectors
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.search.hits import Hit
    from freshet.tasks.search.notices import Notice
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store


_BUNDLED_READS = 3
"""Passages that the bundled model is given: with more it takes longer, and quotes the wrong one."""


@dataclass(frozen=True)
class Explained:
    """An answer and what it came from.

    Attributes:
        hits: the passages that were found for whoever asks, best first.
        draft: how the answer came about.
        floor: the least score at which an answer is tried.
    """

    answer: Answer
    hits: Sequence[Hit]
    draft: Draft
    floor: float

    def as_dict(self) -> dict[str, Any]:
        """The answer as it is printed, with `explain`: score, floor, and the passages that were found."""
        passages = [
            {
                "document": {"id": hit.doc_id, "uri": hit.uri, "title": hit.title},
                "heading": hit.heading,
                "page": hit.page,
                "chars": list(hit.chars),
                "score": hit.score,
                "stale": hit.stale,
            }
            for hit in self.hits
        ]
        explained = {"score": round(self.draft.score, 4), "floor": self.floor, "passages": passages}
        return {**self.answer.as_dict(), "explain": {**explained, "detail": self.draft.detail}}


def writer_of(project: Project, model: str | None = None) -> Writer:
    """By what the answers of a project are written.

    Args:
        model: in place of the one in the settings; as `freshet ask --model` takes it.

    Raises:
        SettingsError: there is no such model, or the prompt cannot be used.
        MissingExtra: the model needs an extra that is not installed.
        ModelFailed: the model cannot be loaded.
    """
    said = project.settings.generation
    opened = open_model(project, model)
    most = _BUNDLED_READS if opened is not None and opened.name == BUNDLED else HITS
    return Writer(opened, load_prompt(project), said.context_tokens, said.max_tokens, most)


def ask(
    project: Project,
    store: Store,
    corpus: str,
    question: str,
    *,
    asker: Asker,
    writer: Writer,
    log: QueryLog | None,
    now: datetime,
    asked_as: Iterable[str] = (),
    release: int | None = None,
    mode: str = "ask",
    let_know: Callable[[str, Release], None] = lambda *_: None,
    let_go: Callable[[Sentence], None] = lambda _: None,
) -> Explained:
    """Answers a question from what whoever asks may see of a release.

    Args:
        log: where the question is put on record; None for one of an exam.
        asked_as: the principals that whoever asks named, for the record; the groups of a roster change, these do not.
        release: number of an earlier release; None for the live one.
        mode: by what it is asked, for the record.
        let_know: is given the id of the question and the release that is asked, before anything is looked for.
        let_go: is given each sentence as soon as it has been checked.

    Raises:
        SettingsError: the question is none.
        StoreError: the corpus has no such release, or its tables are gone or damaged.
        AccessCheckFailed: the newest ledger could not be read.
    """
    started = time.monotonic()
    check_question(question)
    standing = standing_at(store, corpus, release)
    live = standing.live
    known_as = log.asked(corpus, question, asked_as, writer.name, live.release, mode=mode) if log else ""
    let_know(known_as, live)
    rules = tuned_rules(project.settings.corpora[corpus])
    embedder = embedder_of(project, live)
    vector = embedder.embed_query(question)

    def embed_query(_: Release, __: str) -> Vectors:
        return vector

    found = search(
        store, corpus, question, asker=asker, mode="hybrid", limit=HITS, now=now, embed_query=embed_query,
        rules=rules, standing=standing, ordering=ordering_of(project),
    )  # fmt: skip
    hits = found.hits
    floor = floor_of(store, live)
    draft = compose(question, hits, vector, embedder.embed, writer, floor, rules=rules, let_go=let_go)
    answer = _answer(known_as, live, writer, draft, found.notices, time.monotonic() - started)
    if log:
        _put_on_record(log, corpus, answer, draft, floor)
    return Explained(answer, hits, draft, floor)


def floor_of(store: Store, release: Release) -> float:
    """The floor that was found when a release was examined; the default where none was."""
    exam = exam_of(store, release) or {}
    found = (exam.get("floor") or {}).get("value")
    return DEFAULT_FLOOR if found is None else float(found)


def _answer(
    known_as: str, release: Release, writer: Writer, draft: Draft, notices: Sequence[Notice], seconds: float
) -> Answer:
    was_asked = writer.model is not None and draft.finish is not None
    return Answer(
        id=known_as,
        release=release.release,
        model=writer.name,
        seconds=seconds,
        reason=draft.reason,
        sentences=tuple(draft.sentences) if draft.reason is None else (),
        withheld=draft.withheld,
        prompt=writer.prompt.fingerprint if was_asked else None,
        usage=draft.usage,
        passages=len(draft.passages),
        left_out=draft.left_out,
        finish=draft.finish,
        notices=tuple(notices),
    )


def _put_on_record(log: QueryLog, corpus: str, answer: Answer, draft: Draft, floor: float) -> None:
    cited = dict.fromkeys(one.passage.hit.doc_id for sentence in answer.sentences for one in sentence.citations)
    found = dict(answer.withheld)
    for code in (code for sentence in answer.sentences for code in sentence.findings):
        found[code] = found.get(code, 0) + 1
    log.ended(
        answer.id,
        corpus=corpus,
        outcome=answer.outcome,
        reason=answer.reason,
        findings=found,
        sentences=len(answer.sentences),
        support=min((sentence.support for sentence in answer.sentences), default=None),
        cited=list(cited),
        passages=answer.passages,
        left_out=answer.left_out,
        best_score=draft.score,
        floor=floor,
        seconds=answer.seconds,
        prompt=answer.prompt,
        prompt_tokens=answer.usage.prompt_tokens,
        completion_tokens=answer.usage.completion_tokens,
    )
