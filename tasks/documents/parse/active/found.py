"""Describes active content as entries for a document's property `active_content`.

An entry is {"kind", "count"}, with "place" (a slide, a sheet, a part, an object, a line) and "target" (where it leads)
where they are known. A target has its credentials masked and is cut to 80 characters. Nothing is ever followed or run.
These functions run in the parser process: what they read is untrusted. A file that they cannot read has no entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.settings.addresses import shown

Entry = dict[str, Any]

RUNNING = frozenset(
    {"macro", "script", "program", "DDE", "ActiveX control", "attached template", "linked object", "subdocument"}
    | {"external frame", "external entity", "packaged file", "attached program"}
)
"""Kinds that run something, or that load what can, when somebody opens the document or points at a place of it.

All other kinds show or hold something from elsewhere. Some kinds lead to this machine's own disk in many documents
that nobody meant any harm with, and are then another kind (`local template`): see `located`.
"""

_MOST_ENTRIES = 50
_DRIVE_OR_PATH = re.compile(r"(?![a-z][a-z0-9+.-]+:)(?!//)")
_PROGRAM = re.compile(
    r"\.(?:exe|com|scr|pif|bat|cmd|ps1|vbs|vbe|jse?|wsf|wsh|hta|lnk|msi|jar|cpl|dll|reg|url|iso|img|vhdx?|chm"
    r"|docm|dotm|xlsm|xltm|xlam|xll|pptm|potm|ppsm|ppam)\s*$",
    re.I,
)
_MOST_NAMES = 1000


@dataclass
class ActiveTally:
    """Collects active content by kind and place."""

    found: dict[tuple[str, str], Entry] = field(default_factory=dict)

    def add(self, kind: str, place: str = "", target: str = "", count: int = 1) -> None:
        """Counts one more of a kind at a place; of several, the first target is kept."""
        entry = self.found.setdefault((kind, place), {"kind": kind, "count": 0})
        entry["count"] += count
        if place:
            entry["place"] = place
        if target.strip() and "target" not in entry:
            entry["target"] = shown(" ".join(target.split()))

    def add_all(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Counts what entries describe."""
        for one in entries:
            self.add(one["kind"], one.get("place", ""), one.get("target", ""), one["count"])

    def entries(self) -> list[Entry]:
        """Describes what was counted, what runs something first, at most 50."""
        return sorted(self.found.values(), key=lambda one: one["kind"] not in RUNNING)[:_MOST_ENTRIES]


def located(kind: str, target: str) -> str:
    """Returns the kind, or its local form where the target is a path on this machine's disk or beside the file.

    Word notes the path of the template under which each document was written, and only a template on another machine
    is one that somebody else can change.
    """
    return kind if leads_elsewhere(target) else f"local {kind.rpartition(' ')[2]}"


def leads_elsewhere(target: str) -> bool:
    """Whether a target is on another machine: a URL, or a path that names a server (`\\\\server\\share`)."""
    place = unquote(target).strip().strip("\"'").replace("\\", "/").lower()
    if not place.startswith("file:"):
        return not _DRIVE_OR_PATH.match(place)
    rest = place.removeprefix("file:")
    slashes = len(rest) - len(rest.lstrip("/"))
    # file:///C:/… and file:/… are local; file://server/… and file://///server/… are not.
    is_local_host = rest.startswith(("//localhost/", "//127.0.0.1/")) or re.match(r"//[a-z][:|]", rest)
    return slashes >= 4 or (slashes == 2 and not is_local_host)


def with_active(document: ParsedDocument, entries: Sequence[Mapping[str, Any]]) -> ParsedDocument:
    """Returns the document with the property `active_content`, where there is any or a program is attached."""
    tally = ActiveTally()
    tally.add_all(document.properties.get("active_content", ()))
    tally.add_all(entries)
    for name in _attached(document.properties.get("attachments")):
        if _PROGRAM.search(name):
            tally.add("attached program", target=name)
    found = tally.entries()
    return replace(document, properties={**document.properties, "active_content": found}) if found else document


def _attached(names: Any) -> Iterator[str]:
    if isinstance(names, list):
        yield from (str(name) for name in names[:_MOST_NAMES])
