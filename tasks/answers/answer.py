"""What an answer is: sentences with citations that were checked, or a refusal with a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.tasks.answers.models.model import Usage

if TYPE_CHECKING:
    from freshet.tasks.search.hits import Hit
    from freshet.tasks.search.notices import Notice

NOT_COVERED = "NOT-COVERED"
NO_SUPPORT = "NO-SUPPORT"
MODEL_DECLINED = "MODEL-DECLINED"
MODEL_FAILED = "MODEL-FAILED"

REFUSALS: Mapping[str, str] = {
    NOT_COVERED: "Nothing that you may see answers this question.",
    NO_SUPPORT: "What was written as an answer is not what the documents say, so it is not shown.",
    MODEL_DECLINED: "The language model found no answer in the documents that it was given.",
    MODEL_FAILED: "The language model gave no answer.",
}
"""Why a question is not answered: the code, an interface, and what whoever asks is told.

`NOT-COVERED` is one reason for two things, that nothing is there and that whoever asks may not see it, so that nobody
learns from a refusal which of the two it is.
"""


@dataclass(frozen=True)
class Passage:
    """A passage that an answer may cite.

    Attributes:
        key: what a language model cites it by: opaque, like `k3f`, so that no number in a text is taken for it.
    """

    key: str
    hit: Hit

    @property
    def context(self) -> str:
        """What a sentence may be supported by: the document's title and the passage's headings and text."""
        heads = [self.hit.title, *(self.hit.heading or "").split(" > ")]
        return "\n".join([*dict.fromkeys(head for head in heads if head), self.hit.text])


@dataclass(frozen=True)
class Citation:
    """A passage, and the part of it that supports a sentence.

    Attributes:
        quote: a part of the passage's text, verbatim.
        chars: where the quote stands in the parsed document, a half-open span of characters.
    """

    passage: Passage
    quote: str
    chars: tuple[int, int]

    def as_dict(self) -> dict[str, Any]:
        """Gives the citation in the shape that `freshet ask --json` prints."""
        hit = self.passage.hit
        return {
            "document": {"id": hit.doc_id, "uri": hit.uri, "title": hit.title},
            "citation": {
                "page": hit.page,
                "heading": hit.heading,
                "chars": list(self.chars),
                "source_version": hit.source_version,
                "verified_at": hit.verified_at,
            },
            "quote": self.quote,
            "stale": hit.stale,
        }


@dataclass(frozen=True)
class Sentence:
    """A sentence of an answer that was checked.

    Attributes:
        support: from 0 to 1, how far the cited passages say what it says.
        findings: codes of the rule book, of what the check found and let pass.
    """

    text: str
    support: float
    findings: tuple[str, ...]
    citations: tuple[Citation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Gives the sentence in the shape that `freshet ask --json` prints."""
        return {
            "text": self.text,
            "support": round(self.support, 3),
            "findings": list(self.findings),
            "citations": [citation.as_dict() for citation in self.citations],
        }


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        id: what the query log and feedback know it by.
        reason: why it was refused, a key of `REFUSALS`; None where it is answered.
        sentences: those that may be read, in order; none where it is refused.
        withheld: by code, how many sentences a finding kept back.
        prompt: fingerprint of the prompt; None where no language model was asked.
        finish: why the model ended: `stop`, `length`, `time`, `astray` or `failed`; None where none was asked.
        notices: what is to be said of how its passages were found.
    """

    id: str
    release: int
    model: str
    seconds: float
    reason: str | None = None
    sentences: tuple[Sentence, ...] = ()
    withheld: Mapping[str, int] = field(default_factory=dict)
    prompt: str | None = None
    usage: Usage = field(default_factory=Usage)
    passages: int = 0
    left_out: int = 0
    finish: str | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def outcome(self) -> str:
        """`answered` or `refused`."""
        return "answered" if self.reason is None else "refused"

    def as_dict(self) -> dict[str, Any]:
        """Gives the answer in the shape that `freshet ask --json` prints."""
        return {
            "id": self.id,
            "outcome": self.outcome,
            "reason": self.reason,
            "refusal": None if self.reason is None else REFUSALS[self.reason],
            "release": self.release,
            "sentences": [sentence.as_dict() for sentence in self.sentences],
            "model": self.model,
            "prompt": self.prompt,
            "usage": {
                "prompt_tokens": self.usage.prompt_tokens,
                "completion_tokens": self.usage.completion_tokens,
                "passages": self.passages,
                "left_out": self.left_out,
                "withheld": dict(self.withheld),
                "finish": self.finish,
            },
            "seconds": round(self.seconds, 3),
            "notices": [notice.as_dict() for notice in self.notices],
        }
