"""Finds text that nobody sees in files of OpenDocument, by the styles of its paragraphs, words, cells and shapes."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import Any

from freshet.tasks.documents.parse.hidden import Entry, Tally

_MOST_READ = 50_000_000
_MOST_ANCESTORS = 20
_TINY_POINTS = 1.0
_POINTS = re.compile(r"(\d{1,5}(?:\.\d{1,9})?)pt")
_NO_FILL = frozenset({"", "none", "transparent", "#ffffff"})
_WHITE = "#ffffff"
_FIELDS = frozenset({"hidden-text", "hidden-paragraph"})
_STYLED = frozenset({"p", "h", "span"})
_OFF = frozenset({"none", "false"})


def hidden_in_opendocument(path: str, kind: str) -> list[Entry]:
    """Finds the hidden text of an `odt`, `ods` or `odp`, without hidden sheets, rows and slides.

    The kinds are `hidden run` (also by its style), `same colour` (white on no fill), `too small` (one point or less),
    `hidden shape` and, of an ODT, `comment`. White text is not told where any page of a presentation has a fill.
    """
    from lxml import etree

    tally = Tally()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        with zipfile.ZipFile(path) as archive:
            roots = []
            for part in ("content.xml", "styles.xml"):
                if part in archive.namelist():
                    with archive.open(part) as file:
                        roots.append(etree.fromstring(file.read(_MOST_READ), parser))
        if roots:
            _Reader(roots, kind, tally).read(roots[0])
    except (KeyError, zipfile.BadZipFile, zlib.error, SyntaxError, OSError, EOFError, ValueError, RuntimeError):
        return tally.entries()
    return tally.entries()


class _Reader:
    def __init__(self, roots: list[Any], kind: str, tally: Tally) -> None:
        self._tally, self._kind = tally, kind
        self._styles: dict[str, dict[str, str]] = {}
        self._parents: dict[str, str] = {}
        self._known: dict[str, dict[str, str]] = {}
        is_filled = False
        for root in reversed(roots):
            for style in root.iter("{*}style"):
                name = _value(style, "name")
                self._styles[name] = {
                    _name(key): str(value).lower() for one in style for key, value in one.attrib.items()
                }
                self._parents[name] = _value(style, "parent-style-name")
                is_page = _value(style, "family") == "drawing-page"
                is_filled = is_filled or (is_page and self._styles[name].get("fill", "none") != "none")
        self._white_is_seen = is_filled

    def read(self, root: Any) -> None:
        """Goes through the body in the order of the text."""
        pages = {"page": 0, "table": 0}
        page: int | None = None
        paragraph = 0
        for node in root.iter():
            name = _name(node.tag) if isinstance(node.tag, str) else ""
            if name == "page" or (name == "table" and _name(node.getparent().tag) == "spreadsheet"):
                pages[name] += 1
                page = pages[name]
            paragraph += name in ("p", "h")
            place = f"paragraph {paragraph}" if self._kind == "odt" and paragraph else ""
            if name == "annotation":
                lines = ["".join(one.itertext()) for one in node.iter("{*}p")] if self._kind == "odt" else []
                self._tally.add("comment", " ".join(lines), page, place)
            elif name in _FIELDS:
                self._tally.add("hidden run", _value(node, "string-value") or _own_text(node), page, place)
            elif name in _STYLED or name.endswith("shape") or name == "frame":
                self._tally_node(node, name, page, place)

    def _tally_node(self, node: Any, name: str, page: int | None, place: str) -> None:
        if name not in _STYLED:
            if _value(node, "display") in _OFF or _value(node, "visibility") == "hidden":
                self._tally.add("hidden shape", " ".join(node.itertext()), page, place)
            return
        above = [node, *_ancestors(node)]
        if any(_name(one.tag) == "annotation" for one in above):
            return
        kind = self._hiding(above)
        if kind:
            self._tally.add(kind, _own_text(node), page, place)

    def _hiding(self, above: list[Any]) -> str | None:
        """Returns how text right below a node is hidden: the nearest style that says something counts."""
        text: dict[str, str] = {}
        is_seen = self._white_is_seen
        for node in above:
            stated = self._stated(_value(node, "style-name"))
            text = {**stated, **text}
            # A shape that states no fill has the one that the program gives to all.
            fill = stated.get("fill", "solid" if _name(node.tag) == "custom-shape" else "none")
            drawn = stated.get("fill-color", "unknown") if fill == "solid" else fill
            is_seen = is_seen or not {drawn, stated.get("background-color", "")} <= _NO_FILL
        if text.get("display") == "none":
            return "hidden run"
        size = _POINTS.fullmatch(text.get("font-size", ""))
        if size and float(size[1]) <= _TINY_POINTS:
            return "too small"
        return "same colour" if text.get("color") == _WHITE and not is_seen else None

    def _stated(self, name: str) -> dict[str, str]:
        """Returns what a style and those that it is based on state, the nearest first."""
        if name not in self._known:
            stated: dict[str, str] = {}
            above = name
            for _ in range(_MOST_ANCESTORS):
                stated = {**self._styles.get(above, {}), **stated}
                above = self._parents.get(above, "")
            self._known[name] = stated
        return self._known[name]


def _ancestors(node: Any) -> list[Any]:
    found: list[Any] = []
    for one in node.iterancestors():
        if _name(one.tag) in ("body", "page", "spreadsheet") or len(found) == _MOST_ANCESTORS:
            break
        found.append(one)
    return found


def _own_text(node: Any) -> str:
    """Returns the text right below a node; that of words with a style of their own is theirs."""
    parts = [node.text or ""]
    for child in node:
        if isinstance(child.tag, str) and _name(child.tag) in ("a", "s", "tab"):
            parts.append("".join(child.itertext()) or " ")
        parts.append(child.tail or "")
    return "".join(parts)


def _name(name: Any) -> str:
    return str(name).rpartition("}")[2]


def _value(node: Any, name: str) -> str:
    return next((str(value) for key, value in node.attrib.items() if _name(key) == name), "")
