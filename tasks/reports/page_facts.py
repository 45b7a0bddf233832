"""The facts that the page about one refresh is made of, among which there is nothing of a document's text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from freshet.expectations.rules import Severity

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.ledger.runs import RefreshOutcome

AGES: tuple[tuple[str, float], ...] = (
    ("up to a week", 7),
    ("up to a month", 31),
    ("up to 3 months", 92),
    ("up to 6 months", 183),
    ("up to a year", 366),
    ("up to 2 years", 731),
    ("up to 5 years", 1827),
)
OLDER, UNDATED, FUTURE = "older", "not known", "in the future"

SCORES = {
    "recall_at_5": "recall@5",
    "ndcg_at_10": "nDCG@10",
    "mrr": "MRR",
    "recall_at_1": "recall@1",
    "recall_at_10": "recall@10",
}
"""The exam's measures and what people call them, the most telling first."""


@dataclass(frozen=True)
class ReleasePoint:
    """A decision of the gate, for the charts. `scores` are the exam's, by name, from 0 to 1."""

    release: int
    published: bool
    at: datetime
    documents: int
    chunks: int
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class VerdictCount:
    """How many documents of a source have a verdict under a rule."""

    code: str
    severity: Severity
    source: str
    documents: int


@dataclass(frozen=True)
class SourceState:
    """A source as this refresh found it. `error` is plain words without credentials."""

    name: str
    kind: str
    owner: str
    listed: int
    complete: bool
    error: str | None = None


@dataclass(frozen=True)
class ReportFacts:
    """Everything that the page shows.

    Attributes:
        documents: counts by what became of them (`freshet.tasks.ledger.runs.DOCUMENT_COUNTS`).
        history: decisions of the gate, oldest first, this one last.
        main_score: the score of the exam that has a floor, and that floor.
        ages: documents by age, as `count_ages` gives them.
        seconds: time by step, and `total`.
        more: links to pages beside this one, relative, by what they hold.
    """

    corpus: str
    run_id: str
    as_of: datetime
    outcome: RefreshOutcome
    release: int | None
    documents: Mapping[str, int]
    chunks: int
    texts_embedded: int
    history: Sequence[ReleasePoint] = ()
    main_score: str | None = None
    floor: float | None = None
    ages: Mapping[str, int] = field(default_factory=dict)
    verdicts: Sequence[VerdictCount] = ()
    sources: Sequence[SourceState] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    notes: Sequence[str] = ()
    more: Mapping[str, str] = field(default_factory=dict)


def count_ages(modified_at: pa.ChunkedArray, as_of: datetime) -> dict[str, int]:
    """Returns documents by age at `as_of`: the names of AGES, OLDER, and where there are any FUTURE and UNDATED.

    Args:
        modified_at: timestamps in UTC, null where not known.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    # In milliseconds: microseconds of 300 years are more than a float counts exactly.
    age = pc.divide(pc.cast(pc.subtract(pa.scalar(as_of, modified_at.type), modified_at), pa.int64()), 1000)
    days = pc.divide(age, 86_400_000.0)
    counts: dict[str, int] = {}
    future = below = pc.sum(pc.less(days, 0)).as_py() or 0
    for name, most in AGES:
        upto = pc.sum(pc.less_equal(days, most)).as_py() or 0
        counts[name], below = upto - below, upto
    counts[OLDER] = len(modified_at) - modified_at.null_count - below
    rare = {FUTURE: future, UNDATED: modified_at.null_count}
    return counts | {name: count for name, count in rare.items() if count}
