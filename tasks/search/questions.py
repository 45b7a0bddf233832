"""What a question is."""

from __future__ import annotations

from itertools import pairwise

from freshet.tasks.errors import SettingsError

LONGEST_QUESTION = 10_000
"""Characters of a question: far more than a model reads of one."""


_SAYING = "§"
"""Characters that are a question without being a letter or a digit."""

_BLANK = "\u115f\u1160\u3164\uffa0"
"""Fillers of Hangul: letters by what Unicode says, and blank by what people see."""

_DRAWN = ("\ufe0f", "\u20e3")
"""What makes an emoji of the character before it."""


def check_question(question: str) -> None:
    """Sees that a question is one: that it holds a letter, a digit or §, and is not emoji and punctuation alone.

    Raises:
        SettingsError: it is blank or symbols alone, very long, or holds what no text may hold.
    """
    if not question.strip():
        raise SettingsError("the question is empty", 'Type one, like "How long is parental leave?"')
    if len(question) > LONGEST_QUESTION:
        what = f"the question has {len(question):,} characters, and may have {LONGEST_QUESTION:,}"
        raise SettingsError(what, "Ask for one thing, in fewer words.")
    try:
        question.encode()
    except UnicodeEncodeError:
        raise SettingsError(
            "the question is no valid UTF-8 text", "Type it anew, in a terminal that is set to UTF-8."
        ) from None
    said = (one for one, behind in pairwise(question + " ") if one not in _BLANK and behind not in _DRAWN)
    if not any(one.isalnum() or one in _SAYING for one in said):
        raise SettingsError(
            "the question holds no letter and no digit", 'Type it in words, like "How long is parental leave?"'
        )
