"""What a search for passages takes and gives over the wire, version 1."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from freshet.tasks.search.wanted import (
    LONGEST_NAMED,
    MOST_AROUND,
    MOST_NAMED,
    MOST_PER_DOCUMENT,
    Kind,
    Wanted,
    wanted_of,
)
from freshet.tasks.service.shapes import (
    As,
    Citation,
    CorpusName,
    Document,
    Notices,
    Question,
    ReleaseNumber,
    Request,
)

Named = Annotated[str, Field(min_length=1, max_length=LONGEST_NAMED)]
Paths = Annotated[
    list[Named],
    Field(
        max_length=MOST_NAMED,
        description="globs as in .gitignore, of paths below the source; the last that matches decides",
        examples=[["members/**", "!members/archive/**"]],
    ),
]
Sources = Annotated[
    list[Named], Field(max_length=MOST_NAMED, description="documents of these sources", examples=[["handbook"]])
]
Kinds = Annotated[
    list[Kind],
    Field(max_length=MOST_NAMED, description="passages that hold a part of one of these", examples=[["table", "list"]]),
]
Since = Annotated[
    datetime | None,
    Field(
        description="documents that were modified then or later; a day is its beginning, and UTC goes without saying",
        examples=["2026-01-01T00:00:00Z"],
    ),
]
Until = Annotated[
    datetime | None, Field(description="documents that were modified earlier", examples=["2027-01-01T00:00:00Z"])
]
Title = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=LONGEST_NAMED,
        description="documents whose title contains this, in any letter case",
        examples=["damage claims"],
    ),
]
PerDocument = Annotated[
    int | None, Field(ge=1, le=MOST_PER_DOCUMENT, description="how many hits a document may have", examples=[2])
]
Around = Annotated[
    int, Field(ge=0, le=MOST_AROUND, description="how many passages before and after each hit to give with it")
]
Explain = Annotated[bool, Field(description="say of each hit how its score came about")]
WhyNot = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=4 * LONGEST_NAMED,
        description="path, URI or id of a document, of which it is told why it is not among the hits",
        examples=["members/damage-claims.md"],
    ),
]


class SearchRequest(Request):
    """A question for passages."""

    question: Question
    corpus: CorpusName = None
    mode: Literal["hybrid", "vector", "text"] = Field("hybrid", description="by vectors, by words, or both")
    limit: int = Field(5, ge=1, le=100, description="how many passages at most")
    release: ReleaseNumber = None
    path: Paths = Field(default_factory=list)
    source: Sources = Field(default_factory=list)
    kind: Kinds = Field(default_factory=list)
    modified_after: Since = None
    modified_before: Until = None
    title: Title = None
    per_document: PerDocument = None
    around: Around = 0
    explain: Explain = False
    why_not: WhyNot = None
    as_: As = Field(default_factory=list)

    def wanted(self) -> Wanted:
        """What is wanted besides passages.

        Raises:
            SettingsError: it cannot be.
        """
        return wanted_of(
            path=self.path, source=self.source, kind=self.kind, modified_after=self.modified_after,
            modified_before=self.modified_before, title=self.title, per_document=self.per_document, around=self.around,
            explain=self.explain, why_not=self.why_not,
        )  # fmt: skip


class Neighbour(BaseModel):
    """A passage that stands before or after a hit."""

    text: str
    citation: Citation


class Why(BaseModel):
    """How the score of a hit came about."""

    cosine: float | None = Field(description="how near the passage is to the question; null in mode text")
    bm25: float | None = Field(description="how well its words match; null where it is not among the best by words")
    shares: dict[str, float] = Field(description="in mode hybrid, what `cosine` and `bm25` each add to the score")
    words: list[str] = Field(description="words of the question that stand in the passage")


class WhyNotResponse(BaseModel):
    """Why a document is not among the hits."""

    document: str = Field(description="as it was asked for")
    reason: Literal["hit", "not_there", "copy", "filtered", "no_word", "lower", "far"]
    says: str = Field(description="the reason in words")
    place: int | None = Field(description="where its best passage ranks, from 1")
    filters: list[str] = Field(description="those that do not let it in")
    words: list[str] = Field(description="words of the question that stand in its best passage")


class Hit(BaseModel):
    """A passage."""

    text: str
    score: float = Field(
        description="cosine for vector, BM25 for text, and for hybrid a fusion of both between 0 and 1"
    )
    relevance: float | None = Field(
        None, description="what the project's reranker gave it, by which hits are ordered; null where it was not asked"
    )
    document: Document
    citation: Citation
    stale: bool = Field(description="whether it is older than its source allows, or has changed since")
    before: list[Neighbour] = Field([], description="passages before it in the document, where `around` asks for them")
    after: list[Neighbour] = Field([], description="passages after it")
    explain: Why | None = Field(None, description="where `explain` asks for it")


class SearchResponse(BaseModel):
    """Passages, best first."""

    corpus: str
    release: int = Field(description="number of the release that they come from")
    hits: list[Hit]
    why_not: WhyNotResponse | None = Field(None, description="where `why_not` names a document")
    notices: Notices = []
