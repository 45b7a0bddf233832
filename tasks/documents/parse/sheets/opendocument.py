"""Reads the spreadsheets and presentations of OpenDocument, which hold each cell's text as a person sees it."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.hidden import Tally
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.sheets.cells import HiddenCells, Row, Sheet, cell_text, table_text

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_TABLE, _TEXT, _OFFICE, _STYLE, _DRAW, _PRESENTATION = (
    f"{{{_OASIS}{name}:1.0}}" for name in ("table", "text", "office", "style", "drawing", "presentation")
)
_CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
_UNSEEN_ROWS = frozenset({"collapse", "filter"})
_MOST_ROWS, _MOST_COLUMNS = 1 << 20, 1 << 14


def read_ods(path: str, hidden: HiddenCells) -> list[Sheet]:
    """The sheets of a spreadsheet; what is not shown is counted in `hidden`.

    Raises:
        Refused: PARSE-CORRUPT where the file is no spreadsheet, PARSE-ENCRYPTED where it is locked.
    """
    content = _content(path, "ods")
    undisplayed = {
        style.get(f"{_STYLE}name")
        for style in content.iter(f"{_STYLE}style")
        for one in style.iter(f"{_STYLE}table-properties")
        if one.get(f"{_TABLE}display") == "false"
    }
    sheets = []
    tables = [one for body in content.iter(f"{_OFFICE}spreadsheet") for one in body.iterchildren(f"{_TABLE}table")]
    for number, table in enumerate(tables, start=1):
        is_hidden = table.get(f"{_TABLE}style-name") in undisplayed
        rows = _rows(table, number, hidden, hidden_sheet=is_hidden)
        boxes = [_paragraphs(one) for shapes in table.iterchildren(f"{_TABLE}shapes") for one in shapes]
        sheets.append(Sheet(table.get(f"{_TABLE}name") or "", rows, [box for box in boxes if box]))
    return sheets


def _rows(table: Any, sheet: int, hidden: HiddenCells, *, hidden_sheet: bool) -> list[Row]:
    hidden_columns = _hidden_columns(table)
    rows: list[Row] = []
    number = 0
    for node in table.iter(f"{_TABLE}table-row"):
        if next(node.iterancestors(f"{_TABLE}table")) is not table:
            continue
        repeated = _repeated(node, "rows", _MOST_ROWS)
        cells, column = {}, 0
        for cell in node.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            times = _repeated(cell, "columns", _MOST_COLUMNS)
            for one in cell.iterchildren(f"{_OFFICE}annotation"):
                hidden.tally.add_comment(_paragraphs(one), one.findtext(_CREATOR), sheet)
            if text := cell_text(_paragraphs(cell)):
                cells.update(dict.fromkeys(range(column, column + times), text))
            column += times
        if cells:
            rows += [Row(number + one, cells) for one in range(repeated)]
            if hidden_sheet:
                hidden.add("hidden sheet", cells.values(), sheet)
            elif node.get(f"{_TABLE}visibility") in _UNSEEN_ROWS:
                hidden.add("hidden row", cells.values(), sheet)
            else:
                hidden.add("hidden column", [cells[one] for one in sorted(hidden_columns & cells.keys())], sheet)
        number += repeated
    return rows


def _hidden_columns(table: Any) -> set[int]:
    found: set[int] = set()
    column = 0
    for node in table.iter(f"{_TABLE}table-column"):
        times = _repeated(node, "columns", _MOST_COLUMNS)
        if node.get(f"{_TABLE}visibility") in _UNSEEN_ROWS:
            found.update(range(column, column + times))
        column += times
    return found


def _repeated(node: Any, what: str, most: int) -> int:
    stated = node.get(f"{_TABLE}number-{what}-repeated") or "1"
    return min(int(stated), most) if stated.isdigit() else 1


def read_odp(path: str, comments: bool = False) -> tuple[list[Block], Tally]:
    """The blocks of a presentation, whose pages are its slides, and what is not shown of it.

    Args:
        path: the file.
        comments: whether comments are text, which follows that of their slide.

    Raises:
        Refused: PARSE-CORRUPT where the file is no presentation, PARSE-ENCRYPTED where it is locked.
    """
    content, tally, blocks = _content(path, "odp"), Tally(comments), list[Block]()
    unseen = {
        style.get(f"{_STYLE}name")
        for style in content.iter(f"{_STYLE}style")
        for one in style.iter(f"{_STYLE}drawing-page-properties")
        if one.get(f"{_PRESENTATION}visibility") == "hidden"
    }
    for number, page in enumerate(content.iter(f"{_DRAW}page"), start=1):
        made = list(_slide(page, number))
        if page.get(f"{_DRAW}style-name") in unseen:
            tally.add("hidden slide", " ".join(block.text for block in made), number)
        for comment in page.iter(f"{_OFFICE}annotation"):
            tally.add_comment(_paragraphs(comment), comment.findtext(_CREATOR), number)
        blocks += [*made, *tally.comments.get(number, ())]
    return blocks, tally


def _slide(page: Any, number: int) -> Iterator[Block]:
    """What stands in a slide's frames and shapes, tables as rows; its notes come last, as they do in the file."""
    for node in page.iter(f"{_TEXT}p", f"{_TEXT}h", f"{_TABLE}table"):
        above = list(node.iterancestors())
        within = {one.tag for one in above[: above.index(page)]}
        if within & {f"{_TABLE}table", f"{_OFFICE}annotation", f"{_TEXT}p"}:
            continue
        if node.tag == f"{_TABLE}table":
            yield Block("Table", table_text(_rows(node, number, HiddenCells(), hidden_sheet=False)), page=number)
            continue
        is_title = any((one.get(f"{_PRESENTATION}class") or "") == "title" for one in above)
        kind = "Title" if is_title else "ListItem" if f"{_TEXT}list-item" in within else "UncategorizedText"
        yield Block(kind, _line(node), level=1 if is_title else 0, page=number)


def _content(path: str, kind: str) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        with zipfile.ZipFile(path) as archive:
            if "META-INF/manifest.xml" in archive.namelist() and b"encryption-data" in archive.read(
                "META-INF/manifest.xml"
            ):
                raise Refused("PARSE-ENCRYPTED", type=kind)
            return etree.fromstring(archive.read("content.xml"), parser)
    except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError, OSError, ValueError, RuntimeError) as error:
        raise Refused("PARSE-CORRUPT", type=kind, error=type(error).__name__) from None


def _paragraphs(node: Any) -> str:
    """The paragraphs below a node as lines, without those of its comments."""
    lines = []
    for one in node.iter(f"{_TEXT}p", f"{_TEXT}h"):
        between = []
        for above in one.iterancestors():
            if above is node:
                break
            between.append(above.tag)
        if f"{_OFFICE}annotation" not in between:
            lines.append(_line(one))
    return "\n".join(lines)


def _line(node: Any) -> str:
    """The text of a paragraph; spaces, tabs and line breaks are elements of their own, and notes are left out."""
    parts = [node.text or ""]
    for child in node:
        if child.tag == f"{_TEXT}s":
            count = child.get(f"{_TEXT}c") or "1"
            parts.append(" " * (min(int(count), 100) if count.isdigit() else 1))
        elif child.tag == f"{_TEXT}tab":
            parts.append("\t")
        elif child.tag == f"{_TEXT}line-break":
            parts.append("\n")
        elif isinstance(child.tag, str) and child.tag != f"{_OFFICE}annotation":
            parts.append(_line(child))
        parts.append(child.tail or "")
    return "".join(parts)
