"""Finds active content in the files of OpenDocument: macros, what runs programs, and what comes from other files."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import Any

from freshet.tasks.documents.parse.active.found import ActiveTally, Entry, leads_elsewhere, located

_XLINK = "{http://www.w3.org/1999/xlink}href"
_PARTS = ("content.xml", "styles.xml", "meta.xml")
_MOST_READ = 50_000_000
_MODULE = re.compile(r"(?:Basic|Dialogs)/[^/]+/(?!script-l[bc]\.xml|dialog-l[bc]\.xml)[^/]+\.xml|Scripts/.*[^/]")
_WITHIN = re.compile(r"#|\./|Object|Pictures/|ObjectReplacements/|media/", re.I)
_DDE = re.compile(r"\bDDE\s*\(", re.I)
_LINKED = {
    "image": "external picture", "section-source": "external text", "table-source": "linked workbook",
    "cell-range-source": "linked workbook", "floating-frame": "external frame", "plugin": "external media",
    "applet": "program", "fill-image": "external picture", "background-image": "external picture",
    "list-level-style-image": "external picture",
}  # fmt: skip
"""Elements that load what their link leads to."""


def active_in_opendocument(path: str) -> list[Entry]:
    """Finds what a text, spreadsheet or presentation of OpenDocument runs, loads or carries; links are not told."""
    from lxml import etree

    tally = ActiveTally()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if modules := sum(1 for name in names if _MODULE.fullmatch(name)):
                tally.add("macro", "modules", count=modules)
            for part in _PARTS:
                if part in names:
                    with archive.open(part) as file:
                        raw = file.read(_MOST_READ)
                    _tally_tree(etree.fromstring(raw, parser), part.removesuffix(".xml"), tally)
    except (KeyError, zipfile.BadZipFile, zlib.error, SyntaxError, OSError, EOFError, ValueError, RuntimeError):
        return tally.entries()
    return tally.entries()


def _tally_tree(root: Any, part: str, tally: ActiveTally) -> None:
    place = part
    numbers = {"page": 0, "table": 0}
    for node in root.iter():
        if not isinstance(node.tag, str):
            continue
        name = node.tag.rpartition("}")[2]
        if name == "page":
            numbers["page"] += 1
            place = f"slide {numbers['page']}"
        elif name == "table" and str(node.getparent().tag).endswith("}spreadsheet"):
            numbers["table"] += 1
            place = f"sheet {numbers['table']}"
        _tally_node(node, name, place, tally)


def _tally_node(node: Any, name: str, place: str, tally: ActiveTally) -> None:
    target = str(node.get(_XLINK) or "")
    if name in ("dde-source", "dde-connection-decl"):
        stated = (value for key, value in node.attrib.items() if key.rpartition("}dde-")[1])
        tally.add("DDE", place, " ".join(map(str, stated)))
    elif name == "event-listener":
        action = next((value for key, value in node.attrib.items() if key.endswith("}action")), "")
        if action == "execute":
            tally.add("program", place, target)
        elif not action:
            tally.add("macro", place, target)
    elif name == "script" and (node.text or "").strip():
        tally.add("script", place)
    elif name == "object-ole":
        tally.add("embedded object", place)
    elif name == "object" and target and not _WITHIN.match(target):
        tally.add(located("linked object", target), place, target)
    elif name == "template" and leads_elsewhere(target):
        tally.add("attached template", place, target)
    elif name in _LINKED and target and not _WITHIN.match(target):
        tally.add(_LINKED[name], place, target)
    elif name == "table-cell" and _DDE.search(_formula(node)):
        tally.add("DDE", place)


def _formula(cell: Any) -> str:
    return next((str(value) for key, value in cell.attrib.items() if key.endswith("}formula")), "")
