"""Staleness: a document's age, and the dates and states that it states about itself."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from freshet.expectations.rules import Rule
from freshet.tasks.documents.checks.subject import Subject, judge, judge_above
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.spans import FOREVER, in_utc, shifted

REVIEW = (
    "review_by",
    "review_date",
    "next_review",
    "next_review_date",
    "review_on",
    "review_due",
    "reviewby",
    "due_for_review",
)
END = (
    "valid_until", "valid_to", "valid_through", "expires", "expires_on", "expires_at", "expiry", "expiry_date",
    "expiration", "expiration_date", "expirydate", "expirationdate", "best_before",
)  # fmt: skip
SUCCESSOR = ("superseded_by", "replaced_by", "obsoleted_by", "supersededby", "replacedby")
STATE = ("status", "state", "lifecycle", "document_status")
_LAST_REVIEW = ("last_reviewed_on", "last_reviewed", "reviewed_on", "reviewed")
_REVIEW_AFTER = ("review_in", "review_every", "review_period", "review_interval")
_OVER_STATES = frozenset(
    {"deprecated", "obsolete", "outdated", "archived", "withdrawn", "retired", "superseded", "expired", "inactive"}
    | {"discontinued", "veraltet", "abgelöst"}
)
_OVER_FLAGS = ("deprecated", "obsolete", "outdated", "archived", "withdrawn", "retired")
_DRAFT_STATES = frozenset({"draft", "wip", "work in progress", "in progress", "entwurf", "brouillon", "borrador"})

_PERIOD = re.compile(r"\s*(\d{1,3}|an?|one|every)\s*(day|week|month|year|[dwmy])s?\s*", re.I)
_PERIOD_DAYS = {"d": 1, "w": 7, "m": 30.44, "y": 365.25}
_NO_DATE = frozenset(
    {"", "none", "never", "n/a", "na", "-", "tbd", "null", "false", "unlimited", "indefinite", "unbefristet"}
)
_FORMATS = ("%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y", "%B %d %Y", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d")


def check_age(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """STALE-FUTURE: a change that has not happened yet. How old a document may be is `lineage.freshness`'s to say."""
    if subject.modified_at is None:
        return []
    ahead = (subject.modified_at - subject.as_of) / timedelta(days=1)
    return judge_above(
        rules, "STALE-FUTURE", ahead, modified_at=subject.modified_at.isoformat(), days_ahead=round(ahead, 2)
    )


