"""Schedules as they may be written, and the events that flows send."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from freshet.expectations.rules import RULES
from freshet.tasks.ledger.builds import BuildReport
from freshet.tasks.ledger.runs import RefreshReport
from freshet.tasks.reports.events import (
    CORPUS_CURRENT,
    QUARANTINE_GREW,
    RELEASE_PUBLISHED,
    RELEASE_REJECTED,
    WITHDRAWALS_WITHHELD,
    Event,
    build_events,
    emit,
    freshness_event,
    quarantine_event,
    refresh_events,
)
from freshet.tasks.settings.schedules import CorpusSchedule, Schedules

NOW = datetime(2030, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["0 2 * * *", "*/15 * * * *", "0 4 * * 0", "0 4 * * sun", "30 1-5,9 1 jan-mar mon-fri", "0-30/10 7 * * 7"]
)
def test_a_usual_cron_is_taken_and_prefect_takes_it_too(text: str) -> None:
    assert Schedules.model_validate({"daily": text}).daily == text
    assert CronSchedule(cron=text)


@pytest.mark.parametrize(
    "text",
    ["", "daily", "@daily", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8", "0 2 * *",
     "0 2 * * * *", "H 2 * * *", "R R * * *", "*/0 * * * *", "5-1 * * * *", "0 2 * * funday", "1/ * * * *",
     "-1 * * * *"],
)  # fmt: skip
def test_what_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Schedules.model_validate({"daily": text})


def _span(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    part = st.one_of(
        st.just("*"),
        number.map(str),
        st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}"),
        st.integers(1, most).map(lambda step: f"*/{step}"),
    )
    return st.lists(part, min_size=1, max_size=3).map(",".join)


@given(st.tuples(_span(0, 59), _span(0, 23), _span(1, 31), _span(1, 12), _span(0, 7)).map(" ".join))
def test_whatever_cron_is_taken_prefect_takes(text: str) -> None:
    assert Schedules.model_validate({"weekly": text}).weekly == text
    CronSchedule(cron=text)


def test_off_may_be_written_bare() -> None:
    assert Schedules.model_validate({"daily": False}).daily == "off"
    assert CorpusSchedule.model_validate({"weekly": "off"}).weekly == "off"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "", "+01:00", "/usr/share/zoneinfo/UTC"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError):
        Schedules.model_validate({"timezone": zone})


def _report(**given: Any) -> RefreshReport:
    report = RefreshReport(corpus="docs", run_id="r1", as_of=NOW, outcome="released", release=3)
    report.sources = [{"source": "docs", "complete": True, "listed": 1, "error": None}]
    for name, value in given.items():
        setattr(report, name, value)
    return report


def _named(report: RefreshReport) -> dict[str, Event]:
    return {event.name: event for event in refresh_events(report, "freshet")}


def test_a_release_is_told_and_that_the_corpus_is_current() -> None:
    told = _named(_report(documents={"added": 2, "withheld": 0}))
    assert set(told) == {RELEASE_PUBLISHED, CORPUS_CURRENT}
    assert told[RELEASE_PUBLISHED].payload == {"run": "r1", "release": 3, "documents": {"added": 2}}
    assert told[CORPUS_CURRENT].resource["prefect.resource.id"] == "freshet.corpus.freshet.docs"


def test_a_refresh_with_nothing_to_do_is_a_sign_of_life() -> None:
    assert set(_named(_report(outcome="unchanged"))) == {CORPUS_CURRENT}


def test_a_rejected_release_is_told_by_numbers_and_is_no_sign_of_life() -> None:
    told = _named(_report(outcome="rejected", reasons=["GATE-EXAM: worse (question: who is paid what)"], release=2))
    assert set(told) == {RELEASE_REJECTED}
    payload = {**told[RELEASE_REJECTED].payload}
    assert "question" not in payload.pop("why")
    assert payload == {"run": "r1", "serving": 2, "reasons": 1}


def test_a_source_that_could_not_be_listed_leaves_the_corpus_out_of_date() -> None:
    broken = [{"source": "docs", "complete": False, "listed": 0, "error": "gone"}]
    told = _named(_report(outcome="unchanged", sources=broken))
    assert set(told) == {"freshet.corpus.degraded"}
    assert told["freshet.corpus.degraded"].payload == {"run": "r1", "sources": ["docs"], "why": "docs: gone"}


def test_withheld_withdrawals_are_told() -> None:
    report = _report()
    report.documents["withheld"] = 12
    assert _named(report)[WITHDRAWALS_WITHHELD].payload["withheld"] == 12


def test_a_dataset_tells_of_its_versions() -> None:
    report = BuildReport(dataset="answers", run_id="r2", as_of=NOW, outcome="published", version="v2")
    report.rows |= {"read": 5, "kept": 4, "rejected": 1}
    told = build_events(report, "freshet")
    assert [one.name for one in told] == ["freshet.dataset.published", "freshet.dataset.current"]
    assert told[0].payload == {"run": "r2", "version": "v2", "rows": {"read": 5, "kept": 4, "rejected": 1}}
    assert told[1].resource["prefect.resource.id"] == "freshet.dataset.freshet.answers"
    report.outcome = "unchanged"
    assert [one.name for one in build_events(report, "freshet")] == ["freshet.dataset.current"]
    report.outcome, report.reasons = "rejected", ["VERSION-OPENAI: row 'my secret' leaks"]
    (rejected,) = build_events(report, "freshet")
    assert (rejected.name, rejected.payload["reasons"]) == ("freshet.dataset.rejected", 1)
    assert rejected.payload["why"] == f"VERSION-OPENAI: {RULES['VERSION-OPENAI'].why}"


def test_a_quarantine_that_grew_is_told_by_codes() -> None:
    told = quarantine_event("freshet", "docs", {"A": 1, "B": 5}, {"A": 3, "B": 5, "C": 1})
    assert told
    assert told.name == QUARANTINE_GREW
    assert told.payload == {"before": 6, "now": 9, "codes": ["A", "C"]}
    assert quarantine_event("freshet", "docs", {"A": 2}, {"B": 2}) is None
    assert quarantine_event("freshet", "docs", None, {"A": 2}) is None, "there is nothing that it grew from"
    assert quarantine_event("freshet", "docs", {"A": 2}, {"A": 3}, least=2) is None


def test_payloads_are_json_and_small() -> None:
    event = freshness_event("freshet", "dataset", "answers", None, 86400.0)
    why = "it was never brought up to date; allowed are 1 d"
    assert json.loads(json.dumps(dict(event.payload))) == {"age_seconds": None, "objective_seconds": 86400, "why": why}
    assert event.resource["freshet.dataset"] == "answers"


def test_an_event_that_cannot_be_sent_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("no server")

    monkeypatch.setattr("prefect.events.emit_event", broken)
    assert emit(freshness_event("freshet", "corpus", "docs", 1.0, 1.0)) is False
