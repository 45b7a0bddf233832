"""What documents state about their own age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Subject
from freshet.tasks.documents.checks.dates import check_review_and_end, check_status, read_moment, stated_moments
from freshet.tasks.documents.elements import Element, ParsedDocument
from freshet.tasks.settings.spans import FOREVER, LONG_AGO, shifted

RULES = {rule.code: rule for rule in DOCUMENT_RULES}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def subject(as_of: datetime = NOW, **properties: Any) -> Subject:
    return Subject("a.md", ParsedDocument("Text.", [Element("NarrativeText", 0, 5)], None, properties), as_of)


def codes(document: Subject) -> list[str]:
    return [v.code for check in (check_review_and_end, check_status) for v in check(document, RULES)]


@pytest.mark.parametrize(
    ("stated", "end"),
    [
        ("2026-02-28", "2026-03-01T00:00:00+00:00"),
        ("2026-02", "2026-03-01T00:00:00+00:00"),
        ("2025-12", "2026-01-01T00:00:00+00:00"),
        ("28 February 2026", "2026-03-01T00:00:00+00:00"),
        ("Feb 28, 2026", "2026-03-01T00:00:00+00:00"),
        ("28.02.2026", "2026-03-01T00:00:00+00:00"),
        ("20260228", "2026-03-01T00:00:00+00:00"),
        (20260228, "2026-03-01T00:00:00+00:00"),
        ("2026-02-28T10:00:00", "2026-02-28T10:00:00+00:00"),
        ("2026-02-28T10:00:00+02:00", "2026-02-28T10:00:00+02:00"),
    ],
)
def test_dates_are_read_as_people_write_them(stated: Any, end: str) -> None:
    moment = read_moment(stated)
    assert moment is not None
    assert moment == datetime.fromisoformat(end)


@pytest.mark.parametrize(
    "stated", ["03/04/2026", "soon", "2026-13-01", "2026-00", True, "2026", ["2026-01-01"], "31.02.2026"]
)
def test_what_is_no_date_or_could_be_two_is_not_read(stated: Any) -> None:
    assert read_moment(stated) is None


def test_the_last_day_that_there_is_stands_for_never() -> None:
    assert codes(subject(expires="9999-12-31")) == []


def test_the_named_day_itself_still_counts() -> None:
    last_moment = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
    assert codes(subject(last_moment, valid_until="2026-02-28", review_by="2026-02-28")) == []
    assert codes(subject(last_moment + timedelta(minutes=2), valid_until="2026-02-28")) == ["STALE-EXPIRED"]


def test_ages_are_judged_against_as_of_in_any_zone() -> None:
    east = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=10)))
    assert codes(subject(east, expires="2026-02-28")) == []


def test_of_several_dates_the_earliest_counts() -> None:
    [verdict] = check_review_and_end(subject(expires="2027-01-01", valid_until="2025-05-05"), RULES)
    assert verdict.evidence == {"property": "valid_until", "until": "2025-05-05"}


@pytest.mark.parametrize(
    ("period", "stale"), [("6 months", True), ("1 year", True), ("2 years", False), ("90 days", True), ("often", False)]
)
def test_a_review_follows_from_the_last_one_and_its_period(period: str, stale: bool) -> None:
    document = subject(last_reviewed_on="2024-06-01", review_in=period)
    assert ("STALE-REVIEW" in codes(document)) == stale


@pytest.mark.parametrize("name", ["Review By", "review-by", "REVIEW_BY"])
def test_names_are_read_however_they_are_written(name: str) -> None:
    assert codes(subject(**{name: "2020-01-01"})) == ["STALE-REVIEW"]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"outdated": True}, ["STALE-DEPRECATED"]),
        ({"outdated": "yes, since 2023"}, ["STALE-DEPRECATED"]),
        ({"outdated": "no"}, []),
        ({"archived": False}, []),
        ({"status": "work-in-progress"}, ["STALE-DRAFT"]),
        ({"status": 3}, []),
        ({"replaced_by": ["a.md", "b.md"]}, ["STALE-SUPERSEDED"]),
        ({"replaced_by": True}, []),
        ({"superseded_by": ""}, []),
    ],
)
def test_states(properties: dict[str, Any], expected: list[str]) -> None:
    assert codes(subject(**properties)) == expected


def test_the_ledger_learns_the_moments_that_a_document_states() -> None:
    document = subject(review_by="2026-05-31", valid_until="2026-12-31")
    assert stated_moments(document, RULES) == (datetime(2026, 6, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert stated_moments(subject(), RULES) == (None, None)


def test_a_moment_counts_as_its_rule_is_tuned() -> None:
    document = subject(review_by="2026-05-31", valid_until="2026-03-31")
    tuned = {
        "STALE-REVIEW": replace(RULES["STALE-REVIEW"], threshold=10),
        "STALE-EXPIRED": replace(RULES["STALE-EXPIRED"], severity="warn"),
    }
    assert stated_moments(document, tuned) == (datetime(2026, 4, 1, tzinfo=UTC), None)
    assert stated_moments(document, {"STALE-REVIEW": tuned["STALE-REVIEW"]}) == (
        datetime(2026, 6, 11, tzinfo=UTC),
        None,
    )


@pytest.mark.parametrize("value", ["9999-12", "9999-12-31", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00"])
def test_dates_at_the_ends_of_the_calendar_are_read(value: str) -> None:
    moment = read_moment(value)
    assert moment is not None
    assert moment.astimezone(UTC).year in (1, 9999)


def test_a_span_beyond_the_calendar_ends_with_it() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert shifted(now, timedelta(days=365 * 9000)) == FOREVER
    assert shifted(now, -timedelta(days=365 * 9000)) == LONG_AGO
    assert shifted(now, timedelta(days=1)) == datetime(2026, 11, 23, tzinfo=UTC)
