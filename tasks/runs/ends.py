"""How a run ends: its outcome, and what that is worth as an exit code. The flows' states follow the same table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXIT_CODES = {
    "released": 0,
    "published": 0,
    "unchanged": 0,
    "planned": 0,
    "done": 0,
    "skipped": 0,
    "rejected": 1,
    "failed": 1,
    "cancelled": 130,
}
"""Outcome of a refresh, a build or a backfill → exit code of its command."""

DEGRADED = 3
"""Exit code of a run that ended well, and after which something waits for a person."""


def exit_code(report: Mapping[str, Any]) -> int:
    """The exit code of a command that ran a flow.

    Args:
        report: the run's report; `outcome`, and `degraded` with the reasons why something waits for a person.
    """
    code = EXIT_CODES[report["outcome"]]
    return DEGRADED if code == 0 and report.get("degraded") else code
