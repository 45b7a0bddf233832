"""Rosters: a YAML file of groups and their members, as a directory gives them out.

Read as strictly as freshet.yaml: everything that is wrong is told at once, each with its line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.lines import read_yaml
from freshet.tasks.settings.named_files import FileReader, unreadable
from freshet.tasks.settings.places import Finding, Place, kind_text
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.settings.types import composed, is_principal

MAX_BYTES = 64_000_000
MAX_VALUES = 5_000_000
"""A roster of 10,000 people in 20 groups each has 4 MB and 200,000 values, and is read in some 2.5 seconds."""

MOST_AHEAD = timedelta(minutes=5)
"""How far ahead of this machine's clock the one may go that a roster's time comes from."""

_KEYS = ("as_of", "groups")
_MOST_SHOWN = 12


@dataclass(frozen=True)
class RosterFile:
    """What a roster says.

    Attributes:
        members: the users and groups that are directly in a group, by group, in NFC.
        as_of: when that was so.
    """

    members: Mapping[str, tuple[str, ...]]
    as_of: datetime


def read_roster(file: Path) -> tuple[RosterFile | None, list[Finding]]:
    """The roster, or everything wrong with the file, in the order of its lines."""
    try:
        with file.open("rb") as opened:
            changed = datetime.fromtimestamp(os.fstat(opened.fileno()).st_mtime, UTC)
            raw = opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        return None, [unreadable(error)]
    located = read_yaml(raw, {}, MAX_BYTES, MAX_VALUES)
    if located.findings:
        return None, located.findings
    reader = _Reader(located)
    roster = reader.roster(changed)
    findings = reader.sorted_findings()
    return (None if findings else roster), findings


def is_ahead(as_of: datetime, now: datetime) -> bool:
    """Whether a roster's time lies so far in the future that it cannot be believed."""
    return as_of - now > MOST_AHEAD


class _Reader(FileReader):
    def roster(self, changed: datetime) -> RosterFile | None:
        """The roster; what is None or wanting is told in `findings`."""
        data = self._located.data
        if not self._keys(data, (), _KEYS, ("groups",)):
            return None
        as_of = self._time(data["as_of"], ("as_of",)) if "as_of" in data else changed
        members = self._groups(data["groups"], ("groups",)) if "groups" in data else {}
        return RosterFile(members, as_of) if as_of else None

    def _time(self, value: Any, place: Place) -> datetime | None:
        if isinstance(value, str):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value
        written = shown(self._located.written.get(place) or kind_text(value))
        what = f"{written} has no time zone" if isinstance(value, datetime) else f"{written} is not a date and a time"
        self._tell(place, what, "write a time and its zone, like 2026-11-29T06:00:00Z")
        return None

    def _groups(self, value: Any, place: Place) -> dict[str, tuple[str, ...]]:
        # An empty roster is rather an export that went wrong than a company without groups, and would let those in
        # whom `none` keeps out.
        if not isinstance(value, Mapping) or not value:
            what = "is empty" if value in (None, "", [], {}) else f"is {kind_text(value)}, not a group of keys"
            self._tell(place, f"groups {what}", "write group:NAME: [user:NAME, …] below it")
            return {}
        members: dict[str, tuple[str, ...]] = {}
        first: dict[str, Place] = {}
        for key, listed in value.items():
            at, name = (*place, key), composed(key)
            if not is_principal(key) or not key.startswith("group:"):
                hint = f"; did you mean group:{key}?" if key.isalnum() else ""
                self._tell(at, f"{shown(key)} is no group", f"write group:NAME, without spaces{hint}")
            elif first.setdefault(name, at) != at:
                line = self._located.line(first[name])
                self._tell(at, f"the group {shown(key)} is there twice, first on line {line}", "remove one of the two")
            else:
                members[name] = tuple(self._members(listed, at))
        for circle in _circles(members):
            what = f"groups are in a circle: {_chain(circle)}"
            self._tell(first[circle[0]], what, "take one of them out of the one before it")
        return members

    def _members(self, value: Any, place: Place) -> Iterator[str]:
        for one, at in self._list(value, place, may_be_empty=True):
            if one == EVERYONE:
                self._tell(at, "everyone is no member of a group", "write user:NAME or group:NAME")
            elif self._principal(one, at):
                yield composed(one)


def _circles(members: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Circles of groups that are in each other, each as its groups in their order, the first one again at the end.

    Of circles that share groups, one is given: once it is broken, the next one shows.
    """
    found: list[list[str]] = []
    done: set[str] = set()
    told: set[str] = set()
    for start in members:
        path: list[str] = []
        at: dict[str, int] = {}
        # Without recursion, since a chain of groups may be longer than Python's stack.
        todo = [iter((start,))]
        while todo:
            group = next(todo[-1], None)
            if group is None:
                todo.pop()
                if path:
                    last = path.pop()
                    del at[last]
                    done.add(last)
            elif group in at:
                circle = path[at[group] :]
                if told.isdisjoint(circle):
                    found.append([*circle, group])
                    told.update(circle)
            elif group in members and group not in done:
                at[group] = len(path)
                path.append(group)
                todo.append(iter(members[group]))
    return found


def _chain(circle: list[str]) -> str:
    cut = circle if len(circle) <= _MOST_SHOWN else [*circle[: _MOST_SHOWN - 2], "…", circle[-1]]
    return " → ".join(map(shown, cut))
