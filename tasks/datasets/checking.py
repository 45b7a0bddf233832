"""The checks over all staged rows of a build: each reads the rows that no earlier check excluded, and records findings.

Each check returns by code how many findings it recorded. Rooms are imported where they are used, since this module is
loaded with the flow, and their libraries take seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.tasks.datasets.stage import Judge, Stage, stage_of
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    from freshet.expectations.rule import Rule
    from freshet.tasks.datasets.inputs.opening import InputFile
    from freshet.tasks.runs.run import BuildRun


def judge_of(run: BuildRun) -> Judge:
    """Returns a function that gives verdicts the severities to which the dataset has tuned their rules."""
    rules: Mapping[str, Rule] = tuned_rules(run.settings)

    def judge(found: Verdict) -> Verdict | None:
        rule = rules.get(found.code)
        return None if rule is None else replace(found, severity=rule.severity)

    return judge


def judge_loading(run: BuildRun, parts: int) -> dict[str, int]:
    """Applies what people decided about rows, and records what loading found.

    Args:
        parts: the number of parts that were loaded.
    """
    from freshet.tasks.datasets.loading.load import loaded_verdicts
    from freshet.tasks.datasets.review import honour_decisions

    stage, judge = stage_of(run), judge_of(run)
    stage.record("review", honour_decisions(stage, run.store, run.dataset), judge)
    found = (one for part in range(parts) for one in loaded_verdicts(stage, part))
    return stage.record("load", found, judge)


def check_rows(run: BuildRun, rows: int) -> dict[str, int]:
    """Checks each row by itself, and notes what was counted on the way.

    Args:
        rows: the number of rows that were read.
    """
    from freshet.tasks.datasets.checks.batch import look_at
    from freshet.tasks.datasets.checks.counts import RowCounts
    from freshet.tasks.datasets.checks.length import token_counter
    from freshet.tasks.datasets.checks.rows import COLUMNS

    stage = stage_of(run)
    counter = token_counter(run.settings.checks.tokens, run.project.root)
    counted, mask = RowCounts(), stage.mask(rows)

    def found() -> Iterator[tuple[int, Verdict]]:
        nonlocal counted
        for batch in stage.batches(COLUMNS, mask):
            looked = look_at(batch, run.settings, counter)
            counted += looked.counts
            yield from looked.verdicts

    by_code = stage.record("rows", found(), judge_of(run))
    stage.note("rows", asdict(counted))
    return by_code


def find_conflicts(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds rows that contradict each other; none of them can be trusted.

    Args:
        rows: the number of rows that were read.
    """
    from freshet.tasks.datasets.copies import conflicts

    stage = stage_of(run)
    found = conflicts.find_conflicts(_batches(stage, rows, conflicts.COLUMNS), run.folder, run.settings.format)
    return stage.record("conflicts", found, judge_of(run))


def find_copies(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds rows that say what an earlier row says.

    Args:
        rows: the number of rows that were read.
    """
    from freshet.tasks.datasets.copies import find as copies

    stage = stage_of(run)
    near = run.settings.checks.near_duplicates
    found = copies.find_copies(_batches(stage, rows, copies.COLUMNS), run.folder, near)
    return stage.record("copies", found, judge_of(run))


def find_benchmark_leaks(run: BuildRun, rows: int, benchmarks: Sequence[InputFile]) -> dict[str, int]:
    """Finds rows that repeat a benchmark.

    Args:
        rows: the number of rows that were read.
        benchmarks: the files of the benchmarks.
    """
    from freshet.tasks.datasets.leaks import find as leaks
    from freshet.tasks.datasets.leaks.benchmarks import benchmark_texts

    stage = stage_of(run)
    counts: dict[str, int] = {}
    unread: dict[str, int] = {}
    long, short = _words_of(run, leaks.BENCHMARK)
    texts = benchmark_texts(benchmarks, unread)
    found = leaks.find_leaks(_batches(stage, rows, leaks.COLUMNS), texts, counts, long=long, short=short)
    by_code = stage.record("benchmarks", found, judge_of(run))
    stage.note("benchmarks", {**counts, **unread})
    return by_code


def find_split_leaks(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds training rows that repeat a test or validation row; the training rows are left out.

    Args:
        rows: the number of rows that were read.
    """
    from freshet.tasks.datasets.leaks import find as leaks
    from freshet.tasks.datasets.leaks.benchmarks import held_out_texts
    from freshet.tasks.datasets.split import SPLITS, Splits

    stage, splits = stage_of(run), Splits.load(run.folder)
    counts: dict[str, int] = {}
    mask = stage.mask(rows)
    train = mask & (splits.split == SPLITS.index("train"))
    long, short = _words_of(run, leaks.OWN_SPLIT)
    found = leaks.find_leaks(
        lambda: stage.batches(leaks.COLUMNS, train),
        held_out_texts(stage, splits, mask),
        counts,
        codes=leaks.OWN_SPLIT,
        long=long,
        short=short,
    )
    by_code = stage.record("splits", found, judge_of(run))
    stage.note("splits", counts)
    return by_code


def find_wrong_labels(run: BuildRun, rows: int) -> dict[str, int]:
    """Finds the rows whose class is the least plausible, by the project's embedding model in full precision.

    Full precision is what every machine has, so that the same rows are found everywhere.

    Args:
        rows: the number of rows that were read.
    """
    from freshet.tasks.datasets.checks import labels
    from freshet.tasks.embedding.embed import load_embedder
    from freshet.tasks.embedding.models import resolve_model

    assert run.settings.checks.labels is not None
    stage, wanted = stage_of(run), run.settings.checks.labels
    batches = stage.batches(labels.COLUMNS, stage.mask(rows))
    embedder = load_embedder(resolve_model(run.project.settings.embedding, run.project.root), "fp32")
    found = labels.find_suspects(batches, embedder.embed, wanted.folds, wanted.suspects)
    stage.note("labels", {"unlabelled": found.unlabelled, "rare": found.rare})
    return stage.record("labels", found.verdicts, judge_of(run))


def _words_of(run: BuildRun, codes: tuple[str, str]) -> tuple[int, int]:
    """Returns how many consecutive words reject a row, and how many are for review, as the dataset has tuned them.

    Args:
        codes: the code of the rule that rejects, and of the rule for review.
    """
    rules = tuned_rules(run.settings)
    long, short = (int((rules.get(code) or RULES[code]).threshold or 0) for code in codes)
    return long, min(short, long)


def _batches(stage: Stage, rows: int, columns: Sequence[str]) -> Callable[[], Iterator[Any]]:
    """Returns a function that yields the rows which no finding excludes so far, anew each time it is called."""
    mask = stage.mask(rows)
    return lambda: stage.batches(columns, mask)
