"""Deployments and their schedules: what the server has, against what it should have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from freshet.deploy.changes import PAGE, Change, differences
from freshet.deploy.client import ServerError
from freshet.deploy.definitions import WantedDeployment

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import DeploymentSchedule
    from prefect.client.schemas.responses import DeploymentResponse


def deployment_changes(client: SyncPrefectClient, tag: str, wanted: Sequence[WantedDeployment]) -> list[Change]:
    """What has to change for exactly the wanted deployments to carry the tag.

    Whether a deployment or a schedule is paused is left as it is.
    """
    present = dict(_present_deployments(client, tag))
    changes: list[Change] = []
    for one in wanted:
        if found := present.pop(one.full_name, None):
            changes += _altered_deployment(client, one, found)
        else:
            _refuse_foreign(client, one)
            told = [f"schedule {slug}: {s['cron']} ({s['timezone']})" for slug, s in one.schedules.items()]
            do = partial(_create_deployment, client, one)
            changes.append(Change("create", "deployment", one.full_name, do, told))
    for name, gone in sorted(present.items()):
        changes.append(Change("delete", "deployment", name, partial(client.delete_deployment, gone.id)))
    return changes


def _present_deployments(client: SyncPrefectClient, tag: str) -> Iterator[tuple[str, DeploymentResponse]]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    chosen = DeploymentFilter(tags=DeploymentFilterTags(all_=[tag]))
    flows: dict[UUID, str] = {}
    offset = 0
    while page := client.read_deployments(deployment_filter=chosen, limit=PAGE, offset=offset):
        for one in page:
            if one.flow_id not in flows:
                flows[one.flow_id] = client.read_flow(one.flow_id).name
            yield f"{flows[one.flow_id]}/{one.name}", one
        offset += len(page)


def _refuse_foreign(client: SyncPrefectClient, wanted: WantedDeployment) -> None:
    from prefect.exceptions import ObjectNotFound

    try:
        foreign = client.read_deployment_by_name(wanted.full_name)
    except ObjectNotFound:
        return
    owner = next((tag for tag in foreign.tags if tag.startswith("freshet:")), "nobody that Freshet knows")
    raise ServerError(
        f"deployment {wanted.full_name} is on this server already, and belongs to {owner}",
        "Rename the corpus or dataset, use a server of your own, or delete that deployment in the UI.",
    )


def _create_deployment(client: SyncPrefectClient, wanted: WantedDeployment) -> None:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    schedules = [
        DeploymentScheduleCreate(schedule=_cron(one), parameters=dict(one["parameters"]), slug=slug)
        for slug, one in wanted.schedules.items()
    ]
    flow = client.create_flow_from_name(wanted.flow)
    client.create_deployment(flow, wanted.name, schedules=schedules, **_fields(wanted.fields))


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    from prefect.client.schemas.objects import ConcurrencyOptions

    options = fields["concurrency_options"]
    return {**fields, "concurrency_options": ConcurrencyOptions.model_validate(options) if options else None}


def _altered_deployment(
    client: SyncPrefectClient, wanted: WantedDeployment, present: DeploymentResponse
) -> list[Change]:
    from prefect.client.schemas.actions import DeploymentUpdate

    name, changes = wanted.full_name, []
    if altered := differences(_flat(wanted.fields), _flat(_seen(present, wanted.fields))):
        update = DeploymentUpdate.model_validate(dict(wanted.fields))
        do = partial(client.update_deployment, present.id, update)
        changes.append(Change("update", "deployment", name, do, altered))
    left = list(present.schedules)
    for slug, one in wanted.schedules.items():
        found = next((schedule for schedule in left if schedule.slug == slug), None)
        if found:
            left.remove(found)
        changes += _schedule_change(client, present.id, f"{name} {slug}", slug, one, found)
    for gone in left:
        do = partial(client.delete_deployment_schedule, present.id, gone.id)
        changes.append(Change("delete", "schedule", f"{name} {gone.slug or gone.id}", do))
    return changes


def _schedule_change(
    client: SyncPrefectClient,
    deployment: UUID,
    name: str,
    slug: str,
    wanted: Mapping[str, Any],
    present: DeploymentSchedule | None,
) -> list[Change]:
    from prefect.client.schemas.actions import DeploymentScheduleCreate

    cron, parameters = _cron(wanted), dict(wanted["parameters"])
    if present is None:
        made = DeploymentScheduleCreate(schedule=cron, parameters=parameters, slug=slug)
        create = partial(client.create_deployment_schedules, deployment, [made])
        return [Change("create", "schedule", name, create, [f"cron: {wanted['cron']} ({wanted['timezone']})"])]
    seen = {
        "cron": getattr(present.schedule, "cron", None),
        "timezone": getattr(present.schedule, "timezone", None),
        "parameters": present.parameters,
    }
    if altered := differences(wanted, seen):
        update = partial(
            client.update_deployment_schedule, deployment, present.id, schedule=cron, parameters=parameters
        )
        return [Change("update", "schedule", name, update, altered)]
    return []


def _cron(schedule: Mapping[str, Any]) -> Any:
    from prefect.client.schemas.schedules import CronSchedule

    return CronSchedule(cron=schedule["cron"], timezone=schedule["timezone"])


def _seen(present: DeploymentResponse, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a deployment as the server has them, of those that are wanted."""
    seen: dict[str, Any] = {key: getattr(present, key) for key in wanted}
    limit = present.global_concurrency_limit
    options = present.concurrency_options
    return {
        **seen,
        "tags": sorted(present.tags),
        "concurrency_limit": limit.limit if limit else None,
        "concurrency_options": options.model_dump(mode="json", exclude_none=True) if options else None,
    }


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Job variables one by one, for a diff that can be read."""
    rest = {key: value for key, value in fields.items() if key != "job_variables"}
    jobs = fields["job_variables"]
    environment = {f"env {key}": value for key, value in (jobs.get("env") or {}).items()}
    return {**rest, **{key: value for key, value in jobs.items() if key != "env"}, **environment}
