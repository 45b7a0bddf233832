"""Text that nobody can read: mostly symbols, letters that make no words, wrong encodings, files written as base64.

A PDF whose fonts do not say which character each glyph is gives letters in place of others: their words have the wrong
letters often, as a cipher has. Code and tables are not judged, nor letters of other scripts than Latin.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.text.made_up import base64_spans

SYMBOLS, NO_WORDS, MOJIBAKE, BASE64 = "symbols", "letters without words", "wrong encoding", "base64"

MOSTLY = 0.4
"""So much of a text is unreadable in these ways before any of it counts: pages on ciphers and certificates exist."""

_WINDOW = 2000
_LEAST_SOLID, _LEAST_LETTERS, _LEAST_DISTINCT = 200, 300, 12
_MOST_SYMBOLS = 0.6
_MOST_BEYOND_ASCII = 0.6
_LEAST_LETTERS_SHARE = 0.75
_SURELY_UNLIKE, _UNLIKE, _FEWEST_VOWELS = 0.55, 0.64, 0.33
"""How alike the letters of a text and those of languages are used (cosine), and the share of vowels among them.

Texts in the wrong letters have 0.45 to 0.7, mostly with few vowels. Hawaiian has 0.66 and Welsh 0.70, but many vowels;
machine instructions have 0.68. Other languages and code have more than 0.75.
"""

_OFTEN = {
    "a": 9.5, "b": 1.5, "c": 2.9, "d": 4.2, "e": 13.5, "f": 1.5, "g": 1.8, "h": 3.0, "i": 8.0, "j": 0.7, "k": 2.0,
    "l": 4.7, "m": 2.9, "n": 7.6, "o": 6.5, "p": 2.4, "q": 0.4, "r": 6.7, "s": 6.8, "t": 6.9, "u": 4.3, "v": 1.7,
    "w": 1.0, "x": 0.3, "y": 1.0, "z": 1.0,
}  # fmt: skip
"""How often letters are used, in per cent, over several languages of Europe, without accents."""

_NORM = math.sqrt(sum(share * share for share in _OFTEN.values()))
_UNJUDGED = frozenset({"CodeSnippet", "Table"})


_REPEATED = re.compile(r"([^\w\s])(?:\s?\1)+")
_SYMBOL = re.compile(r"[^\w\s]")
_LATIN_BEYOND = re.compile(r"[\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]")
_BOXED = re.compile(r"[^\W\d_][\u2500-\u259f]")
_WORD = re.compile(r"[^\W\d_]+")
_LONG_CODE, _MOSTLY_CODES = 5, 0.8
_LETTER = re.compile(r"[A-Za-z]")


def unreadable(parsed: ParsedDocument) -> list[tuple[int, int, str]]:
    """Returns (start, end, kind) of what cannot be read in these ways, in the order of the text."""
    found = []
    for start, end in _windows(parsed):
        text = parsed.text[start:end]
        kind = _kind(text)
        if kind:
            found.append((start, end, kind))
        else:
            found += [(start + begin, start + stop, BASE64) for begin, stop in base64_spans(text)]
    return found


def _windows(parsed: ParsedDocument) -> Iterator[tuple[int, int]]:
    """Yields the places of elements side by side that are judged together; a long one is judged in pieces."""
    begun: int | None = None
    end = 0
    for element in parsed.elements:
        if element.kind in _UNJUDGED:
            if begun is not None:
                yield begun, end
            begun = None
            continue
        begun = element.start if begun is None else begun
        end = element.end
        if end - begun >= _WINDOW:
            yield begun, end
            begun = None
    if begun is not None:
        yield begun, end


def _kind(text: str) -> str | None:
    solid = "".join(_REPEATED.sub(r"\1", text).split())
    if len(solid) < _LEAST_SOLID:
        return None
    if len(_SYMBOL.findall(solid)) > _MOST_SYMBOLS * len(solid):
        # To regular expressions the vowel signs of Indian scripts are symbols.
        symbols = sum(1 for char in solid if not char.isalnum() and unicodedata.category(char)[0] != "M")
        if symbols > _MOST_SYMBOLS * len(solid):
            return SYMBOLS
    if not text.isascii():
        beyond, plain = len(_LATIN_BEYOND.findall(text)), len(_LETTER.findall(text))
        if 4 * len(_BOXED.findall(text)) > len(solid):
            return MOJIBAKE
        if beyond > _MOST_BEYOND_ASCII * (beyond + plain) and 2 * beyond > len(solid):
            return MOJIBAKE
        text = unicodedata.normalize("NFD", text)
    return NO_WORDS if not _is_of_codes(text) and _is_ciphered(text.lower(), len(solid)) else None


def _is_of_codes(text: str) -> bool:
    """Whether a text is a list of short codes in capitals, of airports or protocols, which have few vowels."""
    words = _WORD.findall(text)
    short = sum(1 for word in words if len(word) < _LONG_CODE and word.isupper())
    return short > _MOSTLY_CODES * len(words)


def _is_ciphered(text: str, solid: int) -> bool:
    counts = {letter: text.count(letter) for letter in _OFTEN}
    letters = sum(counts.values())
    is_judged = letters >= max(_LEAST_LETTERS, _LEAST_LETTERS_SHARE * solid)
    if not is_judged or sum(map(bool, counts.values())) < _LEAST_DISTINCT:
        return False
    length = math.sqrt(sum(count * count for count in counts.values()))
    likeness = sum(counts[letter] * share for letter, share in _OFTEN.items()) / (length * _NORM)
    vowels = sum(counts[letter] for letter in "aeiouy") / letters
    return likeness < _SURELY_UNLIKE or (likeness < _UNLIKE and vowels < _FEWEST_VOWELS)
