"""What an example is: one canonical row of a dataset, in one of TRL's five formats.

`content` holds TRL's own columns and nothing else:

| format | content |
|---|---|
| `language_modeling` | `text` |
| `prompt_completion` | `prompt`, `completion` |
| `conversational` | `messages`, and `tools` where functions are offered |
| `preference` | `prompt`, `chosen`, `rejected` |
| `unpaired_preference` | `prompt`, `completion`, `label` |

`prompt`, `completion`, `chosen` and `rejected` are texts, or lists of messages, alike within one row. A message is
`{"role", "content"}`, where useful with `name`, `tool_calls`, `tool_call_id` and `weight`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, get_args

from freshet.tasks.settings.datasets import Format

FORMATS: tuple[Format, ...] = get_args(Format)

ROLES = ("system", "user", "assistant", "tool")

COLUMNS: Mapping[Format, tuple[str, ...]] = {
    "language_modeling": ("text",),
    "prompt_completion": ("prompt", "completion"),
    "conversational": ("messages",),
    "preference": ("prompt", "chosen", "rejected"),
    "unpaired_preference": ("prompt", "completion", "label"),
}
"""By format, the columns that a row must have."""


@dataclass(frozen=True)
class Parts:
    """The texts of an example by what they are to a trainer, which is what checks look at.

    Attributes:
        prompt: all that is given before the answer, without the cited passage; empty for language_modeling.
        answer: what is to be learnt: the text, the completion, the chosen answer, or the last turn of the assistant.
        other: the rejected answer of a preference; None for every other format.
    """

    prompt: str
    answer: str
    other: str | None = None


def canonical_json(content: Mapping[str, Any]) -> str:
    """Returns a row's content as canonical JSON: keys sorted, no spaces, no escapes but JSON's own.

    Raises:
        ValueError: the content holds NaN or an infinity, which JSON cannot say.
    """
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def example_digest(format: Format, canonical: str) -> str:
    """Returns 64 hexadecimal digits over an example's format and content; equal examples alone have equal digests.

    Args:
        canonical: the content as canonical JSON.
    """
    return sha256(f"{format}\n{canonical}".encode()).hexdigest()


def parts_of(format: Format, content: Mapping[str, Any], passage: str | None = None) -> Parts:
    """Returns the texts of a row.

    Args:
        passage: the passage that the row cites; it is left out of the prompt where a text of the prompt begins with it.
    """
    if format == "language_modeling":
        return Parts("", content["text"])
    if format == "conversational":
        before, answer = _turns(content["messages"])
        return Parts(_prompt(before, passage), answer)
    prompt = _prompt(content["prompt"], passage)
    if format == "preference":
        return Parts(prompt, _text(content["chosen"]), _text(content["rejected"]))
    return Parts(prompt, _text(content["completion"]))


def _prompt(value: Any, passage: str | None) -> str:
    if isinstance(value, str):
        return _without(value, passage)
    return "\n".join(_without(message_text(one), passage) for one in value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "\n".join(message_text(one) for one in value)


def _turns(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Returns all messages before the last turn of the assistant, and the text of that turn."""
    last = max((i for i, one in enumerate(messages) if one["role"] == "assistant"), default=len(messages))
    return messages[:last], _text(messages[last : last + 1])


def message_text(message: Mapping[str, Any]) -> str:
    """Returns what a message says: its content, followed by the calls that it makes as canonical JSON."""
    said = message.get("content") or ""
    calls = message.get("tool_calls")
    if not calls:
        return str(said)
    made = json.dumps(calls, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return f"{said}\n{made}" if said else made


def _without(prompt: str, passage: str | None) -> str:
    return prompt.removeprefix(passage).lstrip("\n") if passage else prompt
