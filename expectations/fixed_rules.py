"""What a corpus or a dataset may make of a rule: which severities, and between which bounds its threshold."""

from __future__ import annotations

from typing import Literal

from freshet.expectations.rule import Rule

TunedSeverity = Literal["block", "warn", "note", "off"]
SEVERITIES: tuple[TunedSeverity, ...] = ("block", "warn", "note", "off")
"""`off`: the rule is not applied."""

MOST = 1_000_000.0
"""No threshold is larger."""

_UNREAD = "no text was read that could be served"
_DAMAGED = "damage, or access that nobody granted, must not reach readers"
_DATED = "freshness of the source decides about age"
_COPIES = "of exact copies, one is always enough"
_HIDDEN = "a duplicate is hidden, and nothing is wrong with it"
_NO_ROW = "there is no row that could be kept"
_PERMITTED = "what an owner does not permit is not the dataset's to choose"
_DECIDED = "a person decided so"
_AFTERWARDS = "this is found out after the document was let in, and can mark it and no longer keep it out"

_STRUCTURE = frozenset(
    f"GATE-{name}"
    for name in ("DUPLICATE-CHUNK", "ORPHAN-CHUNK", "MISSING-CHUNK", "VECTOR", "ACCESS", "PROBE", "POLICY", "SUITE")
)
_UNREAD_ROWS = frozenset(
    f"ROW-{name}" for name in ("UNREADABLE", "ENCODING", "REPEATED-KEY", "LONG", "SCHEMA", "ROLE", "EMPTY")
)
_FOUND_AFTERWARDS = frozenset(
    {"PROV-ALTERED", "PROV-LINK", "PROV-LINK-EXTERNAL", "PROV-LINK-REFUSED", "SAFETY-FLOODING", "STALE-UNVERIFIED"}
)


def is_unread(code: str) -> bool:
    """Whether a verdict under this rule means that nothing of the document was read."""
    return code.startswith(("PARSE-", "SOURCE-")) and code != "PARSE-COVERAGE"


def choices(rule: Rule) -> tuple[tuple[TunedSeverity, ...], str]:
    """The severities that settings may give a rule and, where those are not all, the reason."""
    code = rule.code
    if is_unread(code):
        return ("block",), _UNREAD
    if code in _STRUCTURE or (rule.severity == "block" and code.startswith(("DOCUMENT-", "CHUNK-"))):
        return ("block",), _DAMAGED
    if code.startswith("EXAMPLE-") or code == "VERSION-GROUP":
        return ("block",), _DAMAGED
    if code in _UNREAD_ROWS or code == "SPAN-MISSING":
        return ("block",), _NO_ROW
    if code.startswith("USE-"):
        return ("block",), _PERMITTED
    if code == "REVIEW-DROPPED":
        return ("block",), _DECIDED
    if code in ("STALE-SOURCE", "STALE-BLOCKED"):
        return (rule.severity,), _DATED
    if code == "DUP-EXACT":
        return (rule.severity,), _COPIES
    if code == "DUP-NEAR":
        return ("note", "off"), _HIDDEN
    if code in _FOUND_AFTERWARDS:
        return ("warn", "note", "off"), _AFTERWARDS
    return SEVERITIES, ""


def bounds(rule: Rule) -> tuple[float, float] | None:
    """The smallest and the largest threshold that settings may give a rule; None where it has no threshold."""
    if rule.threshold is None:
        return None
    if rule.code == "DUP-NEAR":
        return 0.75, 1.0  # of pairs less alike, MinHash would propose too few
    if rule.code == "SAFETY-FLOODING":
        return 2.0, MOST  # documents; one alone is no flood
    if rule.code.startswith("LEAK-"):
        return 5.0, 50.0  # words; fewer are found in any two texts
    # A default between 0 and 1 is a share; the others are counts and days.
    return (0.0, 1.0) if 0 < rule.threshold < 1 else (0.0, MOST)
