"""What somebody asks of a backfill, and what that comes to for one target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freshet.tasks.backfill.plan import FAILED, PlannedWindow, choose, planned_rows, with_work
from freshet.tasks.backfill.targets import Target, corpus_fingerprint, dataset_fingerprint
from freshet.tasks.backfill.windows import backfill_id, cut
from freshet.tasks.backfill.work import corpus_work, count_outdated, dataset_work
from freshet.tasks.documents.begin import begin_run
from freshet.tasks.ledger.windows import Reprocess, WindowRow, list_windows
from freshet.tasks.runs.run import begin_build
from freshet.tasks.settings.spans import Order, Window
from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Asked:
    """What a backfill is to do, but for which targets.

    Attributes:
        length: of a window; the last one may be shorter.
        as_of: the moment that refreshes speak for; versions speak for the ends of their windows.
        wait: seconds to wait for another writer, or another backfill, of a target.
        run_id, name: of the backfill's flow run.
    """

    span: Window
    length: timedelta
    reprocess: Reprocess
    order: Order
    as_of: datetime
    config: Path
    wait: float
    run_id: str
    name: str


@dataclass(frozen=True)
class TargetPlan:
    """The windows of one target, in the order in which they are done, and what a person should know of them."""

    target: Target
    backfill: str
    fingerprint: str
    windows: list[PlannedWindow]
    notes: list[str] = field(default_factory=list)

    @property
    def due(self) -> list[PlannedWindow]:
        """The windows that are to be done."""
        return [one for one in self.windows if one.is_due]

    def rows(self, asked: Asked) -> list[WindowRow]:
        """The rows that say what is about to be done."""
        return planned_rows(
            self.windows,
            backfill=self.backfill,
            kind=self.target.kind,
            target=self.target.name,
            reprocess=asked.reprocess,
            fingerprint=self.fingerprint,
            at=datetime.now(UTC),
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "target": self.target.label,
            "kind": self.target.kind,
            "backfill": self.backfill,
            "notes": self.notes,
            "degraded": [],
            "windows": [_told(one) for one in self.windows],
        }


def _told(one: PlannedWindow) -> dict[str, Any]:
    seconds = one.work.seconds
    return {
        "start": one.window.start.isoformat(),
        "end": one.window.end.isoformat(),
        "due": one.is_due,
        "why": one.why,
        "attempt": one.attempt,
        "items": one.work.items,
        "kept": one.work.kept,
        "chunks": one.work.chunks,
        "seconds": None if seconds is None else round(seconds, 1),
        "state": None,
        "outcome": None,
        "run_id": None,
        "error": one.error,
    }


def plan_target(asked: Asked, target: Target) -> TargetPlan:
    """What is to be done for a target: its windows × what is on record of them. Writes nothing.

    Raises:
        SettingsError: the settings are wrong, or there are too many windows.
    """
    windows = cut(asked.span, asked.length, asked.order)
    make: Mapping[str, Callable[..., TargetPlan]] = {"corpus": _corpus, "dataset": _dataset}
    planned = make[target.kind](asked, target, windows)
    failed = sum(one.why == FAILED and not one.is_due for one in planned.windows)
    if failed:
        planned.notes.append(
            f"{failed} windows failed, and are not tried again unless you add: --reprocess failed (or all)"
        )
    return planned


def _chosen(asked: Asked, target: Target, store: Store, fingerprint: str, windows: list[Window]) -> TargetPlan:
    backfill = backfill_id(target.kind, target.name, asked.span, asked.length)
    rows = list_windows(store, target.kind, target.name)
    chosen = choose(windows, rows, fingerprint, asked.reprocess, backfill)
    return TargetPlan(target, backfill, fingerprint, chosen)


def _corpus(asked: Asked, target: Target, windows: list[Window]) -> TargetPlan:
    run = begin_run(asked.config, target.name, asked.as_of, asked.run_id, asked.name)
    plan = _chosen(asked, target, run.store, corpus_fingerprint(run), windows)
    work, undated = corpus_work(run, windows)
    notes = []
    if undated:
        notes.append(f"{undated} documents have no time of modification: no window reaches them")
    if plan.due and (outdated := count_outdated(run)):
        notes.append(
            f"{outdated} documents were made under other settings: the first window's refresh brings all of them up to "
            "date, like any refresh"
        )
    return TargetPlan(target, plan.backfill, plan.fingerprint, with_work(plan.windows, work), notes)


def _dataset(asked: Asked, target: Target, windows: list[Window]) -> TargetPlan:
    run = begin_build(asked.config, target.name, asked.as_of, asked.run_id, asked.name)
    plan = _chosen(asked, target, run.store, dataset_fingerprint(run), windows)
    windows_with_work = with_work(plan.windows, dataset_work(run, windows))
    return TargetPlan(target, plan.backfill, plan.fingerprint, windows_with_work)
