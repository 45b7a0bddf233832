"""Which language a text is in, and a question."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_SAMPLE = 4000
_LEAST, _ENOUGH = 50, 150
"""Bytes of a text from which on its language is believed where that is sure, and where it is likely.

An ideograph, which says as much as three letters, has three bytes.
"""

_SURE, _LIKELY = 0.9, 0.5

_WHOLE_QUESTION = 20
"""Characters from which on a question is taken to be in one language."""

_SCRIPTS = {
    "ar": ("\u0600", "\u06ff"),
    "el": ("\u0370", "\u03ff"),
    "hi": ("\u0900", "\u097f"),
    "ru": ("\u0400", "\u04ff"),
    "ta": ("\u0b80", "\u0bff"),
    "en": ("A", "z"),
}
"""By the commonest language of a script, its first letter and its last."""


def language_of_text(text: str) -> str:
    """The language of a text (ISO 639-1): by its words where they tell, else the commonest of its script, else none."""
    sample = text[:_SAMPLE]
    size = len(sample.encode(errors="replace"))
    if size >= _LEAST:
        language, sureness = language_of(sample)
        if sureness >= (_LIKELY if size >= _ENOUGH else _SURE):
            return language
    letters = [letter for letter in sample if letter.isalpha()]
    counts = {
        language: sum(first <= letter <= last for letter in letters) for language, (first, last) in _SCRIPTS.items()
    }
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else ""


@dataclass(frozen=True)
class Spoken:
    """The languages that texts are in (ISO 639-1; empty for what cannot be told).

    Attributes:
        mostly: those of many texts.
        also: those of few, some of which may be mistaken.
    """

    mostly: tuple[str, ...]
    also: tuple[str, ...] = ()


def languages_of_question(question: str, spoken: Spoken) -> list[str]:
    """The languages that a question is taken to be in: one where its words tell, else all that many texts are in.

    A language of few texts is none that a question may be in unless its words tell: a text whose language was mistaken
    has other stems than its neighbours, and rare ones weigh most.
    """
    among = {*spoken.mostly, *spoken.also}
    if len(among) < 2:
        return sorted(among)
    ranked = {language: sureness for language, sureness in _identifier().rank(question) if language in among}
    best = max(ranked, key=lambda language: ranked[language], default="")
    if not ranked or ranked[best] < _SURE * sum(ranked.values()):
        return list(spoken.mostly)
    if best not in spoken.mostly:
        return [*spoken.mostly, best]
    return [best] if len(question) >= _WHOLE_QUESTION else list(spoken.mostly)


def language_of(text: str) -> tuple[str, float]:
    """The language of a text (ISO 639-1) and how sure that is, from 0 to 1."""
    language, sureness = _identifier().classify(text)
    return str(language), float(sureness)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
