"""The changes that `freshet deploy` announces first, and then makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

PAGE = 200
"""Most things that Prefect's API lists at once."""

SIGNS = {"create": "+", "update": "~", "delete": "-"}


@dataclass(frozen=True)
class Change:
    """One thing on the server that is to be made, altered or removed.

    Attributes:
        details: what is altered, in words, one line each.
        do: makes the change.
    """

    action: Literal["create", "update", "delete"]
    kind: str
    name: str
    do: Callable[[], object] = field(compare=False, repr=False)
    details: Sequence[str] = ()

    def as_dict(self) -> dict[str, Any]:
        """Returns the change as JSON-able values, without what makes it."""
        return {"action": self.action, "kind": self.kind, "name": self.name, "details": list(self.details)}


def differences(wanted: Mapping[str, Any], present: Mapping[str, Any]) -> list[str]:
    """Describes each key whose value is not what it should be: 'cron: 0 2 * * * → 0 3 * * *'. Long values are cut."""
    return [
        f"{key}: {_short(present.get(key))} → {_short(wanted.get(key))}"
        for key in {**wanted, **present}
        if present.get(key) != wanted.get(key)
    ]


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"


def changes_text(changes: Sequence[Change], notes: Sequence[str], *, done: bool) -> str:
    """Renders the changes as a diff, then what a person should know."""
    lines = []
    for change in changes:
        lines.append(f"{SIGNS[change.action]} {change.kind} {change.name}")
        lines += [f"    {detail}" for detail in change.details]
    counts = [f"{n} to {action}" for action in SIGNS if (n := sum(c.action == action for c in changes))]
    if not changes:
        lines.append("The server is as it should be; nothing was changed.")
    elif done:
        lines.append("1 change was made." if len(changes) == 1 else f"{len(changes)} changes were made.")
    else:
        lines.append(f"{', '.join(counts)}. Nothing was changed; leave out --dry-run to do it.")
    return "\n".join([*lines, *(f"note: {note}" for note in notes)]) + "\n"
