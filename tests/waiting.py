"""How tests wait for what another thread or process does: until it is so, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds after which what is waited for counts as lost. It says that something hangs, never how quick it has to be."""


def until(condition: Callable[[], T], what: str, timeout: float = PATIENCE) -> T:
    """Asks again and again until the condition is true, and returns what it then gave.

    Args:
        condition: what is asked. An error that it raises ends the waiting.
        what: what is waited for, in the words of a failure: "the first batch is written".
        timeout: seconds after which the test fails.

    Raises:
        AssertionError: the condition was never true; the message names `what` and the last answer.
    """
    pause, give_up = 0.02, time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > give_up:
            raise AssertionError(f"{what}: not within {timeout:g} s; the last answer was {found!r}")
        time.sleep(pause)
        pause = min(1.5 * pause, 0.3)
    return found
