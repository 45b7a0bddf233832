"""How the styles of an HTML page hide text of the page.

tinycss2 reads the style sheets and attributes, cssselect2 tells which rules are an element's. Style sheets of other
files are not read. A sheet is untrusted: what cannot be read, or would cost too much, hides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any

import cssselect2
import tinycss2
from tinycss2.color4 import parse_color

Style = Mapping[str, Sequence[Any]]
"""The tokens of an element's properties, by name; of shorthands, those of the longhands that are looked at."""

_MOST_CSS = 500_000
_MOST_SELECTORS = 2_000
_LONGEST_SELECTOR = 2_000
_DEEPEST = 8
_MANY_ELEMENTS = 5_000
_COSTLY = re.compile(r":has\(|-of-type|\bof\b|~(?!=)")
"""Selectors that look at an element's siblings or descendants: on a large page each costs as much as the page."""

_ON_SCREENS = re.compile(
    r"(?:(?:only )?(?:all|screen)|not print)?(?: and)? ?(?:\( ?min-width ?: ?[12]?\d{1,2}(?:\.\d+)?(?:px)? ?\))?"
)
"""Media that every reader's screen is, whatever its size; rules for print or for small screens hide nothing."""

_FAR = 100
_OFF_SCREEN = ("left", "top", "right", "bottom", "margin-left", "margin-top", "text-indent")
_ROOM = ("height", "width", "max-height", "max-width")
_OVERFLOW = ("overflow", "overflow-x", "overflow-y")
_CLIPPED_TO_TEXT = ("background-clip", "-webkit-background-clip")
_READ = frozenset({
    "display", "visibility", "opacity", "font", "font-size", "transform", "color", "background", "background-color",
    "background-image", *_OFF_SCREEN, *_ROOM, *_OVERFLOW, *_CLIPPED_TO_TEXT,
})  # fmt: skip
_NUMBERS = ("number", "dimension", "percentage")
_WORDS = re.compile(
    r"none|auto|block|contents|flex|flow|flow-root|grid|inline(-[a-z]+)?|list-item|math|ruby(-[a-z]+)?|table(-[a-z-]+)?"
    r"|visible|hidden|collapse|clip|scroll|(x{1,3}-)?(small|large)|medium|smaller|larger|(min|max|fit)-content"
    r"|inherit|initial|unset|revert(-layer)?"
)
"""Words that the properties take which are no colours: browsers pass over a declaration with any other."""

_NO_COLOUR = frozenset({"none", "inherit", "initial", "unset", "revert", "transparent"})


class Element(cssselect2.ElementWrapper):  # type: ignore[misc]
    """An element for cssselect2, whose own one keeps all previous siblings of each element."""

    @property
    def previous_siblings(self) -> Iterator[Element]:
        """Yields the siblings before the element, the nearest first."""
        sibling = self.previous
        while sibling is not None:
            yield sibling
            sibling = sibling.previous


class Sheet:
    """The rules of a page's own style elements, as far as they may hide or show text."""

    def __init__(self, root: Any) -> None:
        """Reads the style elements below an lxml root."""
        css = "\n".join(one.text or "" for one in root.iter("style") if _is_on_screens(one.get("media") or ""))
        large = sum(1 for _ in root.iter()) > _MANY_ELEMENTS
        self._matcher = _matcher(css[:_MOST_CSS], large) if css.strip() else None

    def style(self, element: Element) -> Style:
        """Returns what an element's rules and its style attribute make of its properties, by the cascade."""
        declared = list(_attribute(element.etree_element.get("style") or ""))
        if self._matcher is not None:
            declared = [one for *_, rules in self._matcher.match(element) for one in rules] + declared
        found: dict[str, Sequence[Any]] = {}
        for one in sorted(declared, key=lambda declaration: bool(declaration.important)):
            found |= _longhands(one)
        return found


