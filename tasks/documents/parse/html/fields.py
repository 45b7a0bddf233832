"""What elements without text of their own show: pictures, and the fields of forms."""

from __future__ import annotations

from typing import Any

from freshet.tasks.documents.parse.html.tags import is_shown

_WITHOUT_TEXT = frozenset({"hidden", "password", "file", "color", "range"})


def picture_text(node: Any) -> str:
    """Returns the text that stands for a picture, unless the caption behind it says the same, as pandoc's do."""
    text = str(node.get("alt") or "")
    behind = node.getnext()
    if text and behind is not None and behind.tag == "figcaption":
        caption = " ".join("".join(behind.itertext()).split())
        return "" if caption.startswith(" ".join(text.split())) else text
    return text


def input_text(node: Any) -> str:
    """Returns what an input element shows: a value, the words of a button, or whether a box is ticked."""
    kind = (node.get("type") or "text").strip().lower()
    if kind in ("checkbox", "radio"):
        return "[x]" if node.get("checked") is not None else "[ ]"
    if kind == "image":
        return str(node.get("alt") or node.get("value") or "")
    return "" if kind in _WITHOUT_TEXT else str(node.get("value") or "")


def select_text(node: Any) -> str:
    """Returns the chosen options of a select element, or the first where none is; all of a list that is always open."""
    options = [option for option in node.iter("option") if is_shown(option, "option")]
    is_open = node.get("multiple") is not None or (node.get("size") or "1").strip() not in ("", "0", "1")
    chosen = [option for option in options if option.get("selected") is not None]
    shown = options if is_open else chosen[-1:] or options[:1]
    texts = (" ".join((option.get("label") or "".join(option.itertext())).split()) for option in shown)
    return ", ".join(text for text in texts if text)
