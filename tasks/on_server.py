"""What a run shows on its Prefect server besides its end. None of it is a reason to fail, or a server that is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

WAITING = "Waiting"
"""The name of a state; of Prefect's types it is a running one, since the process runs."""


class Waiting:
    """Tells that the run of this process waits for another writer, and that it no longer does."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        self._logger = logger
        self._told = False

    def tell(self, message: str) -> None:
        """Logs what it waits for, and shows it as the run's state."""
        from prefect.states import Running

        self._logger.warning(message)
        self._told = True
        _show(Running(name=WAITING, message=message))

    def over(self) -> None:
        """Shows that the run goes on, if it had to wait."""
        from prefect.states import Running

        if self._told:
            _show(Running())
            self._told = False


def _show(state: State[Any]) -> None:
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    with suppress(Exception), get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, state)


@contextmanager
def unless_gone() -> Iterator[None]:
    """What is shown within is lost where the server does not answer."""
    import httpx

    with suppress(httpx.TransportError):
        yield


@contextmanager
def untagged_tasks() -> Iterator[None]:
    """Task runs that begin within do not have the run's tags.

    Prefect would ask the server before each of them whether a tag limits it.
    """
    from prefect.context import TagsContext

    with TagsContext(current_tags=set()):
        yield
