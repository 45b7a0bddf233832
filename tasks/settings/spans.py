"""Moments, spans of time, and what runs are about: the words that settings and runs share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Order = Literal["oldest", "newest"]

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)
"""The first and the last day that a moment can be of; the last one stands for never."""


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken for UTC."""
    # Prefect's moments are of a class of their own; the standard library's are what the rest of the code compares.
    plain = datetime.fromisoformat(moment.isoformat())
    if plain.tzinfo is None:
        return plain.replace(tzinfo=UTC)
    try:
        return plain.astimezone(UTC)
    except OverflowError:  # the first or the last day, in a zone whose clock is ahead of or behind the calendar's end
        return FOREVER if plain.year > 1 else LONG_AGO


class Window(BaseModel):
    """A half-open span of time: from `start` on, up to and without `end`; both in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Annotated[datetime, AfterValidator(in_utc), Field(description="its first moment; UTC without a zone")]
    end: Annotated[datetime, AfterValidator(in_utc), Field(description="the first moment after it")]

    @model_validator(mode="after")
    def _is_not_empty(self) -> Window:
        if self.start >= self.end:
            raise ValueError("a window ends after it starts")
        return self

    def __contains__(self, moment: datetime) -> bool:
        """Whether a moment lies in the window."""
        return self.start <= moment < self.end

    @property
    def name(self) -> str:
        """How runs are called after it: 2026-10-01, or with the time where it does not start at midnight."""
        midnight = self.start == self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return f"{self.start:%Y-%m-%d}" if midnight else f"{self.start:%Y-%m-%dT%H:%M}"

    def __str__(self) -> str:
        """The window as people read it: its start and its end."""
        return f"{_short(self.start)} – {_short(self.end)}"


def _short(moment: datetime) -> str:
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    for zeroes in (".000000", ":00", " 00:00"):
        text = text.removesuffix(zeroes)
    return text


def shifted(moment: datetime, span: timedelta) -> datetime:
    """`moment` moved by `span`, at most to the first or the last day that dates can name.

    Spans come from settings and documents, where 9000y means for ever: a calendar that ends is no reason to fail.
    """
    try:
        return max(LONG_AGO, min(moment + span, FOREVER))
    except OverflowError:
        return FOREVER if span > timedelta(0) else LONG_AGO


def moment_of(as_of: datetime | None) -> datetime:
    """The moment that a run speaks for, with a time zone; now, where none is given."""
    # Prefect's moments are of a class of their own, which does not divide by the standard library's durations.
    moment = datetime.fromisoformat(as_of.isoformat()) if as_of else datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Kind = Literal["corpus", "dataset"]
