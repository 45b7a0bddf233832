"""What a build counted beside the other facts of its version, in the form in which the version keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.checks.counts import LENGTH_EDGES

if TYPE_CHECKING:
    from freshet.tasks.datasets.checks.counts import RowCounts


@dataclass(frozen=True)
class Measured:
    """What a build counted. The card leaves out whatever is empty here.

    Attributes:
        marked: by code, the number of kept rows with a verdict that does not reject them.
        unchecked: for each thing that a check could not judge, in plain words, how often it occurred; also 0.
        lengths: the bars of a histogram of the rows' lengths, ascending: the least number of tokens, and the number of
            rows. The last bar has no upper edge.
    """

    marked: Mapping[str, int] = field(default_factory=dict)
    unchecked: Mapping[str, int] = field(default_factory=dict)
    lengths: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, rows: RowCounts, *, marked: Mapping[str, int], too_short_to_compare: int = 0) -> Measured:
        """Returns what the checks of a build counted.

        Args:
            rows: the counts over all rows that were checked, including rows that a later step rejects.
            marked: by code, the number of kept rows with a verdict that does not reject them.
            too_short_to_compare: `unjudged` of `leaks.find.find_leaks`.
        """
        unchecked = {
            "rows are too short to be judged against benchmarks": too_short_to_compare,
            "annotated steps of arithmetic could not be read, and were not recomputed": rows.unreadable_annotations,
            "rows annotate no step of arithmetic, so that there was none to recompute": rows.unannotated,
        }
        counted = any(rows.lengths)
        return cls(marked, unchecked, list(zip(LENGTH_EDGES, rows.lengths, strict=True)) if counted else ())

    def as_dict(self) -> dict[str, Any]:
        """Returns the attributes as JSON can hold them, for `VersionFacts.measured`."""
        return {
            "marked": dict(self.marked),
            "unchecked": dict(self.unchecked),
            "lengths": [list(one) for one in self.lengths],
        }
