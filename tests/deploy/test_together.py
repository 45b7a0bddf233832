"""Two schedules and a backfill at once on one corpus: they take turns, are seen to wait, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from freshet.tasks.store.locks import hold_corpus
from freshet.tasks.store.tables import Store
from tests.servers import Site
from tests.waiting import until

FINAL = {"Completed", "Failed", "Crashed", "Cancelled"}


def test_two_refreshes_and_a_backfill_take_turns(site: Site) -> None:
    site.add_documents(40)
    site.environment["PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS"] = "3"
    site.up()
    now = datetime.now(UTC)
    span = {"start": now.replace(hour=0, minute=0, second=0).isoformat(), "end": now.isoformat()}
    with hold_corpus(Store(str(site.folder / "store")), "docs", "another-writer", timedelta(0), print):
        backfill = site.start_run("backfill/by-hand", targets=["docs"], dry_run=False, **span)
        runs = [site.start_run(corpus="docs"), site.start_run(corpus="docs", full=True)]

        def waiting() -> bool:
            """Of the two refreshes one waits in line for the other; that one and the backfill's wait for the lock."""
            found = site.api("flow_runs/filter", {"flow_runs": {"name": {"like_": "refresh-docs-"}}})
            shown = [one["state"]["message"] for one in found if one["state_name"] == "Waiting"]
            in_line = [site.run(run)["state_name"] for run in runs].count("AwaitingConcurrencySlot")
            told = [one for one in shown if one.startswith("waiting: corpus docs is held by another-writer")]
            return (len(told), in_line) == (2, 1)

        until(waiting, "all three are seen to wait")
        assert site.freshet_json("releases", "docs")["releases"] == []

    def ended() -> list[str]:
        names = [site.run(run)["state_name"] for run in [backfill, *runs]]
        return names if set(names) <= FINAL else []

    assert until(ended, "all have ended") == ["Completed"] * 3
    site.assert_whole(documents=41)
    again = site.wait_for(site.start_run(), "Completed")
    assert again["state"]["message"].startswith("unchanged")
    limit = site.deployment()["global_concurrency_limit"]
    assert (limit["limit"], limit["active_slots"]) == (1, 0)
