"""What is counted of the rows on their way through the checks, for the report and the dataset card."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

LENGTH_EDGES = (0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Lower edges, in tokens, of the bars of `RowFacts.lengths`; the last one is open."""


@dataclass(frozen=True)
class RowFacts:
    """Counts over rows. Those of two sets of rows are merged with `+`, in any order.

    Attributes:
        rows: looked at.
        annotated: rows with annotated steps of arithmetic; in the others it is unchecked.
        annotations: those steps.
        unreadable_annotations: of them, those that are no arithmetic which is understood, and so are unchecked.
        pairs: rows with a chosen and a rejected answer.
        longer_chosen: pairs whose chosen answer has more tokens than the rejected one.
        longer_rejected: pairs of which the opposite is true.
        tokens: of all rows. A row's are those of its prompt and of its longer answer.
        longest: tokens of the longest row.
        truncated: rows with more tokens than max_tokens.
        masked: of them, those whose prompt alone has as many.
        lost: tokens that truncation takes of all rows.
        lengths: rows by number of tokens, one count for each of LENGTH_EDGES.
    """

    rows: int = 0
    annotated: int = 0
    annotations: int = 0
    unreadable_annotations: int = 0
    pairs: int = 0
    longer_chosen: int = 0
    longer_rejected: int = 0
    tokens: int = 0
    longest: int = 0
    truncated: int = 0
    masked: int = 0
    lost: int = 0
    lengths: tuple[int, ...] = (0,) * len(LENGTH_EDGES)

    def __add__(self, other: RowFacts) -> RowFacts:
        merged: dict[str, Any] = {one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)}
        merged["longest"] = max(self.longest, other.longest)
        merged["lengths"] = tuple(a + b for a, b in zip(self.lengths, other.lengths, strict=True))
        return RowFacts(**merged)

    @property
    def unannotated(self) -> int:
        """Rows whose arithmetic, if they have any, is unchecked."""
        return self.rows - self.annotated

    @property
    def length_bias(self) -> float | None:
        """Share of the pairs of unequal length whose chosen answer is the longer one; None without any."""
        unequal = self.longer_chosen + self.longer_rejected
        return self.longer_chosen / unequal if unequal else None
