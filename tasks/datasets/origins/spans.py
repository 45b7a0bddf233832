"""Finds where in a passage the answer stands that a row cites.

A row may state the first character of its answer. An exact statement stays. One that is off moves to the nearest
occurrence, and the distance is put on record; between two occurrences that are equally near, a person has to decide.
Without a statement, an answer that occurs once is found. An answer that occurs nowhere is no quotation, and one that
occurs often might be any of them: both get no span, which is no fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MISSING: Literal["SPAN-MISSING"] = "SPAN-MISSING"
AMBIGUOUS: Literal["SPAN-AMBIGUOUS"] = "SPAN-AMBIGUOUS"


@dataclass(frozen=True)
class Located:
    """Where a quotation stands in a text.

    Attributes:
        start: the first character of the quotation; None where that cannot be said.
        transform: `span-moved:N` for a statement that was off by N characters, or `span-found` where there was none;
            None where nothing changed.
        fault: the code of the verdict, where the statement cannot be mended.
        distance: for an ambiguous statement, the characters between it and the nearest occurrences.
    """

    start: int | None
    transform: str | None = None
    fault: Literal["SPAN-MISSING", "SPAN-AMBIGUOUS"] | None = None
    distance: int | None = None


def locate(quotation: str, text: str, stated: int | None) -> Located:
    """Returns where a quotation, which must not be empty, stands in a text.

    Args:
        stated: the quotation's first character as the row states it, from 0; None where the row states none.
    """
    if stated is None:
        first = text.find(quotation)
        once = first >= 0 and text.find(quotation, first + 1) < 0
        return Located(first, "span-found") if once else Located(None)
    if text.startswith(quotation, stated):
        return Located(stated)
    before = text.rfind(quotation, 0, stated + len(quotation) - 1)
    after = text.find(quotation, stated + 1)
    return nearest(before if before >= 0 else None, after if after >= 0 else None, stated)


def nearest(before: int | None, after: int | None, stated: int) -> Located:
    """Returns the nearer of two occurrences.

    Args:
        before: the last occurrence before the stated character; None where there is none.
        after: the first occurrence after the stated character; None where there is none.
        stated: the stated first character.
    """
    if before is None and after is None:
        return Located(None, fault=MISSING)
    if before is not None and after is not None and stated - before == after - stated:
        return Located(None, fault=AMBIGUOUS, distance=after - stated)
    found = after if before is None or (after is not None and after - stated < stated - before) else before
    assert found is not None
    return Located(found, f"span-moved:{found - stated:+d}")
