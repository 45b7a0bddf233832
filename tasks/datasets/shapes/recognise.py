"""Recognises the shape of a file by the names of its columns."""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from freshet.tasks.settings.datasets import Columns, Shape

SHAPES: tuple[Shape, ...] = get_args(Shape)

_SIGNS: tuple[tuple[Shape, tuple[str, ...]], ...] = (
    ("openai", ("input", "preferred_output", "non_preferred_output")),
    ("squad", ("context", "question", "answers")),
    ("sharegpt", ("conversations",)),
    ("alpaca", ("instruction", "output")),
    ("alpaca", ("instruction", "chosen", "rejected")),
    ("trl", ("messages",)),
    ("trl", ("chosen", "rejected")),
    ("trl", ("prompt", "completion")),
    ("trl", ("text",)),
)
"""Shapes, each with columns that must all be there; the first that fits decides. OpenAI's and TRL's `messages` read
alike.
"""

CONTENT = ("text", "prompt", "completion", "messages", "chosen", "rejected")
"""Keys of the settings `columns` that name the columns of an example's own texts."""


def recognise(keys: Collection[str]) -> Shape | None:
    """Returns the shape of rows with these columns; None for columns that belong to no shape."""
    return next((shape for shape, signs in _SIGNS if all(sign in keys for sign in signs)), None)


def declares_columns(columns: Columns) -> bool:
    """Returns whether the settings say which columns hold the texts, so that no shape has to be recognised."""
    return any(getattr(columns, name) is not None for name in CONTENT)
