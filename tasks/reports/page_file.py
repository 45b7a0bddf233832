"""Gathers the facts of the page about a refresh from the store, and writes the page beside the other reports."""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from freshet.expectations.rules import RULES
from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.reports.page_facts import (
    AGES,
    FUTURE,
    OLDER,
    SCORES,
    UNDATED,
    ReleasePoint,
    ReportFacts,
    SourceState,
    VerdictCount,
    count_ages,
)
from freshet.tasks.rules.verdicts import with_advice
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.ledger.runs import RefreshReport
    from freshet.tasks.runs.run import RefreshRun

PAGE = "index.html"
MAIN_SCORE = SCORES["recall_at_5"]
"""The one that has a floor: `gate.recall_at_5`."""

Finding = tuple[str, str, str]
"""Code, severity and source of a verdict."""


def write_report_page(run: RefreshRun, report: RefreshReport) -> str | None:
    """Writes the page about a refresh and returns its address; a refresh that changed nothing gets none.

    Call it once the decision is on record and `report.seconds` is filled in.

    Raises:
        OSError: the store cannot be written to. What was decided stays decided.
    """
    if report.outcome == "unchanged":
        return None
    from freshet.tasks.reports.page import render_report_page
    from freshet.tasks.rules.suite_pages import report_folder, write_pages

    folder = report_folder(run.store, run.corpus, run.run_id)
    write_pages(folder, {PAGE: render_report_page(gather_facts(run, report))})
    return f"{folder}/{PAGE}"


def gather_facts(run: RefreshRun, report: RefreshReport) -> ReportFacts:
    """Gathers the facts: the report, and from the store the decisions so far and the state of the ledger.

    The ledger is read in batches; what is kept of it are counts.
    """
    from freshet.tasks.ledger.releases import gate_decisions, list_releases
    from freshet.tasks.rules.suite_pages import report_folder

    decisions = _up_to(gate_decisions(list_releases(run.store, run.corpus)), run.run_id)
    site = decisions[-1].site if decisions and decisions[-1].run_id == run.run_id else None
    ages, verdicts = _read_ledger(run.store.corpus(run.corpus).find(schemas.DOCUMENTS), run.as_of)
    return ReportFacts(
        corpus=report.corpus,
        run_id=report.run_id,
        as_of=report.as_of,
        outcome=report.outcome,
        release=report.release,
        documents=report.documents,
        chunks=report.chunks,
        texts_embedded=report.texts_embedded,
        history=[_point(one) for one in decisions],
        main_score=MAIN_SCORE,
        floor=run.settings.gate.recall_at_5,
        ages=ages,
        verdicts=verdicts,
        sources=_sources(run, report),
        seconds=report.seconds,
        reasons=[with_advice(one) for one in report.reasons],
        notes=report.notes,
        more=_links(site, report_folder(run.store, run.corpus, run.run_id), run.store.address),
    )


def _up_to(decisions: Sequence[Release], run_id: str) -> list[Release]:
    """Decisions of the gate, oldest first, up to this run's: another refresh may have decided since."""
    made = list(reversed(decisions))
    place = next((i for i, one in enumerate(made) if one.run_id == run_id), len(made) - 1)
    return made[: place + 1]


def _point(release: Release) -> ReleasePoint:
    return ReleasePoint(
        release=release.release,
        published=release.outcome == "published",
        at=release.published_at,
        documents=release.documents,
        chunks=release.chunks,
        scores=_scores(release.exam),
    )


def _scores(exam: str | None) -> dict[str, float]:
    """Returns the exam's means by the names that people know; none where no question was asked."""
    head = json.loads(exam).get("head") if exam else None
    if not head or not head.get("questions"):
        return {}
    return {label: head[name] for name, label in SCORES.items() if name in head}


def _read_ledger(ledger: Table | None, as_of: datetime) -> tuple[dict[str, int], list[VerdictCount]]:
    """Counts the served documents by age, and all documents by rule and source."""
    ages: Counter[str] = Counter()
    found: Counter[Finding] = Counter()
    if ledger is not None:
        columns = ["source", "content_hash", "modified_at", "verdicts", *MOMENTS.values()]
        for batch in ledger.search().select(columns).to_batches():
            _read_batch(batch, as_of, ages, found)
    ordered = {name: ages[name] for name in (*(name for name, _ in AGES), OLDER, FUTURE, UNDATED) if name in ages}
    counts = [VerdictCount(code, severity, source, n) for (code, severity, source), n in sorted(found.items())]  # type: ignore[arg-type]
    return ordered, counts


def _read_batch(batch: pa.RecordBatch, as_of: datetime, ages: Counter[str], found: Counter[Finding]) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pa.Table.from_batches([batch])
    served = rows.filter(pc.is_valid(rows["content_hash"]))
    ages.update(count_ages(served["modified_at"], as_of))
    found.update(_aged(served, as_of))
    judged = rows.filter(pc.not_equal(rows["verdicts"], "[]")).select(["source", "verdicts"])
    for source, text in zip(*(column.to_pylist() for column in judged.columns), strict=True):
        found.update({(v["code"], v["severity"], source) for v in json.loads(text)})


def _aged(served: pa.Table, as_of: datetime) -> Counter[Finding]:
    """Counts the served documents that are too old as of now, by the gravest rule (`governance.freshness`)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: Counter[Finding] = Counter()
    rest, now = served, pa.scalar(as_of, pa.timestamp("us", tz="UTC"))
    for code, column in MOMENTS.items():
        past = pc.fill_null(pc.less(rest[column], now), False)
        # Where a check has put it among the document's verdicts, it is counted there.
        new = rest.filter(pc.and_(past, pc.invert(pc.match_substring(rest["verdicts"], f'"{code}"'))))
        for one in pc.value_counts(new["source"]).to_pylist():
            found[code, RULES[code].severity, one["values"]] += one["counts"]
        rest = rest.filter(pc.invert(past))
    return found


def _sources(run: RefreshRun, report: RefreshReport) -> list[SourceState]:
    from freshet.tasks.settings.addresses import source_name

    settings = {source_name(one): one for one in run.settings.sources}
    return [
        SourceState(
            name=one["source"],
            kind=type(settings[one["source"]]).__name__.removesuffix("Source").lower(),
            owner=settings[one["source"]].owner,
            listed=one["listed"],
            complete=one["complete"],
            error=one["error"],
        )
        for one in report.sources
    ]


def _links(site: str | None, folder: str, store: str) -> Mapping[str, str]:
    """Returns links to the pages on the rules, relative to the page's folder: the store may be copied, or served."""
    if site is None or not site.startswith(f"{store}/"):
        return {}
    return {"The tables, held to their rules": quote(posixpath.relpath(site, folder))}
