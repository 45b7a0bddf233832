"""The displayed text of HTML and XML files, read a second time: XML by expat, HTML tag by tag.

Python's own reader of HTML takes time that grows with the square of what is hostile, and lxml is the parser's.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator
from xml.parsers import expat

from freshet.tasks.documents.parse.coverage.compare import Passage
from freshet.tasks.documents.parse.decode import decode

_UNSHOWN = frozenset({
    "script", "style", "template", "noscript", "head", "title", "iframe", "object", "audio", "video", "canvas",
    "noframes", "noembed", "del", "datalist",
})  # fmt: skip
_VOID = frozenset({
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
})  # fmt: skip
_INLINE = frozenset({
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "nobr", "q", "rb", "rp", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
    "time", "tt", "u", "var", "wbr",
})  # fmt: skip
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_UNTYPED = frozenset({"hidden", "password", "file"})
_RAW = frozenset({"script", "style", "textarea", "title", "xmp"})
_END_OF_RAW = re.compile(r"</(script|style|textarea|title|xmp)", re.I)
_NAME = re.compile(r"/?[a-zA-Z][^\s/<>]*+")
_QUOTE_OR_END = re.compile(r"[>\"']")
_ATTRIBUTE = re.compile(r"""([^\s=/>"'][^\s=/>]*+)(?:\s*+=\s*+(?:"([^"]*+)"?+|'([^']*+)'?+|([^\s"'>][^\s>]*+)?+))?+""")


def html_passages(text: str, place: str = "") -> Iterator[Passage]:
    """Yields the text between two elements that are no part of a line, without what is not displayed."""
    reader = _Html(place)
    at = 0
    while (start := text.find("<", at)) >= 0:
        reader.add(text, at, start)
        at = reader.read_tag(text, start)
    reader.add(text, at, len(text))
    reader.end()
    return iter(reader.found)


class _Html:
    """What is displayed so far, and which elements are open whose text is not."""

    def __init__(self, place: str) -> None:
        self.found: list[Passage] = []
        self._place = place
        self._parts: list[str] = []
        self._start = 0
        self._hidden: list[str] = []
        self._names: Counter[str] = Counter()

    def add(self, text: str, start: int, end: int) -> None:
        """Adds a stretch of text."""
        if start < end and not self._hidden:
            self._parts.append(html.unescape(text[start:end]))

    def end(self) -> None:
        """Ends a passage."""
        text = "".join(self._parts)
        self._parts.clear()
        if text.strip():
            self.found.append(Passage(self._place or f"passage {len(self.found) + 1}", text))

    def read_tag(self, text: str, start: int) -> int:
        """Reads what begins with the `<` at `start`; returns where it ends."""
        if text.startswith("<!--", start):
            return _after(text, "-->", start + 4)
        if text.startswith(("<!", "<?"), start):
            return _after(text, ">", start + 2)
        name = _NAME.match(text, start + 1)
        if name is None:
            self.add(text, start, start + 1)
            return start + 1
        end = _end_of_tag(text, name.end())
        tag = name[0].lower()
        if tag.startswith("/"):
            self._close(tag[1:])
        else:
            self._open(tag, text[name.end() : end - 1])
        if tag not in _RAW:
            return end
        ends = (one.start() for one in _END_OF_RAW.finditer(text, end) if one[1].lower() == tag)
        close = next(ends, len(text))
        if tag == "textarea":
            self.add(text, end, close)
        return close

    def _open(self, tag: str, stated: str) -> None:
        if tag not in _INLINE:
            self.end()
        if tag == "body" and "head" in self._hidden:
            self._hidden.clear()  # a head's end tag may be left out
            self._names.clear()
        if self._hidden:
            if tag not in _VOID:
                self._hide(tag)
            return
        attributes = {one[1].lower(): one[2] or one[3] or one[4] or "" for one in _ATTRIBUTE.finditer(stated)}
        hides = (
            "hidden" in attributes
            or (tag == "dialog" and "open" not in attributes)
            or _HIDING.search(attributes.get("style", ""))
        )
        if tag not in _VOID and (tag in _UNSHOWN or hides):
            self._hide(tag)
        elif not hides and tag == "input" and attributes.get("type", "").lower() not in _UNTYPED:
            self._parts.append(html.unescape(attributes.get("value", "")))
            self.end()

    def _close(self, tag: str) -> None:
        if tag not in _INLINE:
            self.end()
        while self._names[tag]:
            closed = self._hidden.pop()
            self._names[closed] -= 1
            if closed == tag:
                break

    def _hide(self, tag: str) -> None:
        self._hidden.append(tag)
        self._names[tag] += 1


def _after(text: str, mark: str, start: int) -> int:
    found = text.find(mark, start)
    return len(text) if found < 0 else found + len(mark)


def _end_of_tag(text: str, at: int) -> int:
    """Returns where a tag ends; a `>` within quotes does not end it."""
    while (found := _QUOTE_OR_END.search(text, at)) is not None:
        if found[0] == ">":
            return found.end()
        at = _after(text, found[0], found.end())
    return len(text)


def page_passages(path: str) -> Iterator[Passage]:
    """Yields the passages of an HTML file."""
    with open(path, "rb") as file:
        return html_passages(decode(file.read(), markup=True))


def xml_passages(path: str) -> Iterator[Passage]:
    """Yields the text of each element of an XML file, as far as no other element stands in it."""
    with open(path, "rb") as file:
        raw = file.read()
    found: list[Passage] = []
    parts: list[str] = []
    reader = expat.ParserCreate()

    def end(*_: object) -> None:
        text = "".join(parts)
        parts.clear()
        if text.strip():
            found.append(Passage(f"line {reader.CurrentLineNumber}", text))

    reader.StartElementHandler = end
    reader.EndElementHandler = end
    reader.CharacterDataHandler = parts.append
    text = re.sub(r"\A\s*<\?xml[^>]*\?>", "", decode(raw, markup=True))
    reader.Parse(text.strip().encode("utf-8", "replace"), True)
    return iter(found)
