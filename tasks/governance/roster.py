"""Which groups somebody is in, groups in groups included, as the roster says when he asks. Pure but for the file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.expressions import Asker
from freshet.tasks.governance.policy import principals_of
from freshet.tasks.settings.addresses import is_remote
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.named_files import refusal
from freshet.tasks.settings.roster import is_ahead, read_roster
from freshet.tasks.settings.types import composed


@dataclass(frozen=True)
class Roster:
    """Which groups there are, who is in them, and for how long that is believed.

    Attributes:
        members: the users and groups that are directly in a group, by group, in NFC.
        as_of: when that was so.
        max_age: how long after `as_of` it is believed.
    """

    members: Mapping[str, tuple[str, ...]]
    as_of: datetime
    max_age: timedelta

    def is_current(self, now: datetime) -> bool:
        """Whether the roster is believed: neither too old, nor from a future that no clock explains."""
        return now - self.as_of <= self.max_age and not is_ahead(self.as_of, now)

    def groups_of(self, principals: Iterable[str]) -> list[str]:
        """Every group that one of the principals is in, groups in groups included, sorted."""
        found: set[str] = set()
        todo = list(principals)
        while todo:
            above = [group for group in self._above.get(todo.pop(), ()) if group not in found]
            found.update(above)
            todo += above
        return sorted(found)

    def path_to(self, principal: str, group: str) -> list[str] | None:
        """The shortest chain of groups through which a principal is in a group.

        Returns:
            the principal, the groups between, and the group; None where the principal is not in it. Of chains that are
            as short, the one whose groups come first in the roster.
        """
        principal, group = composed(principal), composed(group)
        came_from: dict[str, str] = {}
        todo = deque([principal])
        while todo:
            one = todo.popleft()
            for above in self._above.get(one, ()):
                if above not in came_from and above != principal:
                    came_from[above] = one
                    todo.append(above)
            if group in came_from:
                chain = [group]
                while chain[-1] != principal:
                    chain.append(came_from[chain[-1]])
                return chain[::-1]
        return None

    @cached_property
    def _above(self) -> dict[str, list[str]]:
        """The groups that somebody is directly in, by who it is."""
        above: dict[str, list[str]] = {}
        for group, members in self.members.items():
            for one in dict.fromkeys(members):
                above.setdefault(one, []).append(group)
        return above


def load_roster(project: Project) -> Roster | None:
    """The project's roster, read anew; None where its settings name none.

    Raises:
        SettingsError: the file is not there, or anything is wrong with it; the message lists every problem. Whoever
            asks must not be answered then: nobody knows which groups keep him out.
    """
    said = project.settings.roster
    if said is None:
        return None
    file = Path(project.resolve(said.file))
    if is_remote(said.file) or not file.is_file():
        raise SettingsError(
            f"the roster {file.name} does not exist",
            f"roster.file in {project.file.name} names it; bring it back, or see freshet check",
        )
    read, findings = read_roster(file)
    if read is None:
        raise refusal(file.name, findings, "rosters")
    return Roster(read.members, read.as_of, said.max_age)


def asker_of(as_: Sequence[str], roster: Roster | None, now: datetime) -> Asker:
    """Whoever asks as `as_`, with everyone and every group that the roster says.

    An expression that keeps out a group of which the roster says nothing lets nobody in. A roster that is not current
    says nothing of any, and gives no groups. Groups that are named in `as_` stay.

    Raises:
        SettingsError: a name is no principal.
    """
    named = principals_of(as_)
    if roster is None:
        return Asker(frozenset(named))
    if not roster.is_current(now):
        return Asker(frozenset(named), known_groups=frozenset())
    return Asker(frozenset([*named, *roster.groups_of(named)]), known_groups=frozenset(roster.members))
