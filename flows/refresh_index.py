"""Refreshes a corpus: from what its sources hold to a release that readers see."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed
from pydantic import Field

from freshet.tasks.documents import corpus_wide as settle
from freshet.tasks.documents.begin import begin_run
from freshet.tasks.documents.prepare import PreparedBatch
from freshet.tasks.documents.steps import (
    ListedSource,
    PlannedRefresh,
    list_source,
    plan_refresh,
    prepare_batch,
    preparing,
    restate_batch,
    settle_duplicates,
    settle_links,
    sources_by_name,
)
from freshet.tasks.errors import RefreshRejected, RunCancelled
from freshet.tasks.governance.quarantine import count_by_code
from freshet.tasks.index.release import read_head
from freshet.tasks.index.steps import (
    begin_warming,
    delete_strays,
    examine_head,
    find_damage,
    index_batch,
    maintain_indices,
    record_decision,
    withdraw_documents,
)
from freshet.tasks.ledger.decisions import mark_retried, retried
from freshet.tasks.ledger.releases import is_published, list_releases, live_release, newest_decision, published_ledger
from freshet.tasks.ledger.runs import RefreshReport, record_run
from freshet.tasks.lineage.events import RunEvents, run_events
from freshet.tasks.lineage.refresh_data import refresh_inputs, refresh_output
from freshet.tasks.lineage.relation import record_releases
from freshet.tasks.reports.events import emit, refresh_events
from freshet.tasks.reports.page_file import write_report_page
from freshet.tasks.reports.refresh import publish_report, summary
from freshet.tasks.rules.verdicts import Verdict, told
from freshet.tasks.runs.late import covered_by
from freshet.tasks.runs.on_server import Waiting, stop_if_cancelled, untagged_tasks
from freshet.tasks.runs.progress import Progress, tell
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.runs.runners import open_task_runner
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.settings.spans import Window
from freshet.tasks.store.locks import hold_corpus

BATCHES_AHEAD = 1
"""Batches that are parsed while an earlier one is embedded."""


def _run_name() -> str:
    given = flow_run.parameters
    day = given.get("as_of") or flow_run.scheduled_start_time or datetime.now(UTC)
    return f"refresh-{given['corpus']}-{str(day)[:10]}"


@flow(name="refresh-index", flow_run_name=_run_name)
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
    if later := covered_by():
        return Completed(name="Skipped", message=f"late; {later} does it all", data={"outcome": "skipped"})
    logger, watch = get_run_logger(), Stopwatch()
    with watch("total"):
        run = begin_run(config, corpus, as_of or flow_run.scheduled_start_time, str(flow_run.id), str(flow_run.name))
    report = RefreshReport(corpus=corpus, run_id=run.run_id, as_of=run.as_of, outcome="unchanged")
    waiting = Waiting(logger)
    try:
        with (
            watch("total"),
            untagged_tasks(),
            hold_corpus(run.store, corpus, run.name, timedelta(seconds=wait), waiting.tell),
            run_events(run) as events,
            preparing(run),
        ):
            waiting.over()
            started = datetime.now(UTC)
            listed = _build_head(run, report, watch, full, allow_withdrawals, again)
            verdicts = _decide(run, report, watch, listed)
            record_run(run, report, full)
            mark_retried(run.store, corpus, retried(run.store, corpus), who=run.name, now=started)
            record_releases(run.store, corpus, run=run.run_id, now=datetime.now(UTC))
            _name_data(events, run, report, verdicts)
    except RunCancelled as cancelled:
        return Cancelled(message=cancelled.what, data=cancelled)
    report.notes += events.notes
    report.seconds = watch.seconds
    _publish_report(run, report)
    if report.outcome == "rejected":
        raise RefreshRejected(report.as_dict(), report.reasons)
    for note in report.notes:
        logger.warning(note)
    return Completed(message=summary(report), data=report.as_dict())


def _publish_report(run: RefreshRun, report: RefreshReport) -> None:
    """Shows people, and whatever waits for its events, what the refresh did."""
    try:
        report.page = write_report_page(run, report)
    except OSError as error:  # what was decided stays decided
        report.notes.append(f"the report page could not be written: {error}")
    publish_report(report)
    for event in refresh_events(report, run.project.settings.deployment.project):
        emit(event)


def _build_head(
    run: RefreshRun,
    report: RefreshReport,
    watch: Stopwatch,
    full: bool,
    allow_withdrawals: int,
    again: Window | None,
) -> list[str]:
    """Brings the head of the tables up to what the sources hold. Readers see none of it yet.

    Returns:
        The names of the sources that were listed to their end.
    """
    releases = list_releases(run.store, run.corpus)
    settled = is_published(read_head(run), newest_decision(releases))
    with watch("reconcile"):
        damage = find_damage(run, settled, full)
    with watch("list"):
        listed = [list_source(run, name) for name in sources_by_name(run)]
    with watch("plan"):
        published, span = published_ledger(releases), None if again is None else (again.start, again.end)
        plan = plan_refresh(run, listed, damage.damaged, published, full, allow_withdrawals, span)
    _report_plan(report, listed, plan)
    warming = None if plan.is_empty else begin_warming(run)
    if not plan.is_empty:
        progress = Progress(f"Batches of corpus {run.corpus}", len(plan.batches) + len(plan.restated_batches))
        documents = 0
        for name, batch in _prepared(run, plan):
            stop_if_cancelled()
            _index(run, report, watch, batch, name)
            documents += sum(batch.counts.values())
            progress.step(f"{documents:,} documents")
        withdraw_documents(run, plan.withdrawn)
    if damage.strays:
        delete_strays(run, damage.strays)
    if full or not settled or not plan.is_empty or settle.is_due(run):
        if (duplicates := settle_duplicates(run)) is not None:
            _index(run, report, watch, duplicates, "duplicates")
        if (links := settle_links(run, listed, full)) is not None:
            _index(run, report, watch, links, "links")
        with watch("indices"):
            maintain_indices(run, compact=full)
    if warming:
        warming.join()
    return [source.name for source in listed if source.complete]


def _index(run: RefreshRun, report: RefreshReport, watch: Stopwatch, batch: PreparedBatch, name: str) -> None:
    """Embeds and commits a batch, and adds it to the report."""
    written = index_batch(run, batch.documents, batch.chunks, batch.links, name)
    report.add_batch(batch.counts, written.texts_embedded)
    watch.add(batch.seconds)
    watch.add(written.seconds)


def _prepared(run: RefreshRun, plan: PlannedRefresh) -> Iterator[tuple[str, PreparedBatch]]:
    """Batches as they are prepared, in order, the next ones being prepared while one is in use."""
    steps = [(restate_batch, plan.restated, part, f"restated-{i}") for i, part in enumerate(plan.restated_batches)]
    steps += [(prepare_batch, plan.work, part, f"batch-{i}") for i, part in enumerate(plan.batches)]
    waiting: deque[tuple[str, Any]] = deque()
    with open_task_runner(run.project.settings.task_runner, BATCHES_AHEAD + 1) as runner:
        for step, file, part, name in steps:
            waiting.append((name, runner.submit(step, {"run": run, "file": file, "part": part, "name": name})))
            if len(waiting) > BATCHES_AHEAD:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def _decide(run: RefreshRun, report: RefreshReport, watch: Stopwatch, listed: list[str]) -> list[Verdict]:
    """Lets the gate examine the head, unless readers have been offered just this state before.

    Returns:
        What the gate found.
    """
    releases = list_releases(run.store, run.corpus)
    live, head = live_release(releases), read_head(run)
    report.release = live.release if live else None
    report.describe_head(head.chunks if head else 0, count_by_code(run.store.corpus(run.corpus)))
    # A store that lost its tables counts their versions from the beginning again: numbers alone prove nothing then.
    wrote = any(report.documents[name] for name in ("added", "changed", "moved", "access_changed", "withdrawn"))
    if head is None or (not wrote and is_published(head, newest_decision(releases))):
        return []
    with watch("gate"):
        sources = sources_by_name(run)
        found = examine_head(run, live, {name: sources[name] for name in listed})
        stop_if_cancelled()
        decided = record_decision(run, head, found)
    report.notes += [told(v) for v in found.verdicts if v.severity == "warn"]
    report.outcome = "released" if decided.outcome == "published" else "rejected"
    report.reasons, report.site = decided.reasons, decided.site
    if decided.outcome == "published":
        report.release = decided.release
    return found.verdicts


def _name_data(events: RunEvents, run: RefreshRun, report: RefreshReport, verdicts: list[Verdict]) -> None:
    """What the refresh read and what it published, for its lineage."""
    events.inputs = refresh_inputs(sources_by_name(run), report.sources)
    if report.outcome == "unchanged":
        return
    if report.outcome == "rejected":
        events.failed = RefreshRejected(report.as_dict(), report.reasons)
    output = refresh_output(
        run.corpus,
        report.release if report.outcome == "released" else None,
        documents=report.documents["added"] + report.documents["changed"],
        chunks=report.chunks,
        verdicts=verdicts,
        namespace=run.project.settings.lineage.namespace,
    )
    events.outputs = [output]


def _report_plan(report: RefreshReport, listed: list[ListedSource], plan: PlannedRefresh) -> None:
    report.sources = [{"source": s.name, "complete": s.complete, "listed": s.listed, "error": s.error} for s in listed]
    report.documents |= {name: plan.counts[name] for name in ("unchanged", "withdrawn", "withheld")}
    counted = ", ".join(f"{source.name}: {source.listed:,} documents" for source in listed)
    due = f"{len(plan.batches)} batches to read, {len(plan.restated_batches)} to restate"
    tell(f"Listed {counted}; {due}, {plan.counts['unchanged']:,} unchanged, {plan.counts['withdrawn']:,} withdrawn")
    for source in listed:
        if not source.complete:
            report.notes.append(
                f"source {source.name} could not be listed to the end: {source.error}. What it held goes on serving; "
                f"mend it, then type: freshet refresh {report.corpus}"
            )
        report.notes += [f"{source.name}: {path} was skipped: {why}" for path, why in source.skipped.items()]
    if plan.approvable:
        report.notes.append(
            f"{plan.approvable} of {plan.held} documents are gone from their sources; their withdrawal is withheld. "
            f"If that is right, type: freshet refresh {report.corpus} --allow-withdrawals {plan.approvable}"
        )
