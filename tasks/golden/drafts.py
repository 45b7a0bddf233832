"""Drafts of golden questions, and what keeps one from being made: it is asked already, or its text is unsafe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from freshet.tasks.golden.questions.words import content_words
from freshet.tasks.settings.golden import GoldenQuestion
from freshet.tasks.text.normalise import normalise
from freshet.tasks.text.stems import stem

ALIKE = 0.75
"""Two questions of whose words, endings aside, this share is common ask for the same."""


@dataclass(frozen=True)
class Draft:
    """A golden question that somebody has yet to look at.

    Attributes:
        documents: that answer, as a golden file names them; none where the person has to say.
        contains: a slice of the only document, which answers.
        asks: principals that may see what answers, beside everyone.
        origin: what it was made of, for whoever reviews it.
    """

    question: str
    documents: tuple[str, ...]
    contains: str | None
    asks: tuple[str, ...]
    origin: str


@dataclass
class Known:
    """The questions that there are already; those that are drafted are added as they come."""

    _exact: set[str] = field(default_factory=set)
    _words: list[frozenset[str]] = field(default_factory=list)
    documents: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, golden: Iterable[GoldenQuestion]) -> Known:
        """The questions of a golden file."""
        known = cls()
        for one in golden:
            known.add(one.question, [answer.document for answer in one.answers])
        return known

    def add(self, question: str, documents: Sequence[str] = ()) -> None:
        """Takes a question for known from now on."""
        self._exact.add(normalise(question))
        self._words.append(stems_of(question))
        self.documents.update(documents)

    def holds(self, question: str) -> bool:
        """Whether a question, or one that asks for the same, is known."""
        words = stems_of(question)
        return normalise(question) in self._exact or any(
            len(words & other) >= ALIKE * len(words | other) for other in self._words if words and other
        )


def stems_of(text: str) -> frozenset[str]:
    """The words that say what a text is about, without their endings."""
    return frozenset(map(stem, content_words(text)))


def is_safe(text: str, regions: Sequence[str]) -> bool:
    """Whether a text may be written into a file that many read: no secret, nobody's data, no order to a model."""
    from freshet.tasks.text.instructions import gives_instructions
    from freshet.tasks.text.invisible import find_invisible
    from freshet.tasks.text.personal_data import find_personal_data
    from freshet.tasks.text.secrets import find_secrets

    return not (
        gives_instructions(text) or find_secrets(text) or find_personal_data(text, regions) or find_invisible(text)
    )
