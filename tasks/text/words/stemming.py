"""Stems of words, by the rules of the Snowball project for their language."""

from __future__ import annotations

import threading
from typing import Any

LANGUAGES = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "fi": "finnish", "fr": "french", "hi": "hindi", "hu": "hungarian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "nl": "dutch", "no": "norwegian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish",
}  # fmt: skip
"""Languages whose words are stemmed: by ISO 639-1, the name of Snowball's rules."""

_rules = threading.local()
"""Snowball's stemmers hold a word while they work on it, so each thread has its own."""


def stem(word: str, language: str) -> str:
    """Returns the stem of a word in lower case; the word itself in a language without rules."""
    name = LANGUAGES.get(language)
    if name is None:
        return word
    stemmers: dict[str, Any] = _rules.__dict__
    if name not in stemmers:
        import Stemmer

        stemmers[name] = Stemmer.Stemmer(name, 0)
    return str(stemmers[name].stemWord(word))
