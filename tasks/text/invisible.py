"""Characters that a reader cannot see: without width, turning the direction of text, or spelling a hidden message.

All of them have honest uses: joiners in emoji and in Arabic or Indic scripts, spaces without width between
Thai words, marks of direction beside Hebrew and Arabic, tags in the flags of England, Scotland and Wales.
Only what is out of place counts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from freshet.tasks.text.findings import Finding

ZERO_WIDTH = "zero width"
DIRECTION = "direction"
SMUGGLED = "smuggled"

_MESSAGE_RUN = 8
"""As many characters without width in a row are no accident: two of them are enough to write in bits."""

_SPACE_LESS = (
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "TIBETAN",
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "TAI ",
    "JAVANESE",
    "BALINESE",
)
_JOINING_NAMES = """
ARABIC SYRIAC MONGOLIAN NKO MANDAIC DEVANAGARI BENGALI GURMUKHI GUJARATI ORIYA TAMIL TELUGU KANNADA MALAYALAM SINHALA
KHMER MYANMAR TIBETAN JAVANESE BALINESE PHAGS HANGUL
"""
_JOINING = tuple(_JOINING_NAMES.split())


@dataclass(frozen=True)
class _Patterns:
    any: re.Pattern[str]
    flag: re.Pattern[str]
    message: re.Pattern[str]
    right_to_left: re.Pattern[str]


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    # Zero width: ZWSP, ZWNJ, ZWJ, word joiner, invisible operators, BOM inside a text, fillers, Mongolian separator.
    width = "\u200b-\u200d\u2060-\u2064\ufeff\u115f\u1160\u3164\uffa0\u180e\u034f"
    turning = "\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069"
    tags = "\U000e0000-\U000e007f"
    selectors = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
    return _Patterns(
        any=re.compile(f"[{width}{turning}{tags}]+|[{selectors}]{{2,}}"),
        flag=re.compile("(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f"),
        message=re.compile(f"[{tags}]+|[{selectors}]{{2,}}|[{width}\u200e\u200f]{{{_MESSAGE_RUN},}}"),
        right_to_left=re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"),
    )


def find_invisible(text: str) -> list[Finding]:
    """Returns runs of characters that are invisible and out of place: `zero width`, `direction` or `smuggled`."""
    if text.isascii():
        return []
    patterns, findings = _patterns(), list[Finding]()
    for run in patterns.any.finditer(text):
        flag = patterns.flag.match(text, run.start())
        start = flag.end() if flag else run.start()
        at = start
        for message in patterns.message.finditer(text, start, run.end()):
            findings += _singles(text, at, message.start())
            findings.append(Finding(message.start(), message.end(), SMUGGLED))
            at = message.end()
        findings += _singles(text, at, run.end())
    return findings


def without_misplaced(text: str) -> str:
    """Returns the text without what `find_invisible` finds in it."""
    kept, at = [], 0
    for finding in find_invisible(text):
        kept.append(text[at : finding.start])
        at = finding.end
    return "".join([*kept, text[at:]])


def without_invisible(text: str) -> tuple[str, list[int] | None]:
    """Returns the text as it looks, and the places of its characters in the original; None where they are the same."""
    if text.isascii() or not _patterns().any.search(text):
        return text, None
    hidden = {at for run in _patterns().any.finditer(text) for at in range(*run.span())}
    places = [at for at in range(len(text)) if at not in hidden]
    return "".join(text[at] for at in places), places


def _singles(text: str, start: int, end: int) -> list[Finding]:
    findings: list[Finding] = []
    for at in range(start, end):
        kind = _kind(text, at)
        if kind is None:
            continue
        if findings and findings[-1].end == at and findings[-1].kind == kind:
            findings[-1] = Finding(findings[-1].start, at + 1, kind)
        else:
            findings.append(Finding(at, at + 1, kind))
    return findings


def _kind(text: str, at: int) -> str | None:
    char = text[at]
    before = text[at - 1] if at else ""
    after = text[at + 1] if at + 1 < len(text) else ""
    if unicodedata.bidirectional(char) in ("L", "R", "AL") and char in "\u200e\u200f\u061c":
        return None if _patterns().right_to_left.search(text) else ZERO_WIDTH
    if "\u202a" <= char <= "\u202e" or "\u2066" <= char <= "\u2069":
        return None if _is_ordinary_turn(text, at) else DIRECTION
    if char == "\ufeff" and at == 0:
        return None
    if char in "\u200c\u200d" and ((_is_emoji(before) and _is_emoji(after)) or _named(before, _JOINING)):
        return None
    if char in "\u200b\u2060" and (_named(before, _SPACE_LESS) or _named(after, _SPACE_LESS)):
        return None
    if char in "\u115f\u1160\u3164\uffa0" and (_named(before, ("HANGUL",)) or _named(after, ("HANGUL",))):
        return None
    if char == "\u180e" and _named(before, ("MONGOLIAN",)):
        return None
    if char == "\u034f" and unicodedata.combining(before or "a"):
        return None
    return ZERO_WIDTH


def _is_ordinary_turn(text: str, at: int) -> bool:
    """Whether a mark turns text in a line that holds both directions; overrides, which reverse letters, never are."""
    if text[at] in "\u202d\u202e":
        return False
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    return bool(_patterns().right_to_left.search(text, start, len(text) if end < 0 else end))


def _is_emoji(char: str) -> bool:
    return bool(char) and (
        unicodedata.category(char) in ("So", "Sk")
        or char in "\ufe0f\u2640\u2642\u20e3"
        or "\U0001f000" <= char <= "\U0001faff"
    )


def _named(char: str, scripts: tuple[str, ...]) -> bool:
    return bool(char) and unicodedata.name(char, "").startswith(scripts)
