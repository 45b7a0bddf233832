"""Questions of headings: those that ask already, those that say how to do something, and those that leave a `?` out."""

# A pattern in one line is easier to read than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import re

from freshet.tasks.golden.questions.words import (
    AUXILIARIES,
    QUESTION_WORDS,
    base_of,
    by_the_reader,
    capitalised,
    content_words,
    words_in,
)

LEAST_CONTENT = 2
"""Words that say what a question is about, without which it asks of nothing."""

_NUMBERED = re.compile(r"^(?:(?:step|play|part|section|question|q)\s{0,2}\d{0,3}|\d{1,3}(?:\.\d{1,3}){0,3}|[a-z])(?:\s?[.:)–-]\s{0,3}|(?<=\d)\s{1,3})", re.I)  # fmt: skip
_ASKS = re.compile(r"[?？¿]\s*$")
_MOST_WORDS = 18
_MIDDLE = words_in("and or for with via vs")


def question_of_heading(heading: str, parents: tuple[str, ...] = ()) -> str | None:
    """The question that a section under this heading answers; None where it says too little to be asked.

    Args:
        heading: in English.
        parents: the headings above it, outermost first.
    """
    text = _NUMBERED.sub("", " ".join(heading.split())).strip(" *_`")
    words = text.rstrip("?!. ").split()
    if not 2 <= len(words) <= _MOST_WORDS or text.count("?") > 1:
        return None
    first, second = words[0].lower().strip("'’"), words[1].lower()
    body = " ".join(words)
    made: str | None = None
    if first == "how" and second == "to" and len(words) > 2:
        made = f"How do I {_lowered(words[2])} {' '.join(words[3:])}"
    elif first in QUESTION_WORDS:
        made = _inverted(words)
    elif first in AUXILIARIES | {"do", "does", "did"}:
        made = body if _ASKS.search(text) else None
    elif _ASKS.search(text):
        made = _joined_to_parent(words, parents)
    elif (base := base_of(first, "gerund")) and second not in _MIDDLE and len(words) > 2:
        made = f"How do I {base} {' '.join(words[1:])}"
    elif base_of(first, "base") and _is_object(words[1:]):
        made = f"How do I {' '.join([first, *words[1:]])}"
    if made is None:
        return None
    made = by_the_reader(" ".join(made.split()))
    if len(content_words(made)) < LEAST_CONTENT or not made[0].isalnum():
        return None
    return capitalised(made) + "?"


def asks(text: str) -> bool:
    """Whether a line is a question as it stands, in any language."""
    return bool(_ASKS.search(text))


def _lowered(word: str) -> str:
    return word.lower() if word[1:].islower() else word


def _is_object(words: list[str]) -> bool:
    """Whether what follows a verb is what it is done to: `Book a room`, and not `Travel guide`."""
    first = words[0].lower()
    return len(words) >= 2 and (
        first in {"a", "an", "the", "your", "my", "for", "to", "up", "out", "all", "any", "new"}
    )


def _inverted(words: list[str]) -> str | None:
    """A question in the order of one: `What we need` becomes `What do we need`."""
    lower = [word.lower() for word in words]
    at = next((place for place, word in enumerate(lower) if word in {"you", "we", "i", "they"}), None)
    if lower[0] in {"who", "whose"} or at is None or at > 4:
        is_asking = lower[0] == "who" or any(word in AUXILIARIES | {"do", "does", "did"} for word in lower[1:4])
        return " ".join(words) if is_asking else None
    before = lower[at - 1]
    if before in AUXILIARIES | {"do", "does", "did"}:
        return " ".join(words)
    if at + 1 >= len(words):
        return None
    following = lower[at + 1]
    if following in AUXILIARIES:
        return " ".join([*words[:at], following, words[at], *words[at + 2 :]])
    if base_of(following, "base"):
        return " ".join([*words[:at], "do", *words[at:]])
    return None


def _joined_to_parent(words: list[str], parents: tuple[str, ...]) -> str | None:
    """`Adjust a desk?` below `How do I …` is one question in two lines."""
    above = parents[-1].rstrip("?!.…: ") if parents else ""
    if above.lower() in {"how do i", "how can i", "how to", "where do i", "where can i"}:
        start = "How do I" if above.lower() == "how to" else above
        return f"{start} {_lowered(words[0])} {' '.join(words[1:])}"
    return None
