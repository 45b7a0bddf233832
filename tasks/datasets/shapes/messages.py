"""Brings the turns of a conversation into the one form that trainers know: role, content, and calls of functions.

Calls have TRL's form: `{"type": "function", "function": {"name", "arguments"}}` with `arguments` an object, since chat
templates write an object. (OpenAI's files want a JSON text there, which the export to OpenAI makes.) `content` is
always a text, which is empty where a turn only calls.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from freshet.tasks.datasets.shapes.draft import Messages, Misfit, WrongRole, inner_json, kind_of, text_of
from freshet.tasks.datasets.shapes.example import ROLES

SYNONYMS: Mapping[str, str] = {
    "human": "user", "prompter": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant",
    "chatbot": "assistant", "model": "assistant", "ai": "assistant", "developer": "system", "function": "tool",
    "observation": "tool", "tool_response": "tool", "function_response": "tool", "ipython": "tool",
    "function_call": "assistant", "tool_call": "assistant",
}  # fmt: skip
"""Other names of the roles."""

_CALLING = ("function_call", "tool_call")
"""Roles whose text is the call itself, as JSON."""

_KEPT = frozenset({
    "role", "from", "content", "value", "name", "tool_calls", "function_call", "tool_call_id", "weight", "loss_weight",
})  # fmt: skip
_CALL = 'a call: {"name", "arguments"}'


def messages_of(value: Any, field: str, transforms: set[str]) -> Messages:
    """Returns turns in canonical form.

    Turns may have OpenAI's and TRL's keys (`role`, `content`) or ShareGPT's (`from`, `value`).

    Args:
        field: the field of the row that holds the turns.
        transforms: takes the names of what is changed.

    Raises:
        Misfit: the value cannot be read as turns.
        WrongRole: a role is unknown, or a turn calls functions that only the assistant may call.
    """
    if not isinstance(value, list) or not value:
        raise Misfit(field, kind_of(value), "a list of messages")
    return [message_of(one, f"{field}[{number}]", transforms) for number, one in enumerate(value)]


def message_of(value: Any, field: str, transforms: set[str]) -> dict[str, Any]:
    """Returns one turn in canonical form; its arguments and errors are those of `messages_of`."""
    if not isinstance(value, Mapping):
        raise Misfit(field, kind_of(value), "an object with role and content")
    speaker, words = ("role", "content") if "role" in value or "from" not in value else ("from", "value")
    role, called = _role(value.get(speaker), f"{field}.{speaker}", transforms)
    content = _content(value.get(words), f"{field}.{words}", transforms)
    calls = _calls_of_turn(value, field, transforms)
    if called in _CALLING:
        if content is None:
            raise Misfit(f"{field}.{words}", kind_of(value.get(words)), _CALL)
        calls, content = _calls(inner_json(content, f"{field}.{words}", _CALL), f"{field}.{words}", transforms), ""
    if content is None and not calls:
        raise Misfit(f"{field}.{words}", kind_of(value.get(words)), "a text")
    if calls and role != "assistant":
        raise WrongRole(f"{field}.tool_calls", f"calls by {role}", "calls by assistant")
    message: dict[str, Any] = {"role": role, "content": content or ""}
    if calls:
        message["tool_calls"] = calls
    for key in ("name", "tool_call_id"):
        if value.get(key) is not None:
            message[key] = text_of(value[key], f"{field}.{key}")
    weight = _weight(value, role, field, transforms)
    if weight is not None:
        message["weight"] = weight
    transforms.update(f"dropped:{key}" for key in value if key not in _KEPT and value[key] is not None)
    return message


def _role(value: Any, field: str, transforms: set[str]) -> tuple[str, str]:
    """Returns the role, and the name that the file gives it."""
    if not isinstance(value, str):
        raise WrongRole(field, kind_of(value), _listed())
    if value in ROLES:
        return value, value
    plain = value.strip().lower()
    role = plain if plain in ROLES else SYNONYMS.get(plain)
    if role is None:
        # A role is a word of the format, and naming it helps; anything longer is text.
        named = f"role {value}" if re.fullmatch(r"[\w\- ]{1,24}", value) else f"a text of {len(value)} characters"
        raise WrongRole(field, named, _listed())
    transforms.add(f"role:{plain}→{role}" if plain != role else f"role:{value.strip()}→{role}")
    return role, plain


def _listed() -> str:
    return f"one of {', '.join(ROLES)}"


def _content(value: Any, field: str, transforms: set[str]) -> str | None:
    """Returns the text of a turn, also from OpenAI's content parts; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise Misfit(field, kind_of(value), "a text")
    texts = []
    for number, part in enumerate(value):
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type") if isinstance(part, Mapping) else None
        said = (
            next((part[key] for key in ("text", "value") if key in part), None) if isinstance(part, Mapping) else None
        )
        if kind != "text" or not isinstance(said, str):
            found = "a part that is no text" if isinstance(part, Mapping) else kind_of(part)
            raise Misfit(f"{field}[{number}]", found, 'a text, or {"type": "text", "text"}')
        texts.append(said)
    transforms.add("content-parts")
    return "".join(texts)


