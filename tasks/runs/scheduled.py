"""What a run is to do by the schedule that made it.

Prefect writes `{}` over the parameters of a schedule that somebody pauses in the UI or at a terminal. So what a
schedule does is told by its slug, and the parameters beside it in deploy/prefect.yaml only show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

FULL = "weekly"
"""Slug of the schedule whose runs are full refreshes."""


def asked_of(run: FlowRun) -> dict[str, Any]:
    """What a run is to do: its parameters, and `full` where the schedule for full refreshes made it."""
    made = run.created_by
    is_full = made is not None and made.type == "SCHEDULE" and made.display_value == FULL
    return {**run.parameters, "full": True} if is_full else dict(run.parameters)


def is_full_by_schedule() -> bool:
    """Whether the run of this process was made by the schedule for full refreshes."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run is not None and bool(run.created_by) and bool(asked_of(run).get("full"))
