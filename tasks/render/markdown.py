"""Texts of others within Markdown: shown as they are, and never taken for markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

_MARKUP = re.compile(r"([\\`*_\[\]~|$])")
_AT_THE_START = re.compile(r"^([-+=#]|\d+(?=[.)]))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def plain(value: object) -> str:
    """Any value on one line of Markdown, as plain text: no markup, no HTML, nothing that hides or turns text."""
    shown = "".join("\ufffd" if unicodedata.category(c) in ("Cf", "Cs", "Co", "Cn") else c for c in str(value))
    line = " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in shown).split())
    # A URL is a link by itself in most readers, unless its scheme does not look like one.
    line = "".join(_ENTITIES.get(c, c) for c in line)
    line = re.sub(r"(?i)\b(https?|ftp)(://)", r"\1&#58;//", line)
    line = _MARKUP.sub(r"\\\1", line).replace("www.", "www&#46;")
    return _AT_THE_START.sub(lambda start: "".join(f"&#{ord(c)};" for c in start[0]), line)


def code(value: object) -> str:
    """A name or command that is to be copied, as code; what would end the code is left out."""
    line = "".join(c for c in str(value) if c != "`" and unicodedata.category(c)[0] != "C")
    return f"`{line}`".replace("|", r"\|")


def cell_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells that are Markdown already, so that a bar in them is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; what would break a cell is escaped."""

    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])
