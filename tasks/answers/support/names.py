"""The names of a text: runs of capitalised words, acronyms and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freshet.tasks.answers.support.tokenized import WORD, TokenizedText
from freshet.tasks.answers.support.vocabulary import GERMAN, OPENERS
from freshet.tasks.text.unspaced import UNSPACED

_WITHIN = frozenset({" ", "-", ". ", "'", "’", "/", "\n", " & ", "."})
_PEOPLE = ("ians", "eans", "ian", "ean", "ans", "any", "ese", "ish", "an", "ia", "a", "y", "s", "e")
_LEAST = 4
_IDENTIFIER = re.compile(r"(?<![\w./@-])\w++(?:[-_./:@+]++\w++)*+")
_GERMAN_WORDS = 2
_LONGEST = 200


def name_stem(word: str) -> str:
    """Returns a name without the ending by which a country becomes its people: Canada, Canadian; China, Chinese."""
    for ending in _PEOPLE:
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST:
            return word[: -len(ending)]
    return word


def runs_of(reading: TokenizedText, whole: bool = False) -> Iterator[tuple[int, int]]:
    """Yields runs of capitalised words, each as the positions of its first word and behind its last.

    Args:
        whole: whether words that begin a sentence and are no names stay, as `The` in The Hague.
    """
    capital, words = reading.is_capital, reading.words
    at = 0
    while at < len(words):
        if not capital[at]:
            at += 1
            continue
        end = at + 1
        while (
            end < len(words)
            and capital[end]
            and end not in reading.starts
            and reading.text[reading.spans[end - 1][1] : min(reading.spans[end][0], reading.spans[end - 1][1] + 4)]
            in _WITHIN
        ):
            end += 1
        start = at
        while not whole and start < end and _is_opener(reading, start):
            start += 1
        if start < end:
            yield start, end
        at = end


def _is_opener(reading: TokenizedText, at: int) -> bool:
    return at in reading.denials or (reading.words[at] in OPENERS and not is_acronym(reading, at))


def is_acronym(reading: TokenizedText, at: int) -> bool:
    """Whether a word has a capital letter behind its first letter."""
    start, end = reading.spans[at]
    return (
        reading.kinds[at] == WORD and end - start > 1 and any(char.isupper() for char in reading.text[start + 1 : end])
    )


def identifiers(text: str) -> Iterator[str]:
    """Yields what joins letters with digits, underscores or capitals (S-12, max_tokens, a@b.org), in small letters."""
    for found in _IDENTIFIER.finditer(text):
        token = found.group()
        if len(token) > _LONGEST or not any(char.isalpha() for char in token) or UNSPACED.search(token):
            continue
        joined = any(char in "_@" for char in token) or ("." in token and "://" not in token and token.count(".") > 1)
        if joined or "://" in token or (any(char.isdigit() for char in token) and _is_code(token)):
            yield token.casefold()


def _is_code(token: str) -> bool:
    """Whether a token with letters and digits is a name like S-12 and 3fa9c1, not a number with its unit, like 10GB."""
    if token[0].isalpha():
        return token[-1:].isalnum()
    letters = False
    for sign in token:
        if sign.isdigit() and letters:
            return True
        letters = letters or sign.isalpha()
    return False


def is_german(*readings: TokenizedText) -> bool:
    """Whether texts are in German, where nouns are capitalised as well."""
    found: set[str] = set()
    for reading in readings:
        found |= GERMAN.intersection(reading.words)
    return len(found - {"des", "die", "den", "in", "am", "an"}) >= _GERMAN_WORDS
