"""Paragraphs of DrawingML, of which slides, charts and SmartArt are made."""

from __future__ import annotations

from typing import Any

from freshet.tasks.documents.parse.ooxml.equations import M, equation
from freshet.tasks.documents.parse.ooxml.package import MC, A, branches_of

_UNREAD = frozenset({f"{A}pPr", f"{A}rPr", f"{A}endParaRPr"})


def drawn_text(paragraph: Any) -> str:
    """Returns the text of an a:p, whatever wraps its runs; breaks are line ends, equations stand in one line."""
    parts: list[str] = []
    _collect(paragraph, parts)
    return "".join(parts)


def _collect(node: Any, parts: list[str]) -> None:
    for child in node:
        tag = child.tag
        if tag == f"{A}t":
            parts.append((child.text or "").replace("\v", "\n"))
        elif tag == f"{A}br":
            parts.append("\n")
        elif tag == f"{A}tab":
            parts.append("\t")
        elif tag == f"{M}oMath":
            parts.append(equation(child))
        elif tag == f"{MC}AlternateContent":
            for branch in branches_of(child):
                before = len(parts)
                _collect(branch, parts)
                if len(parts) > before:
                    break
        elif isinstance(tag, str) and tag not in _UNREAD:
            _collect(child, parts)
