"""Tells prose from other lines, and the lines of a slide that head what follows, by their words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

from freshet.tasks.documents.parse.tagger import is_verb, sentences, words

_BULLETS = "\x95•‣⁃ㅤ⁌⁍∙○●◘◦☙❥❧⦾⦿*·\uf0b7"
_BULLET = re.compile(rf"(?:[{re.escape(_BULLETS)}]|[-–](?=\s|$))(?![{re.escape(_BULLETS)}\-–])")
"""A dash is a bullet only where a space follows: before a number it is a sign."""

_ENDS_IN_PUNCTUATION = re.compile(r"[^\w\s]\Z")
_SENTENCE_WORDS = 3
_TITLE_SENTENCE_WORDS = 5
_TITLE_WORDS = 12


def without_bullet(text: str) -> str | None:
    """Returns the text of a line without the bullet that somebody typed before it; None where there is no bullet."""
    text = text.strip()
    match = _BULLET.match(text)
    return text[match.end() :].strip() if match else None


def is_prose(text: str) -> bool:
    """Whether a text reads like a sentence: words, mostly in lower case, and a verb or a second sentence.

    These are the rules of unstructured, with the words of `tagger`, so that a line has the kind that it always had.
    """
    if not text or text.isnumeric() or not _is_mostly_letters(text):
        return False
    if _has_two_sentences(text, _SENTENCE_WORDS):
        return True
    if text.isupper():
        return False
    tokens = [token for token in words(text) if token.isalpha()]
    capitals = sum(token.istitle() or token.isupper() for token in tokens)
    if not tokens or capitals / len(tokens) > 0.5:
        return False
    return any(is_verb(word) for word in words(text))


def is_heading_like(text: str) -> bool:
    """Whether a line of a slide is short enough, and enough of a phrase, to head what follows it."""
    if not text or text.isnumeric() or text.endswith(",") or not _is_mostly_letters(text):
        return False
    if (text.isupper() and _ENDS_IN_PUNCTUATION.search(text)) or len(text.split(" ")) > _TITLE_WORDS:
        return False
    return not _has_two_sentences(text, _TITLE_SENTENCE_WORDS)


def _has_two_sentences(text: str, least_words: int) -> bool:
    """Whether two sentences or more have as many words; what is all punctuation is no word. It reads no further."""
    long = (sentence for sentence in sentences(text) if _holds(filter(_is_word, sentence.split()), least_words))
    return _holds(long, 2)


def _holds(found: Iterator[str], least: int) -> bool:
    return sum(1 for _ in islice(found, least)) == least


def _is_word(token: str) -> bool:
    return token.isalnum() or any(not unicodedata.category(char).startswith("P") for char in token)


def _is_mostly_letters(text: str) -> bool:
    seen = len(text) - sum(map(str.isspace, text))
    return sum(map(str.isalpha, text)) >= 0.5 * seen
