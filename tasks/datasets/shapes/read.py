"""Reads a row of each shape, by the shape's columns, into a draft of the example."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from freshet.tasks.datasets.shapes.draft import (
    Draft,
    Messages,
    Misfit,
    Part,
    kind_of,
    name_of,
    optional_text,
    pick,
    start_of,
    text_of,
    truth_of,
)
from freshet.tasks.datasets.shapes.messages import message_of, messages_of, tools_of
from freshet.tasks.settings.datasets import Columns, Format, Shape

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """What reading a row depends on beside the row.

    Attributes:
        format: the format of the dataset; what the format has no column for is left unread, sound or not.
        columns: which column holds what, as the settings say.
        placeholders: texts, casefolded, that stand for no text.
    """

    format: Format
    columns: Columns = field(default_factory=Columns)
    placeholders: Collection[str] = ()

    def parts(self, value: Row, names: Mapping[str, str], draft: Draft, needed: bool = False) -> None:
        """Reads those of prompt, completion, chosen and rejected that the format has a use for, into the draft.

        Args:
            names: for each part, the name of the column that holds it.
            needed: whether a part that is missing is an error.
        """
        for part, name in names.items():
            found = pick(value, name)
            if part in _USED[self.format] and (needed or found is not None):
                setattr(draft, part, _part(found, name, draft.transforms))

    def label(self, value: Row, names: Collection[str], draft: Draft) -> None:
        """Reads whether the answer is a good one, from the first of the columns that the row has, into the draft."""
        if self.format == "unpaired_preference":
            name = next((name for name in names if pick(value, name) is not None), None)
            if name is not None:
                draft.label = truth_of(pick(value, name), name, draft.transforms)

    def optional(self, value: Any, field: str, draft: Draft) -> str | None:
        """Returns a text that may be missing; a placeholder in its stead is dropped, and the draft says so."""
        text = optional_text(value, field)
        if text is not None and text.strip().casefold() in self.placeholders:
            draft.transforms.add("filler")
            return None
        return text


def read(shape: Shape, value: Row, reading: Reading) -> Draft:
    """Returns what a row of a shape holds.

    Raises:
        Misfit: a column is missing, or holds a value of another kind.
    """
    draft = _READERS[shape](value, reading)
    columns = reading.columns
    named = columns.document or "document"
    if draft.document is None:
        draft.document = name_of(pick(value, named), named)
    if columns.passage is not None and draft.passage is None:
        draft.passage = reading.optional(pick(value, columns.passage), columns.passage, draft)
    if columns.start is not None and draft.start is None:
        draft.start = start_of(pick(value, columns.start), columns.start)
    if draft.answer_text is None and (draft.passage is not None or draft.start is not None):
        draft.answer_text = _answer(draft)
    return draft


def _answer(draft: Draft) -> str | None:
    """Returns the text of the answer; None where there is no answer, or an empty one."""
    part = draft.completion if draft.completion is not None else draft.chosen
    if part is None and draft.conversation is not None:
        part = [one for one in draft.conversation if one["role"] == "assistant"][-1:]
    if isinstance(part, list):
        part = part[-1]["content"] if part else None
    return part or None


def _part(value: Any, field: str, transforms: set[str]) -> Part:
    """Returns a text, turns, or one turn by itself as a part."""
    if isinstance(value, list):
        return messages_of(value, field, transforms)
    if isinstance(value, Mapping):
        return [message_of(value, field, transforms)]
    if isinstance(value, str):
        return value
    raise Misfit(field, kind_of(value), "a text, or a list of messages")


_PARTS = {name: name for name in ("prompt", "completion", "chosen", "rejected")}
_PREFERRED = {"chosen": "chosen", "rejected": "rejected"}
_LABELS = ("label", "kto_tag")
_USED: Mapping[Format, Collection[str]] = {
    "language_modeling": ("text",),
    "prompt_completion": ("messages", "prompt", "completion"),
    "conversational": ("messages", "tools", "prompt", "completion"),
    "preference": ("prompt", "chosen", "rejected"),
    "unpaired_preference": ("messages", "prompt", "completion"),
}
"""By format, what its rows can be made of."""


def _trl(value: Row, reading: Reading) -> Draft:
    draft, used = Draft(), _USED[reading.format]
    paired = value.get("prompt") is not None and value.get("completion") is not None
    if "text" in used and value.get("text") is not None:
        draft.text = text_of(value["text"], "text")
    if "messages" in used and value.get("messages") is not None and not (paired and "tools" not in used):
        draft.conversation = messages_of(value["messages"], "messages", draft.transforms)
    else:
        reading.parts(value, _PARTS, draft)
    draft.tools = _tools(value, draft)
    reading.label(value, _LABELS, draft)
    return draft


def _tools(value: Row, draft: Draft) -> Messages:
    name = "functions" if value.get("tools") is None and value.get("functions") is not None else "tools"
    if name == "functions":
        draft.transforms.add("tools")
    return tools_of(value.get(name), name, draft.transforms)


def _openai(value: Row, reading: Reading) -> Draft:
    if "input" not in value:
        return _trl(value, reading)
    draft = Draft(transforms={"shape:openai"})
    given = value["input"]
    if not isinstance(given, Mapping):
        raise Misfit("input", kind_of(given), "an object with messages")
    draft.prompt = messages_of(given.get("messages"), "input.messages", draft.transforms)
    draft.tools = _tools(given, draft)
    draft.chosen = messages_of(value.get("preferred_output"), "preferred_output", draft.transforms)
    draft.rejected = messages_of(value.get("non_preferred_output"), "non_preferred_output", draft.transforms)
    return draft


def _sharegpt(value: Row, reading: Reading) -> Draft:
    draft = Draft(transforms={"shape:sharegpt"})
    turns = messages_of(value.get("conversations"), "conversations", draft.transforms)
    system = reading.optional(value.get("system"), "system", draft)
    if system is not None and turns[0]["role"] != "system":
        turns = [{"role": "system", "content": system}, *turns]
    draft.conversation = turns
    draft.tools = _tools(value, draft)
    reading.parts(value, _PREFERRED, draft)
    if draft.chosen is not None:
        draft.prompt, draft.conversation = turns, None
    reading.label(value, _LABELS, draft)
    return draft


def _alpaca(value: Row, reading: Reading) -> Draft:
    draft = Draft(transforms={"shape:alpaca"})
    instruction = text_of(value.get("instruction"), "instruction")
    given = reading.optional(value.get("input"), "input", draft)
    asked = f"{instruction}\n\n{given}" if given is not None and instruction else given or instruction
    draft.system = reading.optional(value.get("system"), "system", draft)
    turns = _history(value.get("history"), draft)
    draft.prompt = [*turns, {"role": "user", "content": asked}] if turns else asked
    reading.parts(value, {"completion": "output", **_PREFERRED}, draft)
    reading.label(value, _LABELS, draft)
    return draft


def _history(value: Any, draft: Draft) -> Messages:
    """Returns the earlier turns, which the row holds as pairs of what was asked and what was answered."""
    valid = "a list of [asked, answered]"
    if value is None:
        return []
    if not isinstance(value, list):
        raise Misfit("history", kind_of(value), valid)
    turns: Messages = []
    for number, pair in enumerate(value):
        if not isinstance(pair, list) or len(pair) != 2:
            raise Misfit(f"history[{number}]", kind_of(pair), "[asked, answered]")
        turns.append({"role": "user", "content": text_of(pair[0], f"history[{number}][0]")})
        turns.append({"role": "assistant", "content": text_of(pair[1], f"history[{number}][1]")})
    return turns


def _squad(value: Row, reading: Reading) -> Draft:
    draft = Draft(transforms={"shape:squad"})
    draft.prompt = text_of(value.get("question"), "question")
    draft.passage = text_of(value.get("context"), "context") or None
    named = reading.columns.document or ("document" if value.get("document") is not None else "title")
    draft.document = name_of(pick(value, named), named)
    answers = _answers(value.get("answers"))
    if not answers:
        # A question that its passage does not answer: whether such a row is wanted is for the checks to say.
        draft.completion = ""
        return draft
    draft.completion, draft.start = answers[0]
    draft.answer_text = draft.completion or None
    if len({text for text, _ in answers}) > 1:
        draft.transforms.add("first-answer")
    return draft


def _answers(value: Any) -> list[tuple[str, int | None]]:
    """Returns the answers and their stated first characters, from SQuAD's list of objects or an object of two lists."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        texts, starts = value.get("text"), value.get("answer_start")
        if not isinstance(texts, list) or not (
            starts is None or (isinstance(starts, list) and len(starts) == len(texts))
        ):
            raise Misfit("answers", kind_of(texts), "text and answer_start, two lists as long as each other")
        value = [{"text": text, "answer_start": starts[at] if starts else None} for at, text in enumerate(texts)]
    if not isinstance(value, list):
        raise Misfit("answers", kind_of(value), 'a list of {"text", "answer_start"}')
    found = []
    for number, one in enumerate(value):
        field = f"answers[{number}]"
        if not isinstance(one, Mapping):
            raise Misfit(field, kind_of(one), '{"text", "answer_start"}')
        found.append(
            (text_of(one.get("text"), f"{field}.text"), start_of(one.get("answer_start"), f"{field}.answer_start"))
        )
    return found


def _columns(value: Row, reading: Reading) -> Draft:
    draft, columns, used = Draft(transforms={"shape:columns"}), reading.columns, _USED[reading.format]
    if columns.text is not None and "text" in used:
        draft.text = text_of(pick(value, columns.text), columns.text)
    if columns.messages is not None and "messages" in used:
        draft.conversation = messages_of(pick(value, columns.messages), columns.messages, draft.transforms)
    named = {part: name for part in _PARTS if (name := getattr(columns, part)) is not None}
    reading.parts(value, named, draft, needed=True)
    if columns.system is not None:
        draft.system = reading.optional(pick(value, columns.system), columns.system, draft)
    if columns.tools is not None:
        draft.tools = tools_of(pick(value, columns.tools), columns.tools, draft.transforms)
    if columns.label is not None:
        reading.label(value, [columns.label], draft)
    return draft


_READERS: Mapping[Shape, Callable[[Row, Reading], Draft]] = {
    "trl": _trl,
    "openai": _openai,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "squad": _squad,
    "columns": _columns,
}
