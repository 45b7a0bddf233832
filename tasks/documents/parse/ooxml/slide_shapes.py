"""The shapes of a slide, out of their groups, with the place that each has on the slide or inherits from its layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from freshet.tasks.documents.parse.ooxml.package import MC, A, P, branches_of

_SHAPES = frozenset({f"{P}{name}" for name in ("sp", "pic", "graphicFrame", "cxnSp")})
_OFF = frozenset({"0", "false", "off"})
_BODY = "body"
_MASTER_KINDS = {
    "ctrTitle": "title", "title": "title", "dt": "dt", "ftr": "ftr", "sldNum": "sldNum",
}  # fmt: skip
"""What a placeholder of a layout inherits from, by its type; the others inherit from the master's body."""


@dataclass(frozen=True)
class Box:
    """A rectangle in English Metric Units (914,400 an inch), from the slide's top left corner."""

    left: float
    top: float
    width: float
    height: float

    def meets(self, other: Box) -> bool:
        """Whether two rectangles have a point in common; one without an extent counts as a point."""
        return (
            self.left <= other.left + other.width
            and other.left <= self.left + self.width
            and self.top <= other.top + other.height
            and other.top <= self.top + self.height
        )


@dataclass(frozen=True)
class Shape:
    """A shape of a slide.

    Attributes:
        placeholder: its p:ph; None where it is none.
        is_top: whether it stands in no group.
        is_hidden: whether it, or a group around it, is switched off.
        above: what it inherits from: the placeholders of the layout and the master.
    """

    node: Any
    box: Box | None
    placeholder: Any | None = None
    is_top: bool = True
    is_hidden: bool = False
    above: tuple[Any, ...] = ()


@dataclass
class Layout:
    """What a slide is drawn on.

    Attributes:
        roots: the roots of the layout and of its master, where there are any.
        theme: the root of the master's theme.
        by_index: the placeholders of the layout, by their index.
        by_kind: the placeholders of the master, by their type.
    """

    roots: tuple[Any, ...] = ()
    theme: Any | None = None
    by_index: dict[str, Any] = field(default_factory=dict)
    by_kind: dict[str, Any] = field(default_factory=dict)

    def above(self, placeholder: Any) -> tuple[Any, ...]:
        """Returns the shapes from which a placeholder inherits, the nearest first."""
        node = self.by_index.get(_index(placeholder))
        if node is None:
            return ()
        kind = _MASTER_KINDS.get(_kind(placeholder_of(node)), _BODY)
        return (node, *([self.by_kind[kind]] if kind in self.by_kind else []))


def layout_of(layout: Any | None, master: Any | None, theme: Any | None) -> Layout:
    """Reads the placeholders of a layout and its master, given by the roots of their parts."""
    made = Layout(tuple(root for root in (layout, master) if root is not None), theme)
    for root, known, key in ((layout, made.by_index, _index), (master, made.by_kind, _kind)):
        for node in () if root is None else root.iter(*_SHAPES):
            placeholder = placeholder_of(node)
            if placeholder is not None:
                known.setdefault(key(placeholder), node)
    return made


def shapes_of(root: Any, layout: Layout) -> list[Shape]:
    """Returns the shapes of a slide in the order in which they are drawn."""
    tree = root.find(f"{P}cSld/{P}spTree")
    return [] if tree is None else list(_shapes(tree, layout, _same, True, False))


def _shapes(
    nodes: Iterable[Any], layout: Layout, place: Callable[[Box], Box], is_top: bool, is_hidden: bool
) -> Iterator[Shape]:
    for node in nodes:
        tag = node.tag
        if tag in _SHAPES:
            placeholder = placeholder_of(node)
            above = () if placeholder is None else layout.above(placeholder)
            own = box_of(node)
            box = place(own) if own else next((box for one in above if (box := box_of(one))), None)
            yield Shape(node, box, placeholder, is_top, is_hidden or _is_hidden(node), above)
        elif tag == f"{P}grpSp":
            inner = _placing(node.find(f"{P}grpSpPr/{A}xfrm"), place)
            yield from _shapes(node, layout, inner, False, is_hidden or _is_hidden(node))
        elif tag == f"{MC}AlternateContent":
            for branch in branches_of(node):
                found = list(_shapes(branch, layout, place, is_top, is_hidden))
                if any(shape.node.tag != f"{P}pic" for shape in found) or (found and branch.tag == f"{MC}Fallback"):
                    yield from found
                    break
        elif isinstance(tag, str) and not tag.endswith("Pr"):
            yield from _shapes(node, layout, place, is_top, is_hidden)


def _same(box: Box) -> Box:
    return box


def _placing(frame: Any | None, outer: Callable[[Box], Box]) -> Callable[[Box], Box]:
    """Returns what puts a shape of a group, which has a scale of its own, onto the slide."""
    numbers = [_numbers(frame, name) for name in ("off", "ext", "chOff", "chExt")]
    if None in numbers:
        return outer
    (x, y), (width, height), (from_x, from_y), (from_width, from_height) = [pair or (0, 0) for pair in numbers]
    across = width / from_width if from_width else 1
    down = height / from_height if from_height else 1

    def place(box: Box) -> Box:
        left, top = x + (box.left - from_x) * across, y + (box.top - from_y) * down
        return outer(Box(left, top, box.width * across, box.height * down))

    return place


def box_of(node: Any) -> Box | None:
    """Returns where a shape says that it is; None where it does not."""
    frame = node.find(f"{P}spPr/{A}xfrm")
    frame = node.find(f"{P}xfrm") if frame is None else frame
    place, size = _numbers(frame, "off"), _numbers(frame, "ext")
    return Box(*place, *(size or (0, 0))) if place else None


def _numbers(frame: Any | None, name: str) -> tuple[int, int] | None:
    node = None if frame is None else frame.find(f"{A}{name}")
    if node is None:
        return None
    try:
        first, second = ("x", "y") if "x" in node.attrib else ("cx", "cy")
        return int(node.get(first)), int(node.get(second))
    except (TypeError, ValueError):
        return None


def placeholder_of(node: Any) -> Any | None:
    """Returns the p:ph of a shape; None where it is no placeholder."""
    return next((found for part in node[:1] if (found := part.find(f"{P}nvPr/{P}ph")) is not None), None)


def is_title(shape: Shape) -> bool:
    """Whether a shape is the title of its slide: the placeholder with the index 0."""
    return shape.is_top and shape.placeholder is not None and _index(shape.placeholder) == "0"


def _index(placeholder: Any) -> str:
    return str(placeholder.get("idx") or "0")


def _kind(placeholder: Any) -> str:
    return str(placeholder.get("type") or "obj")


def _is_hidden(node: Any) -> bool:
    return any(part.get("hidden", "0") not in _OFF for part in node.iterfind(f"*/{P}cNvPr"))
