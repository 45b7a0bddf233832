"""A build of a dataset as Prefect tasks: thin, one a step or a part. Files, counts and versions pass between them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from freshet.expectations.rules import RULES
from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.stage import Judge, Stage
from freshet.tasks.errors import SourceError
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.runs.retrying import is_passing_fault

if TYPE_CHECKING:
    from pathlib import Path

    from freshet.expectations.rule import Rule
    from freshet.tasks.datasets.assembly.assemble import Settled
    from freshet.tasks.datasets.split import Sides
    from freshet.tasks.datasets.versions.publish import Candidate
    from freshet.tasks.ledger.versions import Version, VersionFacts
    from freshet.tasks.runs.run import BuildRun
    from freshet.tasks.settings.datasets import RowsInput

PART_FILES = 256
"""Files that one task loads."""


@dataclass(frozen=True)
class Listed:
    """The files of a build, and what it depends on.

    Attributes:
        files: of the inputs, in canonical order: by the input's name, then by uri.
        benchmarks: files that no row may repeat.
        fingerprint: equal for builds that must come to the same (`build_fingerprint`).
        notes: what a person should know of the choice of files.
    """

    files: list[InputFile]
    benchmarks: list[InputFile]
    fingerprint: str
    notes: list[str] = field(default_factory=list)

    @property
    def identities(self) -> list[tuple[str, str, str]]:
        """uri, content hash and name of the input of each file that rows come from."""
        return [(file.uri, file.version, file.input) for file in self.files]


def stage_of(run: BuildRun) -> Stage:
    """The files of the build that is going on."""
    return Stage(run.folder)


def clear_stage(run: BuildRun) -> None:
    """Begins anew: what a build before left is gone."""
    drop_stage(run)
    run.folder.mkdir(parents=True, exist_ok=True)


def drop_stage(run: BuildRun) -> None:
    """Takes the staged rows from the disk: among them are those that may not be held."""
    shutil.rmtree(run.folder, ignore_errors=True)


LOOKS = ("judge", "check", "conflicts", "copies", "split", "settle", "gate", "publish")
"""What every build shows as a step of its own, besides the parts of its files."""


def looks(run: BuildRun, listed: Listed) -> int:
    """How many looks at all of its rows a build takes."""
    return len(LOOKS) + bool(listed.benchmarks) + (run.settings.checks.labels is not None)


@task(
    cache_policy=NO_CACHE,
    name="list-inputs",
    retries=2,
    retry_delay_seconds=[2, 10],
    retry_condition_fn=is_passing_fault,
)
def list_inputs(run: BuildRun) -> Listed:
    """Lists the files of the inputs and benchmarks, each with the hash of its content: those of then, looking back."""
    from freshet.tasks.datasets.inputs.files import list_files
    from freshet.tasks.datasets.versions.fingerprint import build_fingerprint
    from freshet.tasks.datasets.versions.past import files_by

    inputs = sorted(run.settings.inputs, key=lambda one: one.called)
    files = [file for given in inputs for file in list_files(given, run.project.root)]
    benchmarks = [file for given in _benchmarks(run) for file in _list_benchmark(run, given)]
    notes: list[str] = []
    if run.past is not None:
        files, notes = files_by(files, run.past)
    return Listed(files, benchmarks, build_fingerprint(run, files, benchmarks), notes)


def _list_benchmark(run: BuildRun, given: RowsInput) -> list[InputFile]:
    from freshet.tasks.datasets.inputs.files import list_files

    try:
        return list_files(given, run.project.root)
    except SourceError as error:
        raise SourceError(
            f"checks.decontaminate of dataset {run.dataset}: {error.what}",
            f"Correct checks.decontaminate: {given.rows}",
        ) from error


def _benchmarks(run: BuildRun) -> list[RowsInput]:
    """The benchmarks as inputs; nothing of them gets into a version, so whose they are is not asked."""
    from freshet.tasks.settings.datasets import RowsInput

    addresses = sorted(set(run.settings.checks.decontaminate))
    return [RowsInput(rows=one, owner="benchmark", licence="benchmark", uses=["training"]) for one in addresses]


@task(cache_policy=NO_CACHE, name="load-rows", task_run_name="load-part-{part}")
def load_rows(run: BuildRun, files: Sequence[InputFile], first_row: int, part: int) -> int:
    """Reads the files of a part, shapes, normalises and permits their rows, and stages them.

    Returns:
        The number of the first row of the next part.
    """
    from freshet.tasks.datasets.loading.load import load_part

    return load_part(files, run.settings, run.project, first_row, stage_of(run), part, past=run.past).next_row


@task(cache_policy=NO_CACHE, name="judge-loading")
def judge_loading(run: BuildRun, parts: int) -> dict[str, int]:
    """Puts what people decided in force, then records what loading found of each row."""
    from freshet.tasks.datasets.loading.load import loaded_verdicts
    from freshet.tasks.datasets.review import honour_decisions

    stage, judge = stage_of(run), judge_of(run)
    stage.record("review", honour_decisions(stage, run.store, run.dataset), judge)
    found = (one for part in range(parts) for one in loaded_verdicts(stage, part))
    return stage.record("load", found, judge)


@task(cache_policy=NO_CACHE, name="check-rows")
def check_rows(run: BuildRun, rows: int) -> dict[str, int]:
    """Looks at each row by itself, and keeps what was counted on the way."""
    from freshet.tasks.datasets.checks.batch import look_at
    from freshet.tasks.datasets.checks.facts import RowFacts
    from freshet.tasks.datasets.checks.length import token_counter
    from freshet.tasks.datasets.checks.rows import COLUMNS

    stage = stage_of(run)
    counter = token_counter(run.settings.checks.tokens, run.project.root)
    counted, alive = RowFacts(), stage.alive(rows)

    def found() -> Iterator[tuple[int, Verdict]]:
        nonlocal counted
        for batch in stage.batches(COLUMNS, alive):
            looked = look_at(batch, run.settings, counter)
            counted += looked.facts
            yield from looked.verdicts

    by_code = stage.record("rows", found(), judge_of(run))
    _note(run, "rows", asdict(counted))
    return by_code


@task(cache_policy=NO_CACHE, name="find-conflicts")
def find_conflicts(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds rows that contradict each other: none of them is trusted."""
    from freshet.tasks.datasets.copies import conflicts

    stage = stage_of(run)
    found = conflicts.find_conflicts(_alive(stage, rows, conflicts.COLUMNS), run.folder, run.settings.format)
    return stage.record("conflicts", found, judge_of(run))


