"""Finds active content in Word, PowerPoint and Excel files, by their relationships and the XML of their parts."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.active.fields import field_found, quoted
from freshet.tasks.documents.parse.active.found import ActiveTally, Entry, located
from freshet.tasks.documents.parse.ooxml.package import UNREADABLE, A, Package, R, Target, W

_OUTSIDE = {
    "image": "external picture", "video": "external media", "audio": "external media", "media": "external media",
    "externalLinkPath": "linked workbook", "mailMergeSource": "data connection", "frame": "external frame",
    "aFChunk": "external text", "transform": "attached template",
}  # fmt: skip
"""Kinds of relationships to what is outside of the file; those that are not here are told as an external part."""

_BY_PLACE = {
    "attachedTemplate": "attached template", "oleObject": "linked object", "subDocument": "subdocument",
}  # fmt: skip
_ORDINARY = frozenset({"hyperlink"})
_INSIDE = {
    "vbaProject": "macro", "xlMacrosheet": "macro", "xlIntlMacrosheet": "macro", "control": "ActiveX control",
    "connections": "data connection",
}  # fmt: skip
_PLAIN_NAME = re.compile(r"[a-z]{1,20}\d{0,5}", re.I)
_WITH_OBJECTS = (b"OLEObject", b"oleObj")
_WITH_FIELDS = (b"instrText", b"fldSimple")
_ACTIONS = {"program": "program", "macro": "macro"}
_LOADING = re.compile(rb"<(?:\w+:)?f\b[^<]*?\b(WEBSERVICE|IMAGE|RTD)\(", re.I)
_DDE = re.compile(rb"<(?:\w+:)?f\b[^<>]*+>[^<>|]*+\|(?:'|&apos;)", re.I)
"""A formula that asks another program: =cmd|'/c calc'!A1."""

_QUERIES = b"DataMashup"
_MOST_OF_SHEET = 20_000_000
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def active_in_office(package: Package) -> list[Entry]:
    """Finds what a Word, PowerPoint or Excel file, binary workbooks (XLSB) included, runs, loads or carries.

    Ordinary links are not told, nor form controls, nor the workbooks behind charts.
    """
    tally = ActiveTally()
    try:
        places = _Places(package)
        for part in ("", *package.parts_with_relationships):
            targets = package.targets(part)
            for target in targets.values():
                _tally_target(package, target, places.of(part), tally)
        for part in package.names:
            _tally_part(package, part, places.of(part), tally)
    except UNREADABLE:
        return tally.entries()
    return tally.entries()


class _Places:
    """How a reader finds a part: "slide 3" and "sheet 2" by their order, else by the name that programs give it."""

    def __init__(self, package: Package) -> None:
        self._numbered: dict[str, str] = {}
        targets = package.targets(package.main)
        for word, tag in (("slide", "sldId"), ("sheet", "sheet")):
            try:
                listed = list(package.root.iter(f"{{*}}{tag}"))
            except UNREADABLE:  # a workbook that is not XML
                listed = []
            for number, node in enumerate(listed, start=1):
                target = targets.get(str(node.get(f"{R}id")))
                if target is not None:
                    self._numbered[target.name.lower()] = f"{word} {number}"

    def of(self, part: str) -> str:
        name = posixpath.basename(part).partition(".")[0].lower()
        # Whoever made the file chose this name: evidence shows none that could be a sentence.
        return self._numbered.get(part.lower()) or (name if _PLAIN_NAME.fullmatch(name) else "")


def _tally_target(package: Package, target: Target, place: str, tally: ActiveTally) -> None:
    if not target.external:
        if target.kind in _INSIDE and target.name in package:
            tally.add(_INSIDE[target.kind], place)
    elif target.kind in _BY_PLACE:
        tally.add(located(_BY_PLACE[target.kind], target.name), place, target.name)
    elif target.kind not in _ORDINARY:
        tally.add(_OUTSIDE.get(target.kind, "external part"), place, target.name)


def _tally_part(package: Package, part: str, place: str, tally: ActiveTally) -> None:
    if not part.endswith(".xml"):
        return
    try:
        raw = package.read(part)
        if "/worksheets/" in part and (match := _LOADING.search(raw)):
            tally.add("external data", place, match[1].decode())
        if "/worksheets/" in part and _DDE.search(raw):
            tally.add("DDE", place)
        # The tree of a part takes many times its bytes, and the reader of workbooks makes none of a sheet.
        if "/worksheets/" in part and len(raw) > _MOST_OF_SHEET:
            return
        is_wide = raw[:2] in _UTF16
        if is_wide or any(mark in raw for mark in _WITH_FIELDS):
            _tally_fields(package.tree(part), place, tally)
        if is_wide or b"ppaction:" in raw:
            _tally_actions(package.tree(part), place, tally)
        if is_wide or any(mark in raw for mark in _WITH_OBJECTS):
            _tally_objects(package.tree(part), package.targets(part), place, tally)
        if "/externallinks/" in part:
            _tally_linked(package.tree(part), place, tally)
        elif part.startswith("customxml/") and (_QUERIES in raw or _QUERIES.decode().encode("utf-16-le") in raw):
            tally.add("data query", place)
    except UNREADABLE:
        return


def _tally_fields(root: Any, place: str, tally: ActiveTally) -> None:
    for code in _field_codes(root):
        found = field_found(code)
        if found is not None:
            tally.add(found[0], place, found[1])


def _field_codes(root: Any) -> Iterator[str]:
    """Yields the code of each field; one may be written in pieces, and with the results of others in it."""
    opened: list[str] = []
    is_code: list[bool] = []
    for node in root.iter(f"{W}fldSimple", f"{W}fldChar", f"{W}instrText"):
        if node.tag == f"{W}fldSimple":
            yield str(node.get(f"{W}instr") or "")
        elif node.tag == f"{W}instrText":
            if opened and is_code[-1]:
                opened[-1] += node.text or ""
        elif node.get(f"{W}fldCharType") == "begin":
            opened.append("")
            is_code.append(True)
        elif opened and node.get(f"{W}fldCharType") == "separate":
            is_code[-1] = False
        elif opened and node.get(f"{W}fldCharType") == "end":
            is_code.pop()
            code = opened.pop()
            yield code
            if opened and is_code[-1]:
                opened[-1] += quoted(code)


def _tally_actions(root: Any, place: str, tally: ActiveTally) -> None:
    """Counts what runs when somebody clicks on, or points at, a shape of a slide."""
    for node in root.iter(f"{A}hlinkClick", f"{A}hlinkHover", f"{A}hlinkMouseOver"):
        action = str(node.get("action") or "").removeprefix("ppaction://").partition("?")[0].lower()
        if action in _ACTIONS:
            tally.add(_ACTIONS[action], place)


def _tally_objects(root: Any, targets: dict[str, Target], place: str, tally: ActiveTally) -> None:
    """Counts files and objects of other programs that are put in; a packaged file may be any file at all."""
    seen = set()
    for node in root.iter("{*}OLEObject", "{*}oleObj", "{*}oleObject"):
        target = targets.get(str(node.get(f"{R}id")))
        program = str(node.get("ProgID") or node.get("progId") or "")
        # Each stands twice where a file is written for older programs, too.
        if target is None or target.external or target.name in seen:
            continue
        seen.add(target.name)
        tally.add("packaged file" if program.lower().startswith("package") else "embedded object", place)


def _tally_linked(root: Any, place: str, tally: ActiveTally) -> None:
    """Counts what a workbook takes its values from: other programs, by DDE."""
    for node in root.iter("{*}ddeLink"):
        tally.add("DDE", place, f"{node.get('ddeService') or ''} {node.get('ddeTopic') or ''}")
