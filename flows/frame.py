"""The frame of every flow: what each does around the steps of its own, and how each of them ends.

A flow that writes hands its story over to `in_frame`, which leaves it to a later run if there is one, begins the run,
waits for the writer's lock, puts START and end on record, measures, and tells people what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed

from freshet.tasks.doctor.diagnosis import explain, may_hide_damage
from freshet.tasks.errors import RunCancelled
from freshet.tasks.ledger.builds import BuildReport
from freshet.tasks.ledger.runs import RefreshReport
from freshet.tasks.lineage.events import RunEvents, run_events
from freshet.tasks.reports.events import Event, emit
from freshet.tasks.runs.late import covered_by
from freshet.tasks.runs.on_server import Waiting, heeding_signals, stop_if_cancelled, untagged_tasks
from freshet.tasks.runs.progress import Progress
from freshet.tasks.runs.run import BuildRun, RefreshRun
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.settings.addresses import in_lines
from freshet.tasks.settings.file import Project

if TYPE_CHECKING:
    from freshet.tasks.index.steps import IndexedBatch

Run = TypeVar("Run", RefreshRun, BuildRun)
Report = TypeVar("Report", RefreshReport, BuildReport)
Item = TypeVar("Item")


@dataclass
class Work(Generic[Run, Report]):
    """A run that is under way: what its story reads, reports to and announces its steps by.

    Attributes:
        events: the run's lineage; the story names the data that it read and published.
        watch: seconds by step.
        progress: how far the run is, once it is known how many steps there are.
    """

    run: Run
    report: Report
    events: RunEvents
    watch: Stopwatch
    progress: Progress | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step of a run that has something to do: measured, counted, and not begun once somebody has cancelled it.

        To find out that nothing is to be done takes less time than to ask the server: such looks are within
        `watch(name)`, which only measures.

        Raises:
            RunCancelled: somebody cancelled it.
        """
        stop_if_cancelled()
        with self.watch(name):
            yield
        self.advance(name)

    def expect(self, what: str, steps: int) -> None:
        """Shows from now on how many of the steps that are left are done."""
        self.progress = Progress(what, steps)

    def advance(self, brought: str) -> None:
        """One of the expected steps is done; `brought` is what it was, or what it brought."""
        if self.progress is not None:
            self.progress.step(brought)

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items one by one, until somebody cancels the run.

        Raises:
            RunCancelled: somebody cancelled it.
        """
        for item in items:
            stop_if_cancelled()
            yield item

    def add(self: Work[RefreshRun, RefreshReport], indexed: IndexedBatch) -> None:
        """Adds what a batch brought to the report and to the seconds by step."""
        self.report.add_batch(indexed.documents, indexed.texts_embedded, indexed.read)
        for seconds in indexed.seconds:
            self.watch.add(seconds)


@dataclass(frozen=True)
class Kind(Generic[Run, Report]):
    """What differs between the flows that write.

    Attributes:
        report: makes the report of a run that begins.
        around: is entered around the story, within the writer's lock.
        publish: shows people the report.
        events: what the report has to tell automations.
        summary: the report in one line.
    """

    report: Callable[[Run], Report]
    around: Callable[[Run], AbstractContextManager[object]]
    publish: Callable[[Run, Report], None]
    events: Callable[[Run, Report], Iterable[Event]]
    summary: Callable[[Report], str]


def in_frame(
    kind: Kind[Run, Report], begin: Callable[[], Run], story: Callable[[Work[Run, Report]], None], wait: float
) -> State[dict[str, Any]]:
    """Runs a story in its frame, and says how the flow ends.

    Args:
        begin: reads the settings, and settles all that shapes the run.
        story: the steps; it fills in the report.
        wait: seconds to wait for another writer.

    Raises:
        FreshetError: what the report ends in, for a run that could do nothing.
    """
    if later := covered_by():
        return ended({"outcome": "skipped"}, f"late; {later} does it all")
    watch, waiting = Stopwatch(), Waiting(get_run_logger())
    with watch("total"):
        run = begin()
    report = kind.report(run)
    try:
        with (
            telling_damage(run.project),
            watch("total"),
            heeding_signals(),
            untagged_tasks(),
            run.store.writing(report.notes.append),
            run.hold(timedelta(seconds=wait), waiting.tell),
            run_events(run) as events,
            kind.around(run),
        ):
            waiting.over()
            story(Work(run, report, events, watch))
            events.failed = report.failure()
    except RunCancelled as cancelled:
        return cancelled_state(cancelled)
    report.notes += events.notes
    report.seconds = watch.seconds
    with run.store.writing():
        kind.publish(run, report)
    for event in kind.events(run, report):
        emit(event)
    if (failure := report.failure()) is not None:
        if report.outcome == "rejected":
            get_run_logger().error(in_lines(str(failure)))
            return Failed(name="Rejected", message=failure.what, data=failure)
        raise failure
    for note in report.notes:
        get_run_logger().warning(note)
    return ended(report.as_dict(), kind.summary(report))


@contextmanager
def telling_damage(project: Project) -> Iterator[None]:
    """Tells of an error within that a table is damaged, where that explains it.

    Raises:
        DamagedTable: it does.
    """
    try:
        yield
    except BaseException as error:
        if may_hide_damage(error) and (told := explain(error, project)) is not None:
            raise told from error
        raise


def ended(report: Mapping[str, Any], message: str) -> State[dict[str, Any]]:
    """The state of a run that did not fail: Completed, and by name Skipped or Degraded where it was or is that."""
    name = "Skipped" if report["outcome"] == "skipped" else "Degraded" if report.get("degraded") else None
    return Completed(name=name, message=message, data=dict(report))


def cancelled_state(cancelled: RunCancelled) -> State[Any]:
    """The state of a run that somebody cancelled."""
    return Cancelled(message=cancelled.what, data=cancelled)


def result_of(state: State[Any]) -> dict[str, Any]:
    """The report of a flow that was run within another.

    Raises:
        FreshetError: how the flow failed; anything else is a bug in it.
    """
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return dict(result)


def run_name(what: str, about: str = "") -> Callable[[], str]:
    """Gives what people call a run, like `refresh-handbook-2026-11-22`; Prefect asks for it when the run begins.

    Args:
        what: the first word.
        about: the parameter whose value comes next, if there is one.
    """

    def name() -> str:
        given = flow_run.parameters
        moment = given.get("as_of") or flow_run.scheduled_start_time or datetime.now(UTC)
        return "-".join([what, *([str(given[about])] if about else []), str(moment)[:10]])

    return name


def this_run(as_of: datetime | None = None) -> tuple[datetime | None, str, str]:
    """The moment that this run speaks for, by default its scheduled start; its id; and what people call it."""
    return as_of or flow_run.scheduled_start_time, str(flow_run.id), str(flow_run.name)


def nothing_around(run: RefreshRun | BuildRun) -> AbstractContextManager[None]:
    """For a run that leaves nothing open."""
    return nullcontext()
