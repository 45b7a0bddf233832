"""Two schedules and a backfill at once on one corpus: they take turns, are seen to wait, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.deploy.conftest import Site, until

FINAL = {"Completed", "Failed", "Crashed", "Cancelled"}


def test_two_refreshes_and_a_backfill_take_turns(site: Site) -> None:
    site.add_documents(40)
    site.environment["PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS"] = "3"
    site.up()
    now = datetime.now(UTC)
    span = {"start": now.replace(hour=0, minute=0, second=0).isoformat(), "end": now.isoformat()}
    backfill = site.start_run("backfill/by-hand", targets=["docs"], dry_run=False, **span)
    runs = [site.start_run(corpus="docs"), site.start_run(corpus="docs", full=True)]

    def ended() -> list[str]:
        names = [site.run(run)["state_name"] for run in [backfill, *runs]]
        return names if set(names) <= FINAL else []

    assert until(ended, 240, "all have ended") == ["Completed"] * 3
    # Of the two refreshes one waits in line for the other, and the backfill and a refresh wait for the lock.
    seen = [site.states(run) for run in runs]
    assert any("AwaitingConcurrencySlot" in one for one in seen)
    mine = {"flow_runs": {"name": {"like_": "refresh-docs-"}}}
    refreshes = site.api("flow_runs/filter", mine)
    assert len(refreshes) == 3  # the backfill's window refreshes as well
    waited = [one for one in refreshes if "Waiting" in site.states(one["id"])]
    assert waited
    for one in waited:
        states = site.api(f"flow_run_states/?flow_run_id={one['id']}")
        told = next(state["message"] for state in states if state["name"] == "Waiting")
        assert told.startswith("waiting: corpus docs is held by refresh-docs-")

    site.assert_whole(documents=41)
    again = site.wait_for(site.start_run(), "Completed")
    assert again["state"]["message"].startswith("unchanged")
    limit = site.deployment()["global_concurrency_limit"]
    assert (limit["limit"], limit["active_slots"]) == (1, 0)
