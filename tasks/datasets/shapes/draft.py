"""What a shape makes of a row before the dataset's format is considered, and what it says when it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from freshet.tasks.datasets.inputs.rows import Unsound
from freshet.tasks.datasets.inputs.strict_json import parse
from freshet.tasks.rules.verdicts import Verdict, verdict

Messages = list[dict[str, Any]]
Side = str | Messages
"""A prompt or an answer: a text, or turns."""

_MISSING = object()


class Misfit(Exception):
    """A row that cannot be shaped: where, what is there (its kind, never its text), and what is valid."""

    def __init__(self, field: str, found: str, valid: str) -> None:
        super().__init__(field, found, valid)
        self.field, self.found, self.valid = field, found, valid

    def verdict(self) -> Verdict:
        return verdict("ROW-SCHEMA", field=self.field, found=self.found, valid=self.valid)


class WrongRole(Misfit):
    """A turn by nobody that trainers know, or one at a place where it cannot be."""

    def verdict(self) -> Verdict:
        return verdict("ROW-ROLE", field=self.field, found=self.found, valid=self.valid)


@dataclass
class Draft:
    """What a row holds, whatever format it will be given.

    Attributes:
        conversation: whole turns, prompt and answer in one.
        answer_text: the answer as the row quotes it, where it cites a passage or a document.
        start: first character of that quotation, as stated.
        transforms: names of what shaping changed.
    """

    text: str | None = None
    prompt: Side | None = None
    completion: Side | None = None
    chosen: Side | None = None
    rejected: Side | None = None
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
    """What a value is, in JSON's words; `nothing` for one that is not there."""
    if value is _MISSING:
        return "nothing"
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
    """The value of a column; a dotted name reaches into objects, and by number into lists. None where there is none."""
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
    """The value, which must be a text.

    Raises:
        Misfit: it is not.
    """
    if not isinstance(value, str):
        raise Misfit(field, kind_of(value), "a text")
    return value


def optional_text(value: Any, field: str) -> str | None:
    """The value, which must be a text, null or not there; an empty text is none.

    Raises:
        Misfit: it is something else.
    """
    return None if value is None else text_of(value, field) or None


def name_of(value: Any, field: str) -> str | None:
    """What a row calls a document or a group: a text, or a whole number or a boolean as text; None for null.

    Raises:
        Misfit: it is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise Misfit(field, kind_of(value), "a text or a whole number")


def place_of(value: Any, field: str) -> int | None:
    """The stated first character of a span: a whole number from 0, or its digits, as CSV has them; None for null.

    Raises:
        Misfit: it is something else.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 16:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise Misfit(field, kind_of(value), "a whole number from 0")
    return value


def truth_of(value: Any, field: str, transforms: set[str]) -> bool:
    """Whether an answer is a good one: true or false, also as 1 or 0 or spelt out, as CSV has them.

    Raises:
        Misfit: it is something else.
    """
    if isinstance(value, bool):
        return value
    spelt = {"true": True, "false": False, "1": True, "0": False}.get(str(value).strip().lower())
    if spelt is None or not isinstance(value, int | str):
        raise Misfit(field, kind_of(value), "true or false")
    transforms.add("label")
    return spelt


def inner_json(value: str, field: str, valid: str) -> Any:
    """JSON that stands in a text of the row.

    Raises:
        Misfit: the text is none, or names a key twice or NaN.
    """

    try:
        return parse(value.encode())
    except (Unsound, UnicodeEncodeError):
        raise Misfit(field, "a text that is no sound JSON", valid) from None
