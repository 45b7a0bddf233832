"""Questions of a table: what stands in a column for the thing that a row is about."""

# A pattern in one line is easier to read than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import re
from collections.abc import Iterator

from freshet.tasks.golden.questions.asked import Asked
from freshet.tasks.golden.questions.words import content_words

_VALUE = re.compile(r"\b(?:limit|allowance|rate|price|cost|fee|amount|maximum|minimum|deadline|threshold|target|capacity|date|address|size|budget|salary|grade|version|default)\b", re.I)  # fmt: skip
_ITS_OWN = re.compile(r"\b(?:address|date|capacity|size|version|default|salary|grade)$", re.I)
_COUNTED = re.compile(r"^(?:working |business )?(?:days|hours|weeks|months|minutes|years)$", re.I)
_MOST_CELL, _MOST_ROW = 70, 160


def questions_of_table(text: str) -> Iterator[Asked]:
    """The questions that the rows of a table answer.

    Args:
        text: lines of cells between ` | `, the first of which names the columns.
    """
    lines = text.split("\n")
    header = [cell.strip() for cell in lines[0].split(" | ")]
    if len(header) < 2 or any(not cell or len(cell) > _MOST_CELL for cell in header):
        return
    at = len(lines[0]) + 1
    for line in lines[1:]:
        cells = line.split(" | ")
        if len(cells) == len(header):
            for column in range(1, len(cells)):
                end = at + len(" | ".join(cells[: column + 1]))
                question = _of_cell(header[column], cells[0].strip(), cells[column].strip())
                if question and end - at <= _MOST_ROW:
                    yield Asked(question, (at, end), "table")
        at += len(line) + 1


def _of_cell(column: str, label: str, value: str) -> str | None:
    is_number = any(char.isdigit() for char in value)
    if not is_number or len(label) > _MOST_CELL or not label[:1].isalnum() or not content_words(label):
        return None
    if label.isdigit() or label.lower() in {"total", "sum", "n/a"}:
        return None
    if _COUNTED.match(column):
        return f"How many {column.lower()} are there for {label}?"
    if _VALUE.search(column) and len(column.split()) <= 5:
        name = column[:1].lower() + column[1:] if column[1:2].islower() else column
        return f"What is the {name} {'of' if _ITS_OWN.search(column) else 'for'} {label}?"
    return None
