"""The `row_decisions` table of the ledger: what people decided about rows of datasets, on record for good.

A decision names a row by its digest, so that it follows the row through files and versions and ends when the row
changes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from freshet.tasks.ledger.decisions import said
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import equals

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

RowDecisionKind = Literal["keep", "drop"]


@dataclass(frozen=True)
class RowDecision:
    """A row of `schemas.row_decisions`.

    Attributes:
        kind: `keep` overrules what was said against the row then; `drop` leaves it out, whatever is said of it.
        digest: of the row.
        codes: the rules that a `keep` overrules.
        who, why: as they said it.
    """

    dataset: str
    kind: RowDecisionKind
    digest: str
    who: str
    why: str
    at: datetime
    codes: list[str] = field(default_factory=list)


def newest_row_decisions(store: Store, dataset: str) -> dict[str, RowDecision]:
    """The newest decision about each row of a dataset, by the row's digest."""
    rows = store.ledger.rows(schemas.ROW_DECISIONS, equals("dataset", dataset))
    return {row["digest"]: RowDecision(**row) for row in sorted(rows, key=lambda row: row["at"])}


def record_row_decision(
    store: Store, dataset: str, kind: RowDecisionKind, digest: str, *, who: str, why: str, now: datetime,
    codes: list[str],
) -> RowDecision:  # fmt: skip
    """Puts on record what somebody decided about a row.

    Raises:
        SettingsError: `who` or `why` is empty.
    """
    made = RowDecision(dataset, kind, digest, said("who", who), said("why", why), now, codes)
    store.ledger.append(schemas.ROW_DECISIONS, schemas.row_decisions(), [asdict(made)])
    return made
