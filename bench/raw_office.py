"""The raw words of DOCX, PPTX and XLSX files by part, for bench/fidelity.py: read out of their XML, without Freshet.

A file's text is a list of (part, text) in the order of the file; words that go on from one to the next are one word.

Read of Word: the body, tables, text boxes, content controls, tracked insertions, the notes that the body refers to,
comments, and the headers and footers that a section shows. Of PowerPoint: the slides, their tables, notes and comments,
and the placeholders of headers and footers. Of Excel: cells that hold strings and booleans, text boxes and comments. Of
all: charts (their strings, each once a chart) and SmartArt.

Not read: deleted text, field codes, hidden runs, what stands in a cell that continues the one above it, `mc:Fallback`
beside its `mc:Choice`, the readings of ruby, and numbers and dates, of cells and of charts, since how a sheet shows
them is not for the raw file to say; nor the headers and footers that a sheet is printed with, and parts in other
formats that a file takes in.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

Segments = list[tuple[str, str]]
"""(part, text) in the order of the file."""

_PREFIXES = (
    ("wordprocessingml", "w"), ("/officeDocument/2006/math", "m"), ("/officeDocument/math", "m"),
    ("markup-compatibility", "mc"), ("spreadsheetml", "x"), ("presentationml", "p"), ("spreadsheetDrawing", "xdr"),
    ("drawing/2014/chartex", "cx"), ("/chart", "c"), ("drawingml/2006/main", "a"), ("drawingml/main", "a"),
)  # fmt: skip
_PARTS = {
    "w:tbl": "tables", "a:tbl": "tables", "w:txbxContent": "boxes", "w:sdt": "controls", "w:ins": "insertions",
    "w:moveTo": "insertions",
}  # fmt: skip
_SKIPPED = {"w:del", "w:moveFrom", "w:rt", "a:fld"}
_ENDS = {
    "w:p": "\n", "w:tc": "\n", "a:p": "\n", "a:tc": "\n", "w:tab": " ", "w:br": "\n", "w:cr": "\n", "a:br": "\n",
    "w:noBreakHyphen": "-", "w:sym": " ", "w:ptab": " ",
}  # fmt: skip
_FURNITURE = {"dt", "ftr", "hdr", "sldNum"}
_OFF = {"0", "false", "off"}


def read_office(path: Path) -> Segments:
    """Returns the text of an Office file; raises whatever zipfile or lxml do where it is damaged."""
    with zipfile.ZipFile(path) as archive:
        package = _Package(archive)
        main = next(name for _, kind, name in package.related("") if kind == "officeDocument")
        kind = _name(package.tree(main))
        return {"w:document": _word, "p:presentation": _slides, "x:workbook": _workbook}[kind](package, main)


class _Package:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}

    def tree(self, part: str) -> Any:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
        return etree.fromstring(self._archive.read(self._names[part.lower()]), parser)

    def related(self, part: str) -> list[tuple[str, str, str]]:
        """Returns (id, kind, part) of all that a part refers to within the file."""
        folder, name = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations.lower() not in self._names:
            return []
        found = [
            (node.get("Id"), node.get("Type").rpartition("/")[2], posixpath.join("/", folder, node.get("Target")))
            for node in self.tree(relations)
            if node.get("TargetMode") != "External"
        ]
        inside = [(key, kind, posixpath.normpath(target).lstrip("/")) for key, kind, target in found]
        return [one for one in inside if one[2].lower() in self._names]

    def of_kind(self, part: str, *kinds: str) -> list[str]:
        return [name for _, kind, name in self.related(part) if kind in kinds]


def _name(node: Any) -> str:
    """Returns an element's name behind the usual prefix of its namespace, in the strict form of the standard, too."""
    space, _, local = node.tag.rpartition("}")
    return f"{next((prefix for mark, prefix in _PREFIXES if mark in space), '')}:{local}"


