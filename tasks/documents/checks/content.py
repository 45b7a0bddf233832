"""Content: whether the text is whole, readable, in a language of the corpus, and about something."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from freshet.expectations.rules import Rule
from freshet.tasks.documents.checks.frame import frame_of
from freshet.tasks.documents.checks.garbled import MOJIBAKE, MOSTLY, unreadable
from freshet.tasks.documents.checks.subject import COVERAGE, GUESSED, LEFT_OUT, Subject, judge, judge_above, places
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.text.words.language import language_of

_PROSE = frozenset({"NarrativeText", "ListItem", "UncategorizedText", "Title"})
_LEAST_LETTERS = 120
"""Shorter texts do not say which language they are in. A character of a script without spaces says as much as three."""
_LANGUAGE_SAMPLE = 400
_PLACES_NAMED = 5
_LEAST_LINES = 4
_LEAST_JUDGED = 200


@lru_cache(maxsize=16)
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(_PATTERNS[name])


_PATTERNS = {
    "word": r"[^\W_]+(?:['’][^\W_]+)*",
    "ideograph": r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0eff\U00020000-\U0003ffff]",
    # Private use, replacement and what PDF tools write for a glyph that has no character.
    "no text": r"[\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff\x00-\x08\x0e-\x1f]|\(cid:\d+\)",
    # Curly quotes beside dashes are ordinary typography, and letters of other scripts stand side by side.
    "two beyond ASCII": r"[\x80-\u024f\u02c0-\u02df\u0370-\u045f\u2010-\u25ff\ufffd]{2}",
}  # fmt: skip


def check_guess(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-GUESSED: the file did not say in which encoding it is."""
    guessed = subject.parsed.properties.get(GUESSED)
    return judge(rules, "CONTENT-GUESSED", encoding=str(guessed)) if guessed else []


