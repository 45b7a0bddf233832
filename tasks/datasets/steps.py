"""A build of a dataset as Prefect tasks, one for each step or part. Files, counts and versions pass between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from freshet.tasks.datasets import checking, listing, publishing
from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.stage import stage_of
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.runs.retrying import is_retryable

if TYPE_CHECKING:
    from freshet.tasks.datasets.assembly.assembled import Assembled
    from freshet.tasks.datasets.versions.candidate import Candidate
    from freshet.tasks.ledger.versions import Version
    from freshet.tasks.runs.run import BuildRun


@task(
    cache_policy=NO_CACHE,
    name="list-inputs",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=is_retryable,
)
def list_inputs(run: BuildRun) -> listing.Listed:
    """Lists the files of the inputs and benchmarks, each with the hash of its content."""
    return listing.list_build(run)


@task(cache_policy=NO_CACHE, name="load-rows", task_run_name="load-part-{part}")
def load_rows(run: BuildRun, files: Sequence[InputFile], first_row: int, part: int) -> int:
    """Stages the rows of a part's files, and returns the number of the first row of the next part."""
    from freshet.tasks.datasets.loading.load import load_part

    return load_part(files, run.settings, run.project, first_row, stage_of(run), part, past=run.past).next_row


@task(cache_policy=NO_CACHE, name="judge-loading")
def judge_loading(run: BuildRun, parts: int) -> dict[str, int]:
    """Applies what people decided about rows, and records what loading found."""
    return checking.judge_loading(run, parts)


@task(cache_policy=NO_CACHE, name="check-rows")
def check_rows(run: BuildRun, rows: int) -> dict[str, int]:
    """Checks each row by itself."""
    return checking.check_rows(run, rows)


@task(cache_policy=NO_CACHE, name="find-conflicts")
def find_conflicts(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds rows that contradict each other."""
    return checking.find_conflicts(run, rows)


@task(cache_policy=NO_CACHE, name="find-copies")
def find_copies(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds rows that say what an earlier row says."""
    return checking.find_copies(run, rows)


@task(cache_policy=NO_CACHE, name="decontaminate")
def decontaminate(run: BuildRun, rows: int, benchmarks: Sequence[InputFile]) -> dict[str, int]:
    """Finds rows that repeat a benchmark."""
    return checking.find_benchmark_leaks(run, rows, benchmarks)


@task(cache_policy=NO_CACHE, name="check-sides")
def check_splits(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds training rows that repeat a test or validation row."""
    return checking.find_split_leaks(run, rows)


@task(cache_policy=NO_CACHE, name="check-labels")
def check_labels(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds the rows whose class is the least plausible."""
    return checking.find_wrong_labels(run, rows)


@task(cache_policy=NO_CACHE, name="split-rows")
def split_rows(run: BuildRun, rows: int) -> None:
    """Decides which split each row falls into."""
    from freshet.tasks.datasets.split import assign_splits

    stage = stage_of(run)
    assign_splits(stage, run.settings.split, stage.mask(rows))


@task(cache_policy=NO_CACHE, name="settle-rows")
def assemble_rows(run: BuildRun, rows: int) -> Assembled:
    """Makes every row that was read a kept or a rejected one, with its origins."""
    from freshet.tasks.datasets.assembly.assemble import assemble
    from freshet.tasks.datasets.split import Splits

    return assemble(stage_of(run), rows, Splits.load(run.folder), run.dataset, run.settings)


@task(cache_policy=NO_CACHE, name="examine-version")
def examine_version(run: BuildRun, candidate: Candidate, assembled: Assembled) -> list[Verdict]:
    """Asks the gate what speaks for and against publishing the version."""
    return publishing.examine_version(run, candidate, assembled)


@task(cache_policy=NO_CACHE, name="publish-version")
def publish_version(run: BuildRun, candidate: Candidate, assembled: Assembled, refused: Sequence[str]) -> Version:
    """Publishes the version with its exports, or records why it is refused."""
    return publishing.publish_version(run, candidate, assembled, refused)
