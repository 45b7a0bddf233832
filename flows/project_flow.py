"""Flows whose runs belong to the project that they are about, whoever starts them.

A deployment gives its runs the project's tag. A run that begins with a call (at a terminal, in Python, within a flow of
the user's own, within another of these flows) is given it here, before Prefect makes the run: automations match the
tags that a run's first event has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from prefect import Flow
from prefect.context import FlowRunContext, TagsContext
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from freshet.tasks.errors import FreshetError
from freshet.tasks.runs.local_server import HEARTBEAT_SECONDS
from freshet.tasks.settings.file import load_project

P = ParamSpec("P")
R = TypeVar("R")


class ProjectFlow(Flow[P, R]):
    """A flow that takes a `config`. Its runs carry the tags of their project, and give signs of life as often as its
    automations expect."""

    if not TYPE_CHECKING:  # a type checker goes on seeing the signatures of Prefect's own

        def __call__(self, *args: Any, **named: Any) -> Any:
            """Runs the flow, in the way of Prefect's own."""
            with _belonging(self.fn, args, named):
                return super().__call__(*args, **named)


def project_flow(name: str, flow_run_name: Callable[[], str]) -> Callable[[Callable[P, R]], ProjectFlow[P, R]]:
    """A decorator: makes a function a flow whose runs belong to the project of its parameter `config`."""
    return lambda fn: ProjectFlow(fn, name=name, flow_run_name=flow_run_name)


@contextmanager
def _belonging(fn: Callable[..., Any], args: tuple[Any, ...], named: Mapping[str, Any]) -> Iterator[None]:
    tags = set(TagsContext.get().current_tags)
    # What is wrong with the parameters or the settings is told by the run itself.
    with suppress(TypeError, ValueError, FreshetError):
        parameters = signature(fn).parameters
        given = {**dict(zip(parameters, args, strict=False)), **named}
        deployment = load_project(Path(given["config"]) if given.get("config") else None).settings.deployment
        # A run within another of these ends as that one does, and is told with it: once is enough.
        tags -= {deployment.tag}
        tags |= {deployment.part_tag if _is_part() else deployment.tag}
        tags |= {f"{kind}:{given[kind]}" for kind in ("corpus", "dataset") if kind in given}
    with TagsContext(current_tags=tags), temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: HEARTBEAT_SECONDS}):
        yield


def _is_part() -> bool:
    context = FlowRunContext.get()
    return context is not None and isinstance(context.flow, ProjectFlow)
