"""What a search gives: passages with their citations, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from freshet.tasks.search.explaining import Why, WhyNot
from freshet.tasks.search.notices import Notice


@dataclass(frozen=True)
class Hit:
    """A passage that answers, and the citation that says where it stands.

    Attributes:
        score: the cosine in mode vector, BM25 in mode text, and in hybrid a fusion of both between 0 and 1.
        page: the page that the passage begins on, from 1; None for a document without pages.
        heading: the headings above the passage, outermost first, joined by ` > `.
        chars: the half-open span of characters of the parsed document that the passage fills.
        source_version: the source's own version of the document (a commit, an ETag), or else its content hash.
        verified_at: when the document was last compared with its source and found to be the one cited.
        relevance: what the project's reranker gave it, by which hits are ordered; None where it was not asked.
        stale: whether the document is older than its source allows, says so itself, was not compared with its
            source for too long, or has changed since the release.
        before, after: the passages around it in the document's text, where they were wanted.
        explain: how the score came about, where that was wanted.
    """

    text: str
    score: float
    doc_id: str
    uri: str
    title: str
    page: int | None
    heading: str | None
    chars: tuple[int, int]
    source_version: str | None
    verified_at: datetime
    stale: bool
    before: Sequence[Hit] = ()
    after: Sequence[Hit] = ()
    explain: Why | None = None
    relevance: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The hit in the shape that `freshet search --json` prints."""
        return {
            "text": self.text,
            "score": self.score,
            "relevance": self.relevance,
            "document": {"id": self.doc_id, "uri": self.uri, "title": self.title},
            "citation": self.citation,
            "stale": self.stale,
            "before": [{"text": one.text, "citation": one.citation} for one in self.before],
            "after": [{"text": one.text, "citation": one.citation} for one in self.after],
            "explain": None if self.explain is None else self.explain.as_dict(),
        }

    @property
    def citation(self) -> dict[str, Any]:
        """Where the passage stands, in the shape that `freshet search --json` prints."""
        return {
            "page": self.page,
            "heading": self.heading,
            "chars": list(self.chars),
            "source_version": self.source_version,
            "verified_at": self.verified_at,
        }


@dataclass(frozen=True)
class Answer:
    """The hits of a search, best first, and the number of the release that they come from.

    Attributes:
        why_not: why a document that was asked for is not among them.
        notices: what is to be said of how they were found.
    """

    release: int
    hits: list[Hit]
    why_not: WhyNot | None = None
    notices: Sequence[Notice] = ()

    def as_dict(self) -> dict[str, Any]:
        """Gives the answer in the shape that `freshet search --json` prints."""
        why_not = None if self.why_not is None else self.why_not.as_dict()
        return {
            "release": self.release,
            "hits": [hit.as_dict() for hit in self.hits],
            "why_not": why_not,
            "notices": [notice.as_dict() for notice in self.notices],
        }
