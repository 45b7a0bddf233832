"""Refreshes a corpus: from what its sources hold to a release that readers see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from prefect.client.schemas.objects import State
from pydantic import Field

from freshet.flows.frame import Kind, Work, in_frame, run_name, this_run
from freshet.flows.project_flow import project_flow
from freshet.tasks.documents.ahead import prepared_batches
from freshet.tasks.documents.begin import begin_run
from freshet.tasks.documents.corpus_findings import flood_notes
from freshet.tasks.documents.corpus_wide import is_due as copies_are_due
from freshet.tasks.documents.planning.describe import describe_plan
from freshet.tasks.documents.sources.of_corpus import sources_by_name
from freshet.tasks.documents.steps import hide_duplicates, list_source, note_dead_links, note_floods, plan_refresh
from freshet.tasks.documents.work_files import preparing
from freshet.tasks.governance.quarantine import count_by_code
from freshet.tasks.index.release import read_head
from freshet.tasks.index.steps import (
    apply_access,
    begin_warming,
    delete_strays,
    examine_head,
    find_damage,
    index_batch,
    maintain_indices,
    record_decision,
    restamp_chunks,
    withdraw_documents,
)
from freshet.tasks.ledger.decisions import mark_retried, retried
from freshet.tasks.ledger.releases import (
    is_published,
    list_releases,
    live_release,
    newest_decision,
    published_ledger,
)
from freshet.tasks.ledger.runs import RefreshReport, record_run
from freshet.tasks.lineage.refresh_data import refresh_inputs, refresh_outputs
from freshet.tasks.lineage.release_contents import record_releases
from freshet.tasks.reports.events import refresh_events
from freshet.tasks.reports.refresh import publish_report, summary
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.runs.scheduled import is_full_by_schedule
from freshet.tasks.settings.spans import Window

REFRESH = Kind[RefreshRun, RefreshReport](
    report=lambda run: RefreshReport(corpus=run.corpus, run_id=run.run_id, as_of=run.as_of, outcome="unchanged"),
    around=preparing,
    publish=publish_report,
    events=lambda run, report: refresh_events(report, run.project.settings.deployment.project),
    summary=summary,
)


AFTER_BATCHES = ("indices", "gate", "publish")
"""What a refresh shows as steps of its own after its batches."""


@project_flow("refresh-index", run_name("refresh", "corpus"))
def refresh_index(
    corpus: Annotated[str, Field(description="name of the corpus, as in freshet.yaml")],
    config: Annotated[Path | None, Field(description="freshet.yaml; by default FRESHET_CONFIG, or the nearest")] = None,
    full: Annotated[bool, Field(description="read and hash every document, reconcile, join small files")] = False,
    as_of: Annotated[datetime | None, Field(description="what moment to speak for; by default, the start")] = None,
    allow_withdrawals: Annotated[int, Field(ge=0, description="approve so many withdrawals at most")] = 0,
    wait: Annotated[float, Field(ge=0, description="seconds to wait for another refresh of the corpus")] = 600.0,
    again: Annotated[
        Window | None, Field(description="process the documents modified in this span again, changed or not")
    ] = None,
) -> State[dict[str, Any]]:
    """Refreshes a corpus and, if the gate passes, moves its readers to the new release.

    Run it again whenever it was stopped: what was committed is not done twice.
    """

    full = full or is_full_by_schedule()

    def story(work: Work[RefreshRun, RefreshReport]) -> None:
        run, report, started = work.run, work.report, datetime.now(UTC)
        releases = list_releases(run.store, corpus)
        unfinished = not is_published(read_head(run), newest_decision(releases))
        with work.watch("access"):
            access = apply_access(run)  # what narrows holds from here on, whatever becomes of this run
        with work.watch("reconcile"):
            damage = find_damage(run, not unfinished, full)
        with work.watch("list"):
            listed = [list_source(run, name) for name in sources_by_name(run)]
        with work.watch("plan"):
            published, span = published_ledger(releases), (again.start, again.end) if again else None
            plan = plan_refresh(run, listed, damage.damaged, published, full, allow_withdrawals, span, access.classes)
        describe_plan(report, listed, plan)
        report.access |= {"classes": len(access.classes), "documents": access.documents}

        # The head of the tables is brought up to what the sources hold. Readers see none of it yet.
        if not plan.is_empty:
            begin_warming(run)  # the model and the gate's libraries load while documents are parsed
            batches, documents = len(plan.batches) + len(plan.restated_batches), 0
            work.expect(f"Refresh of corpus {corpus}", batches + len(AFTER_BATCHES))
            for name, batch in work.each(prepared_batches(run, plan)):
                work.add(index_batch(run, batch, name))
                documents += sum(batch.counts.values())
                work.advance(f"{documents:,} documents")
            withdraw_documents(run, plan.withdrawn)
        if damage.strays:
            delete_strays(run, damage.strays)
        if access.moved:
            report.access["chunks"] = restamp_chunks(run)
        # Copies, floods and links are looked at over the whole corpus; what that changes is a batch like any other.
        if full or unfinished or not (plan.is_empty and access.is_empty) or copies_are_due(run):
            for number, batch in enumerate(hide_duplicates(run)):
                work.add(index_batch(run, batch, f"duplicates-{number}"))
            with work.watch("floods"):
                for number, batch in enumerate(note_floods(run)):
                    work.add(index_batch(run, batch, f"floods-{number}"))
            for number, batch in enumerate(note_dead_links(run, listed, full)):
                work.add(index_batch(run, batch, f"links-{number}"))
            report.notes += flood_notes(run.store.corpus(corpus))
            with work.step("indices"):
                maintain_indices(run, compact=full)

        # The gate decides, unless readers have been offered just this state before.
        head, releases = read_head(run), list_releases(run.store, corpus)
        report.describe_head(head, live_release(releases), count_by_code(run.store.corpus(corpus)))
        verdicts: list[Verdict] = []
        if head is not None and (report.wrote or not is_published(head, newest_decision(releases))):
            with work.step("gate"):
                found = examine_head(run, live_release(releases))
            with work.step("publish"):
                report.decide(record_decision(run, head, found), verdicts := found.verdicts)
        record_run(run, report, full)
        mark_retried(run.store, corpus, retried(run.store, corpus), who=run.name, now=started)
        record_releases(run.store, corpus, run=run.run_id, now=datetime.now(UTC))
        work.events.inputs = refresh_inputs(sources_by_name(run), report.sources)
        work.events.outputs = refresh_outputs(run, report, verdicts)

    return in_frame(REFRESH, lambda: begin_run(config, corpus, *this_run(as_of)), story, wait)
