"""Checks of a roster beside the settings that name it: whether it is believed now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from freshet.tasks.settings.model_checks import Fault
from freshet.tasks.settings.places import Place
from freshet.tasks.settings.roster import RosterFile, is_ahead
from freshet.tasks.settings.types import duration_text


def roster_faults(place: Place, written: str, roster: RosterFile, max_age: timedelta, now: datetime) -> Iterator[Fault]:
    """What is wrong with the time of a roster.

    Args:
        place: of the key that names its file.
        written: the file's name, as messages show it.
    """
    if is_ahead(roster.as_of, now):
        what = f"{written} is from {roster.as_of.isoformat()}, which is still to come, so that nobody is in a group"
        yield "error", place, what, "correct as_of, or the clock that it comes from"
    elif now - roster.as_of > max_age:
        what = f"{written} is from {roster.as_of.isoformat()}, so that nobody is in a group"
        mend = f"take it from the directory anew, or write a longer max_age than {duration_text(max_age)}"
        yield "note", place, what, mend
