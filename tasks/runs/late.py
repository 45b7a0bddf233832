"""Catching up after downtime: of the scheduled runs that piled up, only the newest has to do the work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from freshet.tasks.runs.scheduled import asked_of

if TYPE_CHECKING:
    from uuid import UUID

LATE_AFTER = timedelta(minutes=2)
"""A run that starts sooner after its time is not late, and the server is not asked."""


def covers(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Whether a run with these parameters does all that an earlier one would: a full refresh also does a quick one."""
    thorough = bool(later.get("full")) or not earlier.get("full")
    rest = {key: value for key, value in earlier.items() if key != "full"}
    return thorough and rest == {key: value for key, value in later.items() if key != "full"}


def covering_run(
    deployment: UUID, scheduled: datetime, parameters: Mapping[str, Any], now: datetime | None = None
) -> str | None:
    """The name of a run of the deployment that its schedule made, is due, waits, and does all that this one would.

    Args:
        scheduled: when this run was to start.
        parameters: what this run is to do (`scheduled.asked_of`).
        now: by default, the clock; late is about the clock, and changes no result.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterExpectedStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort
    from prefect.types import DateTime

    now = now or datetime.now(UTC)
    if now - scheduled < LATE_AFTER:
        return None
    due = FlowRunFilterExpectedStartTime(
        after_=DateTime.fromisoformat((scheduled + timedelta(seconds=1)).isoformat()),
        before_=DateTime.fromisoformat(now.isoformat()),
    )
    waiting = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(expected_start_time=due, state=waiting),
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        )
    return next((run.name for run in found if run.auto_scheduled and covers(asked_of(run), parameters)), None)


def covered_by() -> str | None:
    """Returns the name of a later run that does all that this run would; None where this run has to do the work itself.

    A run that a person started, or that is not late, always has.
    """
    from uuid import UUID

    from prefect.context import FlowRunContext
    from prefect.runtime import deployment

    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.expected_start_time is None or deployment.id is None:
        return None
    return covering_run(UUID(str(deployment.id)), run.expected_start_time, asked_of(run))
