"""deploy/automations.yaml and the settings → the automations that should be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import yaml

from freshet.deploy.definitions import marker
from freshet.tasks.settings.types import duration_text

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.events.schemas.automations import AutomationCore

    from freshet.tasks.settings.file import Project

AUTOMATIONS = Path(__file__).with_name("automations.yaml")


def wanted_automations(project: Project, block: UUID | None, automations: Path = AUTOMATIONS) -> list[AutomationCore]:
    """The automations of a project.

    Args:
        block: the notification block that alerts are sent through; without one they are triggered all the same,
            which the server's event feed shows, and do nothing else.
    """
    from prefect.events.schemas.automations import AutomationCore

    made = []
    for entry in yaml.safe_load(automations.read_text(encoding="utf-8")):
        for words in _each(project, entry.get("each")):
            one = _fill(entry, words)
            fields = {
                "name": f"{project.settings.deployment.project}: {one['title']}",
                "description": one["why"].strip(),
                "tags": [marker(project)],
                "trigger": {"type": "event", **one["trigger"]},
                "actions": [_action(one, block)],
            }
            made.append(AutomationCore.model_validate(fields))
    return made


def _each(project: Project, kind: str | None) -> Iterator[dict[str, Any]]:
    """What the words of an entry stand for, once for each automation that it makes."""
    settings = project.settings
    words = {"project": settings.deployment.project}
    if kind is None:
        yield words
        return
    targets: Mapping[str, Any] = settings.corpora if kind == "corpus" else settings.datasets
    for name, target in targets.items():
        if target.schedule.objective is not None:
            objective = target.schedule.objective
            allowed = duration_text(objective)
            yield {**words, "target": name, "objective": objective.total_seconds(), "allowed": allowed}


def _fill(value: Any, words: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _fill(one, words) for key, one in value.items()}
    if isinstance(value, list):
        return [_fill(one, words) for one in value]
    if isinstance(value, str) and value.startswith("$") and value[1:] in words:
        return words[value[1:]]  # keeps a number a number
    return Template(value).safe_substitute(words) if isinstance(value, str) else value


def _action(entry: Mapping[str, Any], block: UUID | None) -> dict[str, Any]:
    if "state" in entry:
        return {"type": "change-flow-run-state", **entry["state"]}
    if block is None:
        return {"type": "do-nothing"}
    return {"type": "send-notification", "block_document_id": str(block), **entry["alert"]}