def _below(node: Any, *names: str) -> Iterator[Any]:
    return (one for one in node.iter() if _name(one) in names)


def _id_of(node: Any, key: str = "id") -> str:
    found = (value for name, value in node.attrib.items() if name.startswith("{") and name.endswith(f"}}{key}"))
    return next(found, "")


def _is_on(node: Any) -> bool:
    return (_attribute(node, "val") or "true").lower() not in _OFF


def _attribute(node: Any, key: str) -> str:
    return next((value for name, value in node.attrib.items() if name.rpartition("}")[2] == key), "")


def _read(node: Any, part: str, into: Segments, by_element: bool = True, later: Segments | None = None) -> None:
    """Adds the text of an element.

    Args:
        by_element: whether elements within name parts of their own.
        later: where the boxes go that hang on the paragraph around the element, so that they break no word of it.
    """
    name = _name(node)
    if name in _SKIPPED or (name == "w:r" and _is_hidden(node)) or (name == "w:tc" and _continues(node)):
        return
    if name in ("w:t", "a:t", "m:t"):
        into.append((part, f" {node.text or ''} " if name == "m:t" else node.text or ""))
        return
    part = _PARTS.get(name, part) if by_element else part
    is_paragraph = name in ("w:p", "a:p")
    hanging: Segments | None = [] if is_paragraph else later
    target = into if name != "w:txbxContent" or later is None else later
    for child in _branch(node) if name == "mc:AlternateContent" else node:
        _read(child, part, target, by_element, hanging)
    if name in _ENDS:
        target.append((part, _ENDS[name]))
    if is_paragraph and hanging:
        into += hanging


def _branch(alternatives: Any) -> Any:
    """Returns the first of the alternatives, which is the one that current programs show."""
    return next((one for name in ("mc:Choice", "mc:Fallback") for one in alternatives if _name(one) == name), ())


def _is_hidden(run: Any) -> bool:
    marks = [one for properties in run if _name(properties) == "w:rPr" for one in properties]
    return any(_name(one) == "w:vanish" and _is_on(one) for one in marks)


def _continues(cell: Any) -> bool:
    """Whether a cell continues the one above it: Word shows nothing of its own."""
    marks = [one for properties in cell if _name(properties) == "w:tcPr" for one in properties]
    return any(_name(one) == "w:vMerge" and _attribute(one, "val") != "restart" for one in marks)


def _word(package: _Package, main: str) -> Segments:
    root = package.tree(main)
    segments: Segments = []
    _read(root, "body", segments)
    for kind in ("footnote", "endnote"):
        used = {_attribute(one, "id") for one in _below(root, f"w:{kind}Reference")}
        for name in package.of_kind(main, f"{kind}s"):
            for note in package.tree(name):
                if _attribute(note, "id") in used:
                    _read(note, "notes", segments, by_element=False)
    for name in package.of_kind(main, "comments"):
        _read(package.tree(name), "comments", segments, by_element=False)
    segments += _headers(package, main, root)
    return segments + _drawings(package, main)


def _headers(package: _Package, main: str, root: Any) -> Segments:
    """Returns the headers and footers that pages show, each text once."""
    settings = [node for name in package.of_kind(main, "settings") for node in package.tree(name)]
    is_even_own = any(_name(node) == "w:evenAndOddHeaders" and _is_on(node) for node in settings)
    names = {key: name for key, _, name in package.related(main)}
    texts: dict[str, None] = {}
    for section in _below(root, "w:sectPr"):
        is_first_own = any(_name(node) == "w:titlePg" and _is_on(node) for node in section)
        for node in section:
            kind = _attribute(node, "type") or "default"
            is_shown = {"first": is_first_own, "even": is_even_own}.get(kind, True)
            if _name(node) in ("w:headerReference", "w:footerReference") and is_shown and _id_of(node) in names:
                found: Segments = []
                _read(package.tree(names[_id_of(node)]), "headers", found, by_element=False)
                texts["".join(text for _, text in found)] = None
    return [("headers", f"{text}\n") for text in texts]


