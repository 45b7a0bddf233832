"""Spans of time, half-open: what a backfill covers, and the windows that it is cut into."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

from pydantic import TypeAdapter, ValidationError

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.spans import Order, Window, _short, in_utc
from freshet.tasks.settings.types import DURATION_HELP, Duration, duration_text

MOST_WINDOWS = 1000
SHORTEST = timedelta(minutes=1)


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
    """Returns the id of a backfill, which depends on its target and windows alone: asked for again, it goes on."""
    said = "\0".join((kind, target, span.start.isoformat(), span.end.isoformat(), duration_text(length)))
    return sha256(said.encode()).hexdigest()[:12]
