"""Reads the displayed text of an HTML page, whatever its elements are called.

The rule is that of browsers: an element is a block or stands within a line, and its text is text unless it is not
displayed. The walk keeps its own stack, so that no depth is too deep, and visits each element a fixed number of times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from freshet.tasks.documents.parse.adapter import typed_blocks
from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.html import tags
from freshet.tasks.documents.parse.html.fields import input_text, picture_text, select_text
from freshet.tasks.documents.parse.html.line import Line
from freshet.tasks.documents.parse.html.math import math_text
from freshet.tasks.documents.parse.html.survey import Survey
from freshet.tasks.documents.parse.html.tables import CELLS, Table
from freshet.tasks.documents.parse.html.tree import html_tree


def html_blocks(text: str) -> list[Block]:
    """Returns the blocks of HTML that is already text, whatever encoding it states."""
    root = html_tree(text)
    return [] if root is None else _Reader(root).blocks


@dataclass
class _Item:
    """A list item or definition, whose first paragraph is a ListItem."""

    is_begun: bool = False


@dataclass(frozen=True)
class _Place:
    """Where text stands: what it becomes, and where that goes.

    Attributes:
        kind: "text", "title", "code", "term" or "drawing".
        item: the list item or definition that it is in.
        terms: those of a list of definitions whose definition is still to come.
        table: the table whose rows and cells may come here.
        is_cell: whether the text is part of a table's cell, which has no blocks of its own.
    """

    sink: list[Block]
    kind: str = "text"
    level: int = 0
    item: _Item | None = None
    table: Table | None = None
    is_cell: bool = False
    terms: list[str] = field(default_factory=list)


class _Reader:
    """Goes through a tree once; `blocks` is what it read."""

    def __init__(self, root: Any) -> None:
        self.blocks: list[Block] = []
        self._survey = Survey(root)
        self._line = Line()
        self._places = [_Place(self.blocks)]
        self._taken = 0
        self._pending: list[tuple[Callable[[Any], None], Any]] = [(self._open, root)]
        while self._pending:
            act, argument = self._pending.pop()
            act(argument)
        self._flush()
        self._end_terms(self._places[0])

    def _open(self, node: Any) -> None:
        tag = tags.tag_of(node)
        if not tags.is_shown(node, tag) or self._without_content(node, tag):
            return
        display = tags.display_of(node)
        is_drawn = self._places[-1].kind == "drawing"
        if tag in tags.BLOCKS or tags.stands_apart(display) or (not is_drawn and self._survey.is_block(node, tag)):
            self._open_block(node, tag)
        elif tag in ("sup", "sub"):
            self._then(self._shift, (self._taken, self._line.place(), tag == "sup"))
        elif tag in ("rt", "rp"):
            self._open_reading(node, tag)
        elif tag == "text" and is_drawn:
            self._line.begin_lines()
        elif (tag not in tags.INLINE and ":" not in tag) or display.startswith("inline-"):
            self._line.part()
            self._then(self._part, None)
        elif tag == "a" and (before := node.getprevious()) is not None and before.tag == "a" and not before.tail:
            self._line.part()
        self._line.add(node.text or "")
        for child in reversed(node):
            self._pending += [(self._add_tail, child), (self._open, child)]

    def _then(self, act: Callable[[Any], None], argument: Any) -> None:
        """Has something done when the element that is being opened ends."""
        self._pending.append((act, argument))

    def _add_tail(self, node: Any) -> None:
        self._line.add(node.tail or "")

    def _without_content(self, node: Any, tag: str) -> bool:
        """Reads an element that shows something else than its content; says whether it is one."""
        if tag == "br":
            self._line.end_line()
        elif tag == "img":
            self._line.add_picture(picture_text(node))
        elif tag == "input":
            self._line.add_apart(input_text(node))
        elif tag == "select":
            self._line.add_apart(select_text(node))
        elif tag == "textarea":
            self._lines("".join(node.itertext()))
        elif tag == "math":
            self._line.add_apart(math_text(node))
        else:
            return tag == "svg" and not self._survey.has_text(node)
        return True

    def _part(self, _: Any) -> None:
        self._line.part()

    def _lines(self, text: str) -> None:
        self._line.part()
        for number, line in enumerate(text.strip("\r\n").splitlines()):
            if number:
                self._line.end_line()
            self._line.add(line)
        self._line.part()

    def _shift(self, begun: tuple[int, int, bool]) -> None:
        taken, place, up = begun
        if taken == self._taken:
            self._line.shift(place, up)

    def _open_reading(self, node: Any, tag: str) -> None:
        """Puts how a word is read behind it in brackets, where its author put none."""
        neighbours = (node.getprevious(), node.getnext())
        if tag == "rt" and not any(one is not None and one.tag == "rp" for one in neighbours):
            self._line.add("(")
            self._then(self._line.add, ")")

    def _open_block(self, node: Any, tag: str) -> None:
        outer = self._places[-1]
        if outer.kind == "code":
            self._line.begin_lines()
            self._then(self._end_block, None)
            return
        self._flush()
        place, end = self._place_of(node, tag, outer)
        self._places.append(place)
        self._line.is_code = place.kind == "code"
        self._then(end, None)

    def _end_block(self, _: Any) -> None:
        self._line.end_block()

    def _place_of(self, node: Any, tag: str, outer: _Place) -> tuple[_Place, Callable[[Any], None]]:
        """Returns where the text of a block stands, and what is to be done at its end."""
        if tag == "dl":
            self._end_terms(outer)
            return replace(outer, terms=[]), self._close_list
        if tag == "dt" and outer.kind == "text":
            return replace(outer, kind="term"), self._close
        if outer.is_cell:
            return outer, self._close
        if tag == "table":
            return self._place_of_table(node, outer)
        if outer.table is not None and (tag == "tr" or tag in CELLS):
            return self._place_in_table(node, tag, outer, outer.table)
        if tag in tags.CODE:
            return replace(outer, kind="code"), self._close
        if tag in tags.HEADINGS:
            return replace(outer, kind="title", level=tags.HEADINGS[tag]), self._close
        if tag in ("li", "dd"):
            return replace(outer, item=_Item()), self._close
        return (replace(outer, kind="drawing") if tag == "svg" else outer), self._close

    def _place_of_table(self, node: Any, outer: _Place) -> tuple[_Place, Callable[[Any], None]]:
        if self._survey.is_frame(node):
            return replace(outer, table=None), self._close
        table = Table()

        def close(_: Any) -> None:
            self._close(None)
            block = table.block()
            if block.text:
                self._put(block)

        return replace(outer, table=table), close

    def _place_in_table(self, node: Any, tag: str, outer: _Place, table: Table) -> tuple[_Place, Callable[[Any], None]]:
        if tag == "tr":
            table.begin_row()

            def close_row(_: Any) -> None:
                self._close(None)
                table.is_in_row = False

            return outer, close_row
        cell, place = table.add(node), _Place([], is_cell=True)

        def close_cell(_: Any) -> None:
            self._flush()
            self._end_terms(place)
            self._close(None)
            cell.text = " ".join(" ".join(block.text for block in place.sink).split())

        return place, close_cell

    def _close(self, _: Any) -> None:
        self._flush()
        self._places.pop()
        self._line.is_code = False

    def _close_list(self, _: Any) -> None:
        self._flush()
        self._end_terms(self._places[-1])
        self._close(None)

    def _flush(self) -> None:
        """Makes a block of the paragraph that has been read so far."""
        text, is_picture = self._line.take()
        self._taken += 1
        if not text.strip():
            return
        place = self._places[-1]
        if place.kind == "term":
            place.terms.append(" ".join(text.split()))
        elif place.kind == "title":
            self._put(Block("Title", " ".join(text.split()), place.level))
        elif place.kind == "code":
            self._put(Block("CodeSnippet", text))
        elif place.is_cell:
            self._put(Block("NarrativeText", text))
        elif place.item is not None and not place.item.is_begun:
            self._put(Block("ListItem", "\n".join(line for line in text.split("\n") if line)))
        elif is_picture:
            self._put(Block("Image", " ".join(text.split())))
        else:
            for block in typed_blocks(text):
                self._put(block)

    def _put(self, block: Block) -> None:
        place = self._places[-1]
        if place.terms and (place.is_cell or block.kind not in ("Title", "CodeSnippet", "Table")):
            terms = ", ".join(place.terms)
            place.terms.clear()
            block = replace(block, text=f"{terms}{' ' if terms[-1] in '.:;?!…' else ': '}{block.text}")
        self._end_terms(place)
        if place.item is not None:
            place.item.is_begun = True
        place.sink.append(block)

    def _end_terms(self, place: _Place) -> None:
        """Writes the terms that no definition followed."""
        for term in place.terms:
            place.sink.extend(typed_blocks(term))
        place.terms.clear()
