"""Every file of the bundled handbook ends as a table says: as text that holds a phrase, or blocked by a rule."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.parsed_documents import (
    Outcomes,
    assert_boxes_lie_on_their_page,
    assert_pages_hold_their_text,
    assert_spans_are_exact,
    document_of,
    pages_with,
    parse_without_sockets,
)

DOCUMENTS = ROOT / "examples" / "handbook"

# name → (a phrase of its text, the page that holds it)
PARSED: dict[str, tuple[str, int | None]] = {
    "announcements/2026-10-smart-meters.eml": ("the exchange of all 19,550 water meters", None),
    "leave/annual-leave.md": ("28 days of annual leave in a calendar year", None),
    "leave/parental-leave.docx": ("This page is about leave before and after the birth or adoption of a child.", None),
    "leave/sick-leave.md": ("tell your manager before your working day begins", None),
    "legal/flood-claims-settlement.md": ("These limits weaken our position", None),
    "legal/legal-correspondence-retention.docx": ("For the legal team only.", None),
    "members/damage-claims.md": ("members who ask us to pay for damage", None),
    "operations/control-room-notes.txt": ("early 06:00–14:00, late 14:00–22:00", None),
    "operations/devices-and-passwords.md": ("Whoever gets into our network", None),
    "operations/leak-response.md": ("We lose 11.2 per cent of the water that we treat", None),
    "operations/on-call-rota.xlsx": ("2026-11-30 | M. Okafor | Crew B | H. Lindqvist | 555-0140", 1),
    "operations/southmoor-pump-station.pdf": ("Edition 7, February 2026.", 1),
    "operations/storm-readiness.pptx": ("What last winter taught us", 2),
    "operations/water-quality-targets.md": ("own targets are stricter", None),
    "travel/booking-checklist.html": ("It takes about ten minutes for a journey of two days.", None),
    "travel/per-diem-rates.csv": ("Austria | Vienna | 40 | 160 | 2026-01-01", None),
    "travel/travel-and-expenses.md": ("The daily allowances for each country are in per-diem-rates.csv", None),
    "welcome.md": ("supplies drinking water to 18,400 households", None),
}
PDFS = [name for name in PARSED if name.endswith(".pdf")]
BLOCKED = {"operations/backflow-testing.md": "PARSE-EMPTY", "operations/meter-calibration-2025.pdf": "PARSE-ENCRYPTED"}


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    return parse_without_sockets(DOCUMENTS)


def test_every_file_holds_its_phrase_on_its_page_or_says_why_it_is_blocked(outcomes: Outcomes) -> None:
    assert set(outcomes) == {*PARSED, *BLOCKED}
    for name, (phrase, page) in PARSED.items():
        assert pages_with(document_of(outcomes[name]), phrase) == {page}, name
    for name, code in BLOCKED.items():
        assert outcomes[name].document_json is None, name
        assert [(v.code, v.severity) for v in outcomes[name].verdicts] == [(code, "block")], name


def test_spans_are_exact_in_every_document(outcomes: Outcomes) -> None:
    assert_spans_are_exact(outcomes)


def test_a_ruled_table_of_a_pdf_is_read_row_by_row(outcomes: Outcomes) -> None:
    text = document_of(outcomes["operations/southmoor-pump-station.pdf"]).text
    assert (
        "\nS-12 | Level above 3.10 m, storm tank filling | Call the duty engineer; open gate G2 fully | 5 minutes\n"
        in text
    )


def test_every_pdf_page_holds_its_text_and_its_boxes(outcomes: Outcomes) -> None:
    assert_pages_hold_their_text(DOCUMENTS, outcomes, PDFS)
    assert_boxes_lie_on_their_page(DOCUMENTS, outcomes, PDFS)
