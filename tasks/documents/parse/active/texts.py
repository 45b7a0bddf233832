"""Finds active content in formats that are text: RTF, CSV, XML, web pages and the HTML of mail."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import Any

from freshet.tasks.documents.parse.active.fields import field_found
from freshet.tasks.documents.parse.active.found import ActiveTally, Entry, leads_elsewhere, located
from freshet.tasks.documents.parse.html.tree import html_tree

_RTF_OBJECT = re.compile(r"\\obj(emb|ocx|link|autlink|html|sub|pub|icemb)(?![a-z])")
_RTF_DATA = re.compile(r"\\objdata(?![a-z])")
_RTF_PACKAGE = re.compile(r"\\objclass\s+Package\b", re.I)
_RTF_FIELD = re.compile(r"\\fldinst(?![a-z])")
_RTF_TEMPLATE = re.compile(r"\\\*\\template(?![a-z])\s?([^{}]{1,1000})")
_RTF_CONTROL = re.compile(r"\\u(-?\d+) ?\??|\\'([0-9a-f]{2})|\\[a-z]+-?\d* ?|\\\*|[{}\r\n]")
_RTF_BRACKET = re.compile(r"\\.|[{}]", re.S)
_MOST_FIELD, _MOST_FIELDS = 4000, 5000
_RTF_OBJECTS = {"ocx": "ActiveX control", "link": "linked object", "autlink": "linked object"}

_CELL_DDE = re.compile(r"(?m)(?:^|[,;\t|\"'])[=+\-@][ \t]*[A-Za-z]\w{0,60}\|[ \t]*(?:'[^'\n]{0,500}'|\w+)!")
_ENTITY = re.compile(
    r"<!ENTITY\s+(?:%\s+)?[\w:.-]+\s+(?:SYSTEM|PUBLIC\s+(?:\"[^\"<>]*\"|'[^'<>]*'))\s+[\"']([^\"'<>]*)"
)
_XML_MACROS = re.compile(r"\bmacrosPresent\s*=\s*[\"'](?:yes|true|1)|\bvbaProject\.bin\b|\beditdata\.mso\b")
_DTD_WITHIN = 200_000

_REFRESH = re.compile(r"url\s*+=[\s\"']*+([^\"'\s>]+)", re.I)
_VBSCRIPT = re.compile(r"vb(?:s|script)", re.I)
_LAUNCHING = re.compile(r"\b(?:ms-msdt|search-ms|ms-officecmd):", re.I)
_MARKED = re.compile(
    r"<\s*(?:script|form|iframe|frame|object|embed|applet|img|meta|hta:|input|link)|\bon\w+\s*=|javascript:|ms-msdt:"
    r"|search-ms:|background|url\(",
    re.I,
)


def active_in_rtf(data: bytes) -> list[Entry]:
    """Finds what an RTF file runs, loads or carries. Words that are written in pieces to be overlooked may be."""
    tally = ActiveTally()
    text = data.decode("latin-1")
    kinds = Counter(match[1] for match in _RTF_OBJECT.finditer(text))
    objects = len(_RTF_DATA.findall(text))
    packages = len(_RTF_PACKAGE.findall(text))
    for word, count in kinds.items():
        if word in _RTF_OBJECTS:
            tally.add(_RTF_OBJECTS[word], count=count)
    linked = sum(kinds[word] for word in _RTF_OBJECTS)
    if packages:
        tally.add("packaged file", count=packages)
    if others := max(objects - linked - packages, 0):
        tally.add("embedded object", count=others)
    for match in _RTF_TEMPLATE.finditer(text):
        target = _plain(match[1])
        tally.add(located("attached template", target), target=target)
    for match in islice(_RTF_FIELD.finditer(text), _MOST_FIELDS):
        found = field_found(_plain(_group(text, match.end())))
        if found is not None:
            tally.add(found[0], target=found[1])
    return tally.entries()


def _group(text: str, start: int) -> str:
    """Returns what stands from a place to the end of its group, without the bracket."""
    depth, end = 0, min(len(text), start + _MOST_FIELD)
    for match in _RTF_BRACKET.finditer(text, start, end):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth < 0:
            return text[start : match.start()]
    return text[start:end]


def _plain(markup: str) -> str:
    def character(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1]) & 0xFFFF)
        return bytes.fromhex(match[2]).decode("cp1252", "replace") if match[2] else ""

    hidden = markup.replace("\\\\", "\0")
    return _RTF_CONTROL.sub(character, hidden).replace("\0", "\\").strip()


def active_in_table(text: str) -> list[Entry]:
    """Finds cells of CSV that a spreadsheet program takes for a call of another program (`=cmd|'/c …'!A1`)."""
    tally = ActiveTally()
    line, counted = 1, 0
    for match in _CELL_DDE.finditer(text) if "|" in text and "!" in text else ():
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        tally.add("DDE", f"line {line}")
    return tally.entries()


def active_in_xml(text: str) -> list[Entry]:
    """Finds entities that an XML file reads from elsewhere, and the macros of Word files that are one XML file."""
    tally = ActiveTally()
    line, counted = 1, 0
    for match in _ENTITY.finditer(text[:_DTD_WITHIN]):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        tally.add("external entity", f"line {line}", match[1])
    if _XML_MACROS.search(text):
        tally.add("macro")
    return tally.entries()


def active_in_html(text: str, *, is_mail: bool = False) -> list[Entry]:
    """Finds what a web page, or with `is_mail` the HTML of a message, does that such pages ordinarily do not.

    Every page has scripts, frames and pictures from elsewhere, so that of a page only these are told: redirections to
    another place, scripts and controls that no browser of today runs and Windows itself does, forms that send a
    password elsewhere. Mail programs run no scripts: in a message scripts, frames, forms and pictures that tell the
    sender who reads it are told.
    """
    tally = ActiveTally()
    if not _MARKED.search(text):
        return []
    root = html_tree(text)
    if root is None:
        return []
    for node in root.iter():
        if isinstance(node.tag, str):
            _tally_page(node, node.tag.lower(), tally)
            if is_mail:
                _tally_mail(node, node.tag.lower(), tally)
    return tally.entries()


def _tally_page(node: Any, tag: str, tally: ActiveTally) -> None:
    place = f"line {node.sourceline}" if node.sourceline else ""
    if tag == "meta" and (node.get("http-equiv") or "").strip().lower() == "refresh":
        match = _REFRESH.search(node.get("content") or "")
        if match and leads_elsewhere(match[1]):
            tally.add("redirection", place, match[1])
    elif tag == "hta:application":
        tally.add("program", place)
    elif tag == "script":
        if _VBSCRIPT.search(f"{node.get('language') or ''} {node.get('type') or ''}"):
            tally.add("script", place)
        elif match := _LAUNCHING.search(node.text or ""):
            tally.add("program", place, match[0])
    elif tag == "object" and (node.get("classid") or "").strip().lower().startswith("clsid:"):
        tally.add("ActiveX control", place)
    elif (
        tag == "form"
        and leads_elsewhere(node.get("action") or "")
        and any((one.get("type") or "").strip().lower() == "password" for one in node.iter("input"))
    ):
        tally.add("password form", place, node.get("action"))


def _is_loaded(address: str) -> bool:
    """Whether a picture comes from another machine, and not with the message."""
    return leads_elsewhere(address) and not address.strip().lower().startswith(("cid:", "data:"))


def _tally_mail(node: Any, tag: str, tally: ActiveTally) -> None:
    place = f"line {node.sourceline}" if node.sourceline else ""
    address = node.get("src") or node.get("data") or node.get("href") or node.get("background") or ""
    if tag == "script" and (node.get("type") or "").strip().lower() != "application/ld+json":
        tally.add("script", place, node.get("src") or "")
    elif tag in ("iframe", "frame"):
        tally.add("external frame", place, address)
    elif tag == "form" and node.get("action"):
        tally.add("form", place, node.get("action"))
    elif tag in ("object", "embed", "applet"):
        tally.add("external media", place, address)
    elif (tag == "img" or node.get("background")) and _is_loaded(address):
        tally.add("external picture", place, address)
    if any(name.startswith("on") and value.strip() for name, value in node.attrib.items()) or (
        tag in ("a", "area") and (node.get("href") or "").strip().lower().startswith(("javascript:", "vbscript:"))
    ):
        tally.add("script", place)
