"""Makes a Prefect server hold what freshet.yaml says: finds the differences, tells them, makes the changes.

What belongs to a project carries its tag, `freshet:<project>`; nothing else on the server is touched. What a person
paused there stays paused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.deploy.alerts import AUTOMATIONS, wanted_automations
from freshet.deploy.apply_automations import automation_changes
from freshet.deploy.apply_deployments import deployment_changes
from freshet.deploy.changes import PAGE, Change, differences
from freshet.deploy.client import ServerError
from freshet.deploy.definitions import DEFINITIONS, marker, wanted_deployments

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

    from freshet.tasks.settings.file import Project


def find_changes(
    client: SyncPrefectClient, project: Project, *, definitions: Path = DEFINITIONS, automations: Path = AUTOMATIONS
) -> tuple[list[Change], list[str]]:
    """What has to change for the server to hold what the settings say, in the order to do it in; and notes.

    Raises:
        ServerError: something of another project has a name that is needed.
    """
    notes: list[str] = []
    changes = _variable(client, project)
    changes += _work_pool(client, project, notes)
    changes += deployment_changes(client, marker(project), wanted_deployments(project, definitions))
    name = project.settings.deployment.alerts
    block = find_block(client, name)
    if block is None:
        notes.append(
            f"there is no notification block {name}, so alerts show in the server's event feed only; make one in "
            "the UI under Blocks, then type: freshet deploy"
        )
    changes += automation_changes(client, marker(project), wanted_automations(project, block, automations))
    return changes, notes


def apply_changes(changes: Sequence[Change]) -> None:
    """Makes the changes. Stopped half-way, the next `freshet deploy` finds what is left."""
    for change in changes:
        change.do()


def find_block(client: SyncPrefectClient, name: str) -> UUID | None:
    """The notification block of that name."""
    offset = 0
    while page := client.read_block_documents(offset=offset, limit=PAGE, include_secrets=False):
        for block in page:
            if block.name == name and block.block_schema and "notify" in block.block_schema.capabilities:
                return block.id
        offset += len(page)
    return None


def variable_name(project: Project) -> str:
    """The variable in which the server keeps where a project comes from."""
    return f"freshet_{project.settings.deployment.project.replace('-', '_')}"


def _variable(client: SyncPrefectClient, project: Project) -> list[Change]:
    """Notes where the project comes from, so that two of the same name do not undo each other."""
    from prefect.client.schemas.actions import VariableCreate, VariableUpdate

    name, tags = variable_name(project), [marker(project)]
    wanted = {"settings": str(project.file), "store": project.store}
    present = client.read_variable_by_name(name)
    if present is None:
        create = VariableCreate(name=name, value=wanted, tags=tags)
        return [Change("create", "variable", name, partial(client.create_variable, create))]
    value = present.value if isinstance(present.value, dict) else {}
    other = str(value.get("settings", ""))
    if other != str(project.file) and other and Path(other).is_file():
        raise ServerError(
            f"project {project.settings.deployment.project} is deployed on this server from another file, {other}",
            f"Give one of the two another name: deployment: {{project: …}} in {project.file.name}.",
        )
    if altered := differences(wanted, value):
        update = VariableUpdate(name=name, value=wanted, tags=tags)
        return [Change("update", "variable", name, partial(client.update_variable, update), altered)]
    return []


def _work_pool(client: SyncPrefectClient, project: Project, notes: list[str]) -> list[Change]:
    """Makes the work pool where there is none. One of another type is somebody's choice and stays as it is."""
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    settings = project.settings.deployment
    try:
        present = client.read_work_pool(settings.work_pool)
    except ObjectNotFound:
        from prefect.workers.process import ProcessWorker

        create = WorkPoolCreate(
            name=settings.work_pool,
            description="Runs of Freshet, each a process of a worker.",
            type="process",
            base_job_template=ProcessWorker.get_default_base_job_template(),
            concurrency_limit=settings.most_runs,
        )
        return [Change("create", "work pool", settings.work_pool, partial(client.create_work_pool, create))]
    if present.type != "process":
        notes.append(f"work pool {present.name} is of type {present.type}; its limits and template are left alone")
        return []
    if altered := differences({"most_runs": settings.most_runs}, {"most_runs": present.concurrency_limit}):
        update = WorkPoolUpdate(concurrency_limit=settings.most_runs)
        do = partial(client.update_work_pool, settings.work_pool, update)
        return [Change("update", "work pool", settings.work_pool, do, altered)]
    return []