def check_review_and_end(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """STALE-REVIEW, STALE-EXPIRED and, for dates that cannot be read, STALE-DATE."""
    review, end, unreadable = _stated(subject.stated)
    verdicts: list[Verdict] = []
    if review and subject.as_of > review[1]:
        days = (subject.as_of - review[1]) / timedelta(days=1)
        verdicts += judge_above(rules, "STALE-REVIEW", days, property=review[0], until=_day(review[1]), days=int(days))
    if end and subject.as_of > end[1]:
        verdicts += judge(rules, "STALE-EXPIRED", property=end[0], until=_day(end[1]))
    return verdicts + (judge(rules, "STALE-DATE", properties=unreadable) if unreadable else [])


def check_status(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """STALE-SUPERSEDED, STALE-DEPRECATED, STALE-DRAFT."""
    stated = subject.stated
    verdicts: list[Verdict] = []
    successor = next((name for name in SUCCESSOR if _says_something(stated.get(name))), None)
    if successor:
        verdicts += judge(rules, "STALE-SUPERSEDED", property=successor)
    states = {name: _words(stated[name]) for name in STATE if isinstance(stated.get(name), str)}
    over = [name for name, state in states.items() if state in _OVER_STATES]
    over += [name for name in _OVER_FLAGS if _is_set(stated.get(name))]
    if over:
        verdicts += judge(rules, "STALE-DEPRECATED", property=over[0])
    draft = [name for name, state in states.items() if state in _DRAFT_STATES]
    draft += ["draft"] if _is_set(stated.get("draft")) else []
    return verdicts + (judge(rules, "STALE-DRAFT", property=draft[0]) if draft else [])


def stated_moments(subject: Subject, rules: Mapping[str, Rule]) -> tuple[datetime | None, datetime | None]:
    """When the document will go stale, and when it must leave, by what it says about itself.

    The ledger keeps the earlier of these and the source's own, so that a document that nobody touches goes
    stale on the day that it names and not when it is next read. A moment counts towards what its rule's
    severity says: a corpus may let an ended document serve with a warning.
    """
    review, end, _ = _stated(subject.stated)
    grace = timedelta(days=(rules["STALE-REVIEW"].threshold or 0) if "STALE-REVIEW" in rules else 0)
    moments = [("STALE-REVIEW", shifted(review[1], grace))] if review else []
    moments += [("STALE-EXPIRED", end[1])] if end else []

    def earliest(severity: str) -> datetime | None:
        return min((at for code, at in moments if code in rules and rules[code].severity == severity), default=None)

    return earliest("warn"), earliest("block")


Named = tuple[str, datetime]


def _stated(stated: Mapping[str, Any]) -> tuple[Named | None, Named | None, list[str]]:
    """(review, end, properties whose date cannot be read); of several dates for one thing the earliest."""
    unreadable: list[str] = []

    def earliest(names: tuple[str, ...]) -> Named | None:
        found = []
        for name in names:
            value = stated.get(name)
            if value is None or _words(value) in _NO_DATE:
                continue
            moment = read_moment(value)
            if moment is None:
                unreadable.append(name)
            else:
                found.append((name, moment))
        return min(found, key=lambda pair: pair[1], default=None)

    review = earliest(REVIEW)
    return review or _review_after_last(stated), earliest(END), unreadable


def _review_after_last(stated: Mapping[str, Any]) -> Named | None:
    """The review that follows from the last one and a period: `last_reviewed_on: 2024-03-01`, `review_in: 6 months`."""
    last: datetime | None = next(
        (moment for name in _LAST_REVIEW if name in stated and (moment := read_moment(stated[name]))), None
    )
    name = next((name for name in _REVIEW_AFTER if stated.get(name)), None)
    period = _PERIOD.fullmatch(str(stated[name])) if name else None
    if last is None or name is None or period is None:
        return None
    count = int(period[1]) if period[1].isdigit() else 1
    days = min(round(count * _PERIOD_DAYS[period[2][0].lower()]), timedelta.max.days)
    return name, shifted(last, timedelta(days=days))


def read_moment(value: Any) -> datetime | None:
    """The end of the day, or the very moment, that a property states; UTC unless it says otherwise. None if unreadable.

    A month without a day ends with its last one. Dates whose order of day and month is a guess are not read.
    """
    text = str(value).strip() if not isinstance(value, bool) else ""
    if re.fullmatch(r"\d{4}-\d{2}", text):
        year, month = (int(part) for part in text.split("-"))
        return _end_of(date(year, month, monthrange(year, month)[1])) if 1 <= month <= 12 and year else None
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return _parsed(text, "%Y-%m-%d")
    if re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return in_utc(moment)
    return next((read for form in _FORMATS if (read := _parsed(text, form))), None)


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return _end_of(datetime.strptime(text, form).replace(tzinfo=UTC).date())
    except ValueError:
        return None


def _end_of(day: date) -> datetime:
    try:
        return datetime.combine(day + timedelta(days=1), time(), UTC)
    except OverflowError:
        return FOREVER


def _day(moment: datetime) -> str:
    """The last day before a moment, as people say it."""
    return (moment - timedelta(microseconds=1)).date().isoformat()


def _words(value: Any) -> str:
    return " ".join(str(value).lower().replace("_", " ").replace("-", " ").split()) or (
        "-" if str(value).strip() else ""
    )


def _is_set(value: Any) -> bool:
    """A flag that is on: `true`, `yes`, or a text that says since when or why."""
    return value is True or (isinstance(value, str) and _words(value) not in _NO_DATE | {"no", "off", "0"})


def _says_something(value: Any) -> bool:
    return bool(value) and not isinstance(value, bool) and _words(value) not in _NO_DATE
