"""What the checks count over the rows, for the report and the dataset card."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

LENGTH_EDGES = (0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Lower edges, in tokens, of the bars of `RowCounts.lengths`; the last bar has no upper edge."""


@dataclass(frozen=True)
class RowCounts:
    """Counts over rows; the counts of two sets of rows are added with `+`, in any order.

    Attributes:
        rows: the number of rows that were checked.
        annotated: the number of rows with annotated steps of arithmetic; arithmetic in other rows is not checked.
        annotations: the number of annotated steps.
        unreadable_annotations: the number of annotated steps that could not be worked out, and so are not checked.
        pairs: the number of rows with a chosen and a rejected answer.
        longer_chosen: the number of pairs whose chosen answer has more tokens than the rejected one.
        longer_rejected: the number of pairs whose rejected answer has more tokens than the chosen one.
        tokens: the number of tokens of all rows. A row's tokens are those of its prompt and of its longer answer.
        longest: the number of tokens of the longest row.
        truncated: the number of rows with more tokens than max_tokens.
        masked: the number of truncated rows whose prompt alone has max_tokens or more.
        lost: the number of tokens that truncation takes from all rows.
        lengths: the number of rows by their tokens, one number for each bar of LENGTH_EDGES.
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

    def __add__(self, other: RowCounts) -> RowCounts:
        """Returns the counts over the rows of both."""
        merged: dict[str, Any] = {one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)}
        merged["longest"] = max(self.longest, other.longest)
        merged["lengths"] = tuple(a + b for a, b in zip(self.lengths, other.lengths, strict=True))
        return RowCounts(**merged)

    @property
    def unannotated(self) -> int:
        """The number of rows whose arithmetic, if they have any, is not checked."""
        return self.rows - self.annotated

    @property
    def length_bias(self) -> float | None:
        """The share of the pairs of unequal length whose chosen answer is the longer one; None without such pairs."""
        unequal = self.longer_chosen + self.longer_rejected
        return self.longer_chosen / unequal if unequal else None
