"""Which windows of a backfill are to be done, and why: what is on record × what was asked for. Nothing is read here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from freshet.tasks.ledger.windows import Reprocess, WindowRow, newest_rows
from freshet.tasks.settings.spans import Kind, Window

NEVER, STOPPED, FAILED, OTHER, AGAIN, DONE = (
    "never done", "was stopped", "failed", "done under other settings", "asked for again", "done",
)  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What a window is expected to take; None where nobody can tell.

    Attributes:
        items: documents of the window, or rows of the files that were there by its end.
        kept: how many of the documents need not be parsed, their elements being kept.
        chunks: chunks of the documents as they are now.
        seconds: by the recorded runs of the target.
    """

    items: int | None = None
    kept: int | None = None
    chunks: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class PlannedWindow:
    """A window of a backfill.

    Attributes:
        is_due: whether it is to be done.
        why: why it is, or why not.
        attempt: the attempt that it would be, or the last one that it had; 0 for none.
        error: what was said of it when it failed.
    """

    window: Window
    is_due: bool
    why: str
    attempt: int
    error: str | None = None
    work: Work = Work()


def choose(
    windows: Sequence[Window], rows: Iterable[WindowRow], fingerprint: str, reprocess: Reprocess, backfill: str
) -> list[PlannedWindow]:
    """What is to be done of these windows, in their order.

    `missing` are windows that were never done under the present fingerprint, or were stopped; one that failed is not
    among them, so that it stays in sight until somebody asks for `failed`. `all` goes on with an earlier `all` of the
    same backfill that was stopped, and else does every window again.

    Args:
        rows: what is on record of the target.
        backfill: id of the backfill.
    """
    last = newest_rows(rows)
    open_again = {
        window
        for window in windows
        if (row := last.get(window)) is not None
        and row.state in ("planned", "running")
        and (row.reprocess, row.backfill_id, row.fingerprint) == ("all", backfill, fingerprint)
    }
    return [_chosen(window, last.get(window), fingerprint, reprocess, open_again) for window in windows]


def _chosen(
    window: Window, row: WindowRow | None, fingerprint: str, reprocess: Reprocess, open_again: set[Window]
) -> PlannedWindow:
    why = _standing(row, fingerprint)
    if reprocess == "all":
        is_due = window in open_again if open_again else True
        why = AGAIN if is_due and why == DONE else why
    elif reprocess == "failed":
        is_due = why == FAILED
    else:
        is_due = why in (NEVER, STOPPED, OTHER)
    attempt = 0 if row is None else row.attempt
    begun = row is not None and row.state != "planned"
    if is_due:
        attempt = attempt + 1 if begun else max(attempt, 1)
    elif not begun:
        attempt = max(attempt - 1, 0)
    return PlannedWindow(window, is_due, why, attempt, row.error if row is not None and why == FAILED else None)


def _standing(row: WindowRow | None, fingerprint: str) -> str:
    if row is None or (row.state == "planned" and row.attempt == 1):
        return NEVER
    if row.state in ("planned", "running"):
        return STOPPED
    if row.state == "failed":
        return FAILED
    return DONE if row.fingerprint == fingerprint else OTHER


def with_work(planned: Sequence[PlannedWindow], work: Sequence[Work]) -> list[PlannedWindow]:
    """The plan with what each window takes."""
    return [replace(one, work=takes) for one, takes in zip(planned, work, strict=True)]


def planned_rows(
    planned: Sequence[PlannedWindow],
    *,
    backfill: str,
    kind: Kind,
    target: str,
    reprocess: Reprocess,
    fingerprint: str,
    at: datetime,
) -> list[WindowRow]:
    """The rows that say what a backfill is about to do."""
    return [
        WindowRow(
            backfill_id=backfill,
            kind=kind,
            target=target,
            start=one.window.start,
            end=one.window.end,
            state="planned",
            attempt=one.attempt,
            reprocess=reprocess,
            fingerprint=fingerprint,
            at=at,
        )
        for one in planned
        if one.is_due
    ]
