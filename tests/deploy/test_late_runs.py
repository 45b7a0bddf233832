"""After downtime, of the late runs only the newest works."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from freshet.tasks.runs.late import covering_run, covers
from tests.servers import Site, free_port


@pytest.mark.parametrize(
    ("later", "earlier", "does"),
    [
        ({"corpus": "docs"}, {"corpus": "docs"}, True),
        ({"corpus": "docs", "full": True}, {"corpus": "docs"}, True),
        ({"corpus": "docs"}, {"corpus": "docs", "full": True}, False),
        ({"corpus": "docs", "full": True}, {"corpus": "docs", "full": True}, True),
        ({"corpus": "more"}, {"corpus": "docs"}, False),
        ({"corpus": "docs", "wait": 1}, {"corpus": "docs"}, False),
    ],
)
def test_a_run_covers_what_asks_for_no_more(later: dict[str, object], earlier: dict[str, object], does: bool) -> None:
    assert covers(later, earlier) is does


@pytest.fixture
def server(site: Site) -> Iterator[Site]:
    """A server without a worker, so that runs stay where they are."""
    from freshet.deploy.serve import start_server
    from freshet.tasks.settings.file import load_project

    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_HOME", "PREFECT_API_URL", "DO_NOT_TRACK"):
            patch.setenv(name, "")  # start_server sets them; this puts them back
        started = start_server(load_project(site.folder / "freshet.yaml"), "127.0.0.1", free_port())
        site.freshet("deploy")
        with temporary_settings({PREFECT_API_URL: started.note.api}):
            yield site


def test_a_pile_of_late_runs_has_one_that_works(server: Site) -> None:
    deployment = server.deployment()
    now = datetime.now(UTC)
    # What the scheduler would have made, had it been up while no worker was.
    span = {"start_time": (now - timedelta(days=8)).isoformat(), "end_time": now.isoformat(), "min_runs": 8}
    server.api(f"deployments/{deployment['id']}/schedule", {**span, "max_runs": 100})
    runs = server.api("flow_runs/filter", {"deployments": {"id": {"any_": [deployment["id"]]}}})
    runs.sort(key=lambda run: run["expected_start_time"])
    late = [run for run in runs if datetime.fromisoformat(run["expected_start_time"]) < now]
    quick = [run for run in late if not run["parameters"].get("full")]
    full = [run for run in late if run["parameters"].get("full")]
    assert len(quick) >= 7
    assert full
    assert {run["created_by"]["display_value"] for run in quick} == {"daily"}
    assert {run["created_by"]["display_value"] for run in full} == {"weekly"}

    def covered(run: dict[str, str], at: datetime) -> str | None:
        scheduled = datetime.fromisoformat(run["expected_start_time"])
        return covering_run(UUID(deployment["id"]), scheduled, run["parameters"], at)  # type: ignore[arg-type]

    working = [run["id"] for run in late if covered(run, now) is None]
    # A full one does what the quick ones before it would; after it, the newest quick one.
    assert set(working) == {full[-1]["id"], late[-1]["id"]}
    # Punctual runs are not asked about, and a person's are none of the schedule's.
    oldest = datetime.fromisoformat(quick[0]["expected_start_time"])
    assert covered(quick[0], oldest + timedelta(seconds=30)) is None


def test_what_the_weekly_schedule_does_outlives_its_parameters(server: Site) -> None:
    """Pausing a schedule in the UI writes {} over them; its runs are full refreshes all the same."""
    from prefect.client.orchestration import get_client

    from freshet.tasks.runs.scheduled import asked_of

    deployment = server.deployment()
    weekly = next(one for one in deployment["schedules"] if one["slug"] == "weekly")
    with get_client(sync_client=True) as client:
        for active in (False, True):
            client.update_deployment_schedule(UUID(deployment["id"]), UUID(weekly["id"]), active=active)
        kept = server.deployment()["schedules"]
        wiped = next(one for one in kept if one["slug"] == "weekly")["parameters"]
        assert wiped == {}, "Prefect keeps them by now: the slug need not tell any more"
        now = datetime.now(UTC)
        span = {"start_time": now.isoformat(), "end_time": (now + timedelta(days=15)).isoformat(), "min_runs": 2}
        server.api(f"deployments/{deployment['id']}/schedule", {**span, "max_runs": 100})
        found = client.read_flow_runs(limit=200)
    made = {one.created_by.display_value: asked_of(one).get("full") for one in found if one.created_by}
    assert (made["daily"], made["weekly"]) == (None, True)
