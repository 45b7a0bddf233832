"""Parses spreadsheets, and the presentations that share their format."""

from __future__ import annotations

import zipfile
import zlib
from datetime import datetime, time
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.binary import active_in_xls
from freshet.tasks.documents.parse.active.found import with_active
from freshet.tasks.documents.parse.active.office import active_in_office
from freshet.tasks.documents.parse.active.opendocument import active_in_opendocument
from freshet.tasks.documents.parse.build import build, first_title
from freshet.tasks.documents.parse.hidden import merged
from freshet.tasks.documents.parse.kinds import is_ole
from freshet.tasks.documents.parse.office import built_office, check_container
from freshet.tasks.documents.parse.ooxml.package import Package
from freshet.tasks.documents.parse.opendocument_hidden import hidden_in_opendocument
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.sheets.cells import HiddenCells, Row, Sheet, blocks_of_sheets, cell_text
from freshet.tasks.documents.parse.sheets.number_formats import general


def parse_xlsx(path: str, memory: int, comments: bool = False) -> ParsedDocument:
    """Parses a workbook; page numbers are sheet numbers, and each sheet's name is a title of the first level.

    Args:
        path: the file.
        memory: bytes that the process may take.
        comments: whether comments are text, here and in the other functions.
    """
    from freshet.tasks.documents.parse.sheets.workbook import read_workbook

    check_container(path, "xlsx", memory)
    hidden = HiddenCells(comments)
    blocks = list(blocks_of_sheets(read_workbook(path, "xlsx", hidden), hidden))
    with Package(path) as package:
        return built_office(package, blocks, hidden.tally.entries())


def parse_ods(path: str, memory: int, comments: bool = False) -> ParsedDocument:
    """Parses a spreadsheet of OpenDocument; pages and titles are those of `parse_xlsx`."""
    from freshet.tasks.documents.parse.sheets.opendocument import read_ods

    check_container(path, "ods", memory)
    hidden = HiddenCells(comments)
    blocks = list(blocks_of_sheets(read_ods(path, hidden), hidden))
    unseen = merged(hidden.tally.entries(), hidden_in_opendocument(path, "ods"))
    return with_active(build(blocks, first_title(blocks), hidden=unseen), active_in_opendocument(path))


def parse_odp(path: str, memory: int, comments: bool = False) -> ParsedDocument:
    """Parses a presentation of OpenDocument; page numbers are slide numbers."""
    from freshet.tasks.documents.parse.sheets.opendocument import read_odp

    check_container(path, "odp", memory)
    blocks, tally = read_odp(path, comments)
    unseen = merged(tally.entries(), hidden_in_opendocument(path, "odp"))
    return with_active(build(blocks, first_title(blocks), hidden=unseen), active_in_opendocument(path))


def parse_binary_workbook(path: str, kind: str, memory: int) -> ParsedDocument:
    """Parses a workbook in one of Excel's binary formats, `xls` or `xlsb`, whose formats of numbers are not read.

    Raises:
        Refused: PARSE-ENCRYPTED, PARSE-CORRUPT.
    """
    import python_calamine

    if not is_ole(path):
        check_container(path, kind, memory)
        _check_type(path, kind)
    hidden = HiddenCells()
    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheets = [_sheet(book, one, number, hidden) for number, one in enumerate(book.sheets_metadata, start=1)]
    except python_calamine.PasswordError:
        raise Refused("PARSE-ENCRYPTED", type=kind) from None
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise Refused("PARSE-CORRUPT", type=kind, error=type(error).__name__) from None
    blocks = list(blocks_of_sheets(sheets, hidden))
    document = build(blocks, first_title(blocks), hidden=hidden.tally.entries())
    if is_ole(path):
        return with_active(document, active_in_xls(path))
    with Package(path) as package:
        return with_active(document, active_in_office(package))


def _check_type(path: str, kind: str) -> None:
    """Refuses a container that does not say that it holds a workbook: by its suffix alone it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            types = archive.read("[Content_Types].xml")
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError, RuntimeError):
        types = b""
    if b"ms-excel" not in types and b"spreadsheetml" not in types:
        raise Refused("PARSE-UNSUPPORTED", type=kind)


def _sheet(book: Any, described: Any, number: int, hidden: HiddenCells) -> Sheet:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    if described.typ != SheetTypeEnum.WorkSheet:
        return Sheet(described.name, [])
    values = book.get_sheet_by_name(described.name)
    first_row, first_column = values.start or (0, 0)
    rows = []
    for at, cells in enumerate(values.to_python(skip_empty_area=True), start=first_row):
        shown = {column: text for column, one in enumerate(cells, start=first_column) if (text := _shown(one))}
        if shown:
            rows.append(Row(at, shown))
    if described.visible != SheetVisibleEnum.Visible:
        hidden.add("hidden sheet", (text for row in rows for text in row.cells.values()), number)
    return Sheet(described.name, rows)


def _shown(value: Any) -> str:
    """A value without its format: a moment that has no time of day is a day."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return general(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time.min else f"{value:%Y-%m-%d %H:%M:%S}"
    return cell_text(str(value))
