"""Which languages a text may be in by its letters."""

from __future__ import annotations

import unicodedata
from collections import Counter

SCRIPTS: dict[str, frozenset[str]] = {
    name: frozenset(languages.split())
    for name, languages in {
        "ARABIC": "ar fa ku ps sd ug ur", "ARMENIAN": "hy", "BENGALI": "as bn", "CJK": "ja zh",
        "CYRILLIC": "ba be bg bs kk ky mk mn ru sr tg tt uk uz", "DEVANAGARI": "hi mr ne sa", "ETHIOPIC": "am",
        "GEORGIAN": "ka", "GREEK": "el", "GUJARATI": "gu", "GURMUKHI": "pa", "HANGUL": "ko", "HEBREW": "he yi",
        "HIRAGANA": "ja", "KANNADA": "kn", "KATAKANA": "ja", "KHMER": "km", "LAO": "lo", "MALAYALAM": "ml",
        "MYANMAR": "my", "ORIYA": "or", "SINHALA": "si", "TAMIL": "ta", "TELUGU": "te", "THAI": "th",
        "TIBETAN": "bo dz",
    }.items()
}  # fmt: skip
"""By the first word of a letter's name in Unicode, the languages (ISO 639-1) that are written with such letters."""

_SYMBOLS = {"GREEK": 3}
"""Letters of a script that also serve as symbols: with fewer, like the one of `α-helix`, nothing is said."""


def written_in(text: str) -> frozenset[str] | None:
    """The languages that a text may be in by its script; None where most of its letters are Latin, or of no script."""
    counted = Counter(unicodedata.name(letter, " ").split(" ")[0] for letter in text if letter.isalpha())
    known = {name: count for name, count in counted.items() if name in SCRIPTS and count >= _SYMBOLS.get(name, 1)}
    if not known or 2 * sum(known.values()) < counted.total():
        return None
    # Kana among Chinese characters say that it is Japanese.
    if "CJK" in known and known.keys() & {"HIRAGANA", "KATAKANA"}:
        return SCRIPTS["HIRAGANA"]
    return SCRIPTS[max(known, key=lambda name: known[name])]
