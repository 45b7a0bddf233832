"""Personal data and secrets in the texts of an example: rejected, marked out, or allowed, as the settings say."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from freshet.tasks.datasets.shapes.texts import Place, all_texts, change_texts
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.datasets import Checks, Handling
from freshet.tasks.text.findings import Finding
from freshet.tasks.text.personal_data import find_personal_data
from freshet.tasks.text.secrets import find_secrets

Find = Callable[[str], Sequence[Finding]]

_MOST_FIELDS = 10
_LONG = 4_000
_ROUNDS = 5
"""Once what was found is marked out, what overlapped it may be found: so it is looked for again."""


@dataclass(frozen=True)
class Cleared:
    """Content that may stay, or the verdicts on it.

    Attributes:
        transforms: `redacted:KIND`, for every kind that was marked out.
        verdicts: ROW-PERSONAL and ROW-SECRET, with kinds and fields, never what was found.
    """

    content: dict[str, Any]
    passage: str | None
    transforms: set[str]
    verdicts: list[Verdict]


def clear(content: dict[str, Any], passage: str | None, checks: Checks) -> Cleared:
    """Applies what the settings say of personal data and secrets to every text of the content."""
    cleared = Cleared(content, passage, set(), [])
    regions = tuple(checks.regions)
    cleared = _clear(cleared, "ROW-SECRET", secrets, checks.secrets)
    return _clear(cleared, "ROW-PERSONAL", lambda text: personal_data(text, regions), checks.personal_data)


def secrets(text: str) -> Sequence[Finding]:
    """What `find_secrets` finds; remembered for long texts."""
    return _long_secrets(text) if len(text) > _LONG else find_secrets(text)


@lru_cache(maxsize=4)
def _long_secrets(text: str) -> tuple[Finding, ...]:
    # Rows that cite one passage stand side by side, and it may be a whole document.
    return tuple(find_secrets(text))


def _clear(cleared: Cleared, code: str, find: Find, handling: Handling) -> Cleared:
    if handling == "allow":
        return cleared
    content, passage, transforms = cleared.content, cleared.passage, cleared.transforms
    kinds, fields = _look(content, passage, find)
    rounds = 0
    while kinds and handling == "redact" and rounds < _ROUNDS:
        content, passage, marked = _redact(content, passage, find)
        transforms = transforms | {f"redacted:{kind}" for kind in marked}
        kinds, fields = _look(content, passage, find)
        rounds += 1
        if not marked:  # what is left stands in a name, and cannot be marked out
            break
    verdicts = list(cleared.verdicts)
    if kinds:
        shown = sorted(fields)
        verdicts.append(verdict(code, kinds=sorted(kinds), fields=shown[:_MOST_FIELDS], places=len(shown)))
    return Cleared(content, passage, transforms, verdicts)


def _look(content: dict[str, Any], passage: str | None, find: Find) -> tuple[set[str], set[str]]:
    kinds, fields = set[str](), set[str]()
    for field, text, _ in all_texts(content, passage):
        for finding in find(text):
            kinds.add(finding.kind)
            fields.add(field)
    return kinds, fields


def _redact(content: dict[str, Any], passage: str | None, find: Find) -> tuple[dict[str, Any], str | None, set[str]]:
    marked: set[str] = set()

    def change(text: str, place: Place) -> str:
        found = find(text)
        for finding in reversed(found):
            text = f"{text[: finding.start]}[{finding.kind.upper()}]{text[finding.end :]}"
            marked.add(finding.kind)
        return text

    content, passage = change_texts(content, passage, change)
    return content, passage, marked


@lru_cache(maxsize=1)
def _candidate() -> re.Pattern[str]:
    """What every kind of number has at least: seven digits near one another, or capitals and digits in a row."""
    return re.compile(
        r"\d(?:[ \t\xa0().\-\u2010-\u2015/]{0,3}\d){6}|\d{6}[-+A]\d{3}"
        r"|[A-Z]{2}\d{2}(?:[ \xa0\-]?[A-Z0-9]){11}|[A-Z]{4}(?:[A-Z]{2})?\d{2}"
    )


def personal_data(text: str, regions: tuple[str, ...]) -> Sequence[Finding]:
    """What `find_personal_data` finds, at a fraction of the time for texts that hold no candidate."""
    if "@" not in text and not _candidate().search(text):
        return ()
    return _long_personal_data(text, regions) if len(text) > _LONG else find_personal_data(text, regions)


@lru_cache(maxsize=4)
def _long_personal_data(text: str, regions: tuple[str, ...]) -> tuple[Finding, ...]:
    return tuple(find_personal_data(text, regions))