@lru_cache(maxsize=8)
def _matcher(css: str, large: bool) -> Any:
    matcher = cssselect2.Matcher()
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        try:
            for selector, declared in _rules([rule], None, 0):
                if matcher.order < _MOST_SELECTORS and not (large and _COSTLY.search(selector)):
                    _add(matcher, selector, declared)
        except RecursionError:
            continue
    return matcher


def _add(matcher: Any, selector: str, declared: Sequence[Any]) -> None:
    try:
        (compiled,) = cssselect2.compile_selector_list(selector)
    except Exception:  # the selector of a stranger: whatever is wrong with it, the next one may be fine
        return
    if compiled.pseudo_element is None:
        compiled.test = _guarded(compiled.test)
        matcher.add_selector(compiled, declared)


def _guarded(test: Callable[[Element], object]) -> Callable[[Element], bool]:
    def holds(element: Element) -> bool:
        try:
            return bool(test(element))
        except Exception:  # as above
            return False

    return holds


def _rules(nodes: Sequence[Any], outer: Sequence[str] | None, depth: int) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yields each selector with its declarations, also of rules within rules and within conditions that hold.

    Args:
        outer: the selectors of the rule that the nodes stand in.
    """
    own = [node for node in nodes if node.type == "declaration" and node.lower_name in _READ]
    if own:
        yield from ((selector, own) for selector in outer or ())
    for node in nodes if depth < _DEEPEST else ():
        if node.type == "qualified-rule":
            yield from _rules(_contents(node, True), _selectors(node.prelude, outer), depth + 1)
        elif node.type == "at-rule" and node.content is not None and _holds(node):
            yield from _rules(_contents(node, outer is not None), outer, depth + 1)


def _contents(rule: Any, in_a_rule: bool) -> Sequence[Any]:
    read = tinycss2.parse_blocks_contents if in_a_rule else tinycss2.parse_rule_list
    return list(read(rule.content, skip_comments=True, skip_whitespace=True))


def _selectors(prelude: Sequence[Any], outer: Sequence[str] | None) -> list[str]:
    """Returns the selectors of a list, each by itself; those of a rule within a rule in full."""
    parts: list[list[Any]] = [[]]
    for token in prelude:
        if token == ",":
            parts.append([])
        elif token.type != "comment":
            parts[-1].append(token)
    written = [tinycss2.serialize(part).strip() for part in parts]
    if outer is not None:
        around = f":is({','.join(outer)})"
        written = [one.replace("&", around) if "&" in one else f"{around} {one}" for one in written]
    return [one for one in written if 0 < len(one) <= _LONGEST_SELECTOR]


def _holds(rule: Any) -> bool:
    """Whether the rules within an at-rule count for readers at a screen."""
    condition = tinycss2.serialize([token for token in rule.prelude if token.type != "comment"])
    if rule.lower_at_keyword == "media":
        return _is_on_screens(condition)
    return rule.lower_at_keyword == "layer" or (
        rule.lower_at_keyword == "supports" and not condition.strip().lower().startswith("not")
    )


def _is_on_screens(media: str) -> bool:
    return any(_ON_SCREENS.fullmatch(" ".join(query.lower().split())) for query in media.split(","))


@lru_cache(maxsize=4_096)
def _attribute(style: str) -> tuple[Any, ...]:
    nodes = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True) if style else []
    return tuple(node for node in nodes if node.type == "declaration" and node.lower_name in _READ)


def _longhands(declaration: Any) -> dict[str, list[Any]]:
    tokens = [token for token in declaration.value if token.type not in ("whitespace", "comment")]
    if declaration.lower_name == "font":
        before_line_height = takewhile(lambda token: token != "/", tokens)
        sizes = [one for one in before_line_height if one.type in _NUMBERS and (one.type != "number" or not one.value)]
        return {"font-size": sizes[:1]}
    if declaration.lower_name == "background":
        colours = [token for token in tokens if parse_color(token) is not None]
        pictures = [token for token in tokens if token.type in ("url", "function") and token not in colours]
        return {"background-color": colours[:1], "background-image": pictures}
    if declaration.lower_name in _CLIPPED_TO_TEXT or all(_is_known(token) for token in tokens):
        return {declaration.lower_name: tokens}
    return {}


def _is_known(token: Any) -> bool:
    return token.type != "ident" or bool(_WORDS.fullmatch(token.lower_value)) or parse_color(token) is not None


def hiding_kind(node: Any, style: Style, behind: str | None) -> str | None:
    """Returns how an element hides its text from readers; None where it does not.

    Args:
        node: of lxml.
        behind: the colour behind its text, as `background` gives it.
    """
    if node.get("hidden") is not None and node.get("hidden") != "until-found":
        return "hidden attribute"
    if _word(style, "display") == "none":
        return "not displayed"
    if _word(style, "visibility") in ("hidden", "collapse") or _is_zero(style, "opacity"):
        return "not visible"
    if _is_tiny(style) or (
        any(_is_zero(style, name) for name in _ROOM)
        and any(_word(style, name) in ("hidden", "clip") for name in _OVERFLOW)
    ):
        return "too small"
    if any(_least(style.get(name, ())) <= -_FAR for name in _OFF_SCREEN) or _is_moved_away(style):
        return "off screen"
    stated: Any = style.get("color") or (node.get("color") if node.tag == "font" else None)
    colour = _colour(stated)
    if colour == "transparent":
        return None if any(name in style for name in _CLIPPED_TO_TEXT) else "same colour"
    return "same colour" if colour and colour == behind else None


def background(node: Any, style: Style, behind: str | None) -> str | None:
    """Returns the colour behind an element's text: its own, or what is behind it; None for a picture or the unknown."""
    if any(token.type != "ident" for token in style.get("background-image", ())):
        return None
    stated: Any = style.get("background-color") or node.get("bgcolor")
    if not stated:
        return behind if "background-color" in style or not node.get("background") else None
    if not isinstance(stated, str) and _word(style, "background-color") in _NO_COLOUR:
        return behind
    colour = _colour(stated)
    return behind if colour == "transparent" else colour


