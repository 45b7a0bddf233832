"""OpenAI's published rules for fine-tuning files, stated as a validator that shares no code with the export.

They are those of the guides on supervised fine-tuning and on direct preference optimisation, and of the schemas
`FineTuneChatRequestInput` and `FineTunePreferenceRequestInput` of the API's description.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LEAST_LINES = 10
MOST_BYTES = 512 * 1024 * 1024
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")

_OF_A_LINE = {"messages", "tools", "parallel_tool_calls", "functions"}
_OF_A_PAIR = {"input", "preferred_output", "non_preferred_output"}
_OF_A_MESSAGE = {
    "system": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "tool_calls", "weight", "refusal"},
    "tool": {"role", "content", "tool_call_id"},
}


def faults_of_file(file: Path, kind: str, *, trains: bool = True) -> list[str]:
    """Every rule that a file breaks, with its line.

    Args:
        kind: `sft` or `dpo`.
        trains: whether it is a file to train on, which has at least ten lines; one to validate with may have fewer.
    """
    data = file.read_bytes()
    found = ["larger than 512 MB"] if len(data) > MOST_BYTES else []
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        return [*found, "not UTF-8"]
    if lines.pop() != "":
        found.append("the last line does not end")
    if trains and len(lines) < LEAST_LINES:
        found.append(f"fewer than {LEAST_LINES} lines: {len(lines)}")
    for number, line in enumerate(lines, 1):
        found += [f"line {number}: {fault}" for fault in _faults_of_line(line, kind)]
    return found


def _faults_of_line(line: str, kind: str) -> Iterator[str]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        yield "no JSON"
        return
    if not isinstance(row, dict):
        yield "no object"
        return
    yield from (faults_of_chat(row) if kind == "sft" else faults_of_pair(row))


def faults_of_chat(row: Mapping[str, Any]) -> Iterator[str]:
    """A line of supervised fine-tuning."""
    yield from (f"unknown key {name}" for name in sorted(row.keys() - _OF_A_LINE))
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "no messages"
        return
    yield from _faults_of_messages(messages, set())
    roles = [one.get("role") for one in messages if isinstance(one, dict)]
    if "assistant" not in roles:
        yield "no message of the assistant"
    elif not any(one.get("weight", 1) for one in messages if one.get("role") == "assistant"):
        yield "no message of the assistant has a weight, so that nothing is learnt"
    yield from _faults_of_tools(row)


def faults_of_pair(row: Mapping[str, Any]) -> Iterator[str]:
    """A line of direct preference optimisation."""
    if row.keys() != _OF_A_PAIR:
        yield f"its keys are {sorted(row)}"
        return
    given = row["input"]
    if not isinstance(given, dict) or not given.get("messages"):
        yield "input has no messages"
        return
    yield from (f"unknown key input.{name}" for name in sorted(given.keys() - _OF_A_LINE))
    waiting: set[str] = set()
    yield from _faults_of_messages(given["messages"], waiting)
    yield from _faults_of_tools(given)
    for name in ("preferred_output", "non_preferred_output"):
        output = row[name]
        if not isinstance(output, list) or not output:
            yield f"{name} is no list of messages"
            continue
        roles = {one.get("role") for one in output}
        if "assistant" not in roles or not roles <= {"assistant", "tool"}:
            yield f"{name} has the roles {sorted(map(str, roles))}"
        yield from (f"{name}: {fault}" for fault in _faults_of_messages(output, set(waiting)))


def _faults_of_messages(messages: list[Any], waiting: set[str]) -> Iterator[str]:
    """Args: waiting: ids of calls that are not yet answered; it is altered."""
    for place, message in enumerate(messages):
        where = f"message {place + 1}"
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _OF_A_MESSAGE:
            yield f"{where} has the role {role}"
            continue
        yield from (f"{where}: {name} is no key of {role}" for name in sorted(message.keys() - _OF_A_MESSAGE[role]))
        yield from (f"{where}: {fault}" for fault in _faults_of_content(message))
        for call in message.get("tool_calls") or []:
            yield from (f"{where}: {fault}" for fault in _faults_of_call(call))
            waiting.add(call.get("id"))
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                yield f"{where} answers no call that waits"
            waiting.discard(message.get("tool_call_id"))


def _faults_of_content(message: Mapping[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if "content" not in message or (content is None and not message.get("tool_calls")):
        yield "no content"
    elif content is not None and not isinstance(content, str | list):
        yield "the content is neither text nor parts"
    if "weight" in message and message["weight"] not in (0, 1):
        yield f"the weight is {message['weight']}"
    if "tool_calls" in message and not message["tool_calls"]:
        yield "the list of calls is empty"
    if "name" in message and not isinstance(message["name"], str):
        yield "the name is no text"


def _faults_of_call(call: Mapping[str, Any]) -> Iterator[str]:
    function = call.get("function") or {}
    if not isinstance(call.get("id"), str) or not call["id"]:
        yield "a call has no id"
    if call.get("type") != "function":
        yield f"a call is of type {call.get('type')}"
    if not NAME.fullmatch(str(function.get("name"))):
        yield "a call names no function"
    try:
        if not isinstance(json.loads(function["arguments"]), dict):
            yield "the arguments of a call are no object"
    except (KeyError, TypeError, json.JSONDecodeError):
        yield "the arguments of a call are no JSON in a text"


def _faults_of_tools(row: Mapping[str, Any]) -> Iterator[str]:
    if "tools" not in row:
        return
    if not isinstance(row["tools"], list) or not row["tools"]:
        yield "tools are no list, or an empty one"
        return
    for tool in row["tools"]:
        function = tool.get("function") or {}
        if tool.get("type") != "function" or not NAME.fullmatch(str(function.get("name"))):
            yield "a tool is no function with a name"
        if not isinstance(function.get("parameters", {}), dict):
            yield "the parameters of a tool are no JSON Schema"
