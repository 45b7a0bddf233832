"""Whether a text is whole, readable, in a language of the corpus, and about something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Subject
from freshet.tasks.documents.checks.content import (
    check_boilerplate,
    check_coverage,
    check_encoding,
    check_language,
    check_length,
)
from freshet.tasks.documents.checks.frame import frame_of
from freshet.tasks.documents.elements import Element, ParsedDocument

RULES = {rule.code: rule for rule in DOCUMENT_RULES}
SAMPLES = {
    "en": "The committee meets on the first Monday of every month, and its minutes are sent to all members "
    "within a week. Whoever cannot come tells the chair in good time.",
    "de": "Der Ausschuss tagt am ersten Montag jedes Monats, und das Protokoll wird allen Mitgliedern innerhalb"
    " einer Woche geschickt. Wer nicht kommen kann, sagt rechtzeitig ab.",
    "fr": "Le comité se réunit le premier lundi de chaque mois, et le procès-verbal est envoyé à tous les "
    "membres dans la semaine. Ceux qui ne peuvent pas venir préviennent à temps.",
    "es": "El comité se reúne el primer lunes de cada mes, y el acta se envía a todos los miembros en una "
    "semana. Quien no pueda venir avisa con tiempo suficiente a la presidencia.",
    "ru": "Комитет собирается в первый понедельник каждого месяца, и протокол рассылается всем членам в течение"
    " недели. Кто не может прийти, заранее предупреждает председателя.",
    "ja": "委員会は毎月第一月曜日に開かれ、議事録は一週間以内にすべての委員に送られます。出"
    "席できない人は、前もって委員長"
    "に知らせてください。会議の資料は三日前までに配布され、誰でも読むことができます。質問がある場合は事務局に連絡し"
    "てください。",
}


def subject(text: str, kind: str = "NarrativeText", **more: Any) -> Subject:
    parsed = ParsedDocument(text, [Element(kind, 0, len(text))])
    return Subject("a.md", parsed, datetime(2026, 3, 1, tzinfo=UTC), **more)


@pytest.mark.parametrize("language", SAMPLES)
def test_each_language_is_known_as_itself_and_as_no_other(language: str) -> None:
    text = SAMPLES[language]
    assert check_language(subject(text, languages=(language,)), RULES) == []
    [verdict] = check_language(subject(text, languages=("pt", "nl")), RULES)
    assert verdict.evidence["language"] == language


def test_no_language_is_judged_that_nobody_named_nor_code_nor_a_few_words() -> None:
    german = SAMPLES["de"]
    assert check_language(subject(german), RULES) == []
    assert check_language(subject(german, "CodeSnippet", languages=("en",)), RULES) == []
    assert check_language(subject(german[:60], languages=("en",)), RULES) == []


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1250", "cp437", "mac_roman"])
def test_utf8_read_in_another_encoding_is_damage(encoding: str) -> None:
    damaged = SAMPLES["fr"].encode().decode(encoding, errors="replace")
    assert [v.code for v in check_encoding(subject(damaged), RULES)] == ["CONTENT-ENCODING"]


@pytest.mark.parametrize("text", [*SAMPLES.values(), "Ὀδυσσεύς — “naïve” €5…™ №3 100 °C ±2 §3 «ça» ¿qué? Ærø Đà Nẵng"])
def test_texts_of_any_language_are_whole(text: str) -> None:
    assert check_encoding(subject(text), RULES) == []


def test_a_single_lost_character_in_a_long_text_is_no_verdict_and_in_a_short_one_is() -> None:
    assert [v.code for v in check_encoding(subject("Caf\ufffd " + SAMPLES["en"]), RULES)] == ["CONTENT-ENCODING"]
    assert check_encoding(subject("Caf\ufffd " + SAMPLES["en"] * 20), RULES) == []


def test_glyphs_without_characters_are_garbled() -> None:
    [verdict] = check_encoding(subject("(cid:12)(cid:7)(cid:44) " * 20 + "Total 12"), RULES)
    assert (verdict.code, verdict.severity) == ("CONTENT-GARBLED", "block")


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        ("Skip to main content", "boilerplate"),
        ("© 2024 ACME Inc.", "boilerplate"),
        ("Read more", "boilerplate"),
        ("12", "boilerplate"),
        ("We use cookies to improve your visit.", "boilerplate"),
        ("Home › Products › Contact", "navigation"),
        ("| | | |", "debris"),
        ("-----+-----", "debris"),
        ("Total | | | | | |", "debris"),
        ("* * *", "debris"),
        ("Homework is due on Friday", None),
        ("Name | Role | Office", None),
        ("Contact the desk about travel", None),
        ("a / b / c are equal.", None),
        ("日本語の文", None),
        ("12 days of leave", None),
        ("x", "boilerplate"),
        ("Ada | 12 | | ", None),
    ],
)
def test_lines_of_a_frame(line: str, frame: str | None) -> None:
    assert frame_of(line) == frame


def test_a_few_lines_are_not_judged_as_boilerplate() -> None:
    assert check_boilerplate(subject("Home\nContact\nImprint"), RULES) == []


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Hello world.", True),
        ("日本語" * 3, True),
        ("日本語" * 7, False),
        ("word " * 10, False),
        ("word " * 9, True),
        ("", True),
    ],
)
def test_words_are_counted_in_any_script(text: str, short: bool) -> None:
    assert bool(check_length(subject(text), RULES)) == short


@pytest.mark.parametrize(
    ("chunks", "covered"),
    [
        ([(0, 200)], 1.0),
        ([(0, 100), (100, 200)], 1.0),
        ([(100, 200), (0, 150)], 1.0),
        ([(0, 199)], 1.0),
        ([(0, 150)], 0.75),
        ([(10, 90), (20, 200)], 0.95),
        ([], 0.0),
    ],
)
def test_coverage_counts_what_stands_in_some_chunk(chunks: list[tuple[int, int]], covered: float) -> None:
    verdicts = check_coverage(subject("x" * 200, chunks=chunks), RULES)
    assert [verdict.evidence["covered"] for verdict in verdicts] == ([covered] if covered < 0.99 else [])


def test_white_space_need_not_be_covered() -> None:
    text = "one" + " \n" * 50 + "two"
    assert check_coverage(subject(text, chunks=[(0, 3), (103, 106)]), RULES) == []


def test_chunks_that_reach_beyond_the_text_cover_no_more_of_it() -> None:
    assert [v.evidence["characters"] for v in check_coverage(subject("x" * 200, chunks=[(50, 500)]), RULES)] == [50]


def test_the_rows_of_a_table_of_figures_are_no_navigation() -> None:
    from freshet.tasks.documents.elements import Element, ParsedDocument

    rows = "City | Lodging | Meals | Incidentals\n" + "\n".join(f"Town{i} | {100 + i} | 45 | 26" for i in range(40))
    parsed = ParsedDocument(rows, [Element("Table", 0, len(rows))])
    subject = Subject(path="rates.csv", parsed=parsed, as_of=datetime(2026, 1, 1, tzinfo=UTC))
    assert check_boilerplate(subject, RULES) == []
