"""Shapes a row, as its file holds it, into the content of an example, or says what is wrong with the row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from freshet.tasks.datasets.shapes.draft import Misfit, kind_of, name_of, pick
from freshet.tasks.datasets.shapes.fit import fit
from freshet.tasks.datasets.shapes.read import Reading, read
from freshet.tasks.datasets.shapes.recognise import SHAPES, declares_columns, recognise
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.datasets import PLACEHOLDERS, Format, RowsInput, Shape

PREFIX = "column:"
"""What `split.group_by` begins with, where a column of the files is named."""


@dataclass(frozen=True)
class Shaped:
    """A row in the dataset's format.

    Attributes:
        content: TRL's columns, see `freshet.tasks.datasets.shapes.example`.
        passage: the passage that the answer cites; in a format with a prompt, the prompt begins with the passage.
        document: the name that the row gives the document that it derives from.
        start: the first character of the answer, as stated, in the passage; without a passage, in the document.
        answer_text: the answer as the row quotes it; None where it cites nothing.
        group: the value of the column that the split groups by.
        transforms: names of what shaping changed, sorted.
    """

    content: dict[str, Any]
    passage: str | None
    document: str | None
    start: int | None
    answer_text: str | None
    group: str | None
    transforms: tuple[str, ...]


def shape_of(given: RowsInput, keys: Collection[str]) -> Shape | None:
    """Returns the shape of an input's file: as declared, or by the keys of a row; None where it is unknown."""
    if given.shape is not None:
        return given.shape
    return "columns" if declares_columns(given.columns) else recognise(keys)


def to_content(
    value: Mapping[str, Any],
    fmt: Format,
    given: RowsInput,
    *,
    shape: Shape | None = None,
    group_by: str = "content",
    placeholders: Collection[str] = PLACEHOLDERS,
) -> Shaped | Verdict:
    """Returns the content of a row, or ROW-SCHEMA or ROW-ROLE with the field, what was found there and what is valid.

    Args:
        value: the row, by column.
        fmt: the format of the dataset.
        given: the settings of the row's input.
        shape: the shape of the row's file; by default the shape of the row itself.
        group_by: `split.group_by` of the dataset; `column:NAME` takes the group from that column.
        placeholders: texts that stand for no text, where a text may be missing.
    """
    found = shape or shape_of(given, value.keys())
    if found is None:
        return verdict(
            "ROW-SCHEMA",
            field="",
            found=f"columns that belong to no shape: {_names(value)}",
            valid=f"shape: {', '.join(SHAPES)}; for other columns, say which gives what in columns of the input",
        )
    try:
        draft = read(found, value, Reading(fmt, given.columns, _folded(tuple(placeholders))))
        group = _group(value, group_by)
        content = fit(draft, fmt)
    except Misfit as misfit:
        return misfit.verdict()
    transforms = tuple(sorted(draft.transforms))
    return Shaped(content, draft.passage, draft.document, draft.start, draft.answer_text, group, transforms)


@lru_cache(maxsize=16)
def _folded(placeholders: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one.strip().casefold() for one in placeholders)


def _group(value: Mapping[str, Any], group_by: str) -> str | None:
    if not group_by.startswith(PREFIX):
        return None
    name = group_by.removeprefix(PREFIX)
    group = name_of(pick(value, name), name)
    if group is None:
        raise Misfit(name, kind_of(pick(value, name)), f"a text or a whole number, since split.group_by is {group_by}")
    return group


def _names(value: Mapping[str, Any]) -> str:
    names = sorted(str(name)[:40] for name in value)
    return ", ".join(names[:12]) + (", …" if len(names) > 12 else "") if names else "none"
