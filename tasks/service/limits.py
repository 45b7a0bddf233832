"""How much one caller, and all of them, may ask of the service."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from freshet.tasks.service.caller import Caller, TooMuch
from freshet.tasks.settings.service import Limits as Said

MOST_CALLERS = 10_000
"""Callers whose use is remembered; of more, whoever has not asked for longest, and asks nothing now, is forgotten."""

_MINUTE = 60.0

_ROUNDING = 1e-9
"""Of a request, more than floating-point sums lose; whoever has waited as long as he was told is not refused for it."""


@dataclass
class _Use:
    """What a caller has left: a token bucket.

    Attributes:
        left: requests that he may send at once, as of `at`.
        running: his requests that have not ended.
    """

    left: float
    at: float
    running: int = 0


class Limits:
    """Counts requests and answers. Several threads may ask at once.

    Attributes:
        said: the limits of the settings.
    """

    def __init__(self, said: Said, now: Callable[[], float] = time.monotonic) -> None:
        """Counts from nothing.

        Args:
            now: a clock that never goes back, in seconds.
        """
        self.said = said
        self._now = now
        self._guard = threading.Lock()
        self._callers: OrderedDict[str, _Use] = OrderedDict()
        self._answers = 0

    @contextmanager
    def admit(self, caller: Caller) -> Iterator[None]:
        """Holds the place of one request of a caller.

        A caller who has been quiet for a minute may send `requests_per_minute` at once; from then on they come back
        evenly. A request that is refused counts as none.

        Raises:
            TooMuch: he sends too many, or has too many that have not ended.
        """
        use = self._begin(caller)
        try:
            yield
        finally:
            with self._guard:
                use.running -= 1

    def _begin(self, caller: Caller) -> _Use:
        most, now = self.said.requests_per_minute, self._now()
        with self._guard:
            use = self._callers.setdefault(caller.name, _Use(most, now))
            self._callers.move_to_end(caller.name)
            self._forget()
            use.left = min(most, use.left + max(0.0, now - use.at) * most / _MINUTE)
            use.at = max(now, use.at)
            if use.running >= self.said.concurrent:
                raise TooMuch(
                    f"{self.said.concurrent} of your requests are at work, which is the most at once",
                    "Wait for one of them to end.",
                )
            if use.left < 1 - _ROUNDING:
                seconds = math.ceil((1 - use.left) * _MINUTE / most)
                raise TooMuch(
                    f"more than {most} requests a minute are not answered", f"Try again in {seconds} s.", seconds
                )
            use.left -= 1
            use.running += 1
            return use

    def _forget(self) -> None:
        if len(self._callers) > MOST_CALLERS:
            oldest = next((name for name, use in self._callers.items() if not use.running), None)
            if oldest is not None:
                del self._callers[oldest]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Holds the place of one answer in the making.

        Raises:
            TooMuch: as many are being made, for all callers, as may be.
        """
        with self._guard:
            if self._answers >= self.said.answers:
                raise TooMuch(
                    f"{self._answers} answers are being made, which is the most at once", "Try again in a moment."
                )
            self._answers += 1
        try:
            yield
        finally:
            with self._guard:
                self._answers -= 1
