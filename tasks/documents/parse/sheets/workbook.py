"""Reads workbooks of Excel (XLSX, XLSM, XLTX, XLTM, also in the strict form of the standard) cell by cell.

Values come from the file as they are, and are shown by their formats. Nothing is filled in between cells, so that a
cell far away costs no more than any other.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from typing import Any

from freshet.tasks.documents.parse.ooxml.charts import diagram_blocks, titles_of
from freshet.tasks.documents.parse.ooxml.package import UNREADABLE, parse_part
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.sheets.cells import HiddenCells, Row, Sheet, cell_text
from freshet.tasks.documents.parse.sheets.number_formats import formatted, formatted_text
from freshet.tasks.documents.parse.sheets.styles import all_below, cell_styles

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_REFERENCE = re.compile(r"([A-Z]{1,3})(\d{1,7})", re.I)


def read_workbook(path: str, kind: str, hidden: HiddenCells) -> list[Sheet]:
    """The sheets of a workbook in the order of their tabs; what is not shown is counted in `hidden`.

    Raises:
        Refused: PARSE-CORRUPT where the file is no workbook.
    """
    from lxml import etree

    try:
        with zipfile.ZipFile(path) as archive:
            return _Workbook(archive, hidden).sheets()
    except (KeyError, zipfile.BadZipFile, etree.XMLSyntaxError, OSError, ValueError, RuntimeError) as error:
        raise Refused("PARSE-CORRUPT", type=kind, error=type(error).__name__) from None


class _Workbook:
    def __init__(self, archive: zipfile.ZipFile, hidden: HiddenCells) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}
        self._hidden = hidden
        self._part = next(
            (part for kind, part in self._related("") if kind == "officeDocument"), "xl/workbook.xml"
        )  # fmt: skip
        book = self._tree(self._part)
        self._since_1904 = any(_is_on(one.get("date1904")) for one in all_below(book, "workbookPr"))
        related = self._related(self._part)
        strings = next((part for kind, part in related if kind == "sharedStrings"), None)
        styles = next((part for kind, part in related if kind == "styles"), None)
        self._strings = self._shared_strings(strings) if strings else []
        self._formats, self._white = cell_styles(self._tree(styles)) if styles else ([], [])
        self._listed = [(one.get("name") or "", one.get("state") or "", _id(one)) for one in all_below(book, "sheet")]

    def sheets(self) -> list[Sheet]:
        """Every sheet, whether it is shown or not."""
        by_id = self._related_by_id(self._part)
        found = []
        for number, (name, state, identity) in enumerate(self._listed, start=1):
            kind, part = by_id.get(identity, ("", ""))
            if kind != "worksheet":  # a chart on a sheet of its own
                found.append(Sheet(name, [], self._boxes(part, number) if part else []))
                continue
            rows = self._rows(part, number, hidden_sheet=state.lower() in ("hidden", "veryhidden"))
            found.append(Sheet(name, rows, self._boxes(part, number)))
        return found

    # ---- parts

    def _read(self, part: str) -> bytes:
        return self._archive.read(self._names.get(part.lower(), part))

    def _tree(self, part: str) -> Any:
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
        return etree.fromstring(self._read(part), parser)

    def _related_by_id(self, part: str) -> dict[str, tuple[str, str]]:
        """What a part refers to, by the reference's id: (kind, part); not what is outside the file."""
        folder, name = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations.lower() not in self._names:
            return {}
        found = {}
        for one in self._tree(relations):
            target = one.get("Target")
            if isinstance(one.tag, str) and target and one.get("TargetMode") != "External":
                where = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
                kind = (one.get("Type") or "").rpartition("/")[2]
                found[one.get("Id") or ""] = (kind, posixpath.normpath(where))
        return found

    def _related(self, part: str) -> list[tuple[str, str]]:
        return list(self._related_by_id(part).values())

    def _iterate(self, part: str, *names: str) -> Iterator[Any]:
        """The elements of these local names, each of which is forgotten when the next one is asked for."""
        from lxml import etree

        with self._archive.open(self._names.get(part.lower(), part)) as file:
            tags = [f"{{*}}{name}" for name in names]
            for _, node in etree.iterparse(
                file, events=("end",), tag=tags, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True
            ):
                yield node
                node.clear()
                while node.getprevious() is not None:
                    del node.getparent()[0]

    def _shared_strings(self, part: str) -> list[str]:
        return [_text_of(one) for one in self._iterate(part, "si")]

    # ---- cells

    def _rows(self, part: str, sheet: int, *, hidden_sheet: bool) -> list[Row]:
        hidden_columns: set[int] = set()
        rows: list[Row] = []
        kept_back: dict[str, list[str]] = {}
        number = -1
        for node in self._iterate(part, "col", "row"):
            if node.tag.endswith("}col"):
                if _is_on(node.get("hidden")):
                    last = min(int(node.get("max")), 16384)
                    hidden_columns.update(range(int(node.get("min")) - 1, last))
                continue
            number = int(node.get("r")) - 1 if node.get("r") else number + 1
            row = Row(number, {})
            is_hidden = _is_on(node.get("hidden"))
            column = -1
            for cell in node:
                if not isinstance(cell.tag, str) or not cell.tag.endswith("}c"):
                    continue
                place = _REFERENCE.match(cell.get("r") or "")
                column = _column(place[1]) if place else column + 1
                style = int(cell.get("s") or 0)
                text = cell_text(self._shown(cell, style))
                if not text:
                    continue
                row.cells[column] = text
                kinds = (
                    ("hidden sheet", hidden_sheet), ("hidden row", is_hidden),
                    ("hidden column", column in hidden_columns),
                    ("same colour", style < len(self._white) and self._white[style]),
                )  # fmt: skip
                kind = next((kind for kind, holds in kinds if holds), None)
                if kind:
                    kept_back.setdefault(kind, []).append(text)
            if row.cells:
                rows.append(row)
        for kind, texts in kept_back.items():
            self._hidden.add(kind, texts, sheet)
        return rows

    def _shown(self, cell: Any, style: int) -> str:
        kind = cell.get("t") or "n"
        code = self._formats[style] if style < len(self._formats) else "General"
        if kind == "inlineStr":
            return formatted_text(_text_of(cell), code)
        parts = {part.tag.rpartition("}")[2]: part.text or "" for part in cell if isinstance(part.tag, str)}
        value = parts.get("v", "").strip() if kind != "str" else parts.get("v", "")
        if not value:
            # What was never calculated has no value: a person sees it once the program calculates it.
            return f"={parts['f'] or '…'}" if "f" in parts else ""
        if kind == "s":
            return formatted_text(self._strings[int(value)], code)
        if kind == "str":
            return formatted_text(_unescaped(value), code)
        if kind == "b":
            return "TRUE" if _is_on(value) else "FALSE"
        if kind == "e":
            return value
        if kind == "d":
            return _iso(value)
        if code in ("General", "@") and value.lstrip("-").isdigit():
            return value
        try:
            return formatted(float(value), code, since_1904=self._since_1904)
        except (ValueError, OverflowError):
            return value

    # ---- what stands beside cells

    def _boxes(self, sheet_part: str, sheet: int) -> list[str]:
        """Texts of boxes and drawings. Comments show when somebody points at them, and are text if settings say so."""
        boxes = []
        related = self._related(sheet_part)
        for kind, part in related:
            if part.lower() not in self._names:
                continue
            if kind in ("comments", "threadedComment"):
                self._comments(part, sheet, threaded=any(kind == "threadedComment" for kind, _ in related))
            elif kind == "drawing":
                for one in self._iterate(part, "txBody"):
                    lines = ["".join(text.text or "" for text in all_below(line, "t")) for line in all_below(one, "p")]
                    boxes.append("\n".join(lines))
                boxes += self._drawn(part)
        return [box for box in boxes if box.strip()]

    def _drawn(self, drawing: str) -> list[str]:
        """The titles of charts, whose other words stand in cells, and the words of SmartArt."""
        found: list[str] = []
        for kind, part in self._related(drawing):
            if kind in ("chart", "chartEx", "diagramData"):
                with suppress(*UNREADABLE):  # a damaged drawing costs no sheet
                    root = parse_part(self._read(part))
                    blocks = diagram_blocks(root) if kind == "diagramData" else []
                    found += [block.text for block in blocks] or titles_of(root)
        return found

    @cached_property
    def _people(self) -> dict[str, str]:
        """Names of who wrote comments in threads, by the ids under which these name them."""
        parts = [part for kind, part in self._related(self._part) if kind == "person" and part.lower() in self._names]
        people = (one for part in parts for one in self._iterate(part, "person"))
        return {one.get("id") or "": one.get("displayName") or "" for one in people}

    def _comments(self, part: str, sheet: int, *, threaded: bool) -> None:
        """Takes the comments of a part. Each of a thread has a copy for older programs, whose author is the thread."""
        names = dict(self._people) if self._hidden.tally.comments_are_text else {}
        authors = 0
        for one in self._iterate(part, "author", "comment", "threadedComment"):
            if one.tag.endswith("}author"):
                names[str(authors)] = one.text or ""
                authors += 1
                continue
            name = names.get(one.get("authorId") or one.get("personId") or "", "")
            of_thread = name.startswith("tc={")
            text, author = _text_of(one), "" if of_thread else name
            self._hidden.tally.add_comment(text, author, sheet, is_copy=of_thread and threaded)


def _id(node: Any) -> str:
    return next((value for key, value in node.attrib.items() if key.startswith("{") and key.endswith("}id")), "")


def _text_of(node: Any) -> str:
    """The text of a string in all its runs, without how it is pronounced."""
    texts = []
    for one in node.iter("{*}t", "{*}text"):
        above = one.getparent()
        if above is None or not str(above.tag).endswith("}rPh"):
            texts.append(_unescaped(one.text or ""))
    return "".join(texts)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def _iso(value: str) -> str:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return value
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.min.time() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _is_on(value: str | None) -> bool:
    return (value or "").lower() in ("1", "true", "on")
