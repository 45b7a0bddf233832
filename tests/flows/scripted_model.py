"""A language model that says what a test tells it to: faithful, lying, failing, whatever is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from freshet.tasks.answers.models.model import Finish, Message, Usage
from freshet.tasks.errors import ModelFailed


@dataclass
class Scripted:
    """Answers by `says`, which is given the prompt and yields pieces.

    Attributes:
        prompts: every prompt that it was given, as one text.
        closed: how many answers were ended.
    """

    says: Callable[[str], Iterator[str]]
    ends: Finish = "stop"
    fails: str | None = None
    name: str = "scripted"
    prompts: list[str] = field(default_factory=list)
    closed: int = 0

    def count_tokens(self, text: str) -> int:
        return len(text) // 4 + 1

    def generate(self, messages: Sequence[Message], max_tokens: int) -> _Answer:
        self.prompts.append("\n".join(message["content"] for message in messages))
        return _Answer(self, self.says(self.prompts[-1]))


class _Answer:
    def __init__(self, model: Scripted, pieces: Iterator[str]) -> None:
        self._model, self._pieces = model, pieces
        self.finish: Finish | None = None
        self.usage = Usage()

    def __iter__(self) -> Iterator[str]:
        yield from self._pieces
        if self._model.fails:
            raise ModelFailed(self._model.fails)
        self.finish = self._model.ends
        self.usage = Usage(100, 10)

    def close(self) -> None:
        self._model.closed += 1