@task(cache_policy=NO_CACHE, name="find-copies")
def find_copies(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds rows that say what an earlier one says."""
    from freshet.tasks.datasets.copies import find as duplicates

    stage = stage_of(run)
    near = run.settings.checks.near_duplicates
    found = duplicates.find_copies(_alive(stage, rows, duplicates.COLUMNS), run.folder, near)
    return stage.record("copies", found, judge_of(run))


@task(cache_policy=NO_CACHE, name="decontaminate")
def decontaminate(run: BuildRun, rows: int, benchmarks: Sequence[InputFile]) -> dict[str, int]:
    """Finds rows that repeat a benchmark."""
    from freshet.tasks.datasets.leaks import find as contamination
    from freshet.tasks.datasets.leaks.benchmarks import benchmark_texts

    stage, counts, unread = stage_of(run), {}, {}  # type: ignore[var-annotated]
    long, short = words_of(run, contamination.BENCHMARK)
    found = contamination.find_leaks(
        _alive(stage, rows, contamination.COLUMNS), benchmark_texts(benchmarks, unread), counts, long=long, short=short
    )
    by_code = stage.record("benchmarks", found, judge_of(run))
    _note(run, "benchmarks", {**counts, **unread})
    return by_code


@task(cache_policy=NO_CACHE, name="check-sides")
def check_sides(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds training rows that repeat a test or validation row: they are left out, and the others stay."""
    from freshet.tasks.datasets.leaks import find as contamination
    from freshet.tasks.datasets.leaks.benchmarks import held_out_texts
    from freshet.tasks.datasets.split import SIDES

    stage, sides, counts = stage_of(run), sides_of(run), {}  # type: ignore[var-annotated]
    alive = stage.alive(rows)
    train = alive & (sides.side == SIDES.index("train"))
    long, short = words_of(run, contamination.OWN_SPLIT)
    found = contamination.find_leaks(
        lambda: stage.batches(contamination.COLUMNS, train),
        held_out_texts(stage, sides, alive),
        counts,
        codes=contamination.OWN_SPLIT,
        long=long,
        short=short,
    )
    by_code = stage.record("sides", found, judge_of(run))
    _note(run, "sides", counts)
    return by_code


@task(cache_policy=NO_CACHE, name="check-labels")
def check_labels(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds the rows whose class is the least plausible, by the project's embedding model in full precision.

    Full precision is what every machine has, so that the same rows are found everywhere.
    """
    from freshet.tasks.datasets.checks import labels
    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model

    assert run.settings.checks.labels is not None
    stage, wanted = stage_of(run), run.settings.checks.labels
    batches = stage.batches(labels.COLUMNS, stage.alive(rows))
    embedder = load_embedder(resolve_model(run.project.settings.embedding, run.project.root), "fp32")
    found = labels.find_suspects(batches, embedder.embed, wanted.folds, wanted.suspects)
    _note(run, "labels", {"unlabelled": found.unlabelled, "rare": found.rare})
    return stage.record("labels", found.verdicts, judge_of(run))


@task(cache_policy=NO_CACHE, name="split-rows")
def split_rows(run: BuildRun, rows: int) -> None:
    """Decides which side each row falls on, and leaves that beside the rows."""
    from freshet.tasks.datasets.split import assign_sides

    stage = stage_of(run)
    assign_sides(stage, run.settings.split, stage.alive(rows))


@task(cache_policy=NO_CACHE, name="settle-rows")
def settle_rows(run: BuildRun, rows: int) -> Settled:
    """Makes of every row that was read a kept or a rejected one, with its origins."""
    from freshet.tasks.datasets.assembly.assemble import settle

    return settle(stage_of(run), rows, sides_of(run), run.dataset, run.settings)


def propose_version(run: BuildRun, settled: Settled) -> Candidate:
    """What the version would be, and how it differs from the live one."""
    from freshet.tasks.datasets.versions.publish import propose

    counted = measured(run, settled)
    return propose(
        run.store, settled, run.dataset, run.settings, as_of=run.as_of, measured=counted, looks_back=run.looks_back
    )


def measured(run: BuildRun, settled: Settled) -> dict[str, Any]:
    """What the steps of the build counted, for the card."""
    from freshet.tasks.datasets.card.readme import Measured
    from freshet.tasks.datasets.checks.facts import RowFacts

    counted = noted(run, "rows")
    rows = RowFacts(**{**counted, "lengths": tuple(counted["lengths"])})
    unjudged = noted(run, "benchmarks").get("unjudged", 0)
    return Measured.of(rows, marked=settled.marked, too_short_to_compare=unjudged).as_dict()


@task(cache_policy=NO_CACHE, name="examine-version")
def examine_version(run: BuildRun, candidate: Candidate, settled: Settled) -> list[Verdict]:
    """The gate: what speaks for and against publishing the version."""
    from freshet.expectations.examples import example_suite
    from freshet.tasks.datasets.versions.facts import example_facts
    from freshet.tasks.datasets.versions.gate import judge_version
    from freshet.tasks.rules.suites import validate

    rules, counted, sides = tuned_rules(run.settings), noted(run, "rows"), sides_of(run)
    found = list(
        judge_version(
            candidate.facts,
            run.settings,
            rules,
            before=0 if candidate.previous is None else candidate.previous.facts.rows["kept"],
            lost_files=lost_files(run, candidate),
            is_torn=not sides.joined(),
            longer_chosen=counted.get("longer_chosen", 0),
            pairs=counted.get("longer_chosen", 0) + counted.get("longer_rejected", 0),
        )
    )
    for checked in validate([(example_suite(), example_facts(settled.kept, run.folder))]):
        found += checked.verdicts()
    return found


def lost_files(run: BuildRun, candidate: Candidate) -> list[str]:
    """Files that the version before has rows of, and that cannot be read at all now."""
    from freshet.tasks.datasets.loading.load import unreadable_files

    held = () if candidate.previous is None else candidate.previous.facts.sources
    return sorted({one["uri"] for one in held if one["rows_kept"]} & unreadable_files(stage_of(run)))


@task(cache_policy=NO_CACHE, name="publish-version")
def publish_version(run: BuildRun, candidate: Candidate, settled: Settled, refused: Sequence[str]) -> Version:
    """Publishes the version with its exports, or records why it is refused."""
    from freshet.tasks.datasets.versions import publish

    now = datetime.now(UTC)
    if refused:
        return publish.record_rejected(run.store, settled, candidate, refused, run_id=run.run_id, now=now)
    return publish.publish(run.store, settled, candidate, describe, run_id=run.run_id, now=now)


def record_lineage(run: BuildRun, version: Version) -> None:
    """Puts on record what the version was made from. Again adds what a killed build left out, mostly nothing."""
    from freshet.tasks.lineage.version_contents import record_version

    record_version(
        run.store,
        run.dataset,
        version.version,
        table_version=version.table_version,
        exports=version.exports,
        run=run.run_id,
        now=datetime.now(UTC),
    )


def describe(folder: Path, facts: VersionFacts) -> None:
    """Writes the card and the metadata into a version's folder."""
    from freshet.tasks.datasets.card.describe import write_description

    write_description(folder, facts, published=facts.settings.get("published"))


def words_of(run: BuildRun, codes: tuple[str, str]) -> tuple[int, int]:
    """So many words on end block a row, and so many are for review, as the dataset has tuned the two rules."""
    rules = tuned_rules(run.settings)
    long, short = (int((rules.get(code) or RULES[code]).threshold or 0) for code in codes)
    return long, min(short, long)


def sides_of(run: BuildRun) -> Sides:
    """What `split_rows` decided."""
    from freshet.tasks.datasets.split import Sides

    return Sides.load(run.folder)


def judge_of(run: BuildRun) -> Judge:
    """Verdicts as the dataset has tuned their rules."""
    rules: Mapping[str, Rule] = tuned_rules(run.settings)

    def judge(found: Verdict) -> Verdict | None:
        rule = rules.get(found.code)
        return None if rule is None else replace(found, severity=rule.severity)

    return judge


def _alive(stage: Stage, rows: int, columns: Sequence[str]) -> Callable[[], Iterator[Any]]:
    alive = stage.alive(rows)
    return lambda: stage.batches(columns, alive)


def _note(run: BuildRun, name: str, counted: Mapping[str, Any]) -> None:
    (run.folder / f"counted-{name}.json").write_text(json.dumps(counted))


def noted(run: BuildRun, name: str) -> dict[str, Any]:
    """What a step of the build counted; nothing where it did not run."""
    file = run.folder / f"counted-{name}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def parts_of(files: Sequence[InputFile]) -> list[list[InputFile]]:
    """The files in parts that one task loads."""
    return [list(files[start : start + PART_FILES]) for start in range(0, len(files), PART_FILES)]
