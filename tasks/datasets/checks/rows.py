"""The rows of a batch in the form in which the checks read them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.checks.arithmetic import Step, steps
from freshet.tasks.datasets.shapes.example import message_text
from freshet.tasks.settings.datasets import Format

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("row", "content", "prompt", "answer", "other", "passage")
"""The columns of staged rows that the checks read."""


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        number: the number of the row in its build.
        format: the format of the dataset.
        content: the content of the row in canonical form.
        prompt: the prompt, as in `freshet.tasks.datasets.shapes.example.Parts`.
        answer: the answer to be learnt, as in `Parts`.
        other: the rejected answer of a preference, as in `Parts`; None otherwise.
        passage: the passage that the answer cites; None where it cites none.
    """

    number: int
    format: Format
    content: dict[str, Any]
    prompt: str
    answer: str
    other: str | None
    passage: str | None

    @property
    def answers(self) -> Iterator[tuple[str, str]]:
        """The names of the columns that hold answers, each with its answer."""
        if self.format == "preference":
            yield "chosen", self.answer
            yield "rejected", self.other or ""
        else:
            yield _ANSWERS[self.format], self.answer

    @property
    def learnt(self) -> bool:
        """Whether the answer is one to be learnt. Prose to go on with is not, nor is an answer known to be bad."""
        return self.format != "language_modeling" and self.content.get("label") is not False

    @property
    def cites_literally(self) -> bool:
        """Whether the answer is a span of the passage, character by character."""
        return self.passage is not None and self.answer.strip() in self.passage

    @cached_property
    def turns(self) -> list[dict[str, Any]]:
        """The messages of the row's conversation or prompt; an empty list where the prompt is plain text."""
        if self.format == "conversational":
            return list(self.content["messages"])
        prompt = self.content.get("prompt")
        return prompt if isinstance(prompt, list) else []

    @cached_property
    def asked(self) -> str:
        """The last thing that the person says, without the system's message and earlier turns."""
        said = [message_text(one) for one in self.turns if one["role"] == "user"]
        return said[-1] if said else self.prompt

    @cached_property
    def steps(self) -> list[tuple[int, Step]]:
        """The annotated steps of the texts to be learnt, each with the number of its turn, from 1, or 0 for no turn."""
        return [(turn, step) for turn, text in self._taught() for step in steps(text)]

    def _taught(self) -> Iterator[tuple[int, str]]:
        if self.format != "conversational":
            yield 0, self.answer
            return
        for number, message in enumerate(self.turns, 1):
            if message["role"] == "assistant":
                yield number, message_text(message)


_ANSWERS: dict[Format, str] = {
    "language_modeling": "text",
    "prompt_completion": "completion",
    "conversational": "answer",
    "unpaired_preference": "completion",
}


def rows_of(batch: pa.Table, format: Format) -> list[Row]:
    """Returns the rows of a batch of staged rows, in order."""
    columns = (batch[name].to_pylist() for name in COLUMNS)
    return [Row(number, format, json.loads(content), *texts) for number, content, *texts in zip(*columns, strict=True)]
