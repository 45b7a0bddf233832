"""Numbers the passages that an answer cites, and says in words which of its sentences a reader should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Citation, Sentence
    from freshet.tasks.search.hits import Hit


class Numbering:
    """Numbers passages in the order in which a reader meets them.

    Attributes:
        first: the first citation of each passage, by number.
    """

    def __init__(self) -> None:
        """Begins at 1."""
        self._numbers: dict[tuple[str, tuple[int, int]], int] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self.first: dict[int, Citation] = {}

    def numbers(self, sentence: Sentence) -> list[int]:
        """The numbers of the passages that a sentence cites, each once."""
        return list(dict.fromkeys(map(self._number, sentence.citations)))

    def span(self, number: int) -> tuple[int, int]:
        """The characters of the document from the first to the last that was cited of a passage."""
        return self._spans[number]

    def _number(self, citation: Citation) -> int:
        hit = citation.passage.hit
        number = self._numbers.setdefault((hit.doc_id, hit.chars), len(self._numbers) + 1)
        self.first.setdefault(number, citation)
        start, end = self._spans.get(number, citation.chars)
        self._spans[number] = min(start, citation.chars[0]), max(end, citation.chars[1])
        return number


def doubt_of(sentence: Sentence) -> str:
    """What a reader should compare with the source; empty where there is nothing."""
    unsupported = [code for code in sentence.findings if code.endswith("-UNSUPPORTED")]
    unjudged = "SUPPORT-UNJUDGED" in sentence.findings
    said = ", ".join(unsupported) or ("not judged" if unjudged else "")
    return f"{said}: compare it with its source" if said else ""


def place_of(hit: Hit) -> str:
    """Where in its document a passage begins: the page, or the headings below the title; empty for the beginning."""
    return f"page {hit.page}" if hit.page else (hit.heading or "").removeprefix(hit.title).removeprefix(" > ")
