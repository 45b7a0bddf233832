"""What windows take: looked up in the store, without touching a source."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from freshet.tasks.backfill.plan import Work
from freshet.tasks.errors import SourceError
from freshet.tasks.ledger.ended import newest_reports
from freshet.tasks.ledger.windows import WindowRow
from freshet.tasks.settings.spans import Window
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, is_any, is_none, within

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.runs.run import BuildRun, RefreshRun
    from freshet.tasks.store.tables import Store

MOST_NAMED = 3
"""Documents that an error names at most."""

RUNS_LOOKED_AT = 20
"""Recorded runs that an estimate of seconds rests on, at most."""


def corpus_work(run: RefreshRun, windows: Sequence[Window]) -> tuple[list[Work], int]:
    """What each window of a corpus takes, and how many documents have no time of modification.

    The latter no window reaches.
    """
    from freshet.tasks.documents.keep import element_id
    from freshet.tasks.documents.parse.fingerprint import parser_fingerprint

    table = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if table is None:
        return [Work(0, 0, 0, 0.0) for _ in windows], 0
    columns = ["path", "modified_at", "content_hash", "chunks"]
    each = _per_document(run.store, run.corpus)
    elements = run.store.corpus(run.corpus).find(schemas.ELEMENTS)
    counts, undated, places = [[0, 0, 0] for _ in windows], 0, _Places(windows)
    for batch in table.search().select(columns).to_batches():
        found: dict[str, int] = {}
        for row in batch.to_pylist():
            undated += row["modified_at"] is None
            place = None if row["modified_at"] is None else places.of(row["modified_at"])
            if place is None:
                continue
            counts[place][0] += 1
            counts[place][2] += row["chunks"]
            if row["content_hash"] is not None:
                parser = parser_fingerprint(row["path"], comments=run.settings.parsing.comments)
                found[element_id(row["content_hash"], parser)] = place
        for key in _kept(elements, list(found)):
            counts[found[key]][1] += 1
    works = [Work(n, kept, chunks, None if each is None else n * each) for n, kept, chunks in counts]
    return works, undated


class _Places:
    """Finds the window that holds a moment, however many there are; windows do not overlap."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = windows
        self._order = sorted(range(len(windows)), key=lambda i: windows[i].start)
        self._starts = [windows[i].start for i in self._order]

    def of(self, moment: datetime) -> int | None:
        at = bisect_right(self._starts, moment) - 1
        return self._order[at] if at >= 0 and moment in self._windows[self._order[at]] else None


def _kept(elements: Table | None, keys: list[str]) -> list[str]:
    if elements is None or not keys:
        return []
    rows = elements.search().where(is_any("element_id", keys)).select(["element_id"]).to_arrow()
    return [str(key) for key in set(rows["element_id"].to_pylist())]


def _per_document(store: Store, corpus: str) -> float | None:
    """Seconds that a document took in the recorded refreshes; None where none of them had anything to do."""
    spent = []
    for report in newest_reports(store, "corpus", corpus, RUNS_LOOKED_AT):
        done = sum(report["documents"][what] for what in ("added", "changed"))
        if done:
            spent.append(_seconds(report) / done)
    return median(spent) if spent else None


def dataset_work(run: BuildRun, windows: Sequence[Window]) -> list[Work]:
    """What each window of a dataset takes: rows of the files of its live version that were there by its end.

    Before there is one, the files are those of the newest build that the gate decided on.
    """
    from freshet.tasks.ledger.versions import list_versions, live_among

    builds = [
        report
        for report in newest_reports(run.store, "dataset", run.dataset, RUNS_LOOKED_AT)
        if report["outcome"] == "published"
    ]
    seconds = median([_seconds(report) for report in builds]) if builds else None
    versions = list_versions(run.store, run.dataset)
    known = live_among(versions) or next(iter(versions), None)
    if known is None:
        return [Work(seconds=seconds) for _ in windows]
    files = [(_modified(run.project.root, one["uri"]), int(one["rows_read"])) for one in known.facts.sources]
    return [
        Work(sum(rows for modified, rows in files if modified is None or modified <= one.end), seconds=seconds)
        for one in windows
    ]


def _modified(root: Path, uri: str) -> datetime | None:
    """When a file of the project was modified; None for one elsewhere, which the dry run does not ask for."""
    try:
        return datetime.fromtimestamp((root / uri).stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return None


def _seconds(report: dict[str, Any]) -> float:
    """What the steps of a run took; it was put on record before its own end."""
    return float(sum(spent for step, spent in report["seconds"].items() if step != "total"))


def check_all_read(store: Store, row: WindowRow, sources: Sequence[Mapping[str, Any]]) -> None:
    """Whether all that belongs to a window of a corpus was read by its refresh.

    Args:
        sources: what the refresh's report says of each source.

    Raises:
        SourceError: a source was not listed to its end, or a document of the window could not be fetched.
    """
    broken = next((one for one in sources if not one["complete"]), None)
    if broken is not None:
        raise SourceError(
            f"source {broken['source']} could not be listed to the end: {broken['error']}",
            "Mend it, then ask for the failed windows again.",
        )
    unread = unread_documents(store, row.target, row.window)
    if unread:
        named = ", ".join(unread[:MOST_NAMED]) + (" …" if len(unread) > MOST_NAMED else "")
        raise SourceError(
            f"{len(unread)} documents of the window could not be fetched: {named}",
            f"freshet quarantine {row.target} says why. Mend it, then ask for the failed windows again.",
        )


def unread_documents(store: Store, corpus: str, window: Window) -> list[str]:
    """Paths of the documents of a window whose bytes could not be had when they were last asked for."""
    table = store.corpus(corpus).find(schemas.DOCUMENTS)
    if table is None:
        return []
    mine = both("seen_hash IS NULL", within("modified_at", window.start, window.end))
    return sorted(row["path"] for row in table.search().where(mine).select(["path"]).to_list())


def count_documents(store: Store, corpus: str, window: Window) -> int:
    """Documents of a corpus that were last modified in a window."""
    table = store.corpus(corpus).find(schemas.DOCUMENTS)
    if table is None:
        return 0
    return int(table.count_rows(within("modified_at", window.start, window.end)))


def count_outdated(run: RefreshRun) -> int:
    """Documents of a corpus that were made under other settings: its next refresh processes all of them."""
    table = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if table is None:
        return 0
    others = is_none("chunking", [run.chunking]), is_none("space", [run.model.space])
    return int(table.count_rows(f"({others[0]}) OR ({others[1]})"))
