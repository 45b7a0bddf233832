"""What stays of a word without its ending, so that forms of one word can be held against each other."""

from __future__ import annotations

_ENDINGS = ("ations", "ation", "ions", "ings", "ion", "ing", "ies", "ed", "es", "ly", "s", "e", "y")


def stem(word: str, least: int = 4) -> str:
    """Returns the word without its longest ending, of which at least so many letters stay."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= least:
            return word[: -len(ending)]
    return word
