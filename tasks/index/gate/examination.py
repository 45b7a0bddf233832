"""What the gate asks of a head that is sound in itself: suites, health, probes and the exam, in one go.

The structural checks (evaluate.py) come first and are cheap; this loads Great Expectations and the model, so it is
for a head that is about to be published, and never for a refresh that changed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.sources.of_corpus import sources_by_name
from freshet.tasks.errors import StoreError
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.governance.roster import load_roster
from freshet.tasks.index.gate.golden import Access
from freshet.tasks.index.gate.health import (
    check_cutting,
    check_embedding,
    check_indices,
    check_loss,
    written_since,
)
from freshet.tasks.index.gate.lost import check_lost, find_lost
from freshet.tasks.index.gate.probes import check_policy, probe_access
from freshet.tasks.index.gate.sitting import State, sit_exams
from freshet.tasks.ledger.access_classes import list_classes, once_published
from freshet.tasks.rules.rulebook import retuned, tuned_rules
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class Examination:
    """What came of it.

    Attributes:
        exam: figures for reports, JSON-able, as `sitting.sit_exams` gives them; None where it was not sat.
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
    lost = None if released is None else find_lost(run, released.ledger, head.ledger)
    verdicts += check_lost(lost)
    verdicts += check_indices(chunks, rules)
    verdicts += _check_vectors(run, head, released, live)
    if released is not None:
        verdicts += check_loss(released.chunks, released.ledger, chunks, ledger, rules)
        verdicts += check_cutting(released.ledger, ledger, rules)
    verdicts += probe_access(chunks, ledger, access.expressions)
    verdicts += check_policy(ledger, sources_by_name(run), access.expressions)
    found, exam = sit_exams(run, head, released, live, access, lost)
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
