"""Places in a text where something was found, and its kind; what was found is never kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, order=True)
class Finding:
    """A place in a text.

    Attributes:
        start, end: character span (half-open, in code points).
        kind: what it is, e.g. `email`, `card`, `aws key`.
    """

    start: int
    end: int
    kind: str


def without_overlaps(findings: list[Finding]) -> list[Finding]:
    """Returns the findings in order of the text; of those that overlap, the first and longest."""
    kept: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end, f.kind)):
        if not kept or finding.start >= kept[-1].end:
            kept.append(finding)
    return kept


def replace_findings(text: str, findings: Sequence[Finding]) -> str:
    """Returns the text with the kind of each finding in its place, like `[EMAIL]`.

    Args:
        findings: in the order of the text, without overlaps.
    """
    for finding in reversed(findings):
        text = f"{text[: finding.start]}[{finding.kind.upper()}]{text[finding.end :]}"
    return text


def mask_addresses(text: str) -> str:
    """Returns the text with web addresses blanked, each by as many spaces: digits in them are ids of pages."""
    if "://" not in text and "www." not in text:
        return text
    return _web_address().sub(lambda match: " " * len(match[0]), text)


@lru_cache(maxsize=1)
def _web_address() -> re.Pattern[str]:
    return re.compile(r"(?:\b[a-z][a-z0-9+.\-]{1,20}://|\bwww\.)[^\s<>\"]+", re.I)
