"""Which words of a question stand in a text, and where: for people who read what was found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freshet.tasks.text.normalise import tokens
from freshet.tasks.text.stems import stem

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[tuple[str, str]]:
    """The words of a text, in order: each as people read it, and the form in which words meet.

    This is the one place that says what a word is here.
    """
    return [(word, stem(word)) for word in tokens(text)]


def matched_words(question: str, text: str) -> tuple[str, ...]:
    """Words of a question that stand in a text, each once, in the order of the question."""
    held = {form for _, form in words_of(text)}
    return tuple(dict.fromkeys(word for word, form in words_of(question) if form in held))


def matched_spans(question: str, text: str) -> Iterator[tuple[int, int]]:
    """Where words of a question stand in a text, as half-open spans of characters, in order."""
    asked = {form for _, form in words_of(question)}
    for word in _WORD.finditer(text):
        if not asked.isdisjoint(form for _, form in words_of(word[0])):
            yield word.span()
