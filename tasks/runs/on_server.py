"""What a run shows on its Prefect server besides its end. None of it is a reason to fail, or a server that is gone."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import RunCancelled

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State

WAITING = "Waiting"
"""The name of a state; of Prefect's types it is a running one, since the process runs."""


class Waiting:
    """Tells that the run of this process waits for another writer, and that it no longer does."""

    def __init__(self, logger: logging.Logger | logging.LoggerAdapter[Any]) -> None:
        """Begins without anything to wait for."""
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


def stop_if_cancelled() -> None:
    """Ends the run if somebody cancelled it, or the run that it is a part of; asks the server.

    A worker stops a run by a signal, and may hear of the wish late; the signal may be lost in a library's code; and
    nobody watches a run that was typed at a terminal. So a run asks of its own accord between its batches, and before
    anything is published.

    Raises:
        RunCancelled: it was cancelled.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.runtime import flow_run

    if flow_run.id is None:
        return
    states: list[State[Any] | None] = []
    # A server that cannot be asked has not told anybody to stop.
    with suppress(Exception), get_client(sync_client=True) as client:
        ids = FlowRunFilterId(any_=list({flow_run.id, _root_of(flow_run.id)}))
        states = [one.state for one in client.read_flow_runs(flow_run_filter=FlowRunFilter(id=ids))]
    if any(state is not None and (state.is_cancelling() or state.is_cancelled()) for state in states):
        raise RunCancelled("the run was cancelled", "What it committed stays; run it again to go on.")


@contextmanager
def heeding_signals() -> Iterator[None]:
    """A signal to end, for a run that somebody cancelled, is taken for just that.

    A worker tells its run of the wish before it sends the signal. A run that is too busy to hear, or whose worker is
    another by now, only gets the signal, which Prefect takes for a crash.

    Raises:
        RunCancelled: the signal came, and somebody cancelled the run.
    """
    from prefect.exceptions import TerminationSignal

    try:
        yield
    except TerminationSignal:
        stop_if_cancelled()
        raise


def tag_this_run(marks: Collection[str]) -> None:
    """Adds tags to the run that is going on. A tag is no reason to fail."""
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    with suppress(Exception), get_client(sync_client=True) as client:
        client.update_flow_run(flow_run.id, tags={*flow_run.tags, *marks})


@lru_cache(maxsize=64)
def _root_of(run_id: str) -> str:
    """The run that a run of this process is a part of at last; itself, where it is none."""
    from prefect.runtime import flow_run

    return str(flow_run.root_flow_run_id)


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
