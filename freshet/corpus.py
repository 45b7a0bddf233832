"""What a corpus can be asked, wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict, Unpack, runtime_checkable

from freshet.tasks.search.wanted import Kind

if TYPE_CHECKING:
    from freshet.answers import Answer, DocumentText, SearchResult, Sentence

Mode = Literal["hybrid", "vector", "text"]
"""How passages are found: by meaning and words, by meaning alone, by words alone."""


class Wishes(TypedDict, total=False):
    """What else may be wanted of a search, by keyword.

    Attributes:
        path: globs as in .gitignore, of paths below the source; the last one that matches decides.
        source: names of sources.
        kind: passages count that hold a part of one of these.
        modified_after, modified_before: the half-open span of time that a document was modified in; a day is its
            beginning, and UTC goes without saying.
        title: what a document's title contains, in any letter case.
        per_document: how many hits a document may have.
        around: how many passages before and after each hit to give with it.
        explain: say of each hit how its score came about.
        why_not: path, URI or id of a document, of which it is told why it is not among the hits.
    """

    path: Sequence[str]
    source: Sequence[str]
    kind: Sequence[Kind]
    modified_after: date | None
    modified_before: date | None
    title: str | None
    per_document: int | None
    around: int
    explain: bool
    why_not: str | None


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
        release: int | None = None, **wishes: Unpack[Wishes],
    ) -> SearchResult:  # fmt: skip
        """Finds passages, best first.

        Args:
            limit: how many at most: up to 1000 on this machine, up to 100 through a service.
            release: number of an earlier release; None for the live one.
            wishes: filters, and what else is wanted: see `Wishes`.
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
