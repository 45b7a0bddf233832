"""What searches and questions give: frozen values, made of the JSON that the command and the service give as well.

A project on this machine and a client of a service make them of the same shapes, so that the two cannot differ. What a
newer service may have added is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Self, overload

from pydantic import TypeAdapter


class Value:
    """What is made of JSON and can be made JSON again."""

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Self:
        """The value of its JSON.

        Raises:
            ValueError: that is JSON of something else.
        """
        kind: Any = cls  # a type checker sees no hash in a class whose values may have none
        made: Self = _adapter(kind).validate_python(said)
        return made

    def as_dict(self) -> dict[str, Any]:
        """The value as JSON has it."""
        kind: Any = type(self)
        made: dict[str, Any] = _adapter(kind).dump_python(self, mode="json")
        return made


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@dataclass(frozen=True)
class Document(Value):
    """A document: its id, where it came from, and what it is called."""

    id: str
    uri: str
    title: str


@dataclass(frozen=True)
class Citation(Value):
    """Where in a document a text stands.

    Attributes:
        page: from 1; None for a document without pages.
        heading: the headings above it, outermost first, joined by ` > `.
        chars: the half-open span of characters of the document's text.
        source_version: the source's own version of the document (a commit, an ETag), or its content hash.
        verified_at: when the document was last compared with its source.
    """

    page: int | None
    heading: str | None
    chars: tuple[int, int]
    source_version: str | None
    verified_at: datetime


@dataclass(frozen=True)
class Neighbour(Value):
    """A passage that stands before or after a hit in its document."""

    text: str
    citation: Citation


@dataclass(frozen=True)
class Why(Value):
    """How the score of a hit came about.

    Attributes:
        cosine: how near the passage is to the question; None in mode text.
        bm25: how well its words match; None where it is not among those that match best, and in mode vector.
        shares: in mode hybrid, what `cosine` and `bm25` each add to the score.
        words: words of the question that stand in the passage.
    """

    cosine: float | None
    bm25: float | None
    shares: Mapping[str, float]
    words: tuple[str, ...]


@dataclass(frozen=True)
class WhyNot(Value):
    """Why a document is not among the hits.

    Attributes:
        document: as it was asked for.
        reason: `hit`, `not_there`, `copy`, `filtered`, `no_word`, `lower` or `far`.
        says: the reason in words.
        place: where its best passage ranks, from 1.
        filters: those that do not let it in.
        words: words of the question that stand in its best passage.
    """

    document: str
    reason: str
    says: str
    place: int | None
    filters: tuple[str, ...]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Notice(Value):
    """That something was not done as it should be, and the answer was given all the same: a code, and what it means."""

    code: str
    text: str


@dataclass(frozen=True)
class Hit(Value):
    """A passage that was found.

    Attributes:
        score: the cosine in mode vector, BM25 in mode text, in hybrid a fusion of both between 0 and 1.
        stale: whether the document is older than its source allows, or has changed since the release.
        before, after: the passages around it, where `around` asks for them.
        explain: how the score came about, where `explain` asks for it.
        relevance: what the project's reranker gave it, by which hits are ordered; None where it was not asked.
    """

    text: str
    score: float
    document: Document
    citation: Citation
    stale: bool
    before: tuple[Neighbour, ...] = ()
    after: tuple[Neighbour, ...] = ()
    explain: Why | None = None
    relevance: float | None = None


@dataclass(frozen=True)
class SearchResult(Value, Sequence[Hit]):
    """The hits of a search, best first: a sequence of `Hit`.

    Attributes:
        release: number of the release that they come from.
        why_not: why a document is not among them, where `why_not` names one.
        notices: what is to be said of how they were found.
    """

    corpus: str
    release: int
    hits: tuple[Hit, ...]
    why_not: WhyNot | None = None
    notices: tuple[Notice, ...] = ()

    def __iter__(self) -> Iterator[Hit]:
        """The hits, best first."""
        return iter(self.hits)

    def __len__(self) -> int:
        """How many hits there are."""
        return len(self.hits)

    @overload
    def __getitem__(self, index: int) -> Hit: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Hit]: ...

    def __getitem__(self, index: int | slice) -> Hit | Sequence[Hit]:
        """The hit at a place, or the hits of a slice."""
        return self.hits[index]


@dataclass(frozen=True)
class Quote(Value):
    """A part of a document that supports a sentence.

    Attributes:
        quote: the words, verbatim.
        stale: whether the document is older than its source allows, or has changed since.
    """

    document: Document
    citation: Citation
    quote: str
    stale: bool


@dataclass(frozen=True)
class Sentence(Value):
    """A sentence of an answer, which was checked.

    Attributes:
        support: from 0 to 1, how far the cited passages say what it says.
        findings: codes of the rule book, of what the check found and let pass.
        citations: what it rests on.
    """

    text: str
    support: float
    findings: tuple[str, ...]
    citations: tuple[Quote, ...]


@dataclass(frozen=True)
class Answer(Value):
    """What came of a question: sentences, or a refusal.

    Attributes:
        id: what the query log and `feedback` know it by.
        outcome: `answered` or `refused`.
        reason: why it was refused, a code; None where it is answered.
        refusal: what whoever asks is told then.
        model: what wrote it: `extractive`, or the name of a language model.
        prompt: fingerprint of the prompt; None where no language model was asked.
        usage: tokens and passages, and how many sentences were withheld by which finding.
        seconds: how long it took.
        notices: what is to be said of how its passages were found.
    """

    id: str
    corpus: str
    outcome: str
    reason: str | None
    refusal: str | None
    release: int
    sentences: tuple[Sentence, ...]
    model: str
    prompt: str | None
    usage: Mapping[str, Any]
    seconds: float
    notices: tuple[Notice, ...] = ()

    @property
    def text(self) -> str:
        """The sentences, one after the other; empty where the question was refused."""
        return " ".join(one.text for one in self.sentences)

    def __str__(self) -> str:
        """What whoever asked reads: the sentences, or the refusal."""
        return self.text if self.refusal is None else self.refusal


@dataclass(frozen=True)
class Passage(Value):
    """Where a passage stands in a document."""

    chars: tuple[int, int]
    page: int | None
    heading: str | None


@dataclass(frozen=True)
class DocumentText(Value):
    """The text of a document, or a span of it.

    Attributes:
        length: characters of the whole text.
        chars: the half-open span that `text` is.
        passages: the passages that lie in that span, in order.
    """

    corpus: str
    release: int
    document: Document
    source_version: str | None
    verified_at: datetime
    stale: bool
    length: int
    chars: tuple[int, int]
    text: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class CorpusState(Value):
    """A corpus that whoever asks may see something of, and its live release."""

    name: str
    release: int
    published_at: datetime
