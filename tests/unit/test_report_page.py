"""The page about a refresh: what it says, that it says it safely, and that it needs nothing but itself."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise

import pyarrow as pa
import pytest

from freshet.expectations.rules import RULES
from freshet.tasks.render.charts import bar_chart, column_chart, line_chart, share_chart
from freshet.tasks.render.values import html_text
from freshet.tasks.reports.page import render_report_page, sentence
from freshet.tasks.reports.page_facts import (
    AGES,
    FUTURE,
    OLDER,
    UNDATED,
    ReleasePoint,
    ReportFacts,
    SourceState,
    VerdictCount,
    count_ages,
)

NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
HISTORY = [
    ReleasePoint(i, i != 2, NOW - timedelta(days=3 - i), 250 + i, 2000 + i, {"recall@5": 0.9 + i / 100, "MRR": 0.8})
    for i in (1, 2, 3)
]
FACTS = ReportFacts(
    corpus="handbook",
    run_id="run-7",
    as_of=NOW,
    outcome="released",
    release=3,
    documents={"added": 2, "changed": 1, "unchanged": 240, "quarantined": 6},
    chunks=2100,
    texts_embedded=17,
    history=HISTORY,
    main_score="recall@5",
    floor=0.9,
    ages={"up to a week": 4, "older": 1},
    verdicts=[
        VerdictCount("STALE-SOURCE", "warn", "examples/handbook", 17),
        VerdictCount("PARSE-ENCRYPTED", "block", "examples/handbook", 5),
    ],
    sources=[
        SourceState("examples/handbook", "folder", "people-operations", 231, True),
        SourceState("policies", "git", "legal", 24, False, "no answer within 30 s"),
    ],
    seconds={"parse": 1.5, "embed": 30.25, "total": 33.0},
    more={"Data Docs": "docs/index.html"},
)


class Structure(HTMLParser):
    """Whether elements nest, which there are, and what they refer to."""

    VOID = frozenset({"meta", "rect", "line", "circle", "path", "wbr", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(facts: ReportFacts) -> Structure:
    return Structure(render_report_page(facts))


@pytest.mark.parametrize(
    ("outcome", "release", "expected"),
    [
        (
            "released",
            3,
            "3 documents differed from before; the new state passed the gate, and readers now see release 3.",
        ),
        ("unchanged", 3, "Nothing that readers see has changed. They go on seeing release 3."),
        ("unchanged", None, "Nothing that readers see has changed. They go on seeing no release."),
        (
            "rejected",
            2,
            "3 documents differed from before, but the new state did not pass the gate. "
            "Readers go on seeing release 2, as before.",
        ),
        ("failed", None, "The refresh did not run to its end. Readers see no release."),
    ],
)
def test_the_first_sentence_says_what_happened(outcome: str, release: int | None, expected: str) -> None:
    facts = replace(FACTS, outcome=outcome, release=release)  # type: ignore[arg-type]
    assert sentence(facts) == expected
    assert expected in page_of(facts).said


def test_rules_are_told_in_plain_words_with_what_to_do_the_gravest_first() -> None:
    said = page_of(FACTS).said
    for code in ("PARSE-ENCRYPTED", "STALE-SOURCE"):
        assert code in said
        assert RULES[code].why in said
        assert RULES[code].mend in said
    assert said.index("PARSE-ENCRYPTED") < said.index("STALE-SOURCE")
    assert "kept out" in said


def test_everything_that_a_reader_may_ask_stands_on_the_page() -> None:
    said = page_of(FACTS).said
    for expected in (
        "unchanged 240", "in quarantine 6", "17 texts were new", "2 100", "people-operations", "read to the end",
        "no answer within 30 s", "30.25 s", "33.0 s in all", "up to a week", "run-7", "22 November 2026", "93.0 %",
        "rejected", "least recall@5 90 %",
    ):  # fmt: skip
        assert expected in said, expected


def test_reasons_and_notes_come_before_the_figures() -> None:
    said = page_of(replace(FACTS, outcome="rejected", reasons=["recall@5 fell to 84 %"], notes=["read me"])).said
    assert said.index("recall@5 fell to 84 %") < said.index("read me") < said.index("documents in quarantine")
    assert "Why it was turned down" not in page_of(FACTS).said


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror='alert(1)'>",
        "</style></title><svg onload=alert(1)>",
        "a&b\u202egnp.exe\u200b\x00",
        "javascript:alert(1)",
    ],
)
def test_hostile_names_are_text(hostile: str) -> None:
    evil = ReportFacts(
        corpus=hostile,
        run_id=hostile,
        as_of=NOW,
        outcome="released",
        release=1,
        documents={"added": 1, "quarantined": 1},
        chunks=1,
        texts_embedded=1,
        history=[ReleasePoint(1, True, NOW, 1, 1, {hostile: 0.5})],
        main_score=hostile,
        floor=0.4,
        ages={hostile: 3},
        verdicts=[VerdictCount(hostile, "warn", hostile, 1), VerdictCount("PARSE-EMPTY", "block", hostile, 1)],
        sources=[SourceState(hostile, hostile, hostile, 1, False, hostile)],
        seconds={hostile: 1.0, "total": 1.0},
        reasons=[hostile],
        notes=[hostile],
        more={hostile: hostile, "up": "//evil.example/x"},
    )
    page = render_report_page(evil)
    structure = Structure(page)
    assert structure.seen["script"] == structure.seen["img"] == 0
    assert structure.seen["style"] == structure.seen["title"] - page.count('<svg class="chart"') == 1
    assert not [name for _, name, _ in structure.attributes if name.startswith("on")]
    assert not [value for _, name, value in structure.attributes if name == "href" and ":" in value]
    assert "evil.example" not in page
    assert "\u202e" not in page
    assert "\x00" not in page


def test_the_page_needs_nothing_but_itself() -> None:
    page = render_report_page(FACTS)
    structure = Structure(page)
    references = [value for _, name, value in structure.attributes if name in ("src", "href", "xlink:href", "action")]
    assert references == ["docs/index.html"]
    assert not re.search(r"url\(|@import|<script|https?://", page)
    assert "default-src 'none'" in page


def test_the_page_speaks_to_those_who_cannot_see_it() -> None:
    page = render_report_page(FACTS)
    structure = Structure(page)
    charts = len(re.findall(r'<svg[^>]*role="img"[^>]*aria-label="[^"]+"', page))
    hidden = len(re.findall(r'<svg aria-hidden="true"', page))
    assert structure.seen["svg"] == charts + hidden
    assert '<html lang="en">' in page
    assert structure.seen["h1"] == structure.seen["main"] == 1
    assert all("scope=" in tag for tag in re.findall(r"<th\b[^>]*>", page))
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page


def test_a_corpus_without_history_exam_or_findings_has_a_page_too() -> None:
    bare = ReportFacts("new", "r", NOW, "unchanged", None, {}, 0, 0)
    said = page_of(bare).said
    assert "every document passed every check" in said
    assert "Quality over releases" not in said
    first = page_of(replace(bare, outcome="released", release=1, history=[ReleasePoint(1, True, NOW, 1, 1)])).said
    assert "Size over releases" in first
    assert "Quality over releases" not in first


def test_the_same_facts_give_the_same_bytes() -> None:
    assert render_report_page(FACTS) == render_report_page(replace(FACTS))


def test_a_thousand_releases_make_a_page_of_the_last_ones() -> None:
    history = [ReleasePoint(i, True, NOW, i, i, {"recall@5": 0.9}) for i in range(1, 1001)]
    page = render_report_page(replace(FACTS, history=history))
    assert len(page) < 100_000
    assert "last 60 releases" in page


# -- charts ------------------------------------------------------------------------------------------------------------


def test_ages_count_every_document_once() -> None:
    days = [0.0, 6.9, 7.1, 30, 91, 183, 365, 730, 1800, 4000, -2, None]
    moments = [None if d is None else NOW - timedelta(days=d) for d in days]
    counts = count_ages(pa.chunked_array([pa.array(moments, pa.timestamp("us", "UTC"))]), NOW)
    assert sum(counts.values()) == len(days)
    assert [counts[name] for name, _ in AGES] == [2, 2, 1, 1, 1, 1, 1]
    assert (counts[OLDER], counts[FUTURE], counts[UNDATED]) == (1, 1, 1)
    assert sum(count_ages(pa.chunked_array([pa.array([], pa.timestamp("us", "UTC"))]), NOW).values()) == 0


@pytest.mark.parametrize(
    "values", [[0.0], [1.0], [0.5, None, 0.7], [0.999, 1.0], [0.0, 1.0], [0.9312345] * 40, [0.0, 0.0]]
)
@pytest.mark.parametrize("percent", [True, False])
def test_lines_stay_inside_their_chart(values: list[float | None], percent: bool) -> None:
    scaled = values if percent else [None if v is None else v * 12_345 for v in values]
    chart = line_chart([str(i) for i in range(len(values))], {"a": scaled}, "a chart", percent=percent).inline()
    width, height = (float(n) for n in re.findall(r'viewBox="0 0 (\d+) (\d+)"', chart)[0])
    for name in ("cx", "x", "x1", "x2"):
        assert all(0 <= float(n) <= width for n in re.findall(rf' {name}="(-?[\d.]+)"', chart))
    for name in ("cy", "y", "y1", "y2"):
        assert all(0 <= float(n) <= height for n in re.findall(rf' {name}="(-?[\d.]+)"', chart))
    assert "nan" not in chart
    assert chart.count("<circle") == sum(v is not None for v in values)


def test_a_missing_value_is_a_gap_and_a_rejected_release_a_hollow_point() -> None:
    chart = line_chart(
        ["1", "2", "3", "4"], {"a": [0.5, None, 0.6, 0.7]}, "c", marks=[False, False, True, False]
    ).inline()
    assert chart.count("<path") == 1
    assert chart.count("hollow") == 1


def test_names_at_the_ends_of_lines_do_not_overlap() -> None:
    chart = line_chart(["1", "2"], {n: [0.9, 0.9] for n in "abcd"}, "c", percent=True, floor=("least", 0.9)).inline()
    places = sorted(float(y) for y in re.findall(r'class="name [^"]*" x="[\d.]+" y="([\d.]+)"', chart))
    assert len(places) == 5
    assert all(after - before >= 14 for before, after in pairwise(places))


def test_nothing_to_draw_draws_nothing() -> None:
    assert line_chart([], {}, "c").inline() == ""
    assert line_chart(["1"], {"a": [None]}, "c").inline() == ""
    assert share_chart({"": {"a": 0}}, "c").inline() == ""
    assert bar_chart({}, "c").inline() == ""
    assert bar_chart({"a": 0.0}, "c").inline().count('width="0.0"') == 1


def test_a_chart_tells_its_figures_to_those_who_cannot_see_it() -> None:
    drawn = [
        bar_chart({"parse": 1234.5, "embed": 2.0}, "seconds", unit="s", decimals=1),
        share_chart({"train": {"a": 3, "b": 0}, "test": {"a": 1, "b": 2}}, "classes"),
        column_chart([("0–15", 4), ("16+", 1)], "lengths", (1.5, "max")),
    ]
    assert [one.label for one in drawn] == [
        "seconds: parse 1\u202f234.5 s; embed 2.0 s",
        "classes: train a 3; test a 1, b 2",
        "lengths: 0–15: 4; 16+: 1",
    ]
    for one in drawn:
        assert f'aria-label="{one.label}"' in one.inline()
        assert f'aria-label="{one.label}"' in one.file("A title")
        assert ">A title</text>" in one.file("A title")


def test_a_name_has_the_same_colour_in_every_whole_of_a_chart_also_where_it_has_nothing() -> None:
    shapes = share_chart({"train": {"a": 0, "b": 3}, "test": {"b": 2, "a": 1}}, "c").shapes
    assert [re.findall(r'class="(s\d)"', one)[0] for one in shapes if one.startswith("<rect")] == [
        "s1", "s0", "s1", "s0", "s1",
    ]  # fmt: skip


def test_text_shows_characters_that_would_mislead() -> None:
    assert html_text("a\u202eb\x07<") == "a\ufffdb\ufffd&lt;"
    assert html_text("نمی\u200cخواهم") == "نمی\u200cخواهم"
