"""Tells, for good and to whoever listens, that a run began and how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import RunCancelled
from freshet.tasks.lineage.delivery import BUDGET, Sending, deliver, endpoint_from
from freshet.tasks.lineage.event_json import build_event
from freshet.tasks.lineage.openlineage import Data, EventType, Job, run_uuid, why
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import see_whole
from freshet.tasks.store.predicates import both, equals
from freshet.tasks.store.tables import Store

if TYPE_CHECKING:
    from freshet.tasks.runs.run import BuildRun, RefreshRun


MOST_FILES = 128
"""How many small files the table may be of until they are joined: every look at the table opens each of them."""

KILLED = "Killed: the process ended without a word; a later run found it so"
"""What is said of a run that ended without saying how."""


class RunEvents:
    """The events of one run, as a context manager around what it does, within the writer's lock.

    START is on record before the block begins. How it ends is said afterwards: COMPLETE; FAIL for an exception or
    where `failed` was set; ABORT for what stops a process, a cancelled flow run among others. Only one run of a job
    goes on at a time, so one that began earlier and never ended was killed: its ABORT is put on record as well.

    What is known of inputs and outputs by then is told at the end:

        with RunEvents(store, refresh_job("handbook"), run_id, nominal_time=as_of, endpoint=url) as told:
            ...
            told.inputs = [...]
            told.outputs = [...]
        notes += told.notes

    Attributes:
        inputs, outputs: what the run read and what it published.
        failed: why the run did not come to what was wanted of it although nothing was raised.
        notes: after the end: what did not work about telling; never a reason to fail the run.
    """

    def __init__(
        self,
        store: Store,
        job: Job,
        run_id: str,
        *,
        nominal_time: datetime | None = None,
        endpoint: str | None = None,
        budget: float = BUDGET,
    ) -> None:
        """Takes what is known of the run beforehand; nothing is written yet.

        Args:
            endpoint: where events are sent besides; by default, what the environment names.
            budget: seconds that sending may take in all.
        """
        self.inputs: Sequence[Data] = ()
        self.outputs: Sequence[Data] = ()
        self.failed: BaseException | None = None
        self.notes: list[str] = []
        self._store, self._job, self._run_id = store, job, run_id
        self._nominal_time, self._budget = nominal_time, budget
        self._endpoint = endpoint_from(endpoint)
        self._begun: Sending | None = None

    def __enter__(self) -> RunEvents:
        """Puts START on record, and ABORT for runs that were killed."""
        now = datetime.now(UTC)
        rows = [
            self._row("ABORT", now, run_id=run_id, error=KILLED) for run_id in open_runs(self._store, self._job.name)
        ]
        rows.append(self._row("START", now, nominal_time=self._nominal_time))
        self._store.ledger.append(schemas.LINEAGE_EVENTS, schemas.lineage_events(), rows)
        if self._endpoint:
            self._begun = Sending(self._endpoint, rows, self._budget)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Puts on record how the run ended; an error of the run goes on its way."""
        ended = error or self.failed
        stopped = isinstance(ended, RunCancelled) or not isinstance(ended, Exception)
        outcome: EventType = "COMPLETE" if ended is None else "ABORT" if stopped else "FAIL"
        now = datetime.now(UTC)
        try:
            said = None if ended is None else why(ended)
            known: dict[str, Any] = {"inputs": self.inputs, "outputs": self.outputs, "error": said}
            row = self._row(outcome, now, nominal_time=self._nominal_time, **known)
            self._store.ledger.append(schemas.LINEAGE_EVENTS, schemas.lineage_events(), [row])
            _tidy(self._store)
            if self._endpoint:
                self.notes += deliver(self._store, self._endpoint, begun=self._begun, budget=self._budget, now=now)
        except (OSError, RuntimeError, ValueError) as trouble:
            # How a run ended does not depend on whether it could be told. What Lance and Arrow raise is among these.
            self.notes.append(f"the end of the run could not be put on record as an event: {type(trouble).__name__}")

    def _row(self, event_type: EventType, at: datetime, *, run_id: str | None = None, **known: Any) -> dict[str, Any]:
        event = build_event(event_type, self._job, run_id or self._run_id, at, **known)
        written = json.dumps(event, sort_keys=True, ensure_ascii=False)
        return {
            "event_id": sha256(written.encode()).hexdigest()[:32],
            "run_id": event["run"]["runId"],
            "job": self._job.name,
            "event_type": event_type,
            "event_time": at,
            "event": written,
            "due": self._endpoint is not None,
        }


def _tidy(store: Store) -> None:
    """Joins the table's files once in a while; what it holds stays what it was."""
    table = store.ledger.find(schemas.LINEAGE_EVENTS)
    if table is None or len((dataset := table.to_lance()).get_fragments()) <= MOST_FILES:
        return
    # Another run that tidies at this moment wins: it does the same.
    with suppress(OSError, RuntimeError):
        dataset.optimize.compact_files()
        see_whole(table.to_lance())
        dataset.cleanup_old_versions(older_than=timedelta(days=1), error_if_tagged_old_versions=False)


def open_runs(store: Store, job: str) -> list[str]:
    """Ids of the job's runs whose newest event is their START, oldest first."""
    rows = store.ledger.rows(schemas.LINEAGE_EVENTS, equals("job", job), ["run_id", "event_type", "event_time"])
    last = {row["run_id"]: row["event_type"] for row in sorted(rows, key=_in_time)}
    return [run_id for run_id, event_type in last.items() if event_type == "START"]


def record_killed(store: Store, job: Job, run_ids: Sequence[str], now: datetime) -> None:
    """Puts on record that runs of a job were killed. Call it within the writer's lock, when none of them goes on."""
    known = RunEvents(store, job, "")
    rows = [known._row("ABORT", now, run_id=run_id, error=KILLED) for run_id in run_ids]
    store.ledger.append(schemas.LINEAGE_EVENTS, schemas.lineage_events(), rows)


def list_events(store: Store, *, job: str | None = None, run_id: str | None = None) -> list[dict[str, Any]]:
    """Events as they were made, oldest first: of a job, of a run, or all."""
    wanted = [equals("job", job)] if job is not None else []
    wanted += [equals("run_id", run_uuid(run_id))] if run_id is not None else []
    where = both(*wanted) if len(wanted) == 2 else next(iter(wanted), None)
    rows = store.ledger.rows(schemas.LINEAGE_EVENTS, where, ["event_type", "event_time", "event"])
    return [json.loads(row["event"]) for row in sorted(rows, key=_in_time)]


def _in_time(row: dict[str, Any]) -> tuple[datetime, bool]:
    """A run's START comes before its end, also within one microsecond."""
    return row["event_time"], row["event_type"] != "START"


def run_events(run: RefreshRun | BuildRun) -> RunEvents:
    """The lineage events of a run, around what it does within the writer's lock."""
    from freshet.tasks.lineage.openlineage import refresh_job, version_job
    from freshet.tasks.runs.run import BuildRun

    settings = run.project.settings.lineage
    if isinstance(run, BuildRun):
        job = version_job(run.dataset, settings.namespace, run.settings.description)
    else:
        job = refresh_job(run.corpus, settings.namespace)
    return RunEvents(run.store, job, run.run_id, nominal_time=run.as_of, endpoint=settings.endpoint)
