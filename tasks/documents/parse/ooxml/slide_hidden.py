"""Finds text of a slide that its audience does not see: off the slide, switched off, in the colour of what it is on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from freshet.tasks.documents.parse.hidden import Tally
from freshet.tasks.documents.parse.ooxml.drawing import drawn_text
from freshet.tasks.documents.parse.ooxml.package import A, P
from freshet.tasks.documents.parse.ooxml.slide_shapes import Box, Layout, Shape, placeholder_of, shapes_of
from freshet.tasks.documents.parse.ooxml.slide_text import paragraphs_of

_WHITE = "ffffff"
_CLEAR = "clear"
_UNKNOWN = "unknown"
_FILLS = ("noFill", "solidFill", "gradFill", "blipFill", "pattFill", "grpFill")
_TINY = 100
"""Hundredths of a point."""

_MOST_COVERS = 500
_NAMED = {"white": _WHITE, "black": "000000"}
_USUAL_MAP = {"bg1": "lt1", "tx1": "dk1", "bg2": "lt2", "tx2": "dk2"}


class Look:
    """The colours of a slide, as far as they are stated and not computed: what is not certain is `unknown`."""

    def __init__(self, root: Any, layout: Layout) -> None:
        """Takes a slide's root and its layout."""
        self._roots = (root, *layout.roots)
        self._layout = layout

    @cached_property
    def _theme(self) -> dict[str, str]:
        """The colours of the theme, by their names in it."""
        scheme = None if self._layout.theme is None else self._layout.theme.find(f"{A}themeElements/{A}clrScheme")
        nodes = () if scheme is None else scheme
        return {str(node.tag).rpartition("}")[2]: self.colour(node) for node in nodes if isinstance(node.tag, str)}

    @cached_property
    def _map(self) -> Mapping[str, str]:
        stated = self._roots[-1].find(f"{P}clrMap")
        own = self._roots[0].find(f"{P}clrMapOvr/{A}overrideClrMapping")
        stated = stated if own is None else own
        return _USUAL_MAP if stated is None else dict(stated.attrib)

    def colour(self, holder: Any) -> str:
        """Returns the colour that a fill or a style states, as six hexadecimal digits, `clear` or `unknown`."""
        for node in holder.iterchildren(f"{A}srgbClr", f"{A}sysClr", f"{A}prstClr", f"{A}schemeClr"):
            name = str(node.get("val") or "")
            alpha = node.find(f"{A}alpha")
            if alpha is not None and alpha.get("val") in ("0", "0%"):
                return _CLEAR
            if len(node) > (alpha is not None):
                return _UNKNOWN
            if node.tag == f"{A}srgbClr":
                return name.lower()
            if node.tag == f"{A}schemeClr":
                return self._theme.get(self._map.get(name, name), _UNKNOWN)
            return str(node.get("lastClr") or _NAMED.get(name, _UNKNOWN)).lower()
        return _UNKNOWN

    @cached_property
    def background(self) -> str:
        """The colour of the slide; white where nobody states one."""
        for root in self._roots:
            stated = root.find(f"{P}cSld/{P}bg")
            if stated is not None and len(stated):
                node = stated[0]
                if node.tag == f"{P}bgRef":
                    return self.colour(node) if node.get("idx") == "1001" else _UNKNOWN
                solid = node.find(f"{A}solidFill")
                return _UNKNOWN if solid is None else self.colour(solid)
        return _WHITE

    def fill(self, shape: Shape) -> str | None:
        """Returns the colour of a shape's own fill; None where one sees through it."""
        for node in (shape.node, *shape.above):
            if node.get("useBgFill") in ("1", "true"):
                return self.background
            properties = node.find(f"{P}spPr")
            for child in () if properties is None else properties:
                name = str(child.tag).rpartition("}")[2]
                if name in _FILLS:
                    return None if name == "noFill" else self.colour(child) if name == "solidFill" else _UNKNOWN
            style = node.find(f"{P}style/{A}fillRef")
            if style is not None and style.get("idx", "0") != "0":
                return _UNKNOWN
        return None

    @cached_property
    def _behind(self) -> list[Box]:
        """Where the layout and the master draw something."""
        shapes = [shape for root in self._layout.roots for shape in shapes_of(root, Layout())]
        drawn = [shape for shape in shapes if placeholder_of(shape.node) is None]
        return [box for shape in drawn if self._covers(shape) and (box := shape.box)]

    def _covers(self, shape: Shape) -> bool:
        return shape.node.tag in (f"{P}pic", f"{P}graphicFrame") or self.fill(shape) not in (None, _CLEAR)

    def covers(self, shapes: Sequence[Shape]) -> list[tuple[Any, Box]]:
        """Returns what stands behind or before text: pictures, charts, and shapes with a fill."""
        own = [(shape.node, shape.box) for shape in shapes if shape.box is not None and self._covers(shape)]
        return (own + [(None, box) for box in self._behind])[:_MOST_COVERS]


def tally_slide(
    look: Look, shapes: Sequence[Shape], texts: Mapping[int, str], size: tuple[int, int], page: int, tally: Tally
) -> None:
    """Counts the hidden text of a slide that is shown.

    The kinds are `hidden shape`, `off slide` and, run by run, `same colour`, `not visible` and `too small`.

    Args:
        texts: the text of each shape, by the shape's id().
        size: width and height of the slide, as in `Box`.
    """
    slide = Box(0, 0, *size)
    covers: list[tuple[Any, Box]] | None = None
    for shape in shapes:
        if shape.is_hidden:
            tally.add("hidden shape", texts[id(shape)], page)
        elif shape.box is not None and all(size) and not slide.meets(shape.box):
            tally.add("off slide", texts[id(shape)], page)
        else:
            found = _by_kind(look, shape)
            if "same colour" in found and look.fill(shape) is None:
                covers = look.covers(shapes) if covers is None else covers
                if _is_covered(shape, covers):
                    del found["same colour"]
            for kind, words in found.items():
                tally.add(kind, " ".join(words), page)


def _by_kind(look: Look, shape: Shape) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for paragraph in paragraphs_of(shape.node):
        for run in paragraph.iter(f"{A}r", f"{A}fld"):
            properties = run.find(f"{A}rPr")
            kind = None if properties is None else _kind(look, shape, properties)
            if kind:
                found.setdefault(kind, []).append(drawn_text(run))
    return found


def _kind(look: Look, shape: Shape, properties: Any) -> str | None:
    size, solid = properties.get("sz") or "", properties.find(f"{A}solidFill")
    if size.isdigit() and int(size[:6]) <= _TINY:
        return "too small"
    if properties.find(f"{A}noFill") is not None and properties.find(f"{A}ln") is None:
        return "not visible"
    colour = _UNKNOWN if solid is None else look.colour(solid)
    if colour == _CLEAR:
        return "not visible"
    if colour == _UNKNOWN or properties.find(f"{A}highlight") is not None:
        return None
    behind = look.fill(shape)
    return "same colour" if colour == (look.background if behind in (None, _CLEAR) else behind) else None


def _is_covered(shape: Shape, covers: Iterable[tuple[Any, Box]]) -> bool:
    """Whether something else stands where a shape does, or nobody knows where that is."""
    box = shape.box
    return box is None or any(node is not shape.node and box.meets(other) for node, other in covers)
