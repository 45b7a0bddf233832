"""Applies all checks of single rows to a batch of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from freshet.expectations.rules import RULES
from freshet.tasks.datasets.checks import content, generation, preference, support
from freshet.tasks.datasets.checks.counts import LENGTH_EDGES, RowCounts
from freshet.tasks.datasets.checks.length import TokenCounter, TokenCounts
from freshet.tasks.datasets.checks.rows import Row, rows_of
from freshet.tasks.datasets.stage import RowVerdict
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.datasets import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

Check = Callable[[Row], Iterator[Verdict]]
"""Yields the verdicts on one row."""


@dataclass(frozen=True)
class Looked:
    """What the checks found in a batch.

    Attributes:
        verdicts: the verdicts on rows, with the severities of the rule book, in the order of the rows.
        counts: the counts over the batch's rows.
    """

    verdicts: list[RowVerdict]
    counts: RowCounts


def check_batch(batch: pa.Table, dataset: Dataset, counter: TokenCounter) -> Iterator[RowVerdict]:
    """Yields the verdicts of all checks of single rows on a batch, in the order of the rows.

    Args:
        batch: staged rows, with the columns `freshet.tasks.datasets.checks.rows.COLUMNS`.
        counter: the counter for the tokenizer that `checks.tokens` names.
    """
    yield from look_at(batch, dataset, counter).verdicts


def look_at(batch: pa.Table, dataset: Dataset, counter: TokenCounter) -> Looked:
    """Returns the verdicts of `check_batch`, and what was counted on the way.

    The function is pure: its result depends on nothing but its arguments, so batches may be checked in any order, and
    in parallel.

    Args:
        batch: staged rows, with the columns `freshet.tasks.datasets.checks.rows.COLUMNS`.
        counter: the counter for the tokenizer that `checks.tokens` names.
    """
    rows = rows_of(batch, dataset.format)
    if not rows:
        return Looked([], RowCounts())
    found: dict[int, list[Verdict]] = {}
    checks = checks_of(dataset)
    for number, row in enumerate(rows):
        said = [one for check in checks for one in check(row)]
        if said:
            found[number] = said
    prompts, answers = counter.parts(dataset.format, [row.content for row in rows])
    for number, one in _lengths(rows, prompts, answers, dataset.checks.tokens.max_tokens, counter):
        found.setdefault(number, []).append(one)
    verdicts = [(rows[number].number, one) for number in sorted(found) for one in found[number]]
    return Looked(verdicts, _counts(rows, prompts, answers, dataset.checks.tokens.max_tokens))


def checks_of(dataset: Dataset) -> Sequence[Check]:
    """Returns the checks that need nothing but the row, with the dataset's settings bound to them."""
    known = frozenset(content.plain(one) for one in dataset.checks.placeholders)
    return (
        content.empties,
        partial(content.placeholders, known=known),
        content.impossible,
        generation.merged,
        generation.merged_prompt,
        generation.truncated,
        generation.refusal,
        generation.wrong_steps,
        partial(support.unsupported, least=_threshold(dataset, "ANSWER-UNSUPPORTED")),
        preference.alike,
        preference.echoes,
    )


def _threshold(dataset: Dataset, code: str) -> float:
    tuned = dataset.rules[code].threshold if code in dataset.rules else None
    usual = RULES[code].threshold
    assert usual is not None, f"{code} has no threshold"
    return usual if tuned is None else float(tuned)


def _lengths(
    rows: Sequence[Row], prompts: TokenCounts, answers: list[TokenCounts], most: int, counter: TokenCounter
) -> Iterator[tuple[int, Verdict]]:
    """Yields LENGTH-MASKED, PAIR-TRUNCATED and LENGTH-TRUNCATED, with the position of the row in the batch."""
    totals = prompts + np.maximum.reduce(answers)
    for position in np.flatnonzero(totals > most).tolist():
        row, total, prompt = rows[position], int(totals[position]), int(prompts[position])
        size = {"tokens": total, "prompt_tokens": prompt, "max_tokens": most}
        if prompt >= most:
            yield position, verdict("LENGTH-MASKED", **size)
            continue
        if _same_beginning(row, most - prompt, counter):
            yield position, verdict("PAIR-TRUNCATED", **size)
        yield position, verdict("LENGTH-TRUNCATED", **size, lost=total - most)


def _same_beginning(row: Row, room: int, counter: TokenCounter) -> bool:
    """Returns whether the answers of a pair differ, but not within their first `room` tokens."""
    if row.other is None or row.content["chosen"] == row.content["rejected"]:
        return False
    return counter.ids(row.answer, room) == counter.ids(row.other, room)


def _counts(rows: Sequence[Row], prompts: TokenCounts, answers: list[TokenCounts], most: int) -> RowCounts:
    totals = prompts + np.maximum.reduce(answers)
    over = totals > most
    bars = np.bincount(np.searchsorted(LENGTH_EDGES, totals, side="right") - 1, minlength=len(LENGTH_EDGES))
    return RowCounts(
        rows=len(rows),
        annotated=sum(bool(row.steps) for row in rows),
        annotations=sum(len(row.steps) for row in rows),
        unreadable_annotations=sum(step.right is None for row in rows for _, step in row.steps),
        **_pairs(answers),
        tokens=int(totals.sum()),
        longest=int(totals.max()),
        truncated=int(over.sum()),
        masked=int((over & (prompts >= most)).sum()),
        lost=int((totals[over] - most).sum()),
        lengths=tuple(bars.tolist()),
    )


def _pairs(answers: list[TokenCounts]) -> Mapping[str, int]:
    if len(answers) < 2:
        return {}
    chosen, rejected = answers
    return {
        "pairs": len(chosen),
        "longer_chosen": int((chosen > rejected).sum()),
        "longer_rejected": int((chosen < rejected).sum()),
    }
