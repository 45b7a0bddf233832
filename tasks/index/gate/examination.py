"""What the gate asks of a head that is sound in itself: suites, health, probes and the exam, in one go.

The structural checks (evaluate.py) come first and are cheap; this loads Great Expectations and the model, so it is
for a head that is about to be published, and never for a refresh that changed nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.sources.of_corpus import sources_by_name
from freshet.tasks.errors import EmbeddingError, StoreError
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.governance.roster import load_roster
from freshet.tasks.index.gate.answers import Subject, examine_answers
from freshet.tasks.index.gate.exam import Comparison, ExamResult, compare, judge, sit_exam, unchanged_documents
from freshet.tasks.index.gate.golden import Access, ExamQuestion, SetAside, draw_questions, resolve_questions
from freshet.tasks.index.gate.health import check_embedding, check_indices, check_loss, written_since
from freshet.tasks.index.gate.missed import describe_missed
from freshet.tasks.index.gate.probes import check_policy, probe_access
from freshet.tasks.ledger.access_classes import list_classes, once_published
from freshet.tasks.rules.rulebook import retuned, tuned_rules
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.search.asking import asking, remembering
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.search.candidates import Vector
    from freshet.tasks.settings.golden import GoldenQuestion


@dataclass(frozen=True)
class State:
    """One state of a corpus: its two tables, at the head or pinned to a release."""

    chunks: Table
    ledger: Table


@dataclass(frozen=True)
class Examination:
    """What came of it.

    Attributes:
        exam: figures for reports, JSON-able: `head` and `release` (means), `comparison`, `set_aside`, `missed`,
            `golden`, `floor`, `answers`; None where it was not sat.
        site: address of the pages on the suites; None where there are none.
    """

    verdicts: list[Verdict]
    exam: dict[str, Any] | None
    site: str | None


def examine(run: RefreshRun, live: Release | None) -> Examination:
    """Everything that speaks against moving readers to the head, beyond its structure.

    Args:
        live: the release that readers see.
    """
    tables = run.store.corpus(run.corpus)
    chunks, ledger = tables.find(schemas.chunks_table(run.model.space)), tables.find(schemas.DOCUMENTS)
    if chunks is None or ledger is None:
        raise StoreError(f"corpus {run.corpus} has no head", f"Run freshet refresh {run.corpus}.")
    head, released = State(chunks, ledger), _released(run, live)
    access = _access(run)
    verdicts, site = _suites(run, head)
    rules = tuned_rules(run.settings)
    verdicts += check_indices(chunks, rules)
    verdicts += _check_vectors(run, head, released, live)
    if released is not None:
        verdicts += check_loss(released.chunks, released.ledger, chunks, ledger, rules)
    verdicts += probe_access(chunks, ledger, access.expressions)
    verdicts += check_policy(ledger, sources_by_name(run), access.expressions)
    found, exam = _exam(run, head, released, live, access)
    return Examination(retuned([*verdicts, *found], rules), exam, site)


def _access(run: RefreshRun) -> Access:
    """Who may see what once the head is published."""
    roster = load_roster(run.project) if run.settings.golden is not None else None
    return Access(once_published(list_classes(run.store, run.corpus)), roster)


def _released(run: RefreshRun, live: Release | None) -> State | None:
    """The live release's tables; None where there is none, or where they were cleaned up."""
    if live is None or not live.chunks:
        return None
    tables = run.store.corpus(run.corpus)
    try:
        return State(tables.at(live.table, live.table_version), tables.at(schemas.DOCUMENTS, live.ledger_version))
    except StoreError:
        return None


