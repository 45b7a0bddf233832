"""The text of Office files, OpenDocument files and EPUBs, by expat over the parts that people see."""

from __future__ import annotations

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from xml.parsers import expat

from freshet.tasks.documents.parse.coverage.compare import Passage
from freshet.tasks.documents.parse.coverage.markup import html_passages
from freshet.tasks.documents.parse.decode import decode

_SHOWN = frozenset({
    "document", "hdr", "ftr", "footnotes", "endnotes", "sld", "notes", "chartSpace", "dataModel", "drawing", "wsDr",
    "worksheet", "chartsheet", "dialogsheet", "macrosheet", "document-content", "document-styles",
})  # fmt: skip
"""Names of the roots of parts that people see; others say how a file looks, who wrote it, what was remarked on it."""

_SKIPPED = frozenset({"Fallback", "del", "moveFrom", "rPh", "txData", "numCache", "extLst"})
_SEPARATORS = frozenset({"separator", "continuationSeparator", "continuationNotice"})
_BREAKS = frozenset({"tab", "br", "cr", "ptab"})
_ODF_SKIPPED = frozenset({
    "tracked-changes", "note-citation", "ruby-text", "annotation", "page-number", "page-count", "date-time",
    "footer-decl",
})  # fmt: skip
_ODF_PARAGRAPHS = frozenset({"p", "h"})
_SHEETS = frozenset({"worksheet", "chartsheet", "dialogsheet", "macrosheet"})
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_HEAD = 65_536


def ooxml_passages(path: str) -> Iterator[Passage]:
    """Yields the paragraphs of a Word or PowerPoint file's parts, without deleted text and codes of fields."""
    with zipfile.ZipFile(path) as archive:
        unshown = _unshown_margins(archive)
        for name, raw in _parts(archive):
            if name not in unshown:
                yield from (Passage(name, text) for text in _paragraphs(raw))


def _unshown_margins(archive: zipfile.ZipFile) -> set[str]:
    """Returns headers and footers of Word that no page shows: those of first and of even pages can be switched off."""
    names = set(archive.namelist())
    margins = {name for name in names if re.fullmatch(r"word/(?:header|footer)\d*\.xml", name)}
    if not margins or not {"word/document.xml", "word/_rels/document.xml.rels"} <= names:
        return set()
    settings = "word/settings.xml" in names and any(_elements(archive, "word/settings.xml", "evenAndOddHeaders"))
    kinds = {"default", *(["even"] if settings else [])}
    kinds |= {"first"} if any(_elements(archive, "word/document.xml", "titlePg")) else set()
    rels = {one["Id"]: one["Target"] for one in _elements(archive, "word/_rels/document.xml.rels", "Relationship")}
    shown = set()
    for what in ("headerReference", "footerReference"):
        for one in _elements(archive, "word/document.xml", what):
            stated = {_local(key): value for key, value in one.items()}
            if stated.get("type", "default") in kinds:
                shown.add(posixpath.normpath(posixpath.join("word", rels.get(stated.get("id", ""), "")).lstrip("/")))
    return margins - shown


