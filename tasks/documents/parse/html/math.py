"""Writes MathML as a line of text."""

from __future__ import annotations

from typing import Any

from freshet.tasks.documents.parse.html.tags import tag_of

_TEX = frozenset({"application/x-tex", "tex", "latex", "application/x-latex"})
_SHAPES = {
    "mfrac": "{}/{}", "msup": "{}^{}", "mover": "{}^{}", "msub": "{}_{}", "munder": "{}_{}", "msubsup": "{}_{}^{}",
    "munderover": "{}_{}^{}", "mroot": "root({}, {})",
}  # fmt: skip
_SKIPPED = frozenset({"annotation", "annotation-xml", "mphantom", "maligngroup", "malignmark"})


def math_text(math: Any) -> str:
    """Returns a formula in TeX, where the page holds that, else its parts in a line: `x^2 + y_1`."""
    for note in math.iter("annotation"):
        if (note.get("encoding") or "").strip().lower() in _TEX and (note.text or "").strip():
            return str(note.text).strip()
    return str(math.get("alttext") or "").strip() or _linear(math)


def _linear(math: Any) -> str:
    """Goes from the innermost elements outwards, without recursion."""
    texts: dict[Any, list[str]] = {}
    pending = [(math, False)]
    while pending:
        node, is_done = pending.pop()
        if not is_done:
            texts[node] = [(node.text or "").strip()]
            pending.append((node, True))
            pending += [(child, False) for child in reversed(node) if tag_of(child) and tag_of(child) not in _SKIPPED]
            continue
        own = _joined(tag_of(node), [text for text in texts.pop(node) if text])
        parent = node.getparent()
        if node is math:
            return own
        texts[parent] += [own, (node.tail or "").strip()]
    return ""


def _joined(tag: str, parts: list[str]) -> str:
    shape = _SHAPES.get(tag)
    if shape and len(parts) == shape.count("{}"):
        inside = parts if tag == "mroot" else [f"({part})" if " " in part else part for part in parts]
        return shape.format(*inside)
    return f"sqrt({' '.join(parts)})" if tag == "msqrt" else " ".join(parts)
