"""What freshet.yaml may say of when things run, and of the Prefect server that runs them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, WithJsonSchema

from freshet.tasks.settings.types import CorpusName, Count, Duration, Strict, Text, Unbooled

CRON_HELP = (
    "write off, or five fields: minute, hour, day of the month, month, day of the week, like 0 2 * * * for two at night"
)
TIME_ZONE_HELP = "write the name of a time zone, like Europe/Berlin or UTC"
CRON_PATTERN = r"^(off|\S+( +\S+){4})$"
TIME_ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+/-]*$"

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_Bounds = tuple[int, int, tuple[str, ...]]
_FIELDS: tuple[_Bounds, ...] = ((0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 7, _DAYS))
"""Lowest and highest number of each field, and the names that stand for numbers from the lowest on."""


def _number(text: str, least: int, most: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return least + names.index(text.lower())
    if not re.fullmatch(r"[0-9]{1,2}", text) or not least <= int(text) <= most:
        raise ValueError(CRON_HELP)
    return int(text)


def _cron(text: str) -> str:
    # Prefect's own reader would take a second to load, for every command; tests hold the two against each other.
    if text == "off":
        return text
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(CRON_HELP)
    for field, (least, most, names) in zip(fields, _FIELDS, strict=True):
        for part in field.split(","):
            span, _, step = part.partition("/")
            if ("/" in part and not re.fullmatch(r"[1-9][0-9]?", step)) or ("/" in part and int(step) > most):
                raise ValueError(CRON_HELP)
            if span == "*":
                continue
            first, dash, last = span.partition("-")
            start = _number(first, least, most, names)
            if dash and _number(last, least, most, names) < start:
                raise ValueError(CRON_HELP)
    return " ".join(fields)


def _time_zone(text: str) -> str:
    if not re.fullmatch(TIME_ZONE_PATTERN, text):
        raise ValueError(TIME_ZONE_HELP)
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(TIME_ZONE_HELP) from None
    return text


Cron = Annotated[str, Unbooled, AfterValidator(_cron), WithJsonSchema({"type": "string", "pattern": CRON_PATTERN})]
TimeZone = Annotated[str, AfterValidator(_time_zone), WithJsonSchema({"type": "string", "pattern": TIME_ZONE_PATTERN})]


class Schedules(Strict):
    """When things run, as cron expressions, or off."""

    timezone: TimeZone = Field("UTC", description="the time zone that all of these are in, like Europe/Berlin")
    daily: Cron = Field("0 2 * * *", description="quick refreshes of every corpus")
    weekly: Cron = Field(
        "0 4 * * 0", description="full refreshes of every corpus: hash everything, check links, reconcile, compact"
    )
    versions: Cron = Field("0 6 * * 1", description="versions of every dataset")
    maintenance: Cron = Field("30 0 * * *", description="maintenance of the store")
    monitor: Cron = Field("5 * * * *", description="looks whether freshness objectives are kept")


class CorpusSchedule(Strict):
    """When a corpus is refreshed, where that is other than for all."""

    timezone: TimeZone | None = Field(None, description="in place of the project's")
    daily: Cron | None = Field(None, description="quick refreshes, in place of the project's")
    weekly: Cron | None = Field(None, description="full refreshes, in place of the project's")
    objective: Duration | None = Field(
        timedelta(days=2), description="a corpus that no refresh has brought up to date for longer raises an alert"
    )


class DatasetSchedule(Strict):
    """When a dataset gets its versions, where that is other than for all."""

    timezone: TimeZone | None = Field(None, description="in place of the project's")
    versions: Cron | None = Field(None, description="in place of the project's")
    objective: Duration | None = Field(
        None, description="a dataset that no run has brought up to date for longer raises an alert"
    )


class Deployment(Strict):
    """How the project appears on its Prefect server."""

    project: CorpusName = Field(
        "freshet", description="name of the project on its server; each project of a server needs its own"
    )
    work_pool: Text = Field("freshet", description="work pool whose workers do the runs")
    most_runs: Count = Field(4, ge=1, le=1000, description="runs at once in the work pool")
    alerts: Text = Field(
        "freshet-alerts", description="name of the Prefect notification block that alerts are sent through"
    )

    @property
    def tag(self) -> str:
        """By which all that belongs to the project is known on its server."""
        return f"freshet:{self.project}"

    @property
    def part_tag(self) -> str:
        """The tag of a run that is a part of another of the project's runs; no alert tells it by itself."""
        return f"freshet-part:{self.project}"

    def own(self, name: str) -> str:
        """The name on the server of what each project has one of: with the project's after it, unless that is usual."""
        return name if self.project == type(self)().project else f"{name}-{self.project}"