def _suites(run: RefreshRun, head: State) -> tuple[list[Verdict], str]:
    from freshet.expectations.chunks import chunk_suite
    from freshet.expectations.documents import DOCUMENTS
    from freshet.tasks.index.gate.facts import chunk_facts, document_facts
    from freshet.tasks.rules.suite_pages import report_folder, write_site
    from freshet.tasks.rules.suites import validate

    suite = chunk_suite(run.settings.chunking.max_tokens)
    classes = list_classes(run.store, run.corpus)
    known = {access for access, one in classes.items() if Expression.read(one.expression).text == one.expression}
    checked = validate(
        [(DOCUMENTS, document_facts(head.ledger, head.chunks, known)), (suite, chunk_facts(head.chunks, known))],
    )
    folder = f"{report_folder(run.store, run.corpus, run.run_id)}/rules"
    return [v for one in checked for v in one.verdicts()], write_site(folder, run.name, checked)


def _check_vectors(run: RefreshRun, head: State, released: State | None, live: Release | None) -> list[Verdict]:
    from freshet.tasks.embedding.embed import load_embedder

    # Vectors that a release holds were looked at when it was made; a new space holds new ones only.
    is_same_space = live is not None and live.space == run.model.space
    written = written_since(head.ledger, live.table_version) if live is not None and is_same_space else None
    if written == []:
        return []
    return check_embedding(
        head.chunks,
        load_embedder(run.model, run.project.settings.embedding.precision).embed,
        written,
        tuned_rules(run.settings),
        released.chunks if released is not None and is_same_space else None,
    )


def _exam(
    run: RefreshRun,
    head: State,
    released: State | None,
    live: Release | None,
    access: Access,
) -> tuple[list[Verdict], dict[str, Any]]:
    from freshet.tasks.embedding.embed import load_embedder

    golden = _golden(run)
    questions, aside = _questions(run, head, released, access, golden)
    asked = list(dict.fromkeys(question.question for question in questions))
    embedder = load_embedder(run.model, run.project.settings.embedding.precision)
    embed = dict(zip(asked, embedder.embed_queries(asked), strict=True)).__getitem__
    new = sit_exam(asking(head.chunks, head.ledger, access.expressions, run.as_of, embed, "hybrid"), questions)
    old: ExamResult | None = None
    problem: str | None = None
    if released is not None and live is not None and questions:
        try:
            # Both are asked under what will hold then: what is narrowed on purpose is no loss of the index.
            ask = asking(
                released.chunks, released.ledger, access.expressions, run.as_of, _embed_for(run, live, embed), "hybrid"
            )
            old = sit_exam(ask, questions)
        except EmbeddingError as error:
            # The model that made the release is gone: it still serves full text, but cannot sit the exam.
            problem = error.what
    comparison: Comparison | None = compare(new, old) if old is not None else None
    figures = {
        "golden": run.settings.golden,
        "head": new.as_dict(),
        "release": old.as_dict() if old is not None else None,
        "not_compared": problem,
        "comparison": comparison.as_dict() if comparison is not None else None,
        "set_aside": [vars(one) for one in aside],
        "missed": describe_missed(head.ledger, questions, new, golden=run.settings.golden is not None),
    }
    found = judge(run.settings.gate, new, comparison, aside, tuned_rules(run.settings))
    if golden is not None:
        subject = Subject(head.chunks, head.ledger, access, embedder, run.as_of)
        more, answers = examine_answers(run.project, run.settings, subject, golden)
        return [*found, *more], {**figures, **answers}
    return found, figures


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
) -> tuple[list[ExamQuestion], list[SetAside]]:
    if golden is not None:
        return resolve_questions(golden, head.ledger, access, run.as_of)
    most = run.settings.gate.questions
    same = None if released is None else unchanged_documents(released.ledger, head.ledger)
    if released is not None and same is not None and len(same):
        return draw_questions(released.chunks, head.ledger, access, same, most, run.as_of), []
    return draw_questions(head.chunks, head.ledger, access, None, most, run.as_of), []


def _embed_for(run: RefreshRun, live: Release, embed: Any) -> Any:
    """Embeds questions as the release was embedded."""
    from freshet.tasks.search.retrieve import query_embedder

    if live.space == run.model.space:
        return embed
    by_release = query_embedder(run.project)

    def embed_old(question: str) -> Vector:
        return by_release(live, question)

    return remembering(embed_old)
