"""From the file to the verdict: what each format hides or runs is told with its kind and place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Subject, check_document
from freshet.tasks.documents.parse.registry import PARSERS, Context
from tests.unit.office_files import box, deck_members, p, slide, word_members, zipped
from tests.unit.test_checks_hidden_opendocument import frame, open_document, sheet, slides

RULES = {rule.code: rule for rule in DOCUMENT_RULES}
UNSEEN = "words that no reader of it ever sees"
SEEN = "Seen by everybody."
Make = Callable[[Path], str]


def verdicts(path: str, kind: str) -> dict[str, dict[str, Any]]:
    parser = PARSERS[kind]()
    parser.load()
    document = parser.parse(path, Context(1_000_000_000, lambda: None))
    found = check_document(Subject("a", document, datetime(2026, 3, 1, tzinfo=UTC)), RULES)
    return {one.code: one.evidence for one in found}


def word(folder: Path) -> str:
    hidden = f"<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{UNSEEN}</w:t></w:r></w:p>"
    white = f'<w:p><w:r><w:rPr><w:color w:val="FFFFFF"/></w:rPr><w:t>{UNSEEN}</w:t></w:r></w:p>'
    return zipped(folder / "a.docx", word_members(p(SEEN) + hidden + p(SEEN) + white))


def deck(folder: Path) -> str:
    white = '<a:solidFill><a:srgbClr val="FFFFFF"/></a:solidFill>'
    pages = slide(box(SEEN)), slide(box(UNSEEN), 'show="0"'), slide(box(SEEN) + box(UNSEEN, top=4, run=white))
    return zipped(folder / "a.pptx", deck_members(*pages))


def workbook(folder: Path) -> str:
    book = openpyxl.Workbook()
    book.active["A1"], book.active["A2"] = SEEN, UNSEEN
    book.active.row_dimensions[2].hidden = True
    book.create_sheet("Kept back").append([UNSEEN])
    book["Kept back"].sheet_state = "veryHidden"
    book.create_sheet("White").append([UNSEEN])
    book["White"]["A1"].font = openpyxl.styles.Font(color="FFFFFFFF")
    book.save(folder / "a.xlsx")
    return str(folder / "a.xlsx")


def ods(folder: Path) -> str:
    off = '<style:table-properties table:display="false"/>'
    off = f'<style:style style:name="off" style:family="table">{off}</style:style>'
    kept = sheet("").replace("<table:table>", '<table:table table:style-name="off">')
    body = (sheet("") + kept + sheet("white")).replace("unseen", UNSEEN)
    return open_document(folder, f"<office:spreadsheet>{body}</office:spreadsheet>", off)


def odp(folder: Path) -> str:
    off = '<style:drawing-page-properties presentation:visibility="hidden"/>'
    off = f'<style:style style:name="off" style:family="drawing-page">{off}</style:style>'
    white = frame(f'<text:p text:style-name="white">{UNSEEN}</text:p>')
    body = slides(frame(f"<text:p>{SEEN}</text:p>"), frame(f"<text:p>{UNSEEN}</text:p>"), white)
    body = body.replace("<draw:page>", '<draw:page draw:style-name="on">', 1)
    body = body.replace("<draw:page>", '<draw:page draw:style-name="off">', 1)
    return open_document(folder, body, off)


def web(folder: Path) -> str:
    path = folder / "a.html"
    path.write_text(
        f"<html><style>.x{{display:none}}</style><body>\n<p>{SEEN}</p>\n<p hidden>{UNSEEN}</p>\n"
        f"<p class=x>{UNSEEN}</p>\n<p style='color:white'>{UNSEEN}</p></body></html>",
        "utf-8",
    )
    return str(path)


SIZE = len(UNSEEN)


@pytest.mark.parametrize(
    ("make", "kind", "evidence"),
    [
        (word, "docx", {"kinds": {"hidden run": 1, "same colour": 1}, "characters": 2 * SIZE,
                        "places": ["document, paragraph 2", "document, paragraph 4"]}),
        (deck, "pptx", {"kinds": {"hidden slide": 1, "same colour": 1}, "characters": 2 * SIZE, "pages": [2, 3]}),
        (workbook, "xlsx", {"kinds": {"hidden row": 1, "hidden sheet": 1, "same colour": 1}, "characters": 3 * SIZE,
                            "pages": [1, 2, 3]}),
        (ods, "ods", {"kinds": {"hidden sheet": 1, "same colour": 1}, "characters": 2 * SIZE, "pages": [2, 3]}),
        (odp, "odp", {"kinds": {"hidden slide": 1, "same colour": 1}, "characters": 2 * SIZE, "pages": [2, 3]}),
        (web, "html", {"kinds": {"hidden attribute": 1, "not displayed": 1, "same colour": 1}, "characters": 3 * SIZE,
                       "not_in_the_text": SIZE, "places": ["line 3", "line 4", "line 5"]}),
    ],
)  # fmt: skip
def test_what_is_hidden_is_told_with_kind_and_place(
    tmp_path: Path, make: Make, kind: str, evidence: dict[str, Any]
) -> None:
    assert verdicts(make(tmp_path), kind)["SAFETY-HIDDEN"] == evidence


def pdf(folder: Path) -> str:
    drawn = b"BT /F 12 Tf 72 700 Td (%s) Tj ET 1 1 1 rg BT /F 12 Tf 72 600 Td (%s) Tj ET 0 g"
    content = drawn % (SEEN.encode(), UNSEEN.encode())
    objects = (
        b"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 5 0 R/Resources<</Font<</F 4 0 R>>>>>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
    )
    numbered = (b"%d 0 obj\n%s\nendobj\n" % (number, one) for number, one in enumerate(objects, start=1))
    path = folder / "a.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"".join(numbered) + b"trailer<</Root 1 0 R/Size 6>>\n%%EOF")
    return str(path)


def test_what_a_pdf_hides_and_runs_is_told_with_kind_and_place(tmp_path: Path) -> None:
    found = verdicts(pdf(tmp_path), "pdf")
    assert found["SAFETY-HIDDEN"] == {"kinds": {"same colour": 1}, "characters": SIZE, "pages": [1]}
    assert found["SAFETY-ACTIVE"] == {"kinds": {"script": 1}, "count": 1, "places": ["object 1"]}


def test_ordinary_files_trip_no_rule_about_what_is_hidden_or_runs(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.docx", word_members(p(SEEN)))
    assert {code for code in verdicts(path, "docx") if code.startswith("SAFETY")} == set()