def _weight(value: Mapping[str, Any], role: str, field: str, transforms: set[str]) -> int | None:
    """Returns OpenAI's weight of an answer; 0 leaves the answer out of the loss, 1 does not."""
    key = "weight" if value.get("weight") is not None else "loss_weight"
    weight = value.get(key)
    if weight is None:
        return None
    if isinstance(weight, bool) or weight not in (0, 1):
        raise Misfit(f"{field}.{key}", kind_of(weight), "0 or 1")
    if key == "loss_weight":
        transforms.add("weight")
    elif role != "assistant":
        raise Misfit(f"{field}.weight", f"a weight of {role}", "weights of assistant alone")
    return int(weight) if role == "assistant" else None


def _calls_of_turn(value: Mapping[str, Any], field: str, transforms: set[str]) -> Messages:
    calls = value.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise Misfit(f"{field}.tool_calls", kind_of(calls), "a list of calls")
    if calls:
        return _calls(calls, f"{field}.tool_calls", transforms)
    if value.get("function_call") is not None:
        transforms.add("tool-calls")
        return _calls(value["function_call"], f"{field}.function_call", transforms)
    return []


def _calls(value: Any, field: str, transforms: set[str]) -> Messages:
    listed = value if isinstance(value, list) else [value]
    if not listed:
        raise Misfit(field, kind_of(value), _CALL)
    return [_call(one, f"{field}[{number}]", transforms) for number, one in enumerate(listed)]


def _call(value: Any, field: str, transforms: set[str]) -> dict[str, Any]:
    wrapped = isinstance(value, Mapping) and isinstance(value.get("function"), Mapping)
    function = value["function"] if wrapped else value
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
        raise Misfit(field, kind_of(value), _CALL)
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = inner_json(arguments or "{}", f"{field}.arguments", "an object, or its JSON")
        transforms.add("tool-arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise Misfit(f"{field}.arguments", kind_of(arguments), "an object, or its JSON")
    call: dict[str, Any] = {
        "type": "function",
        "function": {"name": function["name"], "arguments": dict(arguments)},
    }
    if wrapped and value.get("id") is not None:
        call["id"] = text_of(value["id"], f"{field}.id")
    if not wrapped:
        transforms.add("tool-calls")
    return call


def tools_of(value: Any, field: str, transforms: set[str]) -> list[dict[str, Any]]:
    """Returns the functions that a conversation offers, each as `{"type": "function", "function": {…}}`.

    Args:
        value: the list of functions, or its JSON.
        field: the field of the row that holds the functions.
        transforms: takes the names of what is changed.

    Raises:
        Misfit: the value cannot be read as functions.
    """
    valid = 'a list of {"type": "function", "function": {"name", …}}'
    if isinstance(value, str):
        if not value.strip():
            return []
        value = inner_json(value, field, valid)
        transforms.add("tools")
    if value is None:
        return []
    if not isinstance(value, list):
        raise Misfit(field, kind_of(value), valid)
    return [_tool(one, f"{field}[{number}]", transforms) for number, one in enumerate(value)]


def _tool(value: Any, field: str, transforms: set[str]) -> dict[str, Any]:
    wrapped = isinstance(value, Mapping) and isinstance(value.get("function"), Mapping)
    function = value["function"] if wrapped else value
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str) or not function["name"]:
        raise Misfit(field, kind_of(value), '{"type": "function", "function": {"name", …}}')
    if not wrapped:
        transforms.add("tools")
        return {"type": "function", "function": dict(function)}
    return {**value, "type": "function"}


def check_turns(messages: Messages, field: str, answered: bool = True) -> None:
    """Checks that the turns can follow one another as they do.

    There may be one message of the system, as the first turn. Results of tools may come only after calls, no more than
    were called, and for those calls where both have ids.

    Args:
        field: the field of the row that holds the turns.
        answered: whether there must be a turn of the assistant.

    Raises:
        WrongRole: a turn cannot come where it does, or a turn of the assistant is missing.
    """
    open_calls, known = 0, set[str]()
    for number, message in enumerate(messages):
        here, role = f"{field}[{number}]", message["role"]
        if role == "system" and number:
            raise WrongRole(f"{here}.role", f"system as message {number + 1}", "system as the first message, or none")
        if role == "tool":
            if not open_calls:
                raise WrongRole(f"{here}.role", "tool without a call before it", "tool after the assistant's call")
            open_calls -= 1
            answers = message.get("tool_call_id")
            if answers is not None and known and answers not in known:
                raise WrongRole(f"{here}.tool_call_id", "an id that no call before it has", "the id of the call")
            continue
        calls = message.get("tool_calls", ())
        open_calls, known = len(calls), {call["id"] for call in calls if "id" in call}
    if answered and not any(message["role"] == "assistant" for message in messages):
        raise WrongRole(field, "no message of assistant", "at least one")
