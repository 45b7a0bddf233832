"""Whoever starts a run, it carries the tags by which its project's automations know it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.flows import test_backfill as backfills
from tests.flows.conftest import Project

ALERTED, PART = "freshet:freshet", "freshet-part:freshet"


def _runs(*names: str) -> list[tuple[str, set[str]]]:
    """(name of the flow, tags) of the runs of these flows, oldest first."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    found = []
    with get_client(sync_client=True) as client:
        for name in names:
            about = FlowFilter(name=FlowFilterName(any_=[name]))
            # The server gives a page at a time, and all tests of a process share the server.
            while runs := client.read_flow_runs(
                flow_filter=about, sort=FlowRunSort.START_TIME_ASC, offset=sum(one[1] == name for one in found)
            ):
                found += [(run.start_time, name, set(run.tags)) for run in runs]
    return [(name, tags) for _, name, tags in sorted(found, key=lambda one: str(one[0]))]


def test_a_refresh_from_python_or_within_a_flow_of_the_users_own_is_tagged(project: Project) -> None:
    from prefect import flow, tags

    from freshet.flows.refresh_index import refresh_index

    @flow(name="users-own")
    def users_own() -> Any:
        with tags("theirs"):
            return refresh_index(corpus="docs", config=project.config)["outcome"]

    project.write("rule.md", "# Rule\n\nNobody works on Sunday.\n")
    before = len(_runs("refresh-index"))
    assert refresh_index("docs", project.config)["outcome"] == "released"
    assert users_own() == "unchanged"
    assert _runs("refresh-index")[before:] == [
        ("refresh-index", {ALERTED, "corpus:docs"}),
        ("refresh-index", {ALERTED, "corpus:docs", "theirs"}),
    ]
    assert _runs("users-own")[-1:] == [("users-own", set())]


def test_what_runs_within_a_run_of_the_project_is_told_apart_from_it(project: Project) -> None:
    """An alert that tells of a failed backfill tells of its windows; those are still marked crashed where they die."""
    names = ("backfill", "backfill-window", "refresh-index")
    backfills.filled(project)
    before = len(_runs(*names))
    assert backfills.run(project)["outcome"] == "done"
    made = _runs(*names)[before:]
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
