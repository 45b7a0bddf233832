"""What the paragraph styles of a Word document say: headings, lists, and the numbers that a style brings along."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from freshet.tasks.documents.parse.ooxml.package import W

_HEADING = re.compile(r"heading ?([1-9])")
_LIST = re.compile(r"list(?: (?:bullet|continue|number)(?: [23])?| paragraph| [23])?")
_PLAIN = frozenset({"caption", "intense quote", "macro text", "no spacing", "quote"})
_LEVELS = {"title": 1, "subtitle": 2}
_HIGHEST_OUTLINE, _BODY_OUTLINE = 0, 9


@dataclass(frozen=True)
class Style:
    """What a paragraph has of its style, and of the styles that this one is based on.

    Attributes:
        level: the depth of a heading, 1 being the highest; 0 for what is no heading.
        named_heading: whether the style is one of Word's own headings, by its name.
        is_list, is_plain: whether the style is one of Word's own for lists, or for text that is no prose (captions).
        number, indent: numId and ilvl as in numbering.xml, where stated.
        numbered_by: the id of the style that states the number.
    """

    level: int = 0
    named_heading: bool = False
    is_list: bool = False
    is_plain: bool = False
    number: str | None = None
    indent: int | None = None
    numbered_by: str | None = None


class Styles:
    """The paragraph styles of styles.xml, each looked up once."""

    def __init__(self, root: Any | None) -> None:
        """Takes the root of styles.xml; None where there is none."""
        nodes = [] if root is None else root.iterchildren(f"{W}style")
        self._nodes: dict[str, Any] = {}
        self._default: str | None = None
        for node in nodes:
            if node.get(f"{W}type", "paragraph") != "paragraph":
                continue
            key = str(node.get(f"{W}styleId"))
            self._nodes.setdefault(key, node)
            if node.get(f"{W}default") in ("1", "true", "on"):
                self._default = key
        self._known: dict[str, Style] = {}

    def of(self, key: str | None) -> Style:
        """Returns the style with an id, and for None that of a paragraph which names none.

        An id that is not defined is taken for the name that Word makes ids of ("Heading1").
        """
        key = key if key is not None else self._default
        if key is None:
            return Style()
        if key not in self._known:
            self._resolve(key)
        return self._known[key]

    def _resolve(self, key: str) -> None:
        """Goes up to the first style that is known or stands alone, and down again; a circle ends where it begins."""
        chain: list[str] = []
        above: str | None = key
        while above is not None and above not in self._known:
            chain.append(above)
            self._known[above] = Style()
            node = self._nodes.get(above)
            above = None if node is None else value(node, "basedOn")
        base = self._known.get(above, Style()) if above is not None else Style()
        for name in reversed(chain):
            base = self._known[name] = _style(name, self._nodes.get(name), base)


def _style(key: str, node: Any | None, base: Style) -> Style:
    if node is None:
        return _named(key.casefold(), replace(base, is_list=False, is_plain=False))
    style = replace(base, is_list=False, is_plain=False)
    properties = node.find(f"{W}pPr")
    outline = None if properties is None else whole(value(properties, "outlineLvl"))
    if outline is not None:
        style = replace(style, level=outline_level(outline), named_heading=False)
    style = _named((value(node, "name") or "").casefold(), style)
    number, indent = numbering_of(properties)
    if number is not None:
        style = replace(style, number=number, numbered_by=key)
    return style if indent is None else replace(style, indent=indent)


def _named(name: str, style: Style) -> Style:
    """Adds what a style's name says; names are English in every language of Word."""
    heading = _HEADING.fullmatch(name)
    if heading:
        return replace(style, level=int(heading[1]), named_heading=True)
    if name in _LEVELS:
        return replace(style, level=_LEVELS[name], named_heading=True)
    return replace(style, is_list=bool(_LIST.fullmatch(name)), is_plain=name in _PLAIN)


def outline_level(outline: int) -> int:
    """Returns the depth of a heading with an outline level, 1 being the highest; 0 for body text."""
    return outline + 1 if _HIGHEST_OUTLINE <= outline < _BODY_OUTLINE else 0


def numbering_of(properties: Any | None) -> tuple[str | None, int | None]:
    """Returns (numId, ilvl) of paragraph properties; None for what they do not state."""
    stated = None if properties is None else properties.find(f"{W}numPr")
    return (None, None) if stated is None else (value(stated, "numId"), whole(value(stated, "ilvl")))


def value(node: Any, child: str) -> str | None:
    """Returns the attribute w:val of a child; None where either is absent."""
    found = node.find(f"{W}{child}")
    return None if found is None else found.get(f"{W}val")


def whole(text: str | None) -> int | None:
    """Returns the whole number that a text states; None where it states none that is sensible."""
    return int(text) if text and re.fullmatch(r"-?[0-9]{1,9}", text) else None