def _drawings(package: _Package, part: str) -> Segments:
    """Returns the strings of the charts and the SmartArt to which a part refers."""
    segments: Segments = []
    for name in dict.fromkeys(package.of_kind(part, "chart", "chartEx")):
        root = package.tree(name)
        strings: dict[str, None] = {}
        for cache in _below(root, "c:strCache", "c:strLit", "c:multiLvlStrCache", "cx:strDim", "cx:tx", "c:tx"):
            strings.update((one.text or "", None) for one in _below(cache, "c:v", "cx:pt", "cx:v"))
        segments += [("charts", f"{text}\n") for text in strings]
        for typed in (root, *(package.tree(one) for one in package.of_kind(name, "chartUserShapes"))):
            _read(typed, "charts", segments, by_element=False)
    for name in dict.fromkeys(package.of_kind(part, "diagramData")):
        _read(package.tree(name), "charts", segments, by_element=False)
    return segments


def _slides(package: _Package, main: str) -> Segments:
    names = {key: name for key, _, name in package.related(main)}
    segments: Segments = []
    for listed in _below(package.tree(main), "p:sldId"):
        part = names.get(_id_of(listed))
        if part is None:
            continue
        _shapes(package.tree(part), "body", segments)
        segments += _drawings(package, part)
        for name in package.of_kind(part, "notesSlide"):
            _shapes(package.tree(name), "notes", segments)
        for name in package.of_kind(part, "comments"):
            for node in package.tree(name).iter("{*}text"):
                segments.append(("comments", f"{node.text or ''}\n"))
            _read(package.tree(name), "comments", segments)
    return segments


def _shapes(root: Any, part: str, into: Segments) -> None:
    """Adds the text of a slide or of its notes; what a notes page repeats of the slide's frame is left out."""
    for node in root:
        kind = next((_attribute(one, "type") for one in _below(node, "p:ph")), "") if _name(node) == "p:sp" else ""
        if _name(node) in ("p:sp", "p:graphicFrame", "p:cxnSp"):
            is_frame = kind in _FURNITURE
            if not (is_frame and part == "notes"):
                _read(node, "headers" if is_frame else part, into)
        elif _name(node) == "mc:AlternateContent":
            _shapes(_branch(node), part, into)
        else:
            _shapes(node, part, into)


def _workbook(package: _Package, main: str) -> Segments:
    strings = [_string(one) for name in package.of_kind(main, "sharedStrings") for one in package.tree(name)]
    names = {key: name for key, _, name in package.related(main)}
    segments: Segments = []
    for listed in _below(package.tree(main), "x:sheet"):
        part = names.get(_id_of(listed))
        if part is None:
            continue
        for cell in _below(package.tree(part), "x:c"):
            kind, value = cell.get("t"), next((one.text or "" for one in cell if _name(one) == "x:v"), "")
            if kind == "s" and value:
                segments.append(("body", f"{strings[int(value)]}\n"))
            elif kind in ("str", "inlineStr"):
                segments.append(("body", f"{value if kind == 'str' else _string(cell)}\n"))
            elif kind == "b":
                segments.append(("body", "TRUE\n" if value == "1" else "FALSE\n"))
        for name in package.of_kind(part, "comments"):
            segments += [("comments", f"{_string(one)}\n") for one in _below(package.tree(name), "x:comment")]
        for name in package.of_kind(part, "drawing"):
            for box in _below(package.tree(name), "xdr:txBody"):
                _read(box, "boxes", segments, by_element=False)
            segments += _drawings(package, name)
    return segments


def _string(node: Any) -> str:
    """Returns a string in all its runs, without how it is pronounced."""
    return "".join(one.text or "" for one in _below(node, "x:t") if _name(one.getparent()) != "x:rPh")
