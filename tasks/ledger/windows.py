"""The `windows` table of the ledger: which windows backfills have worked on, and what became of each.

Rows of one window are ordered by what they say, not by a clock: attempt 1 is planned, then runs, then is done or has
failed; attempt 2 comes after it. One backfill of a target writes at a time (`store.locks.hold_backfill`), so a window
that is on record as running while the lock is free was left by a process that died.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from freshet.tasks.settings.spans import Kind, Window
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

State = Literal["planned", "running", "done", "failed"]
Reprocess = Literal["missing", "failed", "all"]
_RANK = {"planned": 0, "running": 1, "done": 2, "failed": 2}


@dataclass(frozen=True)
class WindowRow:
    """A row of `schemas.windows`: what became of one window.

    Attributes:
        backfill_id: which backfill said so.
        attempt: from 1; of a planned window, the attempt to come.
        reprocess: what the backfill was asked to do again.
        fingerprint: of the settings that shape the result.
        documents: documents that were processed, or rows that were read; None until it is done.
        outcome: what the refresh or build came to; None until it is done.
        run_id: of the window's flow run; None while it is planned.
        error: why it failed, or why it has to wait.
    """

    backfill_id: str
    kind: Kind
    target: str
    start: datetime
    end: datetime
    state: State
    attempt: int
    reprocess: Reprocess
    fingerprint: str
    at: datetime
    documents: int | None = None
    outcome: str | None = None
    run_id: str | None = None
    error: str | None = None

    @property
    def window(self) -> Window:
        """The span of time that the row is about."""
        return Window(start=self.start, end=self.end)

    @property
    def order(self) -> tuple[int, int]:
        """What tells which of two rows of a window is the later one."""
        return self.attempt, _RANK[self.state]

    def becomes(self, state: State, at: datetime, **said: object) -> WindowRow:
        """The next row of this window."""
        return replace(self, state=state, at=at, **said)  # type: ignore[arg-type]


def record_windows(store: Store, rows: Sequence[WindowRow]) -> None:
    """Puts rows on record, in one commit."""
    if rows:
        store.ledger.append(schemas.WINDOWS, schemas.windows(), [asdict(row) for row in rows])


def list_windows(store: Store, kind: Kind, target: str) -> list[WindowRow]:
    """All rows of a corpus or dataset, of whichever backfill, in no order."""
    mine = both(equals("kind", kind), equals("target", target))
    return [WindowRow(**row) for row in store.ledger.rows(schemas.WINDOWS, mine)]


def newest_rows(rows: Iterable[WindowRow]) -> dict[Window, WindowRow]:
    """The last row of each window (`WindowRow.order`)."""
    found: dict[Window, WindowRow] = {}
    for row in rows:
        before = found.get(row.window)
        if before is None or row.order >= before.order:
            found[row.window] = row
    return found
