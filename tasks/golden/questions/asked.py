"""What the makers of questions give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A question that a text answers.

    Attributes:
        question: as somebody would ask it.
        answer: the part of the text that answers, a half-open span of characters.
        kind: by what it was found, for whoever reviews it.
    """

    question: str
    answer: tuple[int, int]
    kind: str
