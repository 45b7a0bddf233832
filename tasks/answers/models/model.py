"""What a language model is to an answer: something that continues a conversation, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

Finish = Literal["stop", "length", "time"]
"""Why a model ended: it had said all, it reached the longest answer, or its time was over."""


class Message(TypedDict):
    """One turn of a conversation, as the OpenAI protocol has it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Usage:
    """What an answer took, in tokens of the model; None where the model does not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Generation(Protocol):
    """An answer in the making: pieces of text, in order, as they come.

    `close` ends it at once, wherever it is, and gives back what it holds; calling it twice does nothing.

    Attributes:
        finish: why it ended; None before.
        usage: what it took; complete once it has ended.
    """

    finish: Finish | None
    usage: Usage

    def __iter__(self) -> Iterator[str]:
        """The pieces.

        Raises:
            ModelFailed: the model cannot be reached, refuses, or answers what is no answer.
        """

    def close(self) -> None:
        """Ends it."""


class Model(Protocol):
    """A language model, ready for work."""

    @property
    def name(self) -> str:
        """What the record says of it: `bundled`, a file's name, or the name and the host of a server."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a text; where the model does not tell, a number that is rather too high."""

    def generate(self, messages: Sequence[Message], max_tokens: int) -> Generation:
        """Begins an answer of at most so many tokens."""
