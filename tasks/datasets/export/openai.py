"""JSONL as OpenAI's fine-tuning takes it: chats for supervised training, pairs for DPO.

The rules that OpenAI publishes, and what becomes of a row that breaks one:
- roles are system, user, assistant and tool; every line has a message of the assistant;
- a call of a tool has an id, and its arguments are JSON in a string; a tool's message names the call that it answers.
  Rows without ids get them, by their place;
- functions have names of up to 64 letters, digits, _ and -, and JSON Schemas for parameters;
- a message that calls tools may have no content: it is null then;
- `weight` stands on the assistant's messages only and is 0 or 1, not 0 on all of them;
- `name` stands on messages of other roles than tool: there it says what the id of the call says, and is left out;
- a pair's outputs hold messages of the assistant and of tools only, and at least one of the assistant.
Whatever cannot be mended without changing what a row says is refused, with the row's id. That a file to train on has at
least ten lines is for the gate to see (VERSION-OPENAI).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.export.splits import write_lines
from freshet.tasks.datasets.shapes.example import ROLES, canonical_json
from freshet.tasks.errors import SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.export.kinds import Batches
    from freshet.tasks.settings.datasets import Format

FORMATS = ("conversational", "prompt_completion", "preference")

_FUNCTION = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_MEND = "Mend the row, or leave openai out of export."


class _Refused(Exception):
    """A rule of OpenAI that the row breaks."""


def check_openai(format: Format) -> None:
    """Checks that OpenAI's fine-tuning knows the format.

    Raises:
        SettingsError: it does not; the error names the formats that it knows.
    """
    if format not in FORMATS:
        raise SettingsError(
            f"openai in export takes {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not {format}",
            "Leave openai out of export, or choose trl or parquet.",
        )


def write_openai(format: Format, batches: Batches, folder: Path) -> list[Path]:
    """Writes supervised chats, or pairs where the rows are preferences.

    Returns:
        The files, in the order of the splits.

    Raises:
        SettingsError: OpenAI does not know the format, or a row breaks one of OpenAI's rules.
    """
    check_openai(format)

    def lines(table: pa.Table) -> Iterator[str]:
        for example_id, content in zip(table["example_id"].to_pylist(), table["content"].to_pylist(), strict=True):
            try:
                yield canonical_json(openai_line(format, json.loads(content)))
            except _Refused as broken:
                raise SettingsError(f"openai cannot take example {example_id}: {broken}", _MEND) from None

    return write_lines(batches(), folder, lines)


def openai_line(format: Format, content: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the content of a row in the form that OpenAI's fine-tuning takes."""
    if format == "conversational":
        return _supervised(content["messages"], content.get("tools"))
    prompt = _turns(content["prompt"], "user")
    if format == "prompt_completion":
        return _supervised([*prompt, *_turns(content["completion"], "assistant")], content.get("tools"))
    given, pending = _messages(prompt)
    line: dict[str, Any] = {"input": {"messages": given, **_offered(content.get("tools"))}}
    for name, column in (("preferred_output", "chosen"), ("non_preferred_output", "rejected")):
        output, _ = _messages(_turns(content[column], "assistant"), len(given), pending)
        roles = {one["role"] for one in output}
        if "assistant" not in roles or not roles <= {"assistant", "tool"}:
            raise _Refused(f"{column} must hold messages of the assistant, and of no others but tools")
        line[name] = output
    return line


def _supervised(turns: Sequence[Mapping[str, Any]], tools: Any) -> dict[str, Any]:
    messages, _ = _messages(turns)
    if not any(one["role"] == "assistant" for one in messages):
        raise _Refused("no message is the assistant's")
    if all(one.get("weight", 1) == 0 for one in messages if one["role"] == "assistant"):
        raise _Refused("every message of the assistant has the weight 0, so that nothing would be learnt")
    return {"messages": messages, **_offered(tools)}


def _turns(value: Any, role: str) -> list[Mapping[str, Any]]:
    return [{"role": role, "content": value}] if isinstance(value, str) else list(value)


def _messages(
    turns: Sequence[Mapping[str, Any]], before: int = 0, pending: Sequence[str] = ()
) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns the turns as OpenAI writes messages, and the ids of calls that no message answers.

    Args:
        before: how many messages come before these turns; ids that are made for calls count on from there.
        pending: ids of calls in the messages before, which still wait for an answer.
    """
    made, waiting = [], list(pending)
    for place, turn in enumerate(turns, before):
        message: dict[str, Any] = {"role": turn["role"], "content": turn.get("content")}
        if turn["role"] not in ROLES:
            raise _Refused(f"message {place + 1} has the role {turn['role']}")
        if turn.get("name") is not None and turn["role"] != "tool":  # a tool's message has its call's id instead
            message["name"] = turn["name"]
        if turn.get("weight") is not None:
            message["weight"] = _weight(turn, place)
        if turn.get("tool_calls"):
            message["tool_calls"] = [_call(one, f"call_{place}_{i}") for i, one in enumerate(turn["tool_calls"])]
            waiting += [one["id"] for one in message["tool_calls"]]
            message["content"] = message["content"] or None
        elif message["content"] is None:
            raise _Refused(f"message {place + 1} has neither content nor calls")
        if turn["role"] == "tool":
            message["tool_call_id"] = _answered(turn.get("tool_call_id"), waiting, place)
        made.append(message)
    return made, waiting


def _weight(turn: Mapping[str, Any], place: int) -> int:
    if turn["role"] != "assistant" or turn["weight"] not in (0, 1):
        raise _Refused(f"message {place + 1} has a weight that is not 0 or 1, or is not the assistant's")
    return int(turn["weight"])


def _call(call: Mapping[str, Any], otherwise: str) -> dict[str, Any]:
    """Returns a call as OpenAI writes it; in TRL's rows the arguments may be an object, and id and type may be missing.

    Args:
        otherwise: the id of a call that has none.
    """
    function = call.get("function", call)
    arguments = function.get("arguments") or {}
    written = arguments if isinstance(arguments, str) else canonical_json(arguments)
    try:
        is_object = isinstance(json.loads(written), dict)
    except json.JSONDecodeError:
        is_object = False
    if not is_object:
        raise _Refused("the arguments of a call are no JSON object")
    name = _named(function)
    return {"id": call.get("id") or otherwise, "type": "function", "function": {"name": name, "arguments": written}}


def _named(function: Mapping[str, Any]) -> str:
    name = function.get("name")
    if not isinstance(name, str) or not _FUNCTION.fullmatch(name):
        raise _Refused("the name of a function is not of up to 64 letters, digits, _ and -")
    return name


def _answered(named: str | None, waiting: list[str], place: int) -> str:
    """Returns the id of the call that a tool's message answers: the named one, else the first that waits.

    The id is taken out of `waiting`.
    """
    if named is None and not waiting:
        raise _Refused(f"message {place + 1} is a tool's and answers no call")
    answered = named if named is not None else waiting[0]
    if answered not in waiting:
        raise _Refused(f"message {place + 1} answers a call that nobody made")
    waiting.remove(answered)
    return answered


def _offered(tools: Any) -> dict[str, Any]:
    if not tools:
        return {}
    listed = json.loads(tools) if isinstance(tools, str) else tools
    functions = [one.get("function", one) for one in listed]
    for function in functions:
        _named(function)
        if not isinstance(function.get("parameters", {}), dict):
            raise _Refused("the parameters of a function are no JSON Schema")
    return {"tools": [{"type": "function", "function": function} for function in functions]}
