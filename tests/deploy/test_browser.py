"""The pages that people use, in a real browser: deployments, a run, its report, and the form of a backfill."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.deploy.browser import CHROMIUM, Page, open_browser
from tests.servers import Site
from tests.waiting import until

LOOKS_PER_CLICK = 40
"""How often the address is asked for before a button is clicked again: at 0.3 s each, some twelve seconds."""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with open_browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def _submit(site: Site, page: Page, deployment: str, **parameters: Any) -> Any:
    """Starts a run with the button, and returns it when it has ended."""
    found = site.deployment(deployment)
    address = f"{site.note.ui}/deployments/deployment/{found['id']}/run"
    page.open(f"{address}?parameters={quote(json.dumps(parameters))}" if parameters else address)
    page.wait_for("Run Name", "wait (Optional)", "Submit")
    _press(page, "Submit", leaves="/run")
    chosen = {"deployments": {"id": {"any_": [found["id"]]}}, "sort": "START_TIME_DESC"}
    chosen["flow_runs"] = {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}
    return until(lambda: site.api("flow_runs/filter", chosen), f"a run of {deployment} has ended")[0]


def _press(page: Page, button: str, leaves: str) -> None:
    """Clicks a button as a person does: again, when nothing came of it since the form was still being made ready."""

    def left() -> bool:
        if not str(page.evaluate("location.pathname")).endswith(leaves):
            return True
        if next(looks) % LOOKS_PER_CLICK == 0 and button in page.text():
            page.click(button)
        return False

    looks = itertools.count()
    try:
        until(left, f"{button} leads on from {leaves}")
    except AssertionError as error:
        error.add_note(f"The page shows:\n{page.text()[:3000]}")
        raise


def _report(site: Site, page: Page, key: str, *words: str) -> str:
    latest = site.api("artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
    page.open(f"{site.note.ui}/artifacts/artifact/{latest[0]['latest_id']}")
    return page.wait_for(*words)


def test_deployments_are_listed_with_their_schedules(running: Site, page: Page) -> None:
    page.open(f"{running.note.ui}/deployments")
    shown = page.wait_for("refresh-index", "maintain-store", "monitor-quality", "backfill", "At 02:00 AM every day")
    assert "docs" in shown
    assert "At 12:30 AM every day" in shown


def test_a_run_started_with_the_button_shows_its_outcome_and_its_report(running: Site, page: Page) -> None:
    run = _submit(running, page, "refresh-index/docs")
    assert run["state_name"] == "Completed"
    page.open(f"{running.note.ui}/runs/flow-run/{run['id']}")
    shown = page.wait_for(run["name"], "Completed", "corpus:docs", "released (release 1): 1 added")
    assert "Traceback" not in shown
    report = _report(running, page, "refresh-docs", "docs: released", "Readers see release 1.", "Documents", "Sources")
    assert "# docs" not in report  # rendered, not its markdown


def test_the_form_of_a_backfill_explains_itself_and_starts_a_plan(running: Site, page: Page) -> None:
    found = running.deployment("backfill/by-hand")
    page.open(f"{running.note.ui}/deployments/deployment/{found['id']}/run")
    shown = page.wait_for("targets", "start", "end", "window (Optional)", "reprocess (Optional)", "dry_run (Optional)")
    for name, part in found["parameter_openapi_schema"]["properties"].items():
        assert part["description"] in shown, name
    assert "; 1 to 16" in shown
    for choice in ("missing", "failed", "all", "oldest", "newest"):
        assert f"\n{choice}\n" in page.text(), choice
    values = page.evaluate("[...document.querySelectorAll('input, textarea')].map(e => e.value)")
    assert "1d" in values
    assert "P1D" not in values

    # All that the form fills in besides is taken by the flow.
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    span = {"start": (today - timedelta(days=1)).isoformat(), "end": today.isoformat()}
    run = _submit(running, page, "backfill/by-hand", targets=["docs"], **span)
    assert run["state"]["message"] == "planned: 1 of 1 windows to do"
    assert run["parameters"]["window"] == "1d"
    _report(running, page, "backfill-docs", "Backfill of docs: plan", "to do", "never done", "Nothing was done")


def test_screenshots_can_be_looked_at(running: Site, page: Page, tmp_path: Path) -> None:
    page.open(f"{running.note.ui}/dashboard")
    page.wait_for("Flow Runs")
    page.screenshot(tmp_path / "dashboard.png")
    assert (tmp_path / "dashboard.png").stat().st_size > 20_000
