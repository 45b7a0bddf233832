"""Automations: what the server has, against what it should have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from freshet.deploy.changes import PAGE, Change, differences

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import Automation, AutomationCore

PERSONS_OWN = {"id", "enabled", "created", "updated"}
"""Fields of an automation that are left as they are."""


def automation_changes(client: SyncPrefectClient, tag: str, wanted: Sequence[AutomationCore]) -> list[Change]:
    """What has to change for exactly the wanted automations to carry the tag. A paused one stays paused.

    Prefect lets several have the same name; one of each is kept.
    """
    left = list(_present_automations(client, tag))
    changes: list[Change] = []
    for one in wanted:
        found = next((automation for automation in left if automation.name == one.name), None)
        if found is None:
            changes.append(Change("create", "automation", one.name, partial(client.create_automation, one)))
            continue
        left.remove(found)
        if altered := differences(_comparable(one), _comparable(found)):
            update = one.model_copy(update={"enabled": found.enabled})
            do = partial(client.update_automation, found.id, _whole(update))
            changes.append(Change("update", "automation", one.name, do, altered))
    # What is left is gone from the settings, or a second one of the same name.
    for gone in left:
        changes.append(Change("delete", "automation", gone.name, partial(client.delete_automation, gone.id)))
    return changes


def _present_automations(client: SyncPrefectClient, tag: str) -> Iterator[Automation]:
    from prefect.events.filters import AutomationFilter, AutomationFilterTags

    chosen = AutomationFilter(tags=AutomationFilterTags(all_=[tag]))
    offset = 0
    while page := client.read_automations(automations=chosen, limit=PAGE, offset=offset):
        yield from page
        offset += len(page)


def _whole(automation: AutomationCore) -> AutomationCore:
    """The same with every field set that the server takes: the client sends only those that are."""
    return type(automation).model_validate(automation.model_dump(exclude={"owner_resource"}))


def _comparable(automation: AutomationCore) -> dict[str, Any]:
    return {key: _ordered(value) for key, value in automation.model_dump(mode="json").items() if key not in PERSONS_OWN}


def _ordered(value: Any) -> Any:
    """Lists that stand for sets come in any order."""
    if isinstance(value, dict):
        return {key: _ordered(one) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((_ordered(one) for one in value), key=str)
    return value
