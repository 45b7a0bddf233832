"""Every text of an example's content, for code that reads or changes the texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from freshet.tasks.datasets.shapes.fit import BETWEEN

TextKind = Literal["text", "border", "data", "name"]
"""What a text is.

`text` is written for a reader. `border` is a plain prompt: the trainer sets the answer right behind it, so that its
last characters are part of the text. `data` is a value that programs read: an argument of a call, the declaration of a
function. `name` is a key or an identifier, to which other parts refer, and which cannot change by itself.
"""

Change = Callable[[str, TextKind], str]
"""Returns a text, changed."""

_DATA = ("arguments", "tools")
_NAMES = ("role", "name", "id", "tool_call_id", "type")


def change_texts(content: dict[str, Any], passage: str | None, change: Change) -> tuple[dict[str, Any], str | None]:
    """Returns the content and the cited passage with every text changed, but for names.

    A prompt that begins with the passage still begins with the passage afterwards.
    """
    changed = change(passage, "text") if passage is not None else None

    def apply(text: str, kind: TextKind) -> str:
        if passage is not None and text.startswith(passage + BETWEEN):
            rest = change(text[len(passage) + len(BETWEEN) :], kind)
            return f"{changed}{BETWEEN}{rest}" if changed else rest
        return change(text, kind)

    made = {}
    for column, value in content.items():
        kind: TextKind = "border" if column == "prompt" else "text"
        made[column] = apply(value, kind) if type(value) is str else _changed(value, column, apply)
    return made, changed or None


def _changed(value: Any, key: str, change: Change, data: bool = False) -> Any:
    data = data or key in _DATA
    if type(value) is str:
        return value if not data and key in _NAMES else change(value, "data" if data else "text")
    if type(value) is dict:
        return {name: _changed(item, name, change, data) for name, item in value.items()}
    if type(value) is list:
        return [_changed(item, key, change, data) for item in value]
    return value


def all_texts(content: dict[str, Any], passage: str | None = None) -> Iterator[tuple[str, str, TextKind]]:
    """Yields field, text and kind of every text, including keys of data and identifiers.

    A field is a path like `messages[1].content`.

    Args:
        passage: the cited passage. It comes first, by itself, and is left out of a prompt that begins with it.
    """
    if passage is None:
        for column, value in content.items():
            yield from _texts(value, column, column, False)
        return
    yield "passage", passage, "text"
    for column, value in content.items():
        for field, text, kind in _texts(value, column, column, False):
            yield field, text.removeprefix(passage + BETWEEN) if len(text) > len(passage) else text, kind


def _texts(value: Any, field: str, key: str, data: bool) -> Iterator[tuple[str, str, TextKind]]:
    data = data or key in _DATA
    if type(value) is str:
        if key != "role" and not (key == "type" and not data):
            yield field, value, "name" if not data and key in _NAMES else "data" if data else "text"
    elif type(value) is dict:
        for name, item in value.items():
            if data:
                yield field, name, "name"
            # Below a call's arguments keys are whatever was written, and stay out of evidence.
            yield from _texts(item, field if data else f"{field}.{name}", name, data)
    elif type(value) is list:
        for number, item in enumerate(value):
            yield from _texts(item, f"{field}[{number}]", key, data)


def without_nulls(value: Any) -> Any:
    """Returns the value without those entries of objects, at any depth, that are null."""
    if type(value) is dict:
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if type(value) is list:
        return [without_nulls(item) for item in value]
    return value
