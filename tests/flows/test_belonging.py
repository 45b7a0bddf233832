"""Whoever starts a run, it carries the tags by which its project's automations know it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from tests.flows import test_backfill as backfills
from tests.flows.conftest import Project

if TYPE_CHECKING:
    from prefect.client.schemas import FlowRun

ALERTED, PART = "freshet:freshet", "freshet-part:freshet"


def _runs(*names: str, but: Collection[UUID] = ()) -> list[tuple[str, set[str]]]:
    """(name of the flow, tags) of the runs of these flows, oldest first, without those of some ids."""
    found = [one for one in _all_runs(*names) if one[1].id not in but]
    return [(name, set(run.tags)) for name, run in sorted(found, key=lambda one: str(one[1].start_time))]


def _all_runs(*names: str) -> list[tuple[str, FlowRun]]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    found: list[tuple[str, FlowRun]] = []
    with get_client(sync_client=True) as client:
        for name in names:
            about = FlowFilter(name=FlowFilterName(any_=[name]))
            # The server gives a page at a time, and all tests of a process share the server.
            while runs := client.read_flow_runs(
                flow_filter=about, sort=FlowRunSort.ID_DESC, offset=sum(one[0] == name for one in found)
            ):
                found += [(name, run) for run in runs]
    return found


def _ids(*names: str) -> set[UUID]:
    return {run.id for _, run in _all_runs(*names)}


def test_a_refresh_from_python_or_within_a_flow_of_the_users_own_is_tagged(project: Project) -> None:
    from prefect import flow, tags

    from freshet.flows.refresh_index import refresh_index

    @flow(name="users-own")
    def users_own() -> Any:
        with tags("theirs"):
            return refresh_index(corpus="docs", config=project.config)["outcome"]

    project.write("rule.md", "# Rule\n\nNobody works on Sunday.\n")
    before = _ids("refresh-index")
    assert refresh_index("docs", project.config)["outcome"] == "released"
    own = _ids("users-own")
    assert users_own() == "unchanged"
    assert _runs("refresh-index", but=before) == [
        ("refresh-index", {ALERTED, "corpus:docs"}),
        ("refresh-index", {ALERTED, "corpus:docs", "theirs"}),
    ]
    assert _runs("users-own", but=own) == [("users-own", set())]


def test_what_runs_within_a_run_of_the_project_is_told_apart_from_it(project: Project) -> None:
    """An alert that tells of a failed backfill tells of its windows; those are still marked crashed where they die."""
    names = ("backfill", "backfill-window", "refresh-index")
    backfills.filled(project)
    before = _ids(*names)
    assert backfills.run(project)["outcome"] == "done"
    made = _runs(*names, but=before)
    assert [name for name, tags in made if ALERTED in tags] == ["backfill"]
    assert [PART in tags for name, tags in made if name != "backfill"] == [True] * 8


def test_a_run_with_wrong_settings_says_so_itself(project: Project) -> None:
    from freshet.flows.refresh_index import refresh_index
    from freshet.tasks.errors import SettingsError

    project.config.write_text("store: [\n")
    with pytest.raises(SettingsError):
        refresh_index("docs", project.config)
    with pytest.raises(TypeError):
        refresh_index("docs", "more", "and", "still", "more", "words", "than", "it", "takes")  # type: ignore[call-arg]
