"""Files that freshet.yaml names, like golden questions and rosters: read as strictly as the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from freshet.tasks.errors import SettingsError
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.explain import nearest, place_name, principal_hint
from freshet.tasks.settings.lines import Located
from freshet.tasks.settings.places import Finding, Place, kind_text, place_text
from freshet.tasks.settings.types import PRINCIPAL_HELP, is_principal


def text(name: str, finding: Finding) -> str:
    """A finding with the file's name and its line in front."""
    at = name if finding.line is None else f"{name}:{finding.line}"
    where = place_text(finding.place)
    return f"{at}: {where}: {finding.what}" if where else f"{at}: {finding.what}"


def refusal(name: str, findings: Sequence[Finding], kind: str) -> SettingsError:
    """The error that lists everything wrong with a file; `kind` names such files, like 'golden files'."""
    listed = "\n".join(f"  {text(name, one)}\n    {one.mend}" for one in findings)
    count = f"{len(findings)} problems" if len(findings) > 1 else "a problem"
    return SettingsError(f"{name} has {count}:\n{listed}", f"docs/configuration.md describes {kind}")


def unreadable(error: OSError | ValueError) -> Finding:
    """What is told of a file that could not be read."""
    reason = (getattr(error, "strerror", None) or "its name is no path").lower()
    return Finding((), None, f"the file cannot be read: {reason}", "check the name and its permissions")


class FileReader:
    """Takes the parts of a file as what they should be, and gathers what is wrong with them.

    Attributes:
        findings: what is wrong, in the order in which it was found.
    """

    def __init__(self, located: Located) -> None:
        """Looks at nothing yet."""
        self._located = located
        self.findings: list[Finding] = []

    def sorted_findings(self) -> list[Finding]:
        """What is wrong, in the order of the file's lines."""
        return sorted(self.findings, key=lambda one: one.line or 0)

    def _tell(self, place: Place, what: str, mend: str) -> None:
        self.findings.append(Finding(place, self._located.line(place), what, mend))

    def _keys(self, item: Any, place: Place, valid: Sequence[str], needed: Sequence[str]) -> bool:
        """Whether the item is a group of keys at all; what is wrong with them is told."""
        if not isinstance(item, Mapping):
            self._tell(place, f"{kind_text(item)}, not a group of keys", f"write the keys {', '.join(needed)}")
            return False
        for key in item:
            if key not in valid:
                near = nearest(key, [one for one in valid if one not in item]) or nearest(key, valid)
                hint = f"did you mean {near}? " if near else ""
                self._tell((*place, key), f"unknown key {shown(key)}", f"{hint}valid keys here: {', '.join(valid)}")
        for key in needed:
            if key not in item:
                self._tell(place, f"the key {key} is missing", f"add {key}: …")
        return True

    def _list(self, value: Any, place: Place, may_be_empty: bool = False) -> list[tuple[Any, Place]]:
        if isinstance(value, list) and (value or may_be_empty):
            return [(one, (*place, position)) for position, one in enumerate(value)]
        if value is not None or place in self._located.lines:
            what = "is empty" if value == [] else f"is {kind_text(value)}, not a list"
            self._tell(place, f"{place_name(place)} {what}", "write a list: […]")
        return []

    def _text(self, value: Any, place: Place) -> str | None:
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None or place in self._located.lines:
            what = "is empty" if value is None or isinstance(value, str) else f"is {kind_text(value)}, not text"
            self._tell(
                place, f"{place_name(place)} {what}", "write a text; in quotes if YAML takes it for something else"
            )
        return None

    def _principal(self, value: Any, place: Place) -> bool:
        if isinstance(value, str) and is_principal(value):
            return True
        written = self._located.written.get(place, kind_text(value))
        hint = principal_hint(value) if isinstance(value, str) else ""
        self._tell(place, f"{shown(written)} is no principal", PRINCIPAL_HELP + hint)
        return False
