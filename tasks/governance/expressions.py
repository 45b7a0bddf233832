"""Access expressions: who may see something. Pure, and in one normal form, so that equal texts mean the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.settings.types import composed, is_principal

_GROUP = "group:"


@dataclass(frozen=True)
class Asker:
    """Who asks.

    Attributes:
        principals: every name that whoever asks goes by, in NFC: `everyone`, users, and their groups.
        known_groups: the groups of which it is known who is in them; None for all. An expression that keeps another
            group out lets nobody in, since whoever asks may be in it.
    """

    principals: frozenset[str]
    known_groups: frozenset[str] | None = None


@dataclass(frozen=True)
class Expression:
    """Whoever is one of each list of `all`, and none of `none`.

    Make one with `of`, `read` or `both`, which bring it into its normal form: lists and what they hold are sorted and
    distinct, no list holds what `none` names, no list contains another one, and one that holds `everyone` holds
    nothing else. Without any list, nobody is let in.
    """

    all: tuple[tuple[str, ...], ...]
    none: tuple[str, ...] = ()

    @classmethod
    def of(cls, said: Sequence[str] | AccessExpression) -> Expression:
        """The expression that settings state: a list, one of which is enough, or lists with exceptions."""
        if isinstance(said, AccessExpression):
            return _normal(said.all, said.none)
        return _normal([said], ())

    @classmethod
    def read(cls, text: str) -> Expression:
        """The expression of a text that `text` gave. Whatever else it is lets nobody in."""
        return _read(text)

    @property
    def said(self) -> list[str] | dict[str, Any]:
        """The expression as settings state it: a list where that says it all, else `all` and `none`.

        The list is empty where nobody is let in, which settings cannot say.
        """
        if not self.all or (len(self.all) == 1 and not self.none):
            return [principal for one in self.all for principal in one]
        return {"all": [list(one) for one in self.all], **({"none": list(self.none)} if self.none else {})}

    @property
    def text(self) -> str:
        """The expression as JSON, in the form that the settings have. Equal expressions give equal texts."""
        return json.dumps(self.said, ensure_ascii=False)

    @property
    def in_words(self) -> str:
        """The expression as people read it: a plain list with commas, `one of a, b and one of c, but not d` else."""
        if not self.all:
            return "nobody"
        is_plain = len(self.all) == 1 and (len(self.all[0]) == 1 or not self.none)
        whom = [", ".join(one) if is_plain else f"one of {', '.join(one)}" for one in self.all]
        return " and ".join(whom) + (f", but not {', '.join(self.none)}" if self.none else "")

    @property
    def principals(self) -> frozenset[str]:
        """Every principal that it names."""
        return frozenset().union(*self.all, self.none)

    @property
    def somebody(self) -> frozenset[str] | None:
        """The principals of somebody whom it lets in, `everyone` included; None where it lets nobody in."""
        return frozenset({EVERYONE, *(one[0] for one in self.all)}) if self.all else None

    def admits(self, asker: Asker) -> bool:
        """Whether it lets somebody in."""
        if not self.all or not asker.principals.isdisjoint(self.none):
            return False
        if self.unknown_to(asker):
            return False
        return not any(asker.principals.isdisjoint(one) for one in self.all)

    def unknown_to(self, asker: Asker) -> list[str]:
        """The groups that it keeps out and of which it is not known whether whoever asks is in them."""
        known = asker.known_groups
        return [] if known is None else [one for one in self.none if one.startswith(_GROUP) and one not in known]

    def both(self, other: Expression) -> Expression:
        """Whoever this and the other let in: the lists of `all` joined, `none` united."""
        if not self.all or not other.all:
            return NOBODY
        return _normal([*self.all, *other.all], [*self.none, *other.none])

    def implies(self, other: Expression) -> bool:
        """Whether the other lets in everybody whom this lets in, whatever groups they are in."""
        if not self.all:
            return True
        if not other.all or not set(other.none) <= set(self.none):
            return False
        return all(_is_wide(one) or any(set(own) <= set(one) for own in self.all) for one in other.all)


@lru_cache(maxsize=10_000)
def _read(text: str) -> Expression:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return NOBODY
    if isinstance(said, list):
        said = {"all": [said]}
    if not isinstance(said, dict) or said.keys() - {"all", "none"}:
        return NOBODY
    lists, none = said.get("all"), said.get("none", [])
    if not isinstance(lists, list) or not all(_are_principals(one) for one in [*lists, none]):
        return NOBODY
    return _normal(lists, none)


def _normal(lists: Iterable[Iterable[str]], none: Iterable[str]) -> Expression:
    out = frozenset(map(composed, none))
    if EVERYONE in out:
        return NOBODY
    kept = {frozenset(map(composed, one)) for one in lists}
    # Whoever is in `none` stays out, so that to name the same principal in a list says nothing.
    kept = {frozenset({EVERYONE}) if EVERYONE in one else one - out for one in kept}
    if not kept or frozenset() in kept:
        return NOBODY
    # Whoever is one of a shorter list is one of every list that contains it.
    least = {one for one in kept if not any(other < one for other in kept)}
    if len(least) > 1:
        least.discard(frozenset({EVERYONE}))
    return Expression(tuple(sorted(tuple(sorted(one)) for one in least)), tuple(sorted(out)))


def _is_wide(principals: Sequence[str]) -> bool:
    return EVERYONE in principals


def _are_principals(said: Any) -> bool:
    return isinstance(said, list) and all(isinstance(one, str) and is_principal(one) for one in said)


NOBODY = Expression(())
"""Lets nobody in: what is unknown, or says nothing."""
