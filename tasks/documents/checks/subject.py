"""What the checks are given, and how they say what they found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from freshet.expectations.rules import Rule
from freshet.tasks.documents.elements import ADDED_PROPERTIES, ParsedDocument
from freshet.tasks.rules.verdicts import Verdict

HIDDEN = "hidden"
ACTIVE = "active_content"
LEFT_OUT = "left_out"
LINKS = "links"
COVERAGE = "coverage"
GUESSED = "guessed_encoding"
_PLACES = 10
_CONTACT = re.compile(r"(?:mailto|tel):([^?]+)", re.I)


@dataclass(frozen=True)
class Origin:
    """Where a document comes from, as the ledger is to say it.

    Attributes:
        content_hash: SHA-256 of its bytes in hex.
        source_version: of a source that has versions of its own (a commit); None for others.
        versioned: whether its source is one of those.
    """

    owner: str | None
    licence: str | None
    content_hash: str | None
    source_version: str | None = None
    versioned: bool = False


@dataclass(frozen=True)
class Subject:
    """A document and what is known about it.

    Attributes:
        path: in its source.
        as_of: the moment that ages are judged against, with a time zone.
        chunks: character spans of its chunks; None where it has not been cut, and coverage is not checked.
        modified_at: when its source says that it changed, with a time zone.
        languages: ISO 639-1 codes of the corpus's languages; empty where the corpus names none.
        regions: countries (ISO 3166) whose phone numbers are known without their country code.
        origin: None where provenance is not to be checked.
    """

    path: str
    parsed: ParsedDocument
    as_of: datetime
    chunks: Sequence[tuple[int, int]] | None = None
    modified_at: datetime | None = None
    languages: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("US",)
    origin: Origin | None = None

    @property
    def text(self) -> str:
        """The document's whole text."""
        return self.parsed.text

    @cached_property
    def stated(self) -> dict[str, Any]:
        """What the document says about itself: its properties by name, in lower case with `_` between words."""
        return {
            "_".join(key.lower().replace("-", " ").replace("_", " ").split()): value
            for key, value in self.parsed.properties.items()
            if key not in ADDED_PROPERTIES
        }

    @property
    def hidden(self) -> list[dict[str, Any]]:
        """Hidden text, as `parse.hidden` describes it."""
        return self._entries(HIDDEN)

    @property
    def active(self) -> list[dict[str, Any]]:
        """Active content, as `parse.active.found` describes it."""
        return self._entries(ACTIVE)

    def _entries(self, name: str) -> list[dict[str, Any]]:
        found = self.parsed.properties.get(name)
        return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []

    @cached_property
    def unshown(self) -> str:
        """Stated texts and the contacts behind links, a line each: what is in the document and not in its text."""
        links = self.parsed.properties.get(LINKS)
        targets = (
            [str(link.get("target")) for link in links if isinstance(link, dict)] if isinstance(links, list) else []
        )
        contacts = [unquote(match[1]) for target in targets if (match := _CONTACT.match(target))]
        return "\n".join(dict.fromkeys([*_texts(self.stated), *contacts]))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def judge(rules: Mapping[str, Rule], code: str, **evidence: Any) -> list[Verdict]:
    """The verdict under a rule, in a list; an empty one where the rule is not among those of the corpus."""
    rule = rules.get(code)
    return [Verdict(code, rule.severity, evidence)] if rule else []


def judge_above(rules: Mapping[str, Rule], code: str, measured: float, **evidence: Any) -> list[Verdict]:
    """The verdict under a rule whose threshold the measured number passes."""
    rule = rules.get(code)
    return judge(rules, code, **evidence) if rule and measured > (rule.threshold or 0) else []


def places(parsed: ParsedDocument, spans: Iterable[tuple[int, int]]) -> list[dict[str, int]]:
    """The first spans as evidence: start, end and, where the format has pages, the page."""
    from bisect import bisect_right

    starts = [element.start for element in parsed.elements]
    described = []
    for start, end in list(spans)[:_PLACES]:
        place = {"start": start, "end": end}
        at = bisect_right(starts, start) - 1
        page = parsed.elements[at].page if at >= 0 else None
        described.append(place if page is None else {**place, "page": page})
    return described
