"""What a parser gives: a document's text, and the typed elements that make it up."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

SEPARATOR = "\n\n"
"""Stands between two elements in a document's text."""

ADDED_PROPERTIES = frozenset(
    {"hidden", "active_content", "left_out", "links", "anchors", "guessed_encoding", "coverage"}
)
"""Properties that a parser adds; a document's own under these names are dropped.

`hidden` is told in `parse.hidden`, `active_content` in `parse.active.found`, `links` and `anchors` in `parse.links`,
`guessed_encoding` in `parse.decode`; `left_out` counts, by kind, the parts of a document that are not in its text, and
`coverage` (`parse.coverage`) says which words of its file are not.
"""


@dataclass(frozen=True)
class Element:
    """A typed piece of a document.

    Attributes:
        kind: unstructured's category: Title, NarrativeText, ListItem, Table, CodeSnippet …
        start, end: character span in the document's text (half-open, in code points).
        level: for a Title, its depth, 1 being the highest; 0 otherwise.
        page: page number, from 1, where the format has pages.
        box: (left, top, right, bottom) on the page in points, origin top left, where known.
    """

    kind: str
    start: int
    end: int
    level: int = 0
    page: int | None = None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class ParsedDocument:
    """A document as its parser understood it.

    `text` is the elements' texts joined by SEPARATOR, so `text[e.start:e.end]` is each element's own
    text. `title` is what the document calls itself, if anything. `properties` are facts that the document states about
    itself (front matter, office properties) and, under ADDED_PROPERTIES, what its parser found in it; JSON-able.
    """

    text: str
    elements: list[Element]
    title: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)


def unread_of(document: ParsedDocument) -> str:
    """Returns what documents of equal text must share to be copies, since they were not read whole; else ''."""
    coverage = document.properties.get("coverage")
    return str(coverage.get("unread", "")) if isinstance(coverage, dict) else ""


def to_json(document: ParsedDocument) -> str:
    """The document as one JSON text, the form in which it leaves a parser process and is kept."""
    return json.dumps(
        {
            "text": document.text,
            "title": document.title,
            "properties": document.properties,
            "elements": [[e.kind, e.start, e.end, e.level, e.page, e.box] for e in document.elements],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def from_json(text: str) -> ParsedDocument:
    """The inverse of `to_json`."""
    raw = json.loads(text)
    return ParsedDocument(
        text=raw["text"],
        title=raw["title"],
        properties=raw["properties"],
        elements=[
            Element(kind, start, end, level, page, tuple(box) if box else None)
            for kind, start, end, level, page, box in raw["elements"]
        ],
    )
