"""Which words of a question stand in a text, and where: for people who read what was found.

Words meet here as they meet in the index: by the same terms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from unicodedata import normalize

from freshet.tasks.text.unspaced import LETTERS
from freshet.tasks.text.words.analysis import RUN, terms_of_run
from freshet.tasks.text.words.language import language_of_text

_PIECE = re.compile(f"[{LETTERS}\uac00-\ud7af]+|[^{LETTERS}\uac00-\ud7af]+")
_UNSPACED = re.compile(f"[{LETTERS}\uac00-\ud7af]")
_EDGES = "!\"$%&'()*,-./:;<=>?@[\\]^`{|}~" + "".join(
    map(chr, (*range(0x2013, 0x2027), 0xA1, 0xAB, 0xBB, 0xBF, 0x3001, 0x3002, 0xFF0C))
)


def matched_words(question: str, text: str) -> tuple[str, ...]:
    """Words of a question that stand in a text, each once, in the order of the question."""
    language = language_of_text(text)
    held = {term for start, end in _words(text) for term in terms_of_run(text[start:end], language)}
    words = (question[start:end] for start, end in _words(question))
    matched = (word for word in words if not held.isdisjoint(terms_of_run(word, language)))
    return tuple(dict.fromkeys(normalize("NFKC", word).casefold() for word in matched))


def matched_spans(question: str, text: str) -> Iterator[tuple[int, int]]:
    """Where words of a question stand in a text, as half-open spans of characters, in order."""
    language = language_of_text(text)
    asked = {term for start, end in _words(question) for term in terms_of_run(question[start:end], language)}
    last = 0
    for start, end in _words(text):
        if not asked.isdisjoint(terms_of_run(text[start:end], language)):
            yield max(start, last), end
            last = end


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the words of a text, in order; of scripts without blanks, of every two neighbouring characters."""
    for run in RUN.finditer(text):
        for piece in _PIECE.finditer(run.group()):
            start, end = run.start() + piece.start(), run.start() + piece.end()
            if _UNSPACED.match(piece.group()):
                yield from ((at, min(at + 2, end)) for at in range(start, max(start + 1, end - 1)))
                continue
            word = piece.group().strip(_EDGES)
            if word:
                at = start + piece.group().index(word)
                yield at, at + len(word)
