"""SQuAD's documents: passages, each with its questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freshet.tasks.datasets.inputs.rows import Unsound


def is_squad(value: dict[str, Any]) -> bool:
    """Whether the object is a document with passages, and not a question that stands by itself."""
    return "paragraphs" in value


def questions(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | Unsound]]:
    """For each question, where it stands in the document, and its row; or what is wrong there.

    A row has `title`, `document`, `context`, `question`, `id`, `answers`, `is_impossible`; what the file does not say
    is None, and no question is impossible that is not said to be.
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
    return Unsound("ROW-SCHEMA", expected=wanted, found=kind_name(found))


def kind_name(value: object) -> str:
    """What JSON calls the kind of a value."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    names = ((str, "a text"), (int | float, "a number"), (dict, "an object"), (list, "a list"))
    return next((name for kind, name in names if isinstance(value, kind)), type(value).__name__)
