"""Where in a passage the answer stands that a row cites.

A stated place that is exact stays. One that is off moves to the nearest occurrence, with how far on record; two that
are equally near are for a person to decide. Without a stated place, an answer that occurs once is found; one that
occurs nowhere is no quotation, and one that occurs often might be any: both get no span, which is
no fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MISSING: Literal["SPAN-MISSING"] = "SPAN-MISSING"
AMBIGUOUS: Literal["SPAN-AMBIGUOUS"] = "SPAN-AMBIGUOUS"


@dataclass(frozen=True)
class Located:
    """Where a quotation stands: `start` is None where that cannot be said.

    Attributes:
        transform: `span-moved:N`, by so many characters, or `span-found`; None where nothing changed.
        fault: the code of the verdict, where the stated place cannot be mended.
        distance: characters between the stated place and the nearest occurrence, of an ambiguous one.
    """

    start: int | None
    transform: str | None = None
    fault: Literal["SPAN-MISSING", "SPAN-AMBIGUOUS"] | None = None
    distance: int | None = None


def locate(quotation: str, text: str, stated: int | None) -> Located:
    """The place of a quotation, which is not empty, in a text.

    Args:
        stated: its first character as the row states it, from 0; None where it states none.
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
    """The nearer of two occurrences on the two sides of the stated place."""
    if before is None and after is None:
        return Located(None, fault=MISSING)
    if before is not None and after is not None and stated - before == after - stated:
        return Located(None, fault=AMBIGUOUS, distance=after - stated)
    found = after if before is None or (after is not None and after - stated < stated - before) else before
    assert found is not None
    return Located(found, f"span-moved:{found - stated:+d}")