def workbook_passages(path: str) -> Iterator[Passage]:
    """Yields the texts in the cells of a workbook, and those of its comments, text boxes and charts.

    Numbers are left out, since a sheet shows them by its formats, which are the parser's to apply.
    """
    with zipfile.ZipFile(path) as archive:
        shared = [name for name in archive.namelist() if posixpath.basename(name).lower() == "sharedstrings.xml"]
        strings = [text for name in shared for text in _paragraphs(archive.read(name), paragraph="si", every=True)]
        for name, raw in _parts(archive):
            if _root(raw) in _SHEETS:
                yield from _cells(raw, name, strings)
            else:
                yield from (Passage(name, text) for text in _paragraphs(raw))


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Yields (name, XML) of each part that people see. A damaged one is left out; its parser counts it."""
    for name in archive.namelist():
        if name.lower().endswith(".xml"):
            try:
                raw = archive.read(name)
            except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError):
                continue
            if _root(raw) in _SHOWN:
                yield name, raw


def _root(raw: bytes) -> str:
    found: list[str] = []
    reader = expat.ParserCreate()

    def start(name: str, _: dict[str, str]) -> None:
        found.append(_local(name))
        reader.StartElementHandler = None

    reader.StartElementHandler = start
    _parse(reader, raw[:_HEAD], is_whole=False)
    return found[0] if found else ""


def _parse(reader: expat.XMLParserType, raw: bytes, *, is_whole: bool = True) -> None:
    """Reads up to where the XML is damaged, if it is."""
    with suppress(expat.ExpatError):
        reader.Parse(raw, is_whole)


def _handle(
    raw: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None],
    data: Callable[[str], None],
) -> None:
    reader = _reader()
    reader.StartElementHandler, reader.EndElementHandler, reader.CharacterDataHandler = start, end, data
    _parse(reader, raw)


def _reader() -> expat.XMLParserType:
    reader = expat.ParserCreate()
    reader.buffer_text = True
    return reader


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _paragraphs(raw: bytes, paragraph: str = "p", *, every: bool = False) -> Iterator[str]:
    """Yields the text of each paragraph of a part, that of text boxes apart from the paragraph that they hang on.

    Args:
        raw: the XML of the part.
        paragraph: the element that holds one.
        every: whether empty ones are yielded.
    """
    found: list[str] = []
    stack: list[list[str]] = [[]]
    skipped: list[str] = []
    cells: list[int] = []
    inside = [""]

    def start(name: str, stated: dict[str, str]) -> None:
        local = _local(name)
        inside.append(local)
        is_number = local == "fld" and stated.get("type") == "slidenum"
        is_separator = local in ("footnote", "endnote") and not _SEPARATORS.isdisjoint(stated.values())
        if local in _SKIPPED or is_number or is_separator:
            skipped.append(local)
        elif local == "tc":
            cells.append(len(skipped))
        elif local == "vMerge" and cells and "restart" not in stated.values():
            skipped.append("")  # a cell that another one above covers
        elif local == paragraph:
            stack.append([])
        elif local in _BREAKS and stack:
            stack[-1].append(" ")

    def end(name: str) -> None:
        local = _local(name)
        inside.pop()
        if skipped and skipped[-1] == local:
            skipped.pop()
        if local == "tc" and cells:
            del skipped[cells.pop() :]
        if (local == paragraph and len(stack) > 1) or local == "pt":
            text = "".join(stack.pop() if local == paragraph else stack[-1])
            if local == "pt":
                stack[-1].clear()
            if every or text.strip():
                found.append(text)

    def data(text: str) -> None:
        if not skipped and inside[-1] in ("t", "v"):
            stack[-1].append(text)

    _handle(raw, start, end, data)
    return iter(found)


def _cells(raw: bytes, part: str, strings: list[str]) -> Iterator[Passage]:
    found: list[Passage] = []
    cell = {"place": "", "kind": ""}
    parts: list[str] = []
    inside = [""]

    def start(name: str, stated: dict[str, str]) -> None:
        inside.append(_local(name))
        if inside[-1] == "c":
            cell.update(place=f"{part} {stated.get('r', '')}".strip(), kind=stated.get("t", "n"))
            parts.clear()

    def end(name: str) -> None:
        inside.pop()
        if _local(name) != "c":
            return
        text = "".join(parts)
        if cell["kind"] == "s" and text.strip().isdecimal():
            number = int(text)
            text = strings[number] if number < len(strings) else ""
        if cell["kind"] in ("s", "str", "inlineStr") and text.strip():
            found.append(Passage(cell["place"], _ESCAPED.sub(lambda one: chr(int(one[1], 16)), text)))

    def data(text: str) -> None:
        if inside[-1] in ("v", "t") and "rPh" not in inside:
            parts.append(text)

    _handle(raw, start, end, data)
    return iter(found)


def opendocument_passages(path: str) -> Iterator[Passage]:
    """Yields the paragraphs of an OpenDocument file, and those of its headers and footers."""
    with zipfile.ZipFile(path) as archive:
        for name, raw in _parts(archive):
            yield from (Passage(name, text) for text in _odf_paragraphs(raw))


def _odf_paragraphs(raw: bytes) -> Iterator[str]:
    found: list[str] = []
    stack: list[list[str]] = []
    skipped: list[str] = []

    def start(name: str, stated: dict[str, str]) -> None:
        space, _, local = name.rpartition(":")
        if local in _ODF_SKIPPED:
            skipped.append(local)
        elif space == "text" and local in _ODF_PARAGRAPHS:
            stack.append([])
        elif stack and local in ("s", "tab", "line-break"):
            stack[-1].append(" ")

    def end(name: str) -> None:
        space, _, local = name.rpartition(":")
        if skipped and skipped[-1] == local:
            skipped.pop()
        elif space == "text" and local in _ODF_PARAGRAPHS and stack:
            text = "".join(stack.pop())
            if text.strip() and not skipped:
                found.append(text)

    def data(text: str) -> None:
        if stack and not skipped:
            stack[-1].append(text)

    _handle(raw, start, end, data)
    return iter(found)


def epub_passages(path: str) -> Iterator[Passage]:
    """Yields the passages of a book's pages, in the order of its spine."""
    with zipfile.ZipFile(path) as archive:
        for name in _spine(archive):
            yield from html_passages(decode(archive.read(name), markup=True), name)


def _spine(archive: zipfile.ZipFile) -> list[str]:
    listing = next((str(one["full-path"]) for one in _elements(archive, "META-INF/container.xml", "rootfile")), "")
    pages = {one.get("id"): one.get("href", "") for one in _elements(archive, listing, "item")}
    folder, names = posixpath.dirname(listing), set(archive.namelist())
    hrefs = [pages.get(one.get("idref"), "") for one in _elements(archive, listing, "itemref")]
    found = [posixpath.normpath(posixpath.join(folder, href)) for href in hrefs if href]
    return [name for name in found if name in names]


def _elements(archive: zipfile.ZipFile, part: str, local: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    reader = _reader()
    reader.StartElementHandler = lambda name, stated: found.append(stated) if _local(name) == local else None
    _parse(reader, archive.read(part))
    return found
