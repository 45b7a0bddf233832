"""Tests of many moments: a few of them stand for all in `make test`, the others are for `make chaos`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some_of(values: Iterable[Any], *always: Any) -> list[Any]:
    """Values for `parametrize`, in their order: those in `always` as they are, the others marked `chaos`.

    Raises:
        ValueError: one of `always` is none of the values.
    """
    values = list(values)
    if unknown := [one for one in always if one not in values]:
        raise ValueError(f"{unknown} are none of {values}")
    return [
        one if one in always else pytest.param(*(one if isinstance(one, tuple) else (one,)), marks=pytest.mark.chaos)
        for one in values
    ]
