"""Makes rows of one JSON value: the value itself or, of a document of SQuAD, a row for each question."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freshet.tasks.datasets.inputs.rows import Unsound
from freshet.tasks.datasets.inputs.strict_json import parse
from freshet.tasks.settings.datasets import Shape

Found = tuple[str | None, dict[str, Any] | Unsound, bytes | None]
"""The field in which a row stands, the row or what is wrong with it, and for a fault the bytes that show it."""


def rows_in(data: bytes, shape: Shape | None) -> Iterator[Found]:
    """Yields the rows that the JSON in `data` holds; a document of SQuAD is one that has passages."""
    try:
        value = parse(data)
    except Unsound as fault:
        yield fault.field, fault, data
        return
    if not isinstance(value, dict):
        yield None, _wrong("an object", value), data
    elif shape == "squad" and "paragraphs" in value:
        yield from ((field, row, None) for field, row in _questions(value))
    else:
        yield None, value, None


def _questions(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | Unsound]]:
    """Yields for each question where it stands in the document, and its row; or what is wrong there.

    A row has `title`, `document`, `context`, `question`, `id`, `answers`, `is_impossible`; what the file does not say
    is None, and a question is impossible only where the file says so.
    """
    passages = document["paragraphs"]
    if not isinstance(passages, list):
        yield "paragraphs", _wrong("a list", passages)
        return
    for number, passage in enumerate(passages):
        at = f"paragraphs[{number}]"
        if not isinstance(passage, dict):
            yield at, _wrong("an object", passage)
            continue
        asked = passage.get("qas")
        if not isinstance(asked, list):
            yield f"{at}.qas", _wrong("a list", asked)
            continue
        for index, question in enumerate(asked):
            sound = isinstance(question, dict)
            row = _row(document, passage, question) if sound else _wrong("an object", question)
            yield f"{at}.qas[{index}]", row


def _row(document: dict[str, Any], passage: dict[str, Any], question: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": document.get("title"),
        "document": passage.get("document_id", document.get("document_id")),
        "context": passage.get("context"),
        "question": question.get("question"),
        "id": question.get("id"),
        "answers": question.get("answers"),
        "is_impossible": question.get("is_impossible", False),
    }


def _wrong(wanted: str, found: object) -> Unsound:
    return Unsound("ROW-SCHEMA", expected=wanted, found=_kind_name(found))


def _kind_name(value: object) -> str:
    """Returns what JSON calls the kind of a value."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = ((str, "a text"), (int | float, "a number"), (dict, "an object"), (list, "a list"))
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)