def check_encoding(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-ENCODING, CONTENT-GARBLED: characters that a wrong encoding left, and what is no text at all."""
    text, size = subject.text, max(1, len(subject.text))
    lost = [match.span() for match in _compiled("no text").finditer(text)]
    replaced = (match.span() for match in re.finditer("\ufffd", text))
    damaged = sorted({*replaced, *_mojibake(text)})
    garbled = _check_garbled(subject, rules, lost, damaged)
    if garbled or not damaged:
        return garbled
    share = _length(damaged) / size
    evidence: dict[str, Any] = {
        "count": len(damaged),
        "share": round(share, 4),
        "places": places(subject.parsed, damaged),
    }
    return judge_above(rules, "CONTENT-ENCODING", share, **evidence)


def _check_garbled(
    subject: Subject, rules: Mapping[str, Rule], lost: list[tuple[int, int]], damaged: list[tuple[int, int]]
) -> list[Verdict]:
    """CONTENT-GARBLED: characters that are none, and the rest where most of the text cannot be read."""
    size = max(1, len(subject.text))
    found = unreadable(subject.parsed)
    covered = {(start, end) for start, end, kind in found if kind == MOJIBAKE}
    found += [(*span, MOJIBAKE) for span in damaged if not covered]
    found = found if _length((start, end) for start, end, _ in found) >= MOSTLY * size else []
    found = sorted([*((*span, "no characters") for span in lost), *found])
    kinds: dict[str, float] = {}
    for start, end, kind in found:
        kinds[kind] = kinds.get(kind, 0) + (end - start) / size
    share = min(1.0, sum(kinds.values()))
    shares = {kind: round(min(1.0, one), 4) for kind, one in kinds.items()}
    spans = [(start, end) for start, end, _ in found[:1]]
    return judge_above(
        rules, "CONTENT-GARBLED", share, share=round(share, 4), kinds=shares, places=places(subject.parsed, spans)
    )


def _length(spans: Iterable[tuple[int, int]]) -> int:
    return sum(end - start for start, end in spans)


def _mojibake(text: str) -> Iterator[tuple[int, int]]:
    """Spans that look like text in one encoding that was read in another, by ftfy's pattern."""
    # Nearly all that the pattern knows has two such characters side by side, and few lines have.
    lines = {text.rfind("\n", 0, match.start()) + 1 for match in _compiled("two beyond ASCII").finditer(text)}
    if not lines:
        return
    from ftfy.badness import BADNESS_RE

    for start in sorted(lines):
        end = text.find("\n", start)
        yield from (match.span() for match in BADNESS_RE.finditer(text, start, len(text) if end < 0 else end))


def check_left_out(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-LEFT-OUT, from what the parser counted and could not read."""
    parts = subject.parsed.properties.get(LEFT_OUT)
    return judge(rules, "CONTENT-LEFT-OUT", parts=parts) if isinstance(parts, dict) and parts else []


def check_what_was_read(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """PARSE-COVERAGE, from the comparison of the text with the words of the file itself (`parse.coverage`)."""
    read = subject.parsed.properties.get(COVERAGE)
    if not isinstance(read, dict) or "share" not in read:
        return []
    share, places_named = round(1 - read["share"], 4), [one["place"] for one in read.get("missing", [])[:_PLACES_NAMED]]
    return judge_above(rules, "PARSE-COVERAGE", share, missing=share, words=read["words"], places=places_named)


def check_length(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-SHORT. Scripts without spaces count two characters as a word."""
    rule = rules.get("CONTENT-SHORT")
    least = int(rule.threshold or 0) if rule else 0
    if len(subject.text.split(None, 4 * least)) > 4 * least:
        return []
    # There are few pieces between spaces, but one of them may be as long as the text.
    words = sum(1 for _ in islice(_compiled("word").finditer(subject.text), least))
    words += sum(1 for _ in islice(_compiled("ideograph").finditer(subject.text), 2 * least)) // 2
    return judge(rules, "CONTENT-SHORT", words=words) if words < least else []


def check_boilerplate(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-BOILERPLATE: the share of the text, in characters, that is frame, trails of links, empty cells."""
    lines = [
        (line, element.kind == "Table")
        for element in subject.parsed.elements
        for raw in subject.text[element.start : element.end].split("\n")
        if (line := raw.strip())
    ]
    total = sum(len(line) for line, _ in lines)
    if len(lines) < _LEAST_LINES or total < _LEAST_JUDGED:
        return []
    kinds: dict[str, int] = {}
    for line, is_row in lines:
        kind = frame_of(line)
        # The cells of a table's row look like a bar of links; of a table, only empty ones say nothing.
        if kind and (kind == "debris" or not is_row):
            kinds[kind] = kinds.get(kind, 0) + len(line)
    share = sum(kinds.values()) / total
    shares = {kind: round(size / total, 3) for kind, size in sorted(kinds.items())}
    return judge_above(rules, "CONTENT-BOILERPLATE", share, share=round(share, 3), kinds=shares)


def check_language(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-LANGUAGE, where the corpus names its languages: the prose is surely in another one."""
    rule = rules.get("CONTENT-LANGUAGE")
    if not subject.languages or rule is None:
        return []
    sample = _prose(subject)
    if sum(1 for char in sample if char.isalpha()) + 2 * len(_compiled("ideograph").findall(sample)) < _LEAST_LETTERS:
        return []
    language, sureness = language_of(sample)
    wanted = {language_code.lower().split("-")[0] for language_code in subject.languages}
    if language in wanted or sureness < (rule.threshold or 0):
        return []
    return judge(rules, "CONTENT-LANGUAGE", language=language, sureness=round(sureness, 3), expected=sorted(wanted))


def _prose(subject: Subject) -> str:
    """Sentences from the beginning, the middle and the end, without code and tables: they are in no language."""
    text = subject.text
    prose = "\n".join(text[e.start : e.end] for e in subject.parsed.elements if e.kind in _PROSE)
    if len(prose) <= 3 * _LANGUAGE_SAMPLE:
        return prose
    middle = (len(prose) - _LANGUAGE_SAMPLE) // 2
    return "\n".join((prose[:_LANGUAGE_SAMPLE], prose[middle : middle + _LANGUAGE_SAMPLE], prose[-_LANGUAGE_SAMPLE:]))


def check_coverage(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """CONTENT-COVERAGE: the share of the text's characters, white space left out, that stand in some chunk."""
    rule = rules.get("CONTENT-COVERAGE")
    if rule is None or subject.chunks is None:
        return []
    gaps, at = [], 0
    for start, end in sorted(subject.chunks):
        if start > at:
            gaps.append((at, start))
        at = max(at, end)
    gaps.append((at, len(subject.text)))
    missing = [(start, end, _solid(subject.text[start:end])) for start, end in gaps if start < end]
    lost = sum(size for _, _, size in missing)
    if not lost:
        return []
    covered = 1 - lost / _solid(subject.text)
    if covered >= (rule.threshold or 0):
        return []
    spans = [(start, end) for start, end, size in missing if size]
    return judge(
        rules, "CONTENT-COVERAGE", covered=round(covered, 4), characters=lost, places=places(subject.parsed, spans)
    )


def _solid(text: str) -> int:
    return sum(map(len, text.split()))
