"""How far a run is, told in the Prefect UI and on the terminal."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, cast

from freshet.tasks.runs.on_server import unless_gone
from freshet.tasks.settings.addresses import escaped

if TYPE_CHECKING:
    from uuid import UUID


class Progress:
    """How far a run is: an artifact in the UI, and lines on the terminal, or else in the log of the run's page.

    Made only once there is something to wait for.
    """

    def __init__(self, description: str, steps: int) -> None:
        """Shows that none of the steps is done."""
        from prefect.artifacts import create_progress_artifact

        self._description, self._steps, self._done = description, steps, 0
        self._start = time.monotonic()
        self._id: UUID | None = None
        with unless_gone():
            self._id = cast("UUID", create_progress_artifact(0.0, description=description))

    def step(self, said: str = "") -> None:
        """A step is done.

        Args:
            said: what it was or brought.
        """
        from prefect.artifacts import update_progress_artifact

        self._done += 1
        if self._id is not None:
            with unless_gone():
                update_progress_artifact(self._id, 100.0 * self._done / self._steps)
        line = f"{self._description}: {self._done} of {self._steps}"
        announce(f"{line}{', ' if said else ''}{said}, {time.monotonic() - self._start:.0f} s")


def announce(line: str) -> None:
    """Says something to whoever watches: on the terminal, or where there is none in the log on the run's page."""
    from prefect import get_run_logger

    line = escaped(line)
    if sys.stderr is not None and sys.stderr.isatty():
        print(line, file=sys.stderr, flush=True)  # noqa: T201
    else:
        get_run_logger().info(line)
