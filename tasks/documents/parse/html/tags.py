"""What HTML's standard style sheet says of its elements: which are displayed, and which stand within a line."""

from __future__ import annotations

import re
from typing import Any

_INLINE_NAMES = """
a abbr acronym applet b basefont bdi bdo big blink cite code data dfn em font i ins kbd map mark nobr object picture q
rb rp rt rtc ruby s samp slot small span strike strong sub sup time tt u var wbr
"""
INLINE = frozenset(_INLINE_NAMES.split())
"""Elements whose text goes on with the text around them, letter by letter."""

APART = frozenset({"button", "label", "meter", "output", "progress", "textarea"})
"""Elements in a line that stand apart from the words beside them."""

_BLOCK_NAMES = """
address article aside blockquote body caption center col colgroup dd details dialog dir div dl dt fieldset figcaption
figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li listing main marquee menu multicol
nav noframes ol optgroup option p plaintext pre search section summary svg table tbody td tfoot th thead tr ul xmp
"""
BLOCKS = frozenset(_BLOCK_NAMES.split())
CODE = frozenset({"listing", "plaintext", "pre", "xmp"})
HEADINGS = {f"h{level}": level for level in range(1, 7)}
STRUCTURES = frozenset({*CODE, *HEADINGS, "blockquote", "br", "dl", "ol", "p", "table", "ul"})
"""Elements that give the content of a table's cell a structure of its own."""

_OF_LINES = frozenset({*HEADINGS, "caption", "dt", "figcaption", "legend", "p", "summary"})
"""Blocks that hold a line of text, and no blocks of their own."""

_NEVER_NAMES = """
area audio base canvas col colgroup datalist del embed frame iframe ix:header link meta noembed noscript param script
source style title track video xml
"""
_NEVER = frozenset(_NEVER_NAMES.split())
"""Elements without displayed text. What stands in a player, a canvas or an inner frame is a substitute for it, which no
browser shows; `<xml>` and `<ix:header>` hold data. `<del>` holds what its author took back."""

_SVG_NAMES = "svg g a defs symbol text tspan path rect circle ellipse line polygon polyline image use"
_SVG = frozenset(_SVG_NAMES.split())
_DISPLAY = re.compile(r"(?:^|;)\s*+display\s*+:\s*+([a-z-]++)", re.I)
_WITHIN_LINES = frozenset({"inline", "contents", "ruby", "inherit", "initial", "unset", "revert"})


def tag_of(node: Any) -> str:
    """Returns the name of an element; '' of comments and processing instructions."""
    return node.tag.lower() if isinstance(node.tag, str) else ""


def is_shown(node: Any, tag: str) -> bool:
    """Whether browsers display an element, as far as the element says itself.

    What a style sheet hides is displayed here, and told by `parse.hidden`: sheets hide in too many ways to be sure.
    """
    if not tag or tag in _NEVER:
        return False
    if tag in ("html", "body"):
        return True
    if node.get("hidden") is not None and node.get("hidden").strip().lower() != "until-found":
        return False
    if tag == "template":
        return node.get("shadowrootmode") is not None
    if tag == "dialog" and node.get("open") is None:
        return False
    if tag in ("desc", "metadata"):
        return node.getparent() is None or tag_of(node.getparent()) not in _SVG
    if tag == "span" and node.get("class") == "katex-html":
        before = node.getprevious()
        return before is None or before.get("class") != "katex-mathml"
    return display_of(node) != "none"


def display_of(node: Any) -> str:
    """Returns the display that an element's own style states, '' where it states none."""
    style = node.get("style")
    found = _DISPLAY.findall(style) if style and "isplay" in style.lower() else []
    return found[-1].lower() if found else ""


def stands_apart(display: str) -> bool:
    """Whether a stated display makes a block of what is else within a line."""
    return bool(display) and display not in _WITHIN_LINES and not display.startswith("inline-")


def holds_blocks(node: Any) -> bool:
    """Whether elements that HTML does not know stand as blocks in a known element, by what stands beside them.

    They do where neither text nor an element of a line is directly within it: `<div><app-title>…</app-title>…</div>`.
    """
    tag = tag_of(node)
    if tag in _OF_LINES or tag in INLINE or tag in APART:
        return False
    return not (node.text or "").strip() and not any(
        (child.tail or "").strip() or tag_of(child) in INLINE or tag_of(child) in APART for child in node
    )
