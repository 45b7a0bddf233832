"""Markdown made of names and texts of others, which are shown as they are and never taken for markup."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TypeGuard

from freshet.tasks.render.values import measure, number, visible

_MARKUP = re.compile(r"[\\`*\[\]~|$]|(?<!_)(?:_++(?![^\W_])|(?<![^\W_])_++)")
"""What may be markup; underscores between two letters or digits, as in max_tokens, are not."""

_AT_THE_START = re.compile(r"^([-+=#]|\d+(?=[.)]))")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_URL = re.compile(r"(?i)\b(https?|ftp)(://)")


class Markup(str):
    """A text that is Markdown already, and is to stand in a line or a cell as it is."""

    __slots__ = ()


def plain(value: object) -> Markup:
    """Writes any value as one line of plain text, without markup, HTML, or characters that hide or turn text."""
    # These characters begin a heading or a list at the start of a line only, and a table's cell never stands there.
    return Markup(_AT_THE_START.sub(lambda start: "".join(f"&#{ord(c)};" for c in start[0]), _inline(value)))


def code(value: object) -> Markup:
    """Writes a name or command that is to be copied as code, without the characters that would end the code."""
    line = "".join(c for c in str(value) if c != "`" and unicodedata.category(c)[0] != "C")
    return Markup(f"`{line}`".replace("|", r"\|"))


def table(head: Sequence[object], rows: Sequence[Sequence[object]], *, padded: bool = False) -> str:
    """Writes a Markdown table.

    A cell of Markup stands as it is. Every other value is shown as plain text: nothing in it is taken for markup, and
    nothing in it ends the cell. Numbers are written for people, None as a dash, and a column of nothing else is set to
    the right.

    Args:
        head: the names of the columns.
        rows: of as many values each as there are columns.
        padded: whether the cells of a column get one width, so that the table can be read on a terminal as well.
    """
    lines = [[_cell(value) for value in line] for line in (head, *rows)]
    right = [bool(rows) and all(row[at] is None or _is_number(row[at]) for row in rows) for at in range(len(head))]
    widths = [max(3, *map(len, column)) if padded else 3 for column in zip(*lines, strict=True)]
    rule = ["-" * (width - aside) + ":" * aside for width, aside in zip(widths, right, strict=True)]
    written = [
        [
            cell.rjust(width) if aside else cell.ljust(width)
            for cell, width, aside in zip(line, widths, right, strict=True)
        ]
        if padded
        else line
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in (written[0], rule, *written[1:]))


def _cell(value: object) -> str:
    if isinstance(value, Markup):
        return value
    if value is None:
        return "–"
    if _is_number(value):
        return measure(value) if isinstance(value, float) else number(value)
    return _inline(value)


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inline(value: object) -> str:
    line = "".join(_ENTITIES.get(c, c) for c in " ".join(visible(value).split()))
    # A URL is a link by itself in most readers, unless its scheme does not look like one.
    line = _URL.sub(r"\1&#58;//", line)
    return _MARKUP.sub(lambda found: "".join(f"\\{c}" for c in found[0]), line).replace("www.", "www&#46;")
