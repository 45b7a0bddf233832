"""Versions a dataset: from what its inputs hold to an immutable version that a trainer loads as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed
from pydantic import Field

from freshet.tasks.datasets import steps
from freshet.tasks.datasets.review import count_for_review
from freshet.tasks.datasets.versions.builds import still_live
from freshet.tasks.datasets.versions.fingerprint import corpora_of
from freshet.tasks.errors import RunCancelled, VersionRejected
from freshet.tasks.ledger.builds import BuildReport, record_build
from freshet.tasks.ledger.versions import live_version
from freshet.tasks.lineage.events import RunEvents, run_events
from freshet.tasks.lineage.openlineage import corpus_data, dataset_data, export_data, source_data
from freshet.tasks.reports.build import build_summary, publish_build
from freshet.tasks.reports.events import DATASET_CURRENT, build_events, emit
from freshet.tasks.rules.verdicts import Verdict, told
from freshet.tasks.runs.late import covered_by
from freshet.tasks.runs.on_server import Waiting, stop_if_cancelled, untagged_tasks
from freshet.tasks.runs.progress import Progress
from freshet.tasks.runs.run import BuildRun, begin_build
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.store.locks import hold_dataset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from freshet.tasks.datasets.checks.labels import Embed
    from freshet.tasks.datasets.inputs.opening import InputFile

STEPS = ("judge", "check", "conflicts", "copies", "split", "settle", "publish")
"""What every build shows as a step of its own, besides the parts of its files."""


def _run_name() -> str:
    given = flow_run.parameters
    day = given.get("as_of") or flow_run.scheduled_start_time or datetime.now(UTC)
    return f"version-{given['dataset']}-{str(day)[:10]}"


@flow(name="version-dataset", flow_run_name=_run_name)
def version_dataset(
    dataset: Annotated[str, Field(description="name of the dataset, as in freshet.yaml")],
    config: Annotated[Path | None, Field(description="freshet.yaml; by default FRESHET_CONFIG, or the nearest")] = None,
    as_of: Annotated[datetime | None, Field(description="what moment to speak for; by default, the start")] = None,
    wait: Annotated[float, Field(ge=0, description="seconds to wait for another build of the dataset")] = 600.0,
) -> State[dict[str, Any]]:
    """Builds a dataset and, if anything changed and the gate passes, publishes a version.

    Run it again whenever it was stopped: the same inputs give the same version, byte by byte.
    """
    if later := covered_by():
        return Completed(name="Skipped", message=f"late; {later} does it all", data={"outcome": "skipped"})
    logger, watch = get_run_logger(), Stopwatch()
    moment, asked = as_of or flow_run.scheduled_start_time, as_of is not None
    with watch("total"):
        run = begin_build(config, dataset, moment, str(flow_run.id), str(flow_run.name), asked=asked)
    report = BuildReport(dataset=dataset, run_id=run.run_id, as_of=run.as_of)
    waiting = Waiting(logger)
    try:
        with (
            watch("total"),
            untagged_tasks(),
            hold_dataset(run.store, dataset, run.name, timedelta(seconds=wait), waiting.tell),
            run_events(run) as events,
        ):
            waiting.over()
            listed = _build(run, report, watch)
            _name_data(events, run, report, listed)
    except RunCancelled as cancelled:
        return Cancelled(message=cancelled.what, data=cancelled)
    report.notes += events.notes
    report.seconds = watch.seconds
    publish_build(report)
    for event in build_events(report, run.project.settings.deployment.project):
        # A build that looks back makes nothing current, and must not pass for a sign of life.
        if not (run.looks_back and event.name == DATASET_CURRENT):
            emit(event)
    if report.outcome == "rejected":
        raise VersionRejected(report.as_dict(), report.reasons)
    for note in report.notes:
        logger.warning(note)
    return Completed(message=build_summary(report), data=report.as_dict())


def _build(run: BuildRun, report: BuildReport, watch: Stopwatch) -> steps.Listed:
    """Builds and decides, unless all that shapes the dataset is as it was at the last build."""
    with watch("list"):
        listed = steps.list_inputs(run)
    report.notes += listed.notes
    if (live := still_live(run, listed.fingerprint)) is not None:
        report.describe_live(live, run.store.address)
        steps.record_lineage(run, live)
        return listed
    steps.clear_stage(run)
    parts = steps.parts_of(listed.files)
    progress = _progress(run, len(parts), listed)
    rows = _load(run, watch, progress, parts)
    _check(run, watch, progress, listed, rows)
    with _step(watch, progress, "settle"):
        settled = steps.settle_rows(run, rows)
        candidate = steps.propose_version(run, settled)
    verdicts: list[Verdict] = []
    if not candidate.unchanged:
        with watch("gate"):
            verdicts = steps.examine_version(run, candidate, settled)
    report.notes += [told(one) for one in verdicts if one.severity == "warn"]
    report.reasons = [told(one) for one in verdicts if one.severity == "block"]
    with _step(watch, progress, "publish"):
        version = steps.publish_version(run, candidate, settled, report.reasons)
    live = live_version(run.store, run.dataset)
    told_of = version if version.outcome == "published" else live
    report.decide(candidate.facts, version, told_of, run.store.address, unchanged=candidate.unchanged)
    if live is not None and told_of is not None and told_of.version != live.version:
        report.notes.append(
            f"version {told_of.version} speaks for a moment before version {live.version}'s, which stays live"
        )
    if told_of is not None:
        steps.record_lineage(run, told_of)
    report.review = count_for_review(run.store, run.dataset)
    record_build(run, report, listed.fingerprint)
    steps.drop_stage(run)
    return listed


def _name_data(events: RunEvents, run: BuildRun, report: BuildReport, listed: steps.Listed) -> None:
    """What the run read and what it published, for its lineage."""
    namespace = run.project.settings.lineage.namespace
    files = [source_data(file.uri, version=file.version, source=file.input) for file in listed.files]
    events.inputs = [*files, *(corpus_data(name, None, namespace) for name in corpora_of(run))]
    if report.outcome == "rejected":
        events.failed = VersionRejected(report.as_dict(), report.reasons)
    if report.outcome != "published" or report.version is None:
        return
    counted = {"row_count": report.rows["kept"], "rows": report.rows["kept"]}
    events.outputs = [
        dataset_data(run.dataset, report.version, namespace, **counted),
        *(export_data(run.dataset, report.version, one["kind"], namespace) for one in report.exports),
    ]


def _progress(run: BuildRun, parts: int, listed: steps.Listed) -> Progress:
    """How far the build is: in parts of its files, then in looks at all the rows."""
    optional = bool(listed.benchmarks) + (run.settings.checks.labels is not None)
    return Progress(f"Build of dataset {run.dataset}", parts + len(STEPS) + optional)


@contextmanager
def _step(watch: Stopwatch, progress: Progress, name: str) -> Iterator[None]:
    stop_if_cancelled()
    with watch(name):
        yield
    progress.step(name)


def _load(run: BuildRun, watch: Stopwatch, progress: Progress, parts: Sequence[Sequence[InputFile]]) -> int:
    """Stages the rows of all inputs, and returns how many were read."""
    rows = 0
    for number, files in enumerate(parts):
        stop_if_cancelled()
        with watch("load"):
            rows = steps.load_rows(run, files, rows, number)
        progress.step(f"{rows:,} rows")
    with _step(watch, progress, "judge"):
        steps.judge_loading(run, len(parts))
    return rows


def _check(run: BuildRun, watch: Stopwatch, progress: Progress, listed: steps.Listed, rows: int) -> None:
    """Looks at the rows from every side; each step leaves out what an earlier one keeps out."""
    with _step(watch, progress, "check"):
        steps.check_rows(run, rows)
    with _step(watch, progress, "conflicts"):
        steps.find_conflicts(run, rows)
    with _step(watch, progress, "copies"):
        steps.find_copies(run, rows)
    if listed.benchmarks:
        with _step(watch, progress, "benchmarks"):
            steps.decontaminate(run, rows, listed.benchmarks)
    if run.settings.checks.labels is not None:
        with _step(watch, progress, "labels"):
            steps.check_labels(run, rows, _embedder(run))
    with _step(watch, progress, "split"):
        steps.split_rows(run, rows)
        steps.check_sides(run, rows)


def _embedder(run: BuildRun) -> Embed:
    """The embedding model of the project, which looks for wrong labels here; in full precision, as on most machines."""

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        from freshet.tasks.embedding.embed import load_embedder
        from freshet.tasks.embedding.models import resolve_model

        model = resolve_model(run.project.settings.embedding, run.project.root)
        return load_embedder(model, "fp32").embed(texts)

    return embed
