"""Fits a draft into TRL's columns of the dataset's format, by conversions that add and lose nothing.

A plain prompt and its answer become a turn of the user and one of the assistant; a conversation is cut before its last
turn of the assistant, where a prompt and an answer are asked for. Everything else is for its owner to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from freshet.tasks.datasets.shapes.draft import Draft, Messages, Misfit, Part
from freshet.tasks.datasets.shapes.messages import check_turns
from freshet.tasks.settings.datasets import Format

BETWEEN = "\n\n"
"""What stands between a cited passage and the prompt."""


def fit(draft: Draft, fmt: Format) -> dict[str, Any]:
    """Returns the content of an example in a format.

    Raises:
        Misfit: the draft lacks what the format needs, or holds what the format cannot say.
    """
    return _FITTERS[fmt](draft)


def _misses(column: str, fmt: Format) -> Misfit:
    return Misfit(column, "nothing", f"a column for {column}, which {fmt} needs: see shape and columns of the input")


def _language_modeling(draft: Draft) -> dict[str, Any]:
    if draft.text is None:
        raise _misses("text", "language_modeling")
    return {"text": draft.text}


def _prompt_completion(draft: Draft) -> dict[str, Any]:
    _refuse_tools(draft, "prompt_completion")
    prompt, completion = _pair(draft, "prompt_completion")
    return {"prompt": prompt, "completion": completion}


def _unpaired_preference(draft: Draft) -> dict[str, Any]:
    _refuse_tools(draft, "unpaired_preference")
    prompt, completion = _pair(draft, "unpaired_preference")
    if draft.label is None:
        raise _misses("label", "unpaired_preference")
    return {"prompt": prompt, "completion": completion, "label": draft.label}


def _conversational(draft: Draft) -> dict[str, Any]:
    messages = draft.conversation
    if messages is None:
        if draft.prompt is None or draft.completion is None:
            raise _misses("messages" if draft.prompt is None else "completion", "conversational")
        messages = [*_turns(draft.prompt, "user"), *_turns(draft.completion, "assistant")]
        if draft.system is not None:
            messages = [{"role": "system", "content": draft.system}, *messages]
            draft.system = None
    messages = _behind(draft.passage, messages)
    _refuse_system(draft, "conversational")
    check_turns(messages, "messages")
    return {"messages": messages, "tools": draft.tools} if draft.tools else {"messages": messages}


def _preference(draft: Draft) -> dict[str, Any]:
    _refuse_tools(draft, "preference")
    for column in ("chosen", "rejected"):
        if getattr(draft, column) is None:
            raise _misses(column, "preference")
    prompt, chosen, rejected = draft.prompt, draft.chosen, draft.rejected
    if prompt is None:
        prompt, chosen, rejected = _common_turns(chosen, rejected)
        draft.transforms.add("prompt-extracted")
    prompt, chosen, rejected = _alike(prompt, chosen, rejected)
    given = len(prompt) if isinstance(prompt, list) else 0
    if given and all(len(answer) > given and answer[:given] == prompt for answer in (chosen, rejected)):
        # Published pairs often hold the whole conversation twice, beside its prompt.
        chosen, rejected = chosen[given:], rejected[given:]
        draft.transforms.add("prompt-extracted")
    prompt = _with_system(draft, prompt, "preference")
    for column, answer in (("chosen", chosen), ("rejected", rejected)):
        _check_answer(prompt, answer, column)
    return {"prompt": _put_passage(draft, prompt), "chosen": chosen, "rejected": rejected}


def _pair(draft: Draft, fmt: Format) -> tuple[Part, Part]:
    """Returns prompt and completion, both texts or both turns."""
    prompt, completion = draft.prompt, draft.completion
    if draft.conversation is not None:
        check_turns(draft.conversation, "messages")
        prompt, completion = draft.conversation[:-1], draft.conversation[-1:]
        if completion[0]["role"] != "assistant" or not prompt:
            raise Misfit("messages", "no answer after a prompt", "turns of which the last is the assistant's")
        draft.transforms.add("last-turn")
    for column, part in (("prompt", prompt), ("completion", completion)):
        if part is None:
            raise _misses(column, fmt)
    prompt, completion = _alike(prompt, completion)
    prompt = _with_system(draft, prompt, fmt)
    _check_answer(prompt, completion, "completion")
    return _put_passage(draft, prompt), completion


def _alike(prompt: Any, *answers: Any) -> tuple[Part, ...]:
    """Returns all parts as texts, or all as turns where one of them is turns."""
    if all(isinstance(part, str) for part in (prompt, *answers)):
        return prompt, *answers
    return _turns(prompt, "user"), *(_turns(answer, "assistant") for answer in answers)


def _turns(part: Part, role: str) -> Messages:
    return [{"role": role, "content": part}] if isinstance(part, str) else part


def _check_answer(prompt: Part, answer: Part, field: str) -> None:
    if isinstance(prompt, list) and isinstance(answer, list):
        check_turns([*prompt, *answer], field)
        check_turns(answer[-1:], field)


def _common_turns(chosen: Any, rejected: Any) -> tuple[Messages, Messages, Messages]:
    """Returns the turns with which both answers begin as the prompt, as TRL does, and the rest of each answer."""
    if isinstance(chosen, str) or isinstance(rejected, str):
        raise _misses("prompt", "preference")
    same = 0
    while same < min(len(chosen), len(rejected)) - 1 and chosen[same] == rejected[same]:
        same += 1
    if not same:
        raise _misses("prompt", "preference")
    return chosen[:same], chosen[same:], rejected[same:]


def _with_system(draft: Draft, prompt: Part, fmt: Format) -> Part:
    if draft.system is not None and isinstance(prompt, list) and prompt[0]["role"] != "system":
        prompt = [{"role": "system", "content": draft.system}, *prompt]
        draft.system = None
    _refuse_system(draft, fmt)
    return prompt


def _refuse_system(draft: Draft, fmt: Format) -> None:
    if draft.system is not None:
        raise Misfit("system", f"a system message, which a text of {fmt} has no place for", "format: conversational")


def _refuse_tools(draft: Draft, fmt: Format) -> None:
    if draft.tools:
        raise Misfit("tools", f"functions, which {fmt} has no column for", "format: conversational")


def _put_passage(draft: Draft, prompt: Part) -> Part:
    if draft.passage is None:
        return prompt
    if isinstance(prompt, list):
        return _behind(draft.passage, prompt)
    return prompt if _begins(prompt, draft.passage) else draft.passage + BETWEEN + prompt


def _behind(passage: str | None, messages: Messages) -> Messages:
    """Returns the turns with the passage before the first words of the user."""
    first = next((at for at, one in enumerate(messages) if one["role"] == "user"), None)
    if passage is None or first is None or _begins(messages[first]["content"], passage):
        return messages
    asked = messages[first]
    return [*messages[:first], {**asked, "content": passage + BETWEEN + asked["content"]}, *messages[first + 1 :]]


def _begins(prompt: str, passage: str) -> bool:
    return prompt == passage or prompt.startswith(passage + BETWEEN)


_FITTERS: Mapping[Format, Callable[[Draft], dict[str, Any]]] = {
    "language_modeling": _language_modeling,
    "prompt_completion": _prompt_completion,
    "conversational": _conversational,
    "preference": _preference,
    "unpaired_preference": _unpaired_preference,
}
