"""Writes the events of a calendar part (RFC 5545), as invitations carry them, as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freshet.tasks.documents.parse.build import Block

_LINE = re.compile(r"(?P<name>[A-Za-z0-9-]+)(?P<more>(?:;[^:;\"]*(?:\"[^\"]*\"[^:;\"]*)*+)*+):(?P<value>.*)", re.S)
_ZONE = re.compile(r";TZID=\"?([^;:\"]+)", re.I)
_NAME = re.compile(r";CN=(?:\"([^\"]*)\"|([^;:\"]*))", re.I)
_MOMENT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})\d{2}(Z?))?$")
_ESCAPE = re.compile(r"\\([\\;,nN])")
_ENTRIES = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_LABELS = {"DTSTART": "Start", "DTEND": "End", "DUE": "Due", "DURATION": "Duration", "RRULE": "Repeats",
           "LOCATION": "Place", "ORGANIZER": "Organizer", "ATTENDEE": "Attendee", "STATUS": "Status"}  # fmt: skip


def calendar_blocks(text: str) -> list[Block]:
    """Returns for each event its summary as a heading, its time, place and people, and its description."""
    blocks: list[Block] = []
    facts: list[str] = []
    texts: dict[str, str] = {}
    open_components: list[str] = []
    for name, more, value in _properties(text):
        if name == "BEGIN":
            open_components.append(value.strip().upper())
        elif name == "END" and open_components:
            if open_components.pop() in _ENTRIES:
                blocks += _entry(texts, facts)
                texts, facts = {}, []
        elif not open_components or open_components[-1] not in _ENTRIES:
            continue  # what a calendar says of itself, of zones and of alarms
        elif name in ("SUMMARY", "DESCRIPTION", "COMMENT"):
            texts[name] = "\n".join(filter(None, (texts.get(name), _plain(value))))
        elif name in _LABELS:
            facts.append(f"{_LABELS[name]}: {_written(name, more, value)}")
    return blocks


def _entry(texts: dict[str, str], facts: list[str]) -> Iterator[Block]:
    yield Block("Title", " ".join(texts.get("SUMMARY", "").split()), level=1)
    yield Block("UncategorizedText", "\n".join(facts))
    yield Block("NarrativeText", texts.get("DESCRIPTION", ""))
    yield Block("NarrativeText", texts.get("COMMENT", ""))


def _properties(text: str) -> Iterator[tuple[str, str, str]]:
    """Yields (name, parameters, value); a line that begins with white space goes on with the one before."""
    lines: list[list[str]] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1].append(line[1:])
        else:
            lines.append([line])
    for parts in lines:
        match = _LINE.match("".join(parts))
        if match:
            yield match["name"].upper(), match["more"], match["value"]


def _written(name: str, more: str, value: str) -> str:
    if name in ("ORGANIZER", "ATTENDEE"):
        called = _NAME.search(more)
        address = re.sub(r"^mailto:", "", value.strip(), flags=re.I)
        who = (called[1] or called[2] or "").strip() if called else ""
        return f"{who} <{address}>" if who and who != address else address
    moment = _MOMENT.match(value.strip())
    if moment is None:
        return _plain(value)
    zone = _ZONE.search(more)
    day = "-".join(moment.group(1, 2, 3))
    if moment[4] is None:
        return day
    return f"{day} {moment[4]}:{moment[5]}{' UTC' if moment[6] else f' ({zone[1]})' if zone else ''}"


def _plain(value: str) -> str:
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value).strip()
