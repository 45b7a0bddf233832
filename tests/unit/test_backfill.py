"""Backfills without a server: windows, what is due, and versions of the past."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.backfill.plan import choose, planned_rows
from freshet.tasks.backfill.windows import MOST_WINDOWS, backfill_id, cut, span_of
from freshet.tasks.errors import SettingsError
from freshet.tasks.ledger import windows as ledger
from freshet.tasks.ledger.windows import Reprocess, WindowRow, newest_rows
from freshet.tasks.settings.spans import Window
from freshet.tasks.store.tables import Store

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)

moments = st.timedeltas(timedelta(0), timedelta(days=40_000)).map(lambda span: START + span)
lengths = st.timedeltas(timedelta(minutes=1), timedelta(days=400))
seconds = st.floats(0.001, 1)


def window(day: int) -> Window:
    return Window(start=START + day * DAY, end=START + (day + 1) * DAY)


@given(moments, lengths, st.integers(1, MOST_WINDOWS), seconds, st.sampled_from(["oldest", "newest"]))
def test_windows_cover_the_span_without_overlap(
    start: datetime, length: timedelta, count: int, last: float, order: str
) -> None:
    end = start + (count - 1) * length + max(length * last, timedelta(microseconds=1))
    windows = cut(Window(start=start, end=end), length, order)  # type: ignore[arg-type]
    in_time = windows if order == "oldest" else windows[::-1]
    assert (in_time[0].start, in_time[-1].end, len(windows)) == (start, end, count)
    assert all(one.end == two.start for one, two in pairwise(in_time))
    assert all(one.end - one.start == length for one in in_time[:-1])
    assert in_time[-1].end - in_time[-1].start <= length


@given(moments, lengths, st.integers(1, 50), st.integers(0, 10**12))
def test_a_moment_of_the_span_lies_in_one_window(start: datetime, length: timedelta, count: int, at: int) -> None:
    span = Window(start=start, end=start + count * length)
    moment = start + timedelta(microseconds=at % int(count * length / timedelta(microseconds=1)))
    assert sum(moment in one for one in cut(span, length)) == 1
    assert not any(span.end in one for one in cut(span, length))


def test_days_have_24_hours_also_where_clocks_are_changed() -> None:
    berlin_winter, berlin_summer = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
    span = span_of(
        datetime(2026, 3, 28, tzinfo=berlin_winter), datetime(2026, 3, 31, tzinfo=berlin_summer), START + 365 * DAY
    )
    windows = cut(span, DAY)
    assert [one.start.hour for one in windows] == [23] * 3
    assert [one.end - one.start for one in windows] == [DAY, DAY, timedelta(hours=23)]


def test_a_moment_without_a_zone_is_in_utc() -> None:
    start, end = (moment.replace(tzinfo=None) for moment in (START, START + DAY))
    assert span_of(start, end, START + 9 * DAY) == window(0)


@pytest.mark.parametrize(
    ("start", "end", "length", "told"),
    [
        (START, START, DAY, "--end after --start"),
        (START + DAY, START, DAY, "--end after --start"),
        (START, START + 31 * DAY, DAY, "after 2026-03-30"),
        (START, START + 2 * DAY, timedelta(minutes=1), "2880 windows of 1m; a backfill may have 1000"),
        (START, START + DAY, timedelta(seconds=1), "too short"),
    ],
)
def test_what_cannot_be_is_told(start: datetime, end: datetime, length: timedelta, told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        cut(span_of(start, end, START + 29 * DAY), length)
    assert told in str(caught.value)


def test_the_length_that_is_advised_is_enough() -> None:
    span = Window(start=START, end=START + 2 * DAY + timedelta(seconds=1))
    with pytest.raises(SettingsError, match="--window 3m"):
        cut(span, timedelta(minutes=1))
    assert len(cut(span, timedelta(minutes=3))) <= MOST_WINDOWS


def test_the_same_backfill_has_the_same_id_however_it_is_typed() -> None:
    span = Window(start=START, end=START + DAY)
    zoned = Window(start=START.astimezone(timezone(timedelta(hours=5))), end=span.end)
    one = backfill_id("corpus", "docs", span, timedelta(hours=24))
    assert one == backfill_id("corpus", "docs", zoned, DAY)
    others = [
        backfill_id("dataset", "docs", span, DAY),
        backfill_id("corpus", "doc", span, DAY),
        backfill_id("corpus", "docs", Window(start=START, end=START + 2 * DAY), DAY),
        backfill_id("corpus", "docs", span, timedelta(hours=12)),
    ]
    assert len({one, *others}) == 5


@dataclass
class Model:
    """What should be of windows, told without rows: the last result of each, and what an `all` left open."""

    result: dict[int, str] = field(default_factory=dict)  # window → done under a fingerprint, failed or stopped
    open: set[int] = field(default_factory=set)
    opened_under: str = ""

    def due(self, days: Sequence[int], fingerprint: str, reprocess: Reprocess) -> list[int]:
        if reprocess == "failed":
            return [day for day in days if self.result.get(day) == "failed"]
        if reprocess == "missing":
            return [day for day in days if self.result.get(day) not in ("failed", f"done {fingerprint}")]
        left = [day for day in days if day in self.open] if self.opened_under == fingerprint else []
        return left or list(days)


runs = st.lists(
    st.tuples(
        st.sampled_from(["missing", "failed", "all"]),
        st.sampled_from(["f1", "f2"]),
        st.lists(st.sampled_from(["done", "failed"]), min_size=5, max_size=5),
        st.integers(0, 5),  # the run is killed within its so-manieth window
    ),
    max_size=8,
)


@given(runs)
def test_what_is_due_is_what_a_plain_model_says(history: list[tuple[Reprocess, str, list[str], int]]) -> None:
    days, rows, model = range(5), list[WindowRow](), Model()
    windows = [window(day) for day in days]
    for reprocess, fingerprint, results, killed in history:
        chosen = choose(windows, rows, fingerprint, reprocess, "b")
        due = [day for day, one in zip(days, chosen, strict=True) if one.is_due]
        assert due == model.due(days, fingerprint, reprocess)
        about = planned_rows(
            chosen, backfill="b", kind="corpus", target="docs", reprocess=reprocess, fingerprint=fingerprint, at=START
        )
        rows += about
        model.open, model.opened_under = (
            (set(due), fingerprint) if reprocess == "all" else (model.open - set(due), model.opened_under)
        )
        for number, (day, row) in enumerate(zip(due, about, strict=True)):
            rows.append(row.becomes("running", START))
            if number == killed:
                model.result[day] = "stopped"
                break
            rows.append(row.becomes(results[day], START))  # type: ignore[arg-type]
            model.result[day] = f"done {fingerprint}" if results[day] == "done" else "failed"
            model.open.discard(day)
        for day in due:  # planned, and never begun
            if newest_rows(rows)[window(day)].state == "planned":
                model.result[day] = "stopped"


@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    first = WindowRow("b", "corpus", "docs", START, START + DAY, "planned", 1, "missing", "f", START)
    rows = [
        first, first.becomes("running", START), first.becomes("failed", START, error="no"),
        first.becomes("planned", START, attempt=2), first.becomes("running", START, attempt=2),
        first.becomes("done", START, attempt=2),
    ]  # fmt: skip
    assert newest_rows([rows[i] for i in order])[window(0)] == rows[-1]


def test_rows_come_back_from_the_store_as_they_were_written(tmp_path: object) -> None:
    store = Store(str(tmp_path))
    assert ledger.list_windows(store, "corpus", "docs") == []
    row = WindowRow("b", "corpus", "docs", START, START + DAY, "planned", 1, "all", "f", START)
    rows = [row, row.becomes("running", START, run_id="r"), row.becomes("failed", START, error="it's | broken\n  mend")]
    ledger.record_windows(store, rows)
    ledger.record_windows(
        store, [WindowRow("b", "dataset", "docs", START, START + DAY, "planned", 1, "all", "f", START)]
    )
    assert sorted(ledger.list_windows(store, "corpus", "docs"), key=lambda one: one.order) == rows
