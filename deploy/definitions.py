"""deploy/prefect.yaml and the settings → the deployments that should be there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import yaml

from freshet.tasks.runs.local_server import HEARTBEAT_SECONDS, server_folder
from freshet.tasks.settings.types import duration_text

if TYPE_CHECKING:
    from prefect.flows import Flow

    from freshet.tasks.settings.file import Project

DEFINITIONS = Path(__file__).with_name("prefect.yaml")


@dataclass(frozen=True)
class WantedDeployment:
    """A deployment as it should be.

    Attributes:
        fields: what Prefect's API calls the fields of a deployment, JSON-able.
        schedules: slug → cron, timezone, parameters.
    """

    flow: str
    name: str
    fields: Mapping[str, Any]
    schedules: Mapping[str, Mapping[str, Any]]

    @property
    def full_name(self) -> str:
        """The name by which Prefect finds the deployment: FLOW/NAME."""
        return f"{self.flow}/{self.name}"


def marker(project: Project) -> str:
    """The tag by which all that belongs to a project is known on its server."""
    return project.settings.deployment.tag


def wanted_deployments(project: Project, definitions: Path = DEFINITIONS) -> list[WantedDeployment]:
    """One deployment for each definition and corpus or dataset that it is about."""
    found = yaml.safe_load(definitions.read_text(encoding="utf-8"))["deployments"]
    return [_deployment(project, one, kind, target) for one in found for kind, target in _targets(project, one)]


def _targets(project: Project, definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, name) of what the definition is made for.

    What is about the whole project carries the project's name where that is not the usual one, so that several
    projects can share a server.
    """
    given = definition.get("parameters") or {}
    kinds: dict[str, Mapping[str, Any]] = {"corpus": project.settings.corpora, "dataset": project.settings.datasets}
    about = [kind for kind in kinds if kind in given]
    if not about:
        yield "", project.settings.deployment.own(definition["name"])
    for kind in about:
        yield from ((kind, name) for name in kinds[kind])


def _deployment(project: Project, definition: Mapping[str, Any], kind: str, target: str) -> WantedDeployment:
    flow = _load_flow(definition["entrypoint"])
    limit = definition.get("concurrency_limit") or {}
    tags = [tag for tag in definition["tags"] if not tag.startswith("freshet:")]
    fields = {
        "description": (flow.description or "").partition("\n\nArgs:")[0],
        "entrypoint": definition["entrypoint"],
        "parameters": {**(definition.get("parameters") or {}), **({kind: target} if kind else {})},
        "enforce_parameter_schema": definition["enforce_parameter_schema"],
        "parameter_openapi_schema": _explained_parameters(flow),
        "tags": sorted([marker(project), *tags, *([f"{kind}:{target}"] if kind else [])]),
        "work_pool_name": project.settings.deployment.work_pool,
        "concurrency_limit": limit.get("limit"),
        "concurrency_options": {"collision_strategy": limit["collision_strategy"]} if limit else None,
        "job_variables": {"env": run_environment(project)},
        # What a run prints goes to a file beside the server's, and does not end it when its worker is killed.
        # Without a pull step Prefect copies the working folder for every run, with a store that lies in it. It puts the
        # folder first on the path, where a project may have modules that are called like ours; so it is our own.
        "pull_steps": [
            {"freshet.tasks.runs.output.to_file": {"folder": str(server_folder(project) / "runs")}},
            {"prefect.deployments.steps.set_working_directory": {"directory": str(DEFINITIONS.parents[1])}},
        ],
    }
    return WantedDeployment(flow.name, target, fields, dict(_schedules(project, definition, kind, target)))


def _explained_parameters(flow: Flow[Any, Any]) -> dict[str, Any]:
    """The form that the UI shows.

    Prefect takes descriptions from docstrings only, and not from the parameters. The form keeps to bounds, but does
    not tell them; and it would offer a span of time as ISO 8601 has it, which is not how settings are written.
    """
    from prefect.utilities.callables import parameter_schema

    schema: dict[str, Any] = parameter_schema(flow).model_dump_for_openapi()
    hints, parameters = get_type_hints(flow.fn, include_extras=True), signature(flow.fn).parameters
    for name, shown in schema["properties"].items():
        told = [getattr(one, "description", None) or "" for one in getattr(hints[name], "__metadata__", ())]
        description = " ".join((shown.get("description") or "".join(told[:1])).split()).rstrip(".")
        shown["description"] = description + _bounds(shown)
        if isinstance(default := parameters[name].default, timedelta):
            shown["default"] = duration_text(default)
    return schema


def _bounds(shown: Mapping[str, Any]) -> str:
    parts = [shown, *shown.get("anyOf", ())]
    least, most = (next((one[key] for one in parts if key in one), None) for key in ("minimum", "maximum"))
    if least is None and most is None:
        return ""
    return f"; at least {least}" if most is None else f"; {'' if least is None else f'{least} '}to {most}"


def run_environment(project: Project) -> dict[str, str]:
    """What every run finds in its environment."""
    return {
        "FRESHET_CONFIG": str(project.file),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        # An installed Freshet has no pyproject.toml beside it.
        "PREFECT_TASKS_DEFAULT_NO_CACHE": "true",
        "PYTHONSAFEPATH": "1",
        "DO_NOT_TRACK": "1",
    }


def _schedules(
    project: Project, definition: Mapping[str, Any], kind: str, target: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """(slug, schedule) of those that the settings do not turn off; the target's own settings win."""
    settings = project.settings
    usual = settings.schedules
    own = {"corpus": settings.corpora, "dataset": settings.datasets}[kind][target].schedule if kind else None  # type: ignore[index]
    for schedule in definition.get("schedules") or []:
        slug = schedule["slug"]
        cron = getattr(own, slug, None) or getattr(usual, slug)
        if cron != "off":
            timezone = getattr(own, "timezone", None) or usual.timezone
            yield slug, {"cron": cron, "timezone": timezone, "parameters": schedule.get("parameters") or {}}


def _load_flow(entrypoint: str) -> Flow[Any, Any]:
    from importlib import import_module

    module, _, name = entrypoint.rpartition(".")
    flow: Flow[Any, Any] = getattr(import_module(module), name)
    return flow
