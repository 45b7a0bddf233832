"""What a corpus can be asked, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from freshet.answers import Answer, DocumentText, SearchResult, Sentence

Mode = Literal["hybrid", "vector", "text"]
"""How passages are found: by meaning and words, by meaning alone, by words alone."""


@runtime_checkable
class Corpus(Protocol):
    """A corpus that can be asked, of a project on this machine or through a service.

    `as_` names whom to ask as, like `["group:legal"]`. On the store's machine that is free to choose, and without it
    only what everyone may see is found. Through a service the token says who asks; only one that may impersonate may
    name others.
    """

    @property
    def name(self) -> str:
        """What the settings call it."""

    def search(
        self, question: str, *, as_: Sequence[str] = (), mode: Mode = "hybrid", limit: int = 5,
        release: int | None = None,
    ) -> SearchResult:  # fmt: skip
        """Finds passages, best first.

        Args:
            limit: how many at most: up to 1000 on this machine, up to 100 through a service.
            release: number of an earlier release; None for the live one.
        """

    def ask(
        self, question: str, *, as_: Sequence[str] = (), release: int | None = None,
        on_sentence: Callable[[Sentence], object] | None = None,
    ) -> Answer:  # fmt: skip
        """Answers a question in sentences that were checked, or refuses with a reason, which is no error.

        Args:
            release: number of an earlier release; None for the live one.
            on_sentence: is given each sentence as soon as it has been checked.
        """

    def document(self, id: str, *, as_: Sequence[str] = (), start: int = 0, end: int | None = None) -> DocumentText:
        """The text of a document of the live release.

        Args:
            id: as a hit or a quote has it.
            start, end: the half-open span of characters that is wanted; all of it, where `end` is None.
        """

    def feedback(self, id: str, helpful: bool, note: str | None = None) -> None:
        """Puts on record whether an answer helped.

        Args:
            id: the answer's.
        """


def names_of(as_: Sequence[str]) -> list[str]:
    """The principals of `as_`; one alone need not stand in a list."""
    return [as_] if isinstance(as_, str) else list(as_)
