"""Both halves of a hybrid search by themselves: where one is damaged, the other hides it from the exam of both.

A text that is found by its words is found, whatever its vector; so the same questions are asked of each half alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from freshet.tasks.index.gate.exam import JUDGED, ExamResult, compare, judge_drop, sit_exam

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshet.expectations.rules import Rule
    from freshet.tasks.index.gate.golden import ExamQuestion
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.search.asking import Ask
    from freshet.tasks.settings.project import Gate

Half = Literal["vector", "text"]

CODES: dict[Half, str] = {"vector": "GATE-EXAM-VECTOR", "text": "GATE-EXAM-TEXT"}
"""The rule that judges each half. Their thresholds are stricter than that of both together, as more tests are made."""


def sit_halves(
    ask_by: Callable[[Half], Ask], questions: Sequence[ExamQuestion], halves: Sequence[Half] = tuple(CODES)
) -> dict[Half, ExamResult]:
    """Asks the questions of each half alone."""
    return {half: sit_exam(ask_by(half), questions) for half in halves}


def compare_halves(
    gate: Gate, new: Mapping[Half, ExamResult], old: Mapping[Half, ExamResult], rules: Mapping[str, Rule]
) -> tuple[list[Verdict], dict[str, Any]]:
    """What speaks against publishing, and the figures of each half: `head`, `release` and `comparison`.

    A half that only one of the states was asked by has no comparison, and speaks against nothing.
    """
    found: list[Verdict] = []
    figures: dict[str, Any] = {}
    for half, result in new.items():
        before = old.get(half)
        figures[half] = {"head": result.as_dict(), "release": None, "comparison": None}
        if before is not None:
            comparison = compare(result, before, [JUDGED])
            figures[half] |= {"release": before.as_dict(), "comparison": comparison.as_dict()}
            found += judge_drop(CODES[half], gate, comparison, rules)
    return found, figures
