"""The text of a shape as blocks: titles, lists with their numbers, prose, tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.build import Block, table_block, tidy
from freshet.tasks.documents.parse.ooxml.drawing import drawn_text
from freshet.tasks.documents.parse.ooxml.package import A, P
from freshet.tasks.documents.parse.ooxml.prose import is_heading_like, is_prose
from freshet.tasks.documents.parse.ooxml.word_numbering import written

_FORMS = {
    "arabic": "decimal",
    "alphaLc": "lowerLetter",
    "alphaUc": "upperLetter",
    "romanLc": "lowerRoman",
    "romanUc": "upperRoman",
}
_MARKS = (("ParenBoth", "({})"), ("ParenR", "{})"), ("Period", "{}."), ("Minus", "- {} -"), ("Plain", "{}"))


def paragraphs_of(node: Any) -> list[Any]:
    """Returns the paragraphs of a shape's own text."""
    body = node.find(f"{P}txBody")
    return [] if body is None else list(body.iterchildren(f"{A}p"))


def text_blocks(node: Any, page: int, is_title: bool) -> Iterator[Block]:
    """Yields a block for each paragraph of a shape; those of a title are titles, one below the other."""
    numbers = _Numbers()
    depth = 1
    for paragraph in paragraphs_of(node):
        text, properties = drawn_text(paragraph), paragraph.find(f"{A}pPr")
        level = _level(properties)
        label = numbers.label(properties, level) if text.strip() else ""
        if not text.strip():
            continue
        if label or (properties is not None and properties.find(f"{A}buChar") is not None):
            yield Block("ListItem", tidy(f"{label} {text}"), page=page)
        elif is_title:
            yield Block("Title", " ".join(text.split()), depth, page)
            depth += 1
        elif is_prose(text):
            yield Block("NarrativeText", tidy(text), page=page)
        elif is_heading_like(text):
            yield Block("Title", " ".join(text.split()), level + 2, page)
        else:
            yield Block("UncategorizedText", tidy(text), page=page)


def table_blocks(table: Any, page: int) -> list[Block]:
    """Returns a table of a slide (a:tbl), with all paragraphs of each cell."""
    rows = [
        [" ".join(" ".join(map(drawn_text, cell.iter(f"{A}p"))).split()) for cell in row.iterchildren(f"{A}tc")]
        for row in table.iterchildren(f"{A}tr")
    ]
    return [table_block(rows, page)]


def _level(properties: Any | None) -> int:
    stated = None if properties is None else properties.get("lvl")
    return int(stated) if stated and stated.isdigit() and len(stated) == 1 else 0


class _Numbers:
    """Counts the paragraphs that number themselves, level by level; what interrupts them begins them anew."""

    def __init__(self) -> None:
        self._at: dict[int, tuple[str, int]] = {}

    def label(self, properties: Any | None, level: int) -> str:
        """Counts a paragraph and returns its number; "" where it has none."""
        self._at = {at: count for at, count in self._at.items() if at <= level}
        numbered = None if properties is None else properties.find(f"{A}buAutoNum")
        if numbered is None:
            self._at.pop(level, None)
            return ""
        form, start = str(numbered.get("type") or ""), str(numbered.get("startAt") or "1")
        before = self._at.get(level)
        first = int(start) if start.isdigit() and len(start) < 6 else 1
        number = before[1] + 1 if before and before[0] == form else first
        self._at[level] = form, number
        return _written(number, form)


def _written(number: int, form: str) -> str:
    for ending, mark in _MARKS:
        if form.endswith(ending):
            return mark.format(written(number, _FORMS.get(form.removesuffix(ending), "decimal")))
    return f"{number}."