def _word(style: Style, name: str) -> str | None:
    words = [token.lower_value for token in style.get(name, ()) if token.type == "ident"]
    return words[-1] if words else None


def _is_zero(style: Style, name: str) -> bool:
    tokens = style.get(name, ())
    return len(tokens) == 1 and tokens[0].type in _NUMBERS and tokens[0].value == 0


def _is_tiny(style: Style) -> bool:
    sizes = [token for token in style.get("font-size", ()) if token.type in _NUMBERS]
    return any(
        one.value == 0 or (0 < one.value <= 1 and getattr(one, "lower_unit", "") in ("px", "pt")) for one in sizes
    )


def _is_moved_away(style: Style) -> bool:
    moves = [
        one for one in style.get("transform", ()) if one.type == "function" and one.lower_name.startswith("translate")
    ]
    return any(_least(one.arguments) <= -10 * _FAR for one in moves)


def _least(tokens: Sequence[Any]) -> float:
    return min((token.value for token in tokens if token.type in _NUMBERS), default=0)


def _colour(stated: Sequence[Any] | str | None) -> str | None:
    """Returns a colour in one way to write it; None for what is none, such as a variable."""
    if not stated or (not isinstance(stated, str) and len(stated) != 1):
        return None
    colour = parse_color(stated if isinstance(stated, str) else stated[0])
    if colour is None or isinstance(colour, str):
        return None
    if colour.alpha == 0:
        return "transparent"
    try:
        channels = [round(255 * channel) for channel in colour.to("srgb").coordinates]
    except NotImplementedError:
        return None
    # Nearly white is white to an eye.
    if min(channels) >= 250:
        return "white"
    return "black" if max(channels) <= 5 else str(channels)
