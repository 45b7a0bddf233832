"""Versions a dataset: from what its inputs hold to an immutable version that a trainer loads as it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from prefect.client.schemas.objects import State
from pydantic import Field

from freshet.flows.frame import Kind, Work, in_frame, nothing_around, run_name, this_run
from freshet.flows.project_flow import project_flow
from freshet.tasks.datasets import steps
from freshet.tasks.datasets.listing import count_looks, parts_of
from freshet.tasks.datasets.publishing import propose_version, record_lineage
from freshet.tasks.datasets.review import count_for_review
from freshet.tasks.datasets.stage import clear_stage, drop_stage
from freshet.tasks.datasets.versions.builds import still_live
from freshet.tasks.datasets.versions.fingerprint import corpora_of
from freshet.tasks.ledger.builds import BuildReport, record_build
from freshet.tasks.ledger.versions import live_version
from freshet.tasks.lineage.build_data import build_inputs, build_outputs
from freshet.tasks.reports.build import build_summary, publish_build
from freshet.tasks.reports.events import build_events
from freshet.tasks.runs.run import BuildRun, begin_build

BUILD = Kind[BuildRun, BuildReport](
    report=lambda run: BuildReport(dataset=run.dataset, run_id=run.run_id, as_of=run.as_of),
    around=nothing_around,
    publish=publish_build,
    events=lambda run, report: build_events(report, run.project.settings.deployment.project, run.backdated),
    summary=build_summary,
)


@project_flow("version-dataset", run_name("version", "dataset"))
def version_dataset(
    dataset: Annotated[str, Field(description="name of the dataset, as in freshet.yaml")],
    config: Annotated[Path | None, Field(description="freshet.yaml; by default FRESHET_CONFIG, or the nearest")] = None,
    as_of: Annotated[datetime | None, Field(description="what moment to speak for; by default, the start")] = None,
    wait: Annotated[float, Field(ge=0, description="seconds to wait for another build of the dataset")] = 600.0,
) -> State[dict[str, Any]]:
    """Builds a dataset and, if anything changed and the gate passes, publishes a version.

    Run it again whenever it was stopped: the same inputs give the same version, byte by byte.
    """

    def story(work: Work[BuildRun, BuildReport]) -> None:
        run, report = work.run, work.report
        with work.watch("list"):
            listed = steps.list_inputs(run)
        report.notes += listed.notes
        work.events.inputs = build_inputs(run, listed.identities, corpora_of(run))
        if (live := still_live(run, listed.fingerprint)) is not None:
            report.describe_live(live, run.store.address)
            record_lineage(run, live)
            return

        # All rows are staged on disk; each look at them leaves out what an earlier one keeps out.
        clear_stage(run)
        parts = parts_of(listed.files)
        work.expect(f"Build of dataset {dataset}", len(parts) + count_looks(run, listed))
        rows = 0
        for number, files in enumerate(work.each(parts)):
            with work.watch("load"):
                rows = steps.load_rows(run, files, rows, number)
            work.advance(f"{rows:,} rows")
        with work.step("judge"):
            steps.judge_loading(run, len(parts))
        with work.step("check"):
            steps.check_rows(run, rows)
        with work.step("conflicts"):
            steps.find_conflicts(run, rows)
        with work.step("copies"):
            steps.find_copies(run, rows)
        if listed.benchmarks:
            with work.step("benchmarks"):
                steps.decontaminate(run, rows, listed.benchmarks)
        if run.settings.checks.labels is not None:
            with work.step("labels"):
                steps.check_labels(run, rows)
        with work.step("split"):
            steps.split_rows(run, rows)
            steps.check_splits(run, rows)

        with work.step("settle"):
            assembled = steps.assemble_rows(run, rows)
            candidate = propose_version(run, assembled)
        with work.step("gate"):
            report.judge([] if candidate.unchanged else steps.examine_version(run, candidate, assembled))
        with work.step("publish"):
            decided = steps.publish_version(run, candidate, assembled, report.reasons)
        live = live_version(run.store, dataset)
        shown = report.decide(candidate.facts, decided, live, run.store.address, unchanged=candidate.unchanged)
        if shown is not None:
            record_lineage(run, shown)
        report.review = count_for_review(run.store, dataset)
        record_build(run, report, listed.fingerprint)
        drop_stage(run)
        work.events.outputs = build_outputs(run, report)

    return in_frame(BUILD, lambda: begin_build(config, dataset, *this_run(as_of), asked=as_of is not None), story, wait)
