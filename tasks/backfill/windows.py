"""Spans of time, half-open: what a backfill covers, and the windows that it is cut into."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.types import DURATION_HELP, Duration, duration_text

Order = Literal["oldest", "newest"]

MOST_WINDOWS = 1000
SHORTEST = timedelta(minutes=1)


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one without a zone is taken for UTC."""
    # Prefect's moments are of a class of their own; the standard library's are what the rest of the code compares.
    plain = datetime.fromisoformat(moment.isoformat())
    return plain.astimezone(UTC) if plain.tzinfo else plain.replace(tzinfo=UTC)


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
        return self.start <= moment < self.end

    @property
    def name(self) -> str:
        """How runs are called after it: 2026-10-01, or with the time where it does not start at midnight."""
        midnight = self.start == self.start.replace(hour=0, minute=0, second=0, microsecond=0)
        return f"{self.start:%Y-%m-%d}" if midnight else f"{self.start:%Y-%m-%dT%H:%M}"

    def __str__(self) -> str:
        return f"{_short(self.start)} – {_short(self.end)}"


def _short(moment: datetime) -> str:
    text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    for zeroes in (".000000", ":00", " 00:00"):
        text = text.removesuffix(zeroes)
    return text


def length_of(text: str) -> timedelta:
    """The length of windows as people write it, like 1d.

    Raises:
        SettingsError: it is no duration.
    """
    try:
        return TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        raise SettingsError(f"a window of {text!r} is no duration", f"For --window, {DURATION_HELP}.") from None


def cut(span: Window, length: timedelta, order: Order = "oldest") -> list[Window]:
    """The windows of a span, each `length` long and the last one in time perhaps shorter.

    Lengths are counted in UTC, where each day has 24 hours.

    Raises:
        SettingsError: windows would be too short, or too many.
    """
    if length < SHORTEST:
        raise SettingsError(
            f"windows of {duration_text(length)} are too short", f"Give --window {duration_text(SHORTEST)} or more."
        )
    count = -((span.start - span.end) // length)
    if count > MOST_WINDOWS:
        least = -((span.start - span.end) // (MOST_WINDOWS * SHORTEST)) * SHORTEST
        raise SettingsError(
            f"{span} has {count} windows of {duration_text(length)}; a backfill may have {MOST_WINDOWS}",
            f"Give a shorter span, or --window {duration_text(least)} or more.",
        )
    starts = [span.start + i * length for i in range(count)]
    windows = [Window(start=start, end=min(start + length, span.end)) for start in starts]
    return windows if order == "oldest" else windows[::-1]


def span_of(start: datetime, end: datetime, as_of: datetime) -> Window:
    """The span that a backfill was asked for.

    Raises:
        SettingsError: it is empty, or not over at `as_of`.
    """
    start, end = in_utc(start), in_utc(end)
    if start >= end:
        raise SettingsError(
            f"the backfill would start at {_short(start)} and end at {_short(end)}",
            "Give an --end after --start; it is the first moment that is not covered.",
        )
    if end > as_of:
        raise SettingsError(
            f"the backfill would end at {_short(end)}, after {_short(as_of)}, the moment that it speaks for",
            f"Give --end {as_of.isoformat(timespec='seconds')} at most.",
        )
    return Window(start=start, end=end)


def backfill_id(kind: str, target: str, span: Window, length: timedelta) -> str:
    """The same for the same backfill, so that asking for it again goes on with it."""
    said = "\0".join((kind, target, span.start.isoformat(), span.end.isoformat(), duration_text(length)))
    return sha256(said.encode()).hexdigest()[:12]
