"""Suites over the tables: each rule trips on its defect, and an expectation that gives no answer is a finding."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from freshet.expectations.chunks import chunk_suite
from freshet.expectations.declared import Declared, Suite, between, none_of
from freshet.expectations.documents import DOCUMENTS
from freshet.expectations.gate_rules import GATE_RULES
from freshet.expectations.rules import RULES
from freshet.tasks.index.gate.facts import chunk_facts, document_facts
from freshet.tasks.rules.suite_pages import report_folder, write_site
from freshet.tasks.rules.suites import Checked, validate
from freshet.tasks.store import schemas
from tests.unit.small_corpus import NOW, Document, SmallCorpus, build, replace_chunks

SECRET = "The merger with Northbrook closes on Friday."
PAGES = {
    "leave.md": Document(["Everybody has thirty days of leave.", "Five days stay until March.", "Ask your manager."]),
    "secret.md": Document([SECRET, "Nobody may speak of it."], acl=["group:board", "user:ada"]),
    "quarantined.md": Document([], changes={"content_hash": None, "verdicts": '[{"code": "PARSE-EMPTY"}]'}),
}


@pytest.fixture(autouse=True)
def rule_book(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule in GATE_RULES:
        monkeypatch.setitem(RULES, rule.code, rule)


def check(corpus: SmallCorpus) -> list[Checked]:
    chunks, ledger, known = corpus.chunks, corpus.ledger, corpus.expressions.keys()
    documents = document_facts(ledger, chunks, known)
    return validate([(DOCUMENTS, documents), (chunk_suite(256), chunk_facts(chunks, known))])


def codes(checked: list[Checked]) -> list[str]:
    return [verdict.code for one in checked for verdict in one.verdicts()]


def frame(**columns: Any) -> pa.Table:
    return pa.table({"id": [f"row-{n}" for n in range(len(next(iter(columns.values()))))], **columns})


def suite(*declared: Declared) -> Suite:
    return Suite("rows", "id", declared)


def test_a_sound_corpus_breaks_no_rule(tmp_path: Path) -> None:
    checked = check(build(tmp_path, PAGES, indexed=False))
    assert codes(checked) == []
    assert [one.rows for one in checked] == [3, 5]
    assert all(tally.rows == one.rows for one in checked for tally in one.tallies)


def _first(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda row: row | changes if row["ordinal"] == 0 else row


CHUNK_DEFECTS: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any] | None], list[str]]] = {
    "a text cut short after it was chunked": (
        lambda row: row | {"text": row["text"][:20]}, ["CHUNK-SPAN", "CHUNK-TEXT"],
    ),
    "a text cut short with its span": (
        lambda row: row | {"text": row["text"][:9], "end": row["start"] + 9}, ["CHUNK-TEXT"],
    ),
    "an empty text": (_first(text="", end=0), ["CHUNK-TEXT"]),
    "a span that ends before it starts": (_first(end=-3), ["CHUNK-SPAN"]),
    "a hash of another form": (_first(text_hash="ABC"), ["CHUNK-HASH", "CHUNK-TEXT"]),
    "no document id": (_first(doc_id=""), ["DOCUMENT-GAP", "CHUNK-INCOMPLETE", "CHUNK-HASH"]),
    "too many tokens": (_first(tokens=257), ["CHUNK-TOKENS"]),
    "no access class": (_first(access=""), ["CHUNK-PRINCIPAL"]),
    "a class of which nothing is known": (_first(access="0123456789abcdef"), ["CHUNK-PRINCIPAL"]),
    "pages in the wrong order": (_first(page_first=4, page_last=3), ["CHUNK-PAGES"]),
    "a third of the chunks lost": (lambda row: None if row["ordinal"] == 1 else row, ["DOCUMENT-GAP"]),
}  # fmt: skip


@pytest.mark.parametrize("defect", CHUNK_DEFECTS)
def test_a_defect_of_chunks_is_found_under_its_own_code(tmp_path: Path, defect: str) -> None:
    change, expected = CHUNK_DEFECTS[defect]
    pages = {"leave.md": PAGES["leave.md"]} if "third" in defect else PAGES
    corpus = build(tmp_path, pages, indexed=False)
    replace_chunks(corpus, change)
    assert codes(check(corpus)) == expected


DOCUMENT_DEFECTS: dict[str, tuple[dict[str, Any], str]] = {
    "no owner": ({"owner": ""}, "DOCUMENT-INCOMPLETE"),
    "a hash of another form": ({"seen_hash": "xyz"}, "DOCUMENT-HASH"),
    "no access class": ({"access": ""}, "DOCUMENT-PRINCIPAL"),
    "a class of which nothing is known": ({"access": "0123456789abcdef"}, "DOCUMENT-PRINCIPAL"),
    "no use": ({"uses": []}, "DOCUMENT-USE"),
    "an unknown use": ({"uses": ["resale"]}, "DOCUMENT-USE"),
    "chunks without a good version": ({"content_hash": None}, "DOCUMENT-UNSERVED"),
    "blocked before it is stale": (
        {"stale_after": NOW, "blocked_after": NOW - timedelta(days=1)}, "DOCUMENT-DATES",
    ),
}  # fmt: skip


@pytest.mark.parametrize("defect", DOCUMENT_DEFECTS)
def test_a_defect_of_the_ledger_is_found_under_its_own_code(tmp_path: Path, defect: str) -> None:
    changes, expected = DOCUMENT_DEFECTS[defect]
    page = PAGES["leave.md"]
    corpus = build(tmp_path, {**PAGES, "leave.md": Document(page.passages, page.acl, changes)}, indexed=False)
    assert codes(check(corpus)) == [expected]


def test_a_good_document_without_chunks_needs_a_verdict_that_says_why(tmp_path: Path) -> None:
    silent = build(tmp_path / "silent", {"a.md": Document([])}, indexed=False)
    said = build(tmp_path / "said", {"a.md": Document([], changes={"verdicts": '[{"code": "X"}]'})}, indexed=False)
    assert codes(check(silent)) == ["DOCUMENT-UNSERVED"]
    assert codes(check(said)) == []


def test_a_document_that_stands_twice_in_the_ledger_is_found(tmp_path: Path) -> None:
    corpus = build(tmp_path, PAGES, indexed=False)
    corpus.ledger.add(corpus.ledger.search().where("path = 'leave.md'").to_arrow().cast(schemas.documents()))
    (verdict,) = check(corpus)[0].verdicts()
    assert verdict.code == "DOCUMENT-REPEATED"
    assert verdict.evidence["failed"] == {"occurrences": 2}


def test_failing_rows_are_named_and_never_quoted(tmp_path: Path) -> None:
    corpus = build(tmp_path, PAGES, indexed=False)
    replace_chunks(corpus, lambda row: row | {"text": row["text"] + "!"})
    checked = check(corpus)
    ids = {row["chunk_id"] for row in corpus.chunks.search().to_list()}
    (span, _) = checked[1].verdicts()
    assert (span.evidence["failed"], set(span.evidence["first"])) == ({"span and characters": 5}, ids)
    index = write_site(report_folder_of(tmp_path), "a run", checked)
    pages = [file.read_text() for file in Path(index).parent.rglob("*.html")]
    assert not any("merger" in text for text in [*pages, str(checked)])
    assert any(next(iter(ids)) in page for page in pages)


def report_folder_of(tmp_path: Path) -> str:
    from freshet.tasks.store.tables import Store

    return report_folder(Store(str(tmp_path)), "docs", "refresh-docs-1")


def test_batches_add_up_to_the_whole_table() -> None:
    rule = suite(none_of("CHUNK-TEXT", "faults"))
    parts = [frame(faults=[0, 1, 0]), frame(faults=[1, 1]), frame(faults=[0])]
    (apart,) = validate([(rule, parts)])
    (whole,) = validate([(rule, [frame(faults=[0, 1, 0, 1, 1, 0])])])
    assert (apart.rows, apart.tallies[0].failed) == (whole.rows, whole.tallies[0].failed) == (6, 3)


def test_an_expectation_that_raises_is_a_finding_and_the_others_still_count() -> None:
    rule = suite(between("CHUNK-TOKENS", "nowhere", 0, 1), none_of("CHUNK-TEXT", "faults"))
    (checked,) = validate([(rule, [frame(faults=[1, 0])])])
    broken, silent = checked.verdicts()
    assert (broken.code, broken.evidence["failed"]) == ("CHUNK-TEXT", {"faults": 1})
    assert (silent.code, silent.severity) == ("GATE-SUITE", "block")
    assert silent.evidence["expectation"].startswith("CHUNK-TOKENS")
    assert silent.evidence["fault"].startswith("raised")


def test_an_expectation_that_cannot_be_made_is_a_finding() -> None:
    rule = suite(Declared("CHUNK-TEXT", "ExpectTheMoon"), none_of("CHUNK-TEXT", "faults"))
    (checked,) = validate([(rule, [frame(faults=[0])])])
    assert [v.evidence["fault"] for v in checked.verdicts()] == ["could not be made: AttributeError"]


def test_of_two_equal_expectations_the_one_that_gx_drops_is_a_finding() -> None:
    """Great Expectations keeps one of them and says nothing; its suite would count as complete."""
    rule = suite(none_of("CHUNK-TEXT", "faults"), none_of("CHUNK-SPAN", "faults"))
    (checked,) = validate([(rule, [frame(faults=[0, 0])])])
    (silent,) = checked.verdicts()
    assert silent.evidence["expectation"].startswith("CHUNK-SPAN")
    assert silent.evidence["fault"] == "is missing from the results"


def test_an_expectation_that_goes_missing_from_the_results_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.datasource.fluent.interfaces import Batch

    honest = Batch.validate

    def forgetful(self: Any, *args: Any, **options: Any) -> Any:
        result = honest(self, *args, **options)
        result.results = [one for one in result.results if one.expectation_config.kwargs["column"] != "faults"]
        return result

    monkeypatch.setattr(Batch, "validate", forgetful)
    (checked,) = validate([(suite(none_of("CHUNK-TEXT", "faults"), none_of("CHUNK-SPAN", "other")),
                            [frame(faults=[9], other=[0])])])  # fmt: skip
    assert [v.code for v in checked.verdicts()] == ["GATE-SUITE"]
    assert not checked.holds


def test_an_answer_about_fewer_rows_than_were_given_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    from great_expectations.datasource.fluent.interfaces import Batch

    honest = Batch.validate

    def lazy(self: Any, *args: Any, **options: Any) -> Any:
        result = honest(self, *args, **options)
        result.results[0].result["element_count"] -= 1
        return result

    monkeypatch.setattr(Batch, "validate", lazy)
    (checked,) = validate([(suite(none_of("CHUNK-TEXT", "faults")), [frame(faults=[0, 0])])])
    assert [v.evidence["fault"] for v in checked.verdicts()] == ["answered for 1 rows of 2"]


def test_no_suite_declares_the_same_expectation_twice() -> None:
    for one in (DOCUMENTS, chunk_suite(256)):
        asked = [(d.kind, tuple(sorted(d.arguments.items()))) for d in one.declared]
        assert len(set(asked)) == len(asked)
        assert {d.code for d in one.declared} <= {rule.code for rule in GATE_RULES}


def test_the_site_asks_no_other_host_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    corpus = build(tmp_path, PAGES, indexed=False)
    replace_chunks(corpus, lambda row: row | {"text": row["text"][:9]})
    extra = (suite(between("CHUNK-TOKENS", "nowhere", 0, 1)), [frame(faults=[1])])
    checked = [*check(corpus), *validate([extra])]
    index = Path(write_site(report_folder_of(tmp_path), "refresh-docs-1", checked))
    assert index == tmp_path / "reports" / "docs" / "refresh-docs-1" / "index.html"
    pages = {file.name: file.read_text() for file in index.parent.rglob("*") if file.is_file()}
    assert set(pages) == {"index.html", "documents.html", "chunks.html", "rows.html"}
    for name, page in pages.items():
        assert not re.search(r"<script|<link|<img|@import|url\(|https?:|src=", page), name
        for link in re.findall(r'href="([^"]*)"', page):
            assert link.startswith("#") or link in pages
    assert "greater than or equal to" in pages["chunks.html"], "what Great Expectations renders is in it"
    assert "raised" in pages["rows.html"]
    assert RULES["CHUNK-SPAN"].mend in pages["chunks.html"]


def test_gx_sends_nothing_and_prints_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    import os

    check(build(tmp_path, PAGES, indexed=False))
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    assert capfd.readouterr() == ("", "")
