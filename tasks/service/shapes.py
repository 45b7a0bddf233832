"""What requests and responses of the service hold, version 1: an interface, which OpenAPI tells of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from freshet.tasks.search.questions import LONGEST_QUESTION

QUESTION = "How much may we pay to settle a flood damage claim?"
ID = "ad7f56836c59b6b62446fdddcd929cbe"
ASKED = "0193a5c0-7b1e-7c3a-9f00-2f6a1b2c3d4e"

Question = Annotated[
    str, Field(min_length=1, max_length=LONGEST_QUESTION, description="what is asked", examples=[QUESTION])
]
CorpusName = Annotated[
    str | None,
    Field(
        max_length=200,
        description="which corpus; may be left out where the caller may see one only",
        examples=["handbook"],
    ),
]
ReleaseNumber = Annotated[
    int | None,
    Field(ge=1, le=2**31 - 1, description="an earlier release in place of the live one", examples=[None]),
]
As = Annotated[
    list[Annotated[str, Field(max_length=500)]],
    Field(
        alias="as",
        max_length=100,
        description="principals to ask as, in place of one's own: only with a token that may impersonate",
        examples=[[]],
    ),
]
Id = Annotated[str, Field(max_length=200, description="as it came with the answer", examples=[ASKED])]


class Request(BaseModel):
    """The body of a request: an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class AskRequest(Request):
    """A question for an answer."""

    question: Question
    corpus: CorpusName = None
    release: ReleaseNumber = None
    stream: bool = Field(False, description="send each sentence as an event, as soon as it was checked")
    as_: As = []


class FeedbackRequest(Request):
    """Whether an answer helped."""

    id: Id
    helpful: bool = Field(description="whether it did")
    note: str | None = Field(None, max_length=2000, description="in your own words", examples=["It is 2,500 now."])


class Document(BaseModel):
    """Which document."""

    id: str = Field(examples=[ID])
    uri: str = Field(examples=["examples/handbook/members/damage-claims.md"])
    title: str = Field(examples=["Damage claims from members"])


class Citation(BaseModel):
    """Where something stands."""

    page: int | None = Field(description="from 1; null for a document without pages")
    heading: str | None = Field(description="headings above it, outermost first, joined by ` > `")
    chars: tuple[int, int] = Field(description="half-open span of characters (Unicode code points) of the parsed text")
    source_version: str | None = Field(description="the source's own version of the document, or its content hash")
    verified_at: datetime = Field(description="when the document was last compared with its source")


class Notice(BaseModel):
    """That something was not done as it should be, and the answer was given all the same."""

    code: str = Field(description="NOT-RERANKED or LANGUAGE-NOT-KNOWN")
    text: str = Field(description="what it means")


Notices = Annotated[list[Notice], Field(description="what is to be said of how the passages were found")]


class SentenceCitation(BaseModel):
    """A part of a document that supports a sentence."""

    document: Document
    citation: Citation
    quote: str = Field(description="verbatim")
    stale: bool = Field(description="whether the document is older than its source allows, or has changed since")


class Sentence(BaseModel):
    """A sentence that was checked against what it cites."""

    text: str
    support: float = Field(description="from 0 to 1, how far the cited passages say what it says")
    findings: list[str] = Field(description="codes of what the check found and let pass")
    citations: list[SentenceCitation]


class AskResponse(BaseModel):
    """An answer, or a refusal with its reason."""

    id: str = Field(description="for feedback", examples=[ASKED])
    corpus: str
    outcome: Literal["answered", "refused"]
    reason: str | None = Field(description="code of the refusal: NOT-COVERED, NO-SUPPORT, MODEL-DECLINED, MODEL-FAILED")
    refusal: str | None = Field(description="the reason in words")
    release: int
    sentences: list[Sentence]
    model: str
    prompt: str | None = Field(description="fingerprint of the prompt; null where no language model was asked")
    usage: dict[str, Any]
    seconds: float
    notices: Notices = []


class CorpusInfo(BaseModel):
    """A corpus of which the caller may see something."""

    name: str = Field(examples=["handbook"])
    release: int = Field(description="number of the live release")
    published_at: datetime


class CorporaResponse(BaseModel):
    """The corpora of which the caller may see something."""

    corpora: list[CorpusInfo]


class Passage(BaseModel):
    """Where a passage of a document stands."""

    chars: tuple[int, int]
    page: int | None
    heading: str | None


class DocumentResponse(BaseModel):
    """The text of a document, or a part of it."""

    corpus: str
    release: int
    document: Document
    source_version: str | None
    verified_at: datetime
    stale: bool
    length: int = Field(description="characters of the whole text")
    chars: tuple[int, int] = Field(description="half-open span of the characters in `text`")
    text: str
    passages: list[Passage] = Field(description="those that the span meets")


class MeResponse(BaseModel):
    """Who the caller is to the service."""

    name: str
    principals: list[str] = Field(description="with the groups that the roster says")
    owner: bool
    may_impersonate: bool


class ReadyResponse(BaseModel):
    """Whether the service can answer."""

    ready: bool
    reasons: list[str] = Field([], description="why not")


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = "about:blank"
    title: str = Field(examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["there is no corpus wiki that you may see"])
    mend: str | None = Field(None, description="what to do", examples=["Name one of these: handbook."])
    errors: list[dict[str, Any]] | None = Field(None, description="of a request that does not fit: where, and why")
