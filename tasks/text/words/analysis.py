"""A text's words as the index holds them: a passage that is indexed and a question that is asked give equal terms.

A run of characters between blanks gives one term or several: the parts of an identifier beside the whole, a number
without its separators, the pairs of neighbouring characters of a script without blanks. A term in letters is a stem by
the rules of the text's language; a question looks for its words by the rules of each language that it may be in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from freshet.tasks.text.unspaced import LETTERS
from freshet.tasks.text.words.compounds import split_compound
from freshet.tasks.text.words.stemming import LANGUAGES, stem
from freshet.tasks.text.words.stop_words import STOP_WORDS

LONGEST_TERM = 128
"""Characters of a term; what is longer is cut there, in the index and in a question alike."""

MOST_TERMS = 1024
"""Different terms of a question that are looked for."""

_LONGEST_RUN = 1000
_MOST_PARTS = 8
_PREFIXES = (7, 8, 10, 12)

RUN = re.compile(r"\S+(?:(?<=\d)[\u00a0\u202f\u2009](?=\d{3})\S+)*")
_WIDE = re.compile(f"[{LETTERS}\uac00-\ud7af\u1100-\u11ff]+")
_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_WORD = re.compile(r"[^\W_]+")
_JOINTS = frozenset("-_./\\:@&+~=()[]#%$")
_SYMBOLS = {"§": "section", "¶": "paragraph", "№": "number"}
_WITH_SIGN = re.compile(r"(?<![^\W_])([^\W\d_]{1,2})(\+\+|#)(?![^\W_])")
_WITH_DOT = re.compile(r"^\W{0,2}(\.[^\W\d_][^\W_]*)")
_POSSESSIVE = re.compile(r"(?<=\w)'s(?!\w)", re.I)
_GROUPED = re.compile(r"(?<![\w.,'])\d{1,3}([.,' ])\d{3}(?:\1\d{3})*(?![\w']|[.,]\d{3}(?!\d))")
_VERSION = re.compile(r"(?<![\w.])[vV]?(\d+(?:\.\d+)+)(?!\w|\.\d)")
_HEX = re.compile(r"0x[0-9a-f]+|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{12,}")
_PART = re.compile(r"\d+|[^\W\d_]+")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\WA-Z\d_]+")


def index_terms(text: str, language: str) -> Iterator[str]:
    """Yields the terms of a text that is indexed, as often as they occur, in its order.

    Args:
        language: what the text is in, as ISO 639-1 has it; of another than those of `LANGUAGES` nothing is stemmed.
    """
    for found in RUN.finditer(text):
        yield from terms_of_run(found.group(), language)


def question_terms(question: str, languages: Iterable[str]) -> list[str]:
    """Returns the terms that a question looks for, each once and in its order, by the rules of each of some languages.

    Args:
        languages: those that it may be in.
    """
    found: dict[str, None] = {}
    spoken = sorted({language if language in LANGUAGES else "" for language in languages}) or [""]
    for place in RUN.finditer(question):
        for language in spoken:
            found |= dict.fromkeys(terms_of_run(place.group(), language))
        if len(found) >= MOST_TERMS:
            break
    return list(found)[:MOST_TERMS]


@lru_cache(maxsize=200_000)
def terms_of_run(run: str, language: str) -> tuple[str, ...]:
    """Returns the terms of characters that stand together between blanks, each once."""
    terms = dict.fromkeys(_terms(_plain(run), language if language in LANGUAGES else ""))
    return tuple(term[:LONGEST_TERM] for term in terms)


def _plain(run: str) -> str:
    """NFKC, without characters that nobody sees, and with one kind of dash and apostrophe."""
    if run.isascii():
        return run
    run = unicodedata.normalize("NFKC", run)
    run = "".join(char for char in run if unicodedata.category(char) not in {"Cf", "Cc"})
    return _DASHES.sub("-", run).replace("\u2019", "'").replace("\u02bc", "'")


def _terms(run: str, language: str) -> Iterator[str]:
    for sign, word in _SYMBOLS.items():
        if sign in run:
            yield sign
            yield from _of_word(word, language)
    for place in _WITH_SIGN.finditer(run):
        yield place.group().casefold()
    if dotted := _WITH_DOT.match(run):
        yield dotted.group(1).casefold()
    run = _GROUPED.sub(_without_separators, _POSSESSIVE.sub("", run))
    for place in _VERSION.finditer(run):
        yield from _of_version(place.group(1))
    run = _VERSION.sub(" ", run)
    if len(run) > _LONGEST_RUN:
        for word in _WORD.findall(run):
            yield from _of_letters(word, language)
        return
    for together in _together(run):
        yield from _of_compound(together, language)


def _without_separators(number: re.Match[str]) -> str:
    return "".join(char for char in number.group() if char.isdigit())


def _of_version(number: str) -> Iterator[str]:
    """A version, a date or a decimal: the whole, what it begins with, and its parts."""
    parts = number.split(".")[:_MOST_PARTS]
    yield number
    yield from (".".join(parts[:length]) for length in range(2, len(parts)))
    yield from parts


def _together(run: str) -> Iterator[list[str]]:
    """The words of a run, those joined by one sign that joins in one list."""
    group: list[str] = []
    end = 0
    for place in _WORD.finditer(run):
        between = run[end : place.start()]
        if group and not (0 < len(between) <= 2 and set(between) <= _JOINTS):
            yield group
            group = []
        group.append(place.group())
        end = place.end()
    if group:
        yield group


def _of_compound(words: list[str], language: str) -> Iterator[str]:
    """The terms of words that signs join: each by itself, its parts, and what neighbours and all are without signs."""
    parts = [part for word in words for part in parts_of(word)]
    if len(words) > 1:
        for word in words:
            yield from _of_letters(word, language)
    for part in parts:
        yield from _of_letters(part, language)
    if 1 < len(parts) <= _MOST_PARTS:
        for left, right in pairwise(parts):
            if not (left.isdigit() and right.isdigit()):
                yield from _of_letters(left + right, language, is_joined=True)
        if not "".join(parts).isdigit():
            yield from _of_letters("".join(parts), language, is_joined=True)
    elif len(words) == 1:
        yield from _of_letters(words[0], language, is_joined=len(parts) > 1)


def parts_of(word: str) -> list[str]:
    """The parts of an identifier: of `getUserName2` get, User, Name and 2; a word that is none is its only part."""
    if _HEX.fullmatch(word.casefold()):
        return [word]
    parts = [hump for part in _PART.findall(word) for hump in ([part] if part.isdigit() else _HUMP.findall(part))]
    return parts if 0 < len(parts) <= _MOST_PARTS else [word]


def _of_letters(word: str, language: str, *, is_joined: bool = False) -> Iterator[str]:
    """The terms of one word, of any script."""
    end = 0
    for place in _WIDE.finditer(word):
        yield from _of_word(word[end : place.start()], language)
        yield from _pairs(place.group())
        end = place.end()
    yield from _of_word(word[end:], language, is_joined=is_joined)


def _pairs(wide: str) -> Iterator[str]:
    """Every two neighbouring characters of a script that puts no blanks between words; a lone one as it stands."""
    yield from (wide[at : at + 2] for at in range(max(1, len(wide) - 1)))


def _of_word(word: str, language: str, *, is_joined: bool = False) -> Iterator[str]:
    if not word:
        return
    low = word.casefold()
    if any(char.isdigit() for char in low):
        yield fold(low)
        if _HEX.fullmatch(low):
            yield from (low[:length] for length in _PREFIXES if length < len(low))
        return
    if low in STOP_WORDS.get(language, ()) and not is_joined:
        if len(word) > 1 and word.isupper():
            yield f"{low}^"  # IT and WHO are no stop words
        return
    for part in (low, *split_compound(low, language)):
        # Who types without accents finds what has them: they go before the stem is made.
        yield stem(fold(part), language)


_ACCENTED = re.compile("[\u00c0-\u024f\u0370-\u03ff\u1e00-\u1fff]")


def fold(word: str) -> str:
    """Takes the accents from a word's Latin and Greek letters; in other scripts marks make other letters."""
    if not _ACCENTED.search(word):
        return word
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
