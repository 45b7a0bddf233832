"""What an answer says of itself: that something was not done as it should be, and the answer goes out all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NOT_RERANKED = "NOT-RERANKED"
LANGUAGE_NOT_KNOWN = "LANGUAGE-NOT-KNOWN"

NOTICES: Mapping[str, str] = {
    NOT_RERANKED: "The reranker gave no order, so the passages are in the order in which they were found.",
    LANGUAGE_NOT_KNOWN: "The embedding model does not know the language of the question, so what is near by it may "
    "have little to do with it; words count for more.",
}
"""The code of a notice, an interface, and what whoever asks is told."""


@dataclass(frozen=True)
class Notice:
    """One of NOTICES.

    Attributes:
        detail: what happened, for whoever runs the project and not for whoever asks.
    """

    code: str
    detail: str = ""

    @property
    def text(self) -> str:
        """What whoever asks is told."""
        return NOTICES[self.code]

    def as_dict(self) -> dict[str, str]:
        """Gives the notice in the shape that `freshet search --json` prints."""
        return {"code": self.code, "text": self.text}
