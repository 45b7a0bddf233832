"""All checks of single rows, over a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from freshet.expectations.rules import RULES
from freshet.tasks.datasets.checks import content, generation, preference, support
from freshet.tasks.datasets.checks.facts import LENGTH_EDGES, RowFacts
from freshet.tasks.datasets.checks.length import Counts, TokenCounter
from freshet.tasks.datasets.checks.rows import Row, rows_of
from freshet.tasks.datasets.stage import RowVerdict
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.datasets import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

Check = Callable[[Row], Iterator[Verdict]]


@dataclass(frozen=True)
class Looked:
    """What the checks say of a batch.

    Attributes:
        verdicts: with default severities, in the order of the rows.
        facts: counts over the batch's rows.
    """

    verdicts: list[RowVerdict]
    facts: RowFacts


def check_batch(batch: pa.Table, dataset: Dataset, counter: TokenCounter) -> Iterator[RowVerdict]:
    """What the checks of single rows say of a batch, in the order of the rows.

    Args:
        batch: staged rows; of their columns, those in `freshet.tasks.datasets.checks.rows.COLUMNS`.
        counter: of the tokenizer that `checks.tokens` names.
    """
    yield from look_at(batch, dataset, counter).verdicts


def look_at(batch: pa.Table, dataset: Dataset, counter: TokenCounter) -> Looked:
    """As `check_batch`, with what was counted on the way.

    Pure: depends on nothing but its arguments, so that batches may be looked at in any order, and in parallel.
    """
    rows = rows_of(batch, dataset.format)
    if not rows:
        return Looked([], RowFacts())
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
    return Looked(verdicts, _facts(rows, prompts, answers, dataset.checks.tokens.max_tokens))


def checks_of(dataset: Dataset) -> Sequence[Check]:
    """The checks that need nothing but the row, with the dataset's settings in them."""
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
    rows: Sequence[Row], prompts: Counts, answers: list[Counts], most: int, counter: TokenCounter
) -> Iterator[tuple[int, Verdict]]:
    """LENGTH-MASKED, PAIR-TRUNCATED and LENGTH-TRUNCATED, with the position of the row in the batch."""
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
    """Whether the two answers of a pair that is not identical are so within so many tokens."""
    if row.other is None or row.content["chosen"] == row.content["rejected"]:
        return False
    return counter.ids(row.answer, room) == counter.ids(row.other, room)


def _facts(rows: Sequence[Row], prompts: Counts, answers: list[Counts], most: int) -> RowFacts:
    totals = prompts + np.maximum.reduce(answers)
    over = totals > most
    bars = np.bincount(np.searchsorted(LENGTH_EDGES, totals, side="right") - 1, minlength=len(LENGTH_EDGES))
    return RowFacts(
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


def _pairs(answers: list[Counts]) -> Mapping[str, int]:
    if len(answers) < 2:
        return {}
    chosen, rejected = answers
    return {
        "pairs": len(chosen),
        "longer_chosen": int((chosen > rejected).sum()),
        "longer_rejected": int((chosen < rejected).sum()),
    }
