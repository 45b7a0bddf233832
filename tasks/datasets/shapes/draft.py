"""What is read of a row before the dataset's format is considered, and the errors of a row that cannot be read so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from freshet.tasks.datasets.inputs.rows import Unsound
from freshet.tasks.datasets.inputs.strict_json import parse
from freshet.tasks.rules.verdicts import Verdict, verdict

Messages = list[dict[str, Any]]
"""Turns of a conversation, in the form that `messages.messages_of` returns."""

Part = str | Messages
"""A prompt or an answer: a text, or turns."""


class Misfit(Exception):
    """A row that cannot be shaped.

    Args:
        field: the field that is at fault.
        found: the kind of what stands in the field, never its text.
        valid: what may stand in the field.
    """

    def __init__(self, field: str, found: str, valid: str) -> None:
        """Keeps what is at fault for the verdict."""
        super().__init__(field, found, valid)
        self.field, self.found, self.valid = field, found, valid

    def verdict(self) -> Verdict:
        """Returns the verdict on the row."""
        return verdict("ROW-SCHEMA", field=self.field, found=self.found, valid=self.valid)


class WrongRole(Misfit):
    """A turn whose role trainers do not know, or whose role cannot come at that point of the conversation."""

    def verdict(self) -> Verdict:
        """Returns the verdict on the row."""
        return verdict("ROW-ROLE", field=self.field, found=self.found, valid=self.valid)


@dataclass
class Draft:
    """What a row holds, whatever the format of the dataset; what the row lacks is None or empty.

    Attributes:
        text: the whole text of a language_modeling row.
        prompt: what is given.
        completion: what is to be learnt.
        chosen: the better answer.
        rejected: the worse answer.
        label: whether an unpaired answer is a good one.
        conversation: all turns, prompt and answer in one.
        tools: the functions that are offered.
        system: the system message before a prompt.
        passage: the passage that the answer cites.
        document: the name of the document that the row derives from.
        start: the first character of the quotation, as the row states it.
        answer_text: the answer as the row quotes it, where it cites a passage or a document.
        transforms: names of what shaping changed.
    """

    text: str | None = None
    prompt: Part | None = None
    completion: Part | None = None
    chosen: Part | None = None
    rejected: Part | None = None
    label: bool | None = None
    conversation: Messages | None = None
    tools: list[dict[str, Any]] = field(default_factory=list)
    system: str | None = None
    passage: str | None = None
    document: str | None = None
    start: int | None = None
    answer_text: str | None = None
    transforms: set[str] = field(default_factory=set)


def kind_of(value: Any) -> str:
    """Returns what a value is, in JSON's words."""
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a text"}
    if type(value) in kinds:
        return kinds[type(value)]
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "a list" if value else "an empty list"
    return type(value).__name__


def pick(value: Mapping[str, Any], name: str) -> Any:
    """Returns the value of a column; None where there is none.

    Args:
        name: the name of the column; a dotted name reaches into objects, and by number into lists.
    """
    if name in value:
        return value[name]
    here: Any = value
    for step in name.split("."):
        if isinstance(here, Mapping) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        else:
            return None
    return here


def text_of(value: Any, field: str) -> str:
    """Returns the value, which must be a text.

    Raises:
        Misfit: the value is no text.
    """
    if not isinstance(value, str):
        raise Misfit(field, kind_of(value), "a text")
    return value


def optional_text(value: Any, field: str) -> str | None:
    """Returns the value, which must be a text or null; None for an empty text.

    Raises:
        Misfit: the value is something else.
    """
    return None if value is None else text_of(value, field) or None


def name_of(value: Any, field: str) -> str | None:
    """Returns what a row calls a document or a group: a text, or a whole number or a boolean as text; None for null.

    Raises:
        Misfit: the value is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise Misfit(field, kind_of(value), "a text or a whole number")


def start_of(value: Any, field: str) -> int | None:
    """Returns the first character of a span, as the row states it; None for null.

    The value may be a whole number from 0, or its digits, as CSV has them.

    Raises:
        Misfit: the value is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise Misfit(field, kind_of(value), "a whole number from 0")
    return value


def truth_of(value: Any, field: str, transforms: set[str]) -> bool:
    """Returns whether an answer is a good one: true or false, also as 1 or 0, or spelt out, as CSV has them.

    Args:
        transforms: takes the name of the change, where the value was no boolean.

    Raises:
        Misfit: the value is something else.
    """
    if isinstance(value, bool):
        return value
    spelt = {"true": True, "false": False, "1": True, "0": False}.get(str(value).strip().lower())
    if spelt is None or not isinstance(value, int | str):
        raise Misfit(field, kind_of(value), "true or false")
    transforms.add("label")
    return spelt


def inner_json(value: str, field: str, valid: str) -> Any:
    """Returns the value of JSON that stands in a text of the row.

    Args:
        valid: what may stand in the field, for the error.

    Raises:
        Misfit: the text is no JSON, or names a key twice, or holds NaN.
    """
    try:
        return parse(value.encode())
    except (Unsound, UnicodeEncodeError):
        raise Misfit(field, "a text that is no sound JSON", valid) from None
