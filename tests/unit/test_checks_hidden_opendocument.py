"""Text that files of OpenDocument hold and their readers do not see."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.documents.parse.opendocument_hidden import hidden_in_opendocument
from freshet.tasks.documents.parse.sheets.parse import parse_odp, parse_ods
from tests.unit.office_files import zipped

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("style", "style"),
        ("fo", "xsl-fo-compatible"), ("presentation", "presentation"),
    )
)  # fmt: skip
STYLES = (
    '<style:style style:name="white"><style:text-properties fo:color="#FFFFFF"/></style:style>'
    '<style:style style:name="based" style:parent-style-name="white"/>'
    '<style:style style:name="gone"><style:text-properties text:display="none"/></style:style>'
    '<style:style style:name="tiny"><style:text-properties fo:font-size="1pt"/></style:style>'
    '<style:style style:name="dark"><style:text-properties fo:background-color="#000000"/></style:style>'
    '<style:style style:name="blue"><style:graphic-properties draw:fill="solid" draw:fill-color="#00f"/></style:style>'
    '<style:style style:name="clear"><style:graphic-properties draw:fill="none" draw:fill-color="#00f"/></style:style>'
)


def open_document(folder: Path, body: str, more: str = "") -> str:
    styles = f"<office:automatic-styles>{STYLES}{more}</office:automatic-styles>"
    root = f"<office:document-content {SPACES}>{styles}<office:body>{body}</office:body></office:document-content>"
    return zipped(folder / "a.odf", {"content.xml": root})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<text:p>Seen.</text:p><text:p text:style-name="white">unseen</text:p>', "same colour"),
        ('<text:p>Seen <text:span text:style-name="based">unseen</text:span> all.</text:p>', "same colour"),
        ('<text:p>Seen <text:span text:style-name="gone">unseen</text:span></text:p>', "hidden run"),
        ('<text:p text:style-name="tiny">unseen</text:p>', "too small"),
        ('<text:p><text:hidden-text text:string-value="unseen"/></text:p>', "hidden run"),
        ('<text:p text:style-name="dark"><text:span text:style-name="white">seen</text:span></text:p>', None),
        ('<draw:frame draw:style-name="blue"><text:p text:style-name="white">seen</text:p></draw:frame>', None),
        ('<draw:frame draw:style-name="clear"><text:p text:style-name="white">unseen</text:p></draw:frame>',
         "same colour"),
        ('<draw:custom-shape><text:p text:style-name="white">seen</text:p></draw:custom-shape>', None),
        ('<text:p>Seen.<office:annotation><text:p>unseen</text:p></office:annotation></text:p>', "comment"),
        ('<text:p text:style-name="gone">unseen <text:span text:style-name="white"/></text:p><text:p/>', "hidden run"),
    ],
)  # fmt: skip
def test_a_text_of_opendocument_hides_in_many_ways(tmp_path: Path, body: str, expected: str | None) -> None:
    entries = hidden_in_opendocument(open_document(tmp_path, body), "odt")
    assert [entry["kind"] for entry in entries] == ([expected] if expected else [])
    assert all("paragraph" in entry["place"] for entry in entries)


def sheet(style: str) -> str:
    cell = f'<table:table-cell table:style-name="{style}"><text:p>unseen</text:p></table:table-cell>'
    return f"<table:table><table:table-row>{cell}</table:table-row></table:table>"


def slides(*pages: str) -> str:
    return f"<office:presentation>{''.join(f'<draw:page>{page}</draw:page>' for page in pages)}</office:presentation>"


def frame(text: str, attributes: str = "") -> str:
    return f"<draw:frame {attributes}><draw:text-box>{text}</draw:text-box></draw:frame>"


PLAIN, WHITE = "<text:p>unseen</text:p>", '<text:p text:style-name="white">unseen</text:p>'
ON_THE_SECOND = [{"kind": "same colour", "count": 1, "chars": 6, "page": 2}]


def test_white_cells_are_told_by_sheet(tmp_path: Path) -> None:
    path = open_document(tmp_path, f"<office:spreadsheet>{sheet('')}{sheet('white')}</office:spreadsheet>")
    assert parse_ods(path, 10**9).properties["hidden"] == ON_THE_SECOND


def test_white_words_are_told_by_slide_unless_slides_have_a_colour(tmp_path: Path) -> None:
    deck = slides(frame(PLAIN), frame(WHITE))
    assert parse_odp(open_document(tmp_path, deck), 10**9).properties["hidden"] == ON_THE_SECOND
    page = '<style:drawing-page-properties draw:fill="solid"/>'
    page = f'<style:style style:family="drawing-page" style:name="p">{page}</style:style>'
    assert "hidden" not in parse_odp(open_document(tmp_path, deck, page), 10**9).properties


def test_shapes_that_are_switched_off_are_told_by_slide(tmp_path: Path) -> None:
    deck = slides(frame(PLAIN, 'draw:display="always"') + frame(PLAIN, 'draw:display="none"'))
    odp = parse_odp(open_document(tmp_path, deck), 10**9)
    assert odp.properties["hidden"] == [{"kind": "hidden shape", "count": 1, "chars": 6, "page": 1}]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"<office:document-content>"])
def test_a_damaged_file_hides_nothing(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "damaged.odt"
    path.write_bytes(data)
    assert hidden_in_opendocument(str(path), "odt") == []
