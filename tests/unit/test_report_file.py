"""The page of a refresh, from a store to a file."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from freshet.expectations.rules import RULES
from freshet.tasks.embedding.models import ModelFiles
from freshet.tasks.governance.freshness import MOMENTS, staleness
from freshet.tasks.ledger.runs import RefreshOutcome, RefreshReport
from freshet.tasks.reports.links import card_link, service_address
from freshet.tasks.reports.page_facts import FUTURE, UNDATED, VerdictCount
from freshet.tasks.reports.page_file import gather_facts, write_report_page
from freshet.tasks.reports.refresh import render_refresh
from freshet.tasks.rules.suite_pages import report_folder, write_pages
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.runs.local_server import Running, ServerNote, server_folder
from freshet.tasks.runs.run import RefreshRun
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.project import Settings
from freshet.tasks.store import schemas
from tests.unit.decisions import decide, figures
from tests.unit.small_corpus import NOW, Document, ledger_row

SITE = "{store}/reports/docs/run-3/rules/index.html"


def a_run(folder: Path, name: str = "docs", as_of: datetime = NOW) -> RefreshRun:
    source = {"folder": "docs", "name": name, "owner": "desk", "acl": ["everyone"]}
    settings = Settings.model_validate(
        {"store": str(folder / "store"), "corpora": {"docs": {"sources": [source], "gate": {"recall_at_5": 0.9}}}}
    )
    project = Project(settings=settings, root=folder, file=folder / "freshet.yaml")
    model = ModelFiles("m", folder, 128, 256, True, "s", 512)
    return RefreshRun(
        project=project, corpus="docs", run_id="run-3", name="refresh-docs", as_of=as_of, model=model, chunking="c"
    )


def a_report(outcome: RefreshOutcome = "released", source: str = "docs", **changes: Any) -> RefreshReport:
    listed = {"source": source, "complete": True, "listed": 3, "error": None}
    return RefreshReport("docs", "run-3", NOW, outcome, release=3, sources=[listed], seconds={"total": 1.5}, **changes)


def fill(run: RefreshRun, rows: Iterable[dict[str, Any]]) -> None:
    table = run.store.corpus("docs").open(schemas.DOCUMENTS, schemas.documents())
    table.add(pa.Table.from_pylist(list(rows), schema=schemas.documents()))


def a_row(path: str, *verdicts: Verdict, **changes: Any) -> dict[str, Any]:
    told = json.dumps([asdict(v) for v in verdicts], sort_keys=True)
    row = ledger_row(path, Document(["x"], changes={"verdicts": told, **changes}))
    return dict.fromkeys(schemas.documents().names) | row


def test_verdicts_are_counted_by_rule_and_source_a_document_once_each(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    empty, language = verdict("PARSE-EMPTY"), verdict("CONTENT-LANGUAGE")
    past = NOW - timedelta(days=1)
    fill(
        run,
        [
            a_row("a", language, source="x"),
            a_row("b", language, verdict("CONTENT-LANGUAGE", language="de"), source="x", stale_after=past),
            a_row("c", language, source="y"),
            a_row("d", empty, source="x", content_hash=None, stale_after=past),
            a_row("e", verdict("STALE-REVIEW", until="2026-11-21"), source="y", review_by=past),
            a_row("f", source="y", stale_after=past, blocked_after=past),
            a_row("g", source="y", stale_after=NOW + timedelta(days=1)),
        ],
    )
    severity = RULES["CONTENT-LANGUAGE"].severity
    assert set(gather_facts(run, a_report()).verdicts) == {
        VerdictCount("CONTENT-LANGUAGE", severity, "x", 2),
        VerdictCount("CONTENT-LANGUAGE", severity, "y", 1),
        VerdictCount("PARSE-EMPTY", "block", "x", 1),
        VerdictCount("STALE-SOURCE", RULES["STALE-SOURCE"].severity, "x", 1),
        VerdictCount("STALE-REVIEW", RULES["STALE-REVIEW"].severity, "y", 1),
        VerdictCount("STALE-BLOCKED", RULES["STALE-BLOCKED"].severity, "y", 1),
    }


def test_ages_are_judged_as_each_document_is_when_somebody_asks(tmp_path: Path) -> None:
    draw = random.Random(7)
    zone = timezone(timedelta(hours=5, minutes=30))
    run = a_run(tmp_path, as_of=NOW.astimezone(zone))
    moments = [None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)]
    rows = [a_row(str(i), **{column: draw.choice(moments) for column in MOMENTS.values()}) for i in range(300)]
    fill(run, rows)
    expected = Counter(found.code for row in rows if (found := staleness(row, NOW)) is not None)
    assert {one.code: one.documents for one in gather_facts(run, a_report()).verdicts} == dict(expected)
    assert set(expected) == set(MOMENTS)


def test_ages_are_of_the_documents_that_are_served(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    days = {"a": 1, "b": 20, "c": -3}
    rows = [a_row(path, modified_at=NOW - timedelta(days=n)) for path, n in days.items()]
    fill(run, [*rows, a_row("d", modified_at=None), a_row("e", content_hash=None)])
    ages = gather_facts(run, a_report()).ages
    assert {name: n for name, n in ages.items() if n} == {
        "up to a week": 1, "up to a month": 1, FUTURE: 1, UNDATED: 1,
    }  # fmt: skip
    assert list(ages)[-2:] == [FUTURE, UNDATED]


def test_the_history_is_the_gates_and_ends_with_this_run(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    decide(run.store, 1, exam=figures(0.9))
    decide(run.store, 2, rollback_of=1, run_id="rollback")
    decide(run.store, 3, "rejected", exam=figures(0.8, 0.9))
    decide(run.store, 4)
    decide(run.store, 5, run_id="maintenance")
    decide(run.store, 1, corpus="another")
    facts = gather_facts(run, a_report("rejected"))
    assert [(p.release, p.published, p.documents, p.chunks) for p in facts.history] == [
        (1, True, 101, 1001),
        (3, False, 103, 1003),
    ]
    assert facts.history[-1].scores["recall@5"] == 0.8
    later = gather_facts(replace(run, run_id="run-6"), a_report())
    assert [point.release for point in later.history] == [1, 3, 4], "maintenance repeats a decision, and makes none"
    assert (facts.main_score, facts.floor) == ("recall@5", 0.9)


@pytest.mark.parametrize("exam", [None, figures(0.0, questions=0), json.dumps({"head": None})])
def test_an_exam_that_asked_nothing_draws_nothing(tmp_path: Path, exam: str | None) -> None:
    run = a_run(tmp_path)
    decide(run.store, 3, exam=exam)
    assert gather_facts(run, a_report()).history[-1].scores == {}


def test_sources_are_told_with_their_owners(tmp_path: Path) -> None:
    (source,) = gather_facts(a_run(tmp_path), a_report()).sources
    assert (source.name, source.kind, source.owner, source.listed, source.complete) == (
        "docs",
        "folder",
        "desk",
        3,
        True,
    )


@pytest.mark.parametrize("outcome", ["released", "rejected", "failed"])
def test_the_page_is_written_beside_the_rule_pages_and_links_to_them(tmp_path: Path, outcome: RefreshOutcome) -> None:
    run = a_run(tmp_path)
    site = Path(SITE.format(store=run.store.address))
    write_pages(str(site.parent), {"index.html": "rules"})
    decide(run.store, 3, site=str(site))
    address = write_report_page(run, a_report(outcome))
    assert address == f"{report_folder(run.store, 'docs', 'run-3')}/index.html"
    page = Path(address)
    (link,) = re.findall(r'href="([^"]+)"', page.read_text())
    assert (page.parent / link).read_text() == "rules"
    assert sorted(p.name for p in page.parent.iterdir()) == ["index.html", "rules"]


def test_a_refresh_that_changed_nothing_writes_nothing(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    assert write_report_page(run, a_report("unchanged")) is None
    assert not (tmp_path / "store" / "reports").exists()


def test_what_to_do_stands_beside_each_reason_of_the_gate(tmp_path: Path) -> None:
    from freshet.tasks.rules.verdicts import describe

    reason = describe(verdict("GATE-LOSS", documents=3))
    report = a_report("rejected", reasons=[reason, "of an older rule book"])
    assert gather_facts(a_run(tmp_path), report).reasons == [
        f"{reason} What to do: {RULES['GATE-LOSS'].mend}",
        "of an older rule book",
    ]


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "\"><img src=x onerror='alert(1)'>", "a&b\u202egpj.exe"]
)
def test_hostile_names_are_text(tmp_path: Path, hostile: str) -> None:
    run = a_run(tmp_path, name=hostile)
    fill(run, [a_row("a", Verdict(hostile, "warn", {"x": hostile}), source=hostile)])
    decide(run.store, 3, site=f"{run.store.address}/{hostile}/index.html", exam=figures(0.9))
    report = a_report("rejected", source=hostile, reasons=[hostile], notes=[hostile])
    address = write_report_page(run, report)
    assert address is not None
    page = Path(address).read_text()
    tags = Counter[str]()
    handlers: list[str] = []

    class Seen(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags[tag] += 1
            handlers.extend(name for name, _ in attrs if name.startswith("on"))

    Seen().feed(page)
    assert tags["main"] == 1
    assert tags["script"] == tags["img"] == 0
    assert handlers == []
    assert "\u202e" not in page


def test_a_page_that_could_not_be_written_to_the_end_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.local import LocalFileSystem

    write_pages(str(tmp_path), {"index.html": "old"})

    def full_disk(self: LocalFileSystem, path: str, value: bytes) -> None:
        Path(path).write_bytes(value[:2])
        raise OSError("no space left on device")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_pages(str(tmp_path), {"index.html": "new and longer"})
    assert (tmp_path / "index.html").read_text() == "old"


def test_pages_go_to_a_bucket_as_well() -> None:
    import fsspec

    folder = f"memory://bucket-{uuid4().hex}/reports"
    write_pages(folder, {"index.html": "ü"})
    write_pages(folder, {"index.html": "ä"})
    files, root = fsspec.core.url_to_fs(folder)
    assert files.ls(root, detail=False) == [f"{root}/index.html"]
    assert files.cat_file(f"{root}/index.html").decode() == "ä"


def test_the_artifact_says_where_the_pages_are() -> None:
    said = render_refresh(a_report(page="/s/index.html", site="/s/rules/index.html"))
    assert "Report page: `/s/index.html`" in said
    assert "Rule pages: `/s/rules/index.html`" in said
    assert "page" not in render_refresh(a_report("unchanged"))


def test_the_artifact_links_to_the_service_where_its_address_is_known() -> None:
    report = a_report(page="/s/reports/docs/run 3/index.html", site="/s/reports/docs/run-2/rules/index.html")
    said = render_refresh(report, "/s", "https://answers.example.org")
    shown = "https://answers.example.org/page/reports#corpora/docs"
    assert f"[Report page]({shown}/run%203/index.html): `/s/reports/docs/run 3/index.html`" in said
    assert f"[Rule pages]({shown}/run-2/rules/index.html)" in said
    assert "](" not in render_refresh(a_report(page="/elsewhere/index.html"), "/s", "https://answers.example.org")
    card = card_link("https://answers.example.org", "answers", "1.0.0")
    assert card == "https://answers.example.org/page/reports#datasets/answers/1.0.0/README.md"


def test_the_address_of_the_service_is_what_the_settings_say_or_where_it_runs(tmp_path: Path) -> None:
    import psutil

    project = a_run(tmp_path).project
    assert service_address(project) is None
    own, folder = psutil.Process(), server_folder(project)
    folder.mkdir(parents=True)
    alive = Running(own.pid, own.create_time())
    for running, found in ((alive, "http://127.0.0.1:4280"), (Running(own.pid, 1.0), None), (None, None)):
        ServerNote("a", "u", alive, None, running, "http://127.0.0.1:4280").write(folder)
        assert service_address(project) == found
    service = project.settings.service.model_copy(update={"url": "https://answers.example.org/"})
    said = replace(project, settings=project.settings.model_copy(update={"service": service}))
    assert service_address(said) == "https://answers.example.org"


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """Counting documents keeps counts, not documents: ten times as many take no more."""
    found = [verdict("CONTENT-LANGUAGE", language="de", sureness=0.9), verdict("SAFETY-HIDDEN", kinds=["comment"])]

    def peak(folder: Path, documents: int) -> int:
        run = a_run(folder)
        row = a_row("a", *found, stale_after=NOW - timedelta(days=1))
        columns = {name: [row[name]] * documents for name in schemas.documents().names}
        columns["doc_id"] = [f"{i:032x}" for i in range(documents)]
        run.store.corpus("docs").open(schemas.DOCUMENTS, schemas.documents()).add(
            pa.table(columns, schema=schemas.documents())
        )
        gather_facts(run, a_report())  # what is loaded the first time is not counted
        tracemalloc.start()
        facts = gather_facts(run, a_report())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert {one.documents for one in facts.verdicts} == {documents}
        return most

    assert peak(tmp_path / "many", 60_000) < 1.5 * peak(tmp_path / "few", 12_000)
