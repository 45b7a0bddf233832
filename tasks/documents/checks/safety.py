"""Safety: hidden text, active content, orders to a model, personal data and secrets.

Evidence names kinds and places, never values.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from freshet.expectations.rules import Rule
from freshet.tasks.documents.checks.subject import Subject, judge, judge_above, places
from freshet.tasks.documents.elements import Element
from freshet.tasks.documents.parse.active.found import RUNNING
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.text.findings import Finding

COMMENT = "comment"
"""The kind of hidden text that every editor leaves behind."""

_PLACES = 10
_CODE_OF = {"email": "PERSONAL-EMAIL", "phone": "PERSONAL-PHONE", "iban": "PERSONAL-IBAN", "card": "PERSONAL-CARD"}
_PERSONAL_CODES = (*_CODE_OF.values(), "PERSONAL-ID")


def check_hidden(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """SAFETY-HIDDEN, SAFETY-COMMENT and SAFETY-HIDDEN-INSTRUCTION, from what the parser saw and a reader does not."""
    hidden = [entry for entry in subject.hidden if entry.get("kind") != COMMENT]
    comments = [entry for entry in subject.hidden if entry.get("kind") == COMMENT]
    verdicts = judge_above(rules, "SAFETY-HIDDEN", _chars(hidden), **_hidden_evidence(hidden)) if hidden else []
    if comments:
        verdicts += judge_above(rules, "SAFETY-COMMENT", _chars(comments), **_hidden_evidence(comments))
    ordering = [entry for entry in subject.hidden if entry.get("instructs")]
    if ordering:
        verdicts += judge(rules, "SAFETY-HIDDEN-INSTRUCTION", **_hidden_evidence(ordering))
    return verdicts


def _chars(entries: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(entry.get("chars", 0)) for entry in entries)


def _hidden_evidence(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    pages = sorted({int(entry["page"]) for entry in entries if entry.get("page")})
    found = list(dict.fromkeys(str(entry["place"]) for entry in entries if entry.get("place")))
    unread = sum(int(entry.get("unread", 0)) for entry in entries)
    return {
        "kinds": _kinds(entries),
        "characters": _chars(entries),
        **({"not_in_the_text": unread} if unread else {}),
        **({"pages": pages[:_PLACES]} if pages else {}),
        **({"places": found[:_PLACES]} if found else {}),
    }


def check_active(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """SAFETY-ACTIVE and SAFETY-EXTERNAL, from what the parser saw that the file runs, loads or carries."""
    running = [entry for entry in subject.active if entry.get("kind") in RUNNING]
    others = [entry for entry in subject.active if entry.get("kind") not in RUNNING]
    return [
        verdict
        for code, entries in (("SAFETY-ACTIVE", running), ("SAFETY-EXTERNAL", others))
        if entries
        for verdict in judge(rules, code, **_active_evidence(entries))
    ]


def _active_evidence(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    kinds = _kinds(entries)
    found = list(dict.fromkeys(str(entry["place"]) for entry in entries if entry.get("place")))
    return {"kinds": kinds, "count": sum(kinds.values()), **({"places": found[:_PLACES]} if found else {})}


def _kinds(entries: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for entry in entries:
        kinds[str(entry.get("kind"))] += int(entry.get("count", 1))
    return dict(kinds)


def check_invisible(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """SAFETY-ZEROWIDTH, SAFETY-BIDI, SAFETY-SMUGGLED: invisible characters in the text itself."""
    from freshet.tasks.text.invisible import DIRECTION, SMUGGLED, ZERO_WIDTH, find_invisible

    found = find_invisible(subject.text)
    verdicts: list[Verdict] = []
    for kind, code in ((ZERO_WIDTH, "SAFETY-ZEROWIDTH"), (DIRECTION, "SAFETY-BIDI"), (SMUGGLED, "SAFETY-SMUGGLED")):
        spans = [(finding.start, finding.end) for finding in found if finding.kind == kind]
        count = sum(end - start for start, end in spans)
        if spans:
            verdicts += judge_above(rules, code, count, characters=count, places=places(subject.parsed, spans))
    return verdicts


def check_instructions(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """SAFETY-INSTRUCTION: the text that everybody sees speaks to a model."""
    from freshet.tasks.text.instructions import find_instructions

    return _by_code(subject, rules, {"SAFETY-INSTRUCTION": find_instructions(subject.text)}, {})


def check_personal_data(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """PERSONAL-…: in the text, in what the document states about itself, and behind its links."""
    from freshet.tasks.text.personal_data import find_personal_data

    def by_code(text: str) -> dict[str, list[Finding]]:
        sorted_out: dict[str, list[Finding]] = {code: [] for code in _PERSONAL_CODES}
        for finding in find_personal_data(text, subject.regions):
            sorted_out[_CODE_OF.get(finding.kind, "PERSONAL-ID")].append(finding)
        return sorted_out

    return _by_code(subject, rules, by_code(subject.text), by_code(subject.unshown))


def check_secrets(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """SECRET-KEY, SECRET-PASSWORD and, for passwords in code that examples could have, SECRET-SAMPLE."""
    from freshet.tasks.text.made_up import is_sample_password
    from freshet.tasks.text.secrets import PASSWORD, find_secrets

    def by_code(text: str, elements: Sequence[Element]) -> dict[str, list[Finding]]:
        starts = [element.start for element in elements]
        sorted_out: dict[str, list[Finding]] = {"SECRET-KEY": [], "SECRET-PASSWORD": [], "SECRET-SAMPLE": []}
        for one in find_secrets(text):
            at = bisect_right(starts, one.start) - 1
            is_in_code = at >= 0 and elements[at].kind == "CodeSnippet"
            is_sample = is_in_code and is_sample_password(text[one.start : one.end])
            sort = "SECRET-KEY" if one.kind != PASSWORD else "SECRET-SAMPLE" if is_sample else "SECRET-PASSWORD"
            sorted_out[sort].append(one)
        return sorted_out

    return _by_code(subject, rules, by_code(subject.text, subject.parsed.elements), by_code(subject.unshown, ()))


def _by_code(
    subject: Subject,
    rules: Mapping[str, Rule],
    in_text: Mapping[str, Sequence[Finding]],
    unshown: Mapping[str, Sequence[Finding]],
) -> list[Verdict]:
    """A verdict under each code that has findings: how many of which kind, where in the text, how many beside it."""
    verdicts: list[Verdict] = []
    for code, findings in in_text.items():
        outside = unshown.get(code, ())
        if not findings and not outside:
            continue
        evidence: dict[str, Any] = {"kinds": dict(Counter(finding.kind for finding in (*findings, *outside)))}
        if findings:
            evidence["places"] = places(subject.parsed, ((finding.start, finding.end) for finding in findings))
        if outside:
            evidence["outside_the_text"] = len(outside)
        count = len(findings) + len(outside)
        verdicts += judge_above(rules, code, count, count=count, **evidence)
    return verdicts
