"""Pages of a PDF that are pictures are read where OCR is installed, and told where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.pdf.pages import parse_pdf
from freshet.tasks.documents.parse.pdf.scans import left_out_pages
from freshet.tasks.documents.parse.refusal import Refused
from tests.unit.pdf_files import stream, write_pages

IMAGE = stream(b"\x80", b"/Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8")
TEXT = b"BT /F1 12 Tf 72 700 Td (The wet well holds 140 cubic metres.) Tj ET"
SCAN = b"q 600 0 0 800 0 0 cm /X Do Q"
STRIPS = b" ".join(b"q 600 0 0 8 0 %d cm /X Do Q" % (10 * at) for at in range(80))
LOGO = b"q 60 0 0 40 500 740 cm /X Do Q"
RULE = b"72 720 m 528 720 l S"
TRACED = b"0 0 m " + b" ".join(b"%d %d l" % (at % 600, 3 * at % 800) for at in range(300)) + b" f"
BLANK = b" "


def read(folder: Path, *contents: bytes) -> ParsedDocument:
    return parse_pdf(write_pages(folder / "a.pdf", contents, IMAGE), lambda: None)


@pytest.mark.parametrize("picture", [SCAN, STRIPS, TRACED])
def test_pages_that_are_pictures_are_told_with_their_numbers(tmp_path: Path, picture: bytes) -> None:
    document = read(tmp_path, TEXT, picture, picture, BLANK, picture)
    assert document.properties["left_out"] == {"scanned pages (2-3, 5)": 3}
    assert document.text == "The wet well holds 140 cubic metres."


@pytest.mark.parametrize("nothing", [BLANK, LOGO, RULE])
def test_a_page_that_shows_nothing_to_read_is_not_told(tmp_path: Path, nothing: bytes) -> None:
    assert "left_out" not in read(tmp_path, TEXT, nothing).properties


def test_a_page_with_a_picture_and_text_is_read(tmp_path: Path) -> None:
    assert "left_out" not in read(tmp_path, SCAN + b" " + TEXT).properties


@pytest.mark.parametrize(("only", "code"), [(SCAN, "PARSE-EXTRA"), (TRACED, "PARSE-EXTRA"), (RULE, "PARSE-EMPTY")])
def test_a_file_without_text_is_scanned_where_it_shows_pictures(tmp_path: Path, only: bytes, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read(tmp_path, only, BLANK)
    assert refused.value.code == code


def test_scanned_pages_are_read_in_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pypdfium2

    sizes = []

    def scanned_blocks(path: str) -> list[Block]:
        with pypdfium2.PdfDocument(path) as alone:
            sizes.append(len(alone))
            assert [found.type for found in alone[0].get_objects()] == [pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]
        return [Block("NarrativeText", "Signed by both parties.", page=1)]

    monkeypatch.setattr("freshet.tasks.documents.parse.ocr.has_ocr", lambda: True)
    monkeypatch.setattr("freshet.tasks.documents.parse.ocr.scanned_blocks", scanned_blocks)
    document = read(tmp_path, TEXT, SCAN, TEXT)
    assert [element.page for element in document.elements] == [1, 2, 3]
    assert document.text.split("\n\n")[1] == "Signed by both parties."
    assert "left_out" not in document.properties
    assert document.properties["ocr"] is True
    assert sizes == [1]


def test_a_scanned_page_that_ocr_cannot_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshet.tasks.documents.parse.ocr.has_ocr", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert read(tmp_path, TEXT, SCAN).properties["left_out"] == {"scanned pages (2)": 1}


def test_a_scanned_page_on_which_ocr_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scanned_blocks(path: str) -> list[Block]:
        raise RuntimeError(f"tesseract gave up on {path}")

    monkeypatch.setattr("freshet.tasks.documents.parse.ocr.has_ocr", lambda: True)
    monkeypatch.setattr("freshet.tasks.documents.parse.ocr.scanned_blocks", scanned_blocks)
    document = read(tmp_path, TEXT, SCAN)
    assert document.text == "The wet well holds 140 cubic metres."
    assert document.properties["left_out"] == {"scanned pages (2)": 1}


def test_many_pages_are_named_by_the_first_of_them() -> None:
    numbers = list(range(1, 100, 2))
    assert left_out_pages("scanned pages", numbers) == {"scanned pages (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, …)": 50}


def test_a_page_that_is_damaged_is_told(tmp_path: Path) -> None:
    path = Path(write_pages(tmp_path / "a.pdf", [TEXT, TEXT]))
    path.write_bytes(path.read_bytes().replace(b"/Kids[5 0 R 7 0 R]", b"/Kids[5 0 R 9 0 R]"))
    document = parse_pdf(str(path), lambda: None)
    assert document.properties["left_out"] == {"damaged pages (2)": 1}
