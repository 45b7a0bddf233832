"""Presentations, slide by slide: notes, then the shapes from top to bottom and from left to right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from freshet.tasks.documents.parse.build import Block, tidy
from freshet.tasks.documents.parse.hidden import Entry, Tally
from freshet.tasks.documents.parse.ooxml.drawing import drawn_text
from freshet.tasks.documents.parse.ooxml.package import UNREADABLE, A, P, Package, R
from freshet.tasks.documents.parse.ooxml.slide_hidden import Look, tally_slide
from freshet.tasks.documents.parse.ooxml.slide_shapes import (
    Layout,
    Shape,
    is_title,
    layout_of,
    placeholder_of,
    shapes_of,
)  # fmt: skip
from freshet.tasks.documents.parse.ooxml.slide_text import paragraphs_of, table_blocks, text_blocks
from freshet.tasks.documents.parse.ooxml.word_parts import drawn_blocks

_CHARTS = (
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart",
    "{http://schemas.microsoft.com/office/drawing/2014/chartex}chart",
)
_COMMENTS = ("{*}cm", "{*}reply")
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"


def slide_blocks(package: Package, comments: bool = False) -> tuple[list[Block], Mapping[str, int], list[Entry]]:
    """Reads a presentation; page numbers are those of the slides, hidden ones counted.

    Args:
        package: the open file.
        comments: whether comments are text, which follows that of their slide.

    Returns:
        (blocks in reading order, how many of what was left out, entries of `parse.hidden`).
    """
    deck = _Deck(package, comments)
    blocks: list[Block] = []
    for page, part in enumerate(deck.slides(), start=1):
        blocks += deck.slide(part, page)
    return blocks, deck.left_out, deck.tally.entries()


class _Deck:
    def __init__(self, package: Package, comments: bool) -> None:
        self._package = package
        self._layouts: dict[str, Layout] = {}
        self._read: set[str] = set()
        self.left_out: Counter[str] = Counter()
        self.tally = Tally(comments)
        size = package.root.find(f"{P}sldSz")
        self._size = (9_144_000, 6_858_000) if size is None else (_whole(size.get("cx")), _whole(size.get("cy")))

    def slides(self) -> list[str]:
        """Returns the names of the slides' parts, in order."""
        targets = self._package.targets(self._package.main)
        keys = [str(node.get(f"{R}id")) for node in self._package.root.iterfind(f"{P}sldIdLst/{P}sldId")]
        return list(dict.fromkeys(targets[key].name for key in keys if key in targets))

    def slide(self, part: str, page: int) -> list[Block]:
        """Returns the blocks of a slide, and tallies what its audience does not see."""
        root = self._tree(part)
        if root is None:
            return []
        layout = self._layout(part)
        shapes = shapes_of(root, layout)
        title = next((shape for shape in shapes if is_title(shape)), None)
        ordered = sorted(shapes, key=lambda shape: (shape.box.top, shape.box.left) if shape.box else (0, 0))
        found = {id(shape): self._shape(shape, part, page, shape is title) for shape in ordered}
        self._tally(root, part, page, layout, shapes, found)
        shown = [block for shape in ordered for block in found[id(shape)]]
        return [*self._notes(part, page), *shown, *self.tally.comments.get(page, ())]

    def _shape(self, shape: Shape, part: str, page: int, titled: bool) -> list[Block]:
        blocks = list(text_blocks(shape.node, page, titled))
        if shape.node.tag == f"{P}graphicFrame":
            for node in shape.node.iter(f"{A}tbl", *_CHARTS, _DIAGRAM):
                if node.tag == f"{A}tbl":
                    blocks += table_blocks(node, page)
                else:
                    kind, key = ("diagram", "dm") if node.tag == _DIAGRAM else ("chart", "id")
                    target = self._package.targets(part).get(str(node.get(f"{R}{key}")))
                    if target is not None and target.name in self._package and self._is_new(target.name):
                        blocks += drawn_blocks(self._package, kind, target.name, self.left_out, page)
        return blocks

    def _tally(
        self, root: Any, part: str, page: int, layout: Layout, shapes: list[Shape], found: dict[int, list[Block]]
    ) -> None:
        texts = {key: "\n".join(block.text for block in blocks) for key, blocks in found.items()}
        if root.get("show") in ("0", "false"):
            self.tally.add("hidden slide", "\n".join(texts.values()), page)
        else:
            tally_slide(Look(root, layout), shapes, texts, self._size, page, self.tally)
        for name in filter(self._is_new, self._package.parts(part, "comments")):
            comments = self._tree(name)
            # Answers stand before the text of the comment that they answer.
            said: dict[Any, list[str]] = {} if comments is None else {one: [] for one in comments.iter(*_COMMENTS)}
            for node in () if comments is None else comments.iter("{*}text", f"{A}p"):
                text = drawn_text(node) if node.tag == f"{A}p" else node.text or ""
                said.setdefault(next(node.iterancestors(*_COMMENTS), comments), []).append(text)
            for comment, lines in said.items():
                self.tally.add_comment("\n".join(lines), self._authors.get(str(comment.get("authorId"))), page)

    @cached_property
    def _authors(self) -> dict[str, str]:
        """The names of who wrote comments, by the ids under which these name them."""
        main = self._package.main
        parts = [*self._package.parts(main, "commentAuthors"), *self._package.parts(main, "authors")]
        roots = [root for part in parts if (root := self._tree(part)) is not None]
        return {str(node.get("id")): str(node.get("name") or "") for root in roots for node in root}

    def _notes(self, part: str, page: int) -> list[Block]:
        """Returns the notes of a slide; the other placeholders of their page repeat what stands elsewhere."""
        lines: list[str] = []
        for name in filter(self._is_new, self._package.parts(part, "notesSlide")):
            root = self._tree(name)
            for shape in [] if root is None else shapes_of(root, Layout()):
                placeholder = placeholder_of(shape.node)
                if placeholder is None or placeholder.get("type") == "body":
                    lines += [drawn_text(paragraph) for paragraph in paragraphs_of(shape.node)]
        text = tidy("\n".join(lines))
        return [Block("NarrativeText", text, page=page)] if text.strip() else []

    def _is_new(self, part: str) -> bool:
        """Whether a part is asked for the first time: one that many slides refer to is read once."""
        is_new = part not in self._read
        self._read.add(part)
        return is_new

    def _layout(self, part: str) -> Layout:
        name = next(iter(self._package.parts(part, "slideLayout")), "")
        if name not in self._layouts:
            master = next(iter(self._package.parts(name, "slideMaster")), "") if name else ""
            theme = next(iter(self._package.parts(master, "theme")), "") if master else ""
            layout, over, colours = (self._tree(one) if one else None for one in (name, master, theme))
            self._layouts[name] = layout_of(layout, over, colours)
        return self._layouts[name]

    def _tree(self, part: str) -> Any | None:
        try:
            return self._package.tree(part)
        except UNREADABLE:
            self.left_out["damaged part"] += 1
            return None


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() and len(text) < 12 else 0
