"""One text of a Word document (its body, a header, a note) as blocks: paragraphs, lists, headings and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from freshet.tasks.documents.parse.build import Block, table_block, tidy
from freshet.tasks.documents.parse.ooxml.embedded import foreign_blocks, is_word
from freshet.tasks.documents.parse.ooxml.equations import M, equation
from freshet.tasks.documents.parse.ooxml.package import MC, UNREADABLE, Package, R, W, branches_of
from freshet.tasks.documents.parse.ooxml.prose import is_prose, without_bullet
from freshet.tasks.documents.parse.ooxml.word_numbering import Counters
from freshet.tasks.documents.parse.ooxml.word_parts import Parts
from freshet.tasks.documents.parse.ooxml.word_styles import Style, numbering_of, outline_level, value, whole
from freshet.tasks.documents.parse.ooxml.word_text import DELETED, UNREAD, Fields, Inline, read_inline

_LONGEST_HEADING = 300
"""Characters of a heading that nothing but an outline level makes one."""

_MOST_COLUMNS = 63
"""As many as Word allows; what a row states beyond is no indent."""


@dataclass
class _Paragraph:
    style: Style
    number: str | None
    indent: int | None
    outline: int | None
    section: Any | None
    joined: bool
    """Whether its end was taken out, so that the next paragraph continues it."""


class Story:
    """A reader of one text.

    Args:
        part: the name of its part, to which the ids of its charts belong.
        root: the root of the part.
        counters: where the lists of this text stand.
        at_section: is called with the blocks so far where a section ends.
    """

    def __init__(
        self,
        parts: Parts,
        part: str,
        root: Any,
        counters: Counters | None = None,
        at_section: Callable[[list[Block]], None] | None = None,
    ) -> None:
        """Takes what the texts of the document share, and what is this text's own."""
        self._parts, self._part = parts, part
        self._counters = counters or Counters()
        self._fields = Fields(root)
        self._at_section = at_section
        self._carried = Inline()
        self._in_cell = False
        self._deferred: list[tuple[str, Any]] = []

    def blocks(self, nodes: Iterable[Any], into: list[Block] | None = None) -> list[Block]:
        """Returns the blocks of some nodes and of all that they wrap, after those that are there already."""
        into = [] if into is None else into
        self._walk(nodes, into)
        self._end_carried(into)
        return into

    def lines(self, nodes: Iterable[Any]) -> str:
        """Returns the text of a header or footer, a line for each paragraph, table and box."""
        self._in_cell = True
        blocks = self.blocks(nodes)
        self._in_cell = False
        inline, self._deferred = Inline(after=self._deferred), []
        self._read_after(inline, blocks)
        return "\n".join(filter(None, (tidy(block.text) for block in blocks)))

    def _walk(self, nodes: Iterable[Any], into: list[Block]) -> None:
        for node in nodes:
            tag = node.tag
            if tag == f"{W}p":
                self._paragraph(node, into)
            elif tag == f"{W}tbl":
                self._end_carried(into)
                self._table(node, into)
            elif tag == f"{W}altChunk":
                into += self._chunk(str(node.get(f"{R}id")))
            elif tag == f"{MC}AlternateContent":
                for branch in branches_of(node):
                    before = len(into)
                    self._walk(branch, into)
                    if len(into) > before:
                        break
            elif isinstance(tag, str) and tag.startswith(M):
                into.append(Block("NarrativeText", equation(node)))
            elif isinstance(tag, str) and tag not in UNREAD:
                self._walk(node, into)

    def _paragraph(self, node: Any, into: list[Block]) -> None:
        facts = self._facts(node.find(f"{W}pPr"))
        inline, self._carried = self._carried, Inline()
        read_inline(node, self._fields, inline)
        if facts.joined:
            self._carried = inline
            return
        text = "".join(inline.parts)
        # An empty paragraph that ends a section is no item of a list.
        label = "" if facts.section is not None and not inline else self._label(facts)
        if text.strip():
            block = self._block(text, label, facts)
            if block.text:
                into.append(block)
        self._read_after(inline, into)
        if facts.section is not None and self._at_section is not None:
            self._at_section(into)

    def _end_carried(self, into: list[Block]) -> None:
        """Reads what a paragraph holds whose end was taken out, and which no paragraph follows."""
        inline, self._carried = self._carried, Inline()
        if inline:
            into.append(Block("NarrativeText", tidy("".join(inline.parts))))
            self._read_after(inline, into)

    def _facts(self, properties: Any | None) -> _Paragraph:
        if properties is None:
            style = self._parts.styles.of(None)
            return _Paragraph(style, style.number, style.indent, None, None, False)
        style = self._parts.styles.of(value(properties, "pStyle"))
        number, indent = numbering_of(properties)
        outline, mark = whole(value(properties, "outlineLvl")), properties.find(f"{W}rPr")
        return _Paragraph(
            style if number is None else replace(style, numbered_by=None),
            style.number if number is None else number,
            style.indent if indent is None else indent,
            outline,
            properties.find(f"{W}sectPr"),
            mark is not None and any(mark.find(tag) is not None for tag in DELETED),
        )

    def _label(self, facts: _Paragraph) -> str:
        if facts.number in (None, "", "0"):
            return ""
        return self._parts.numbering.label(self._counters, facts.number or "", facts.indent, facts.style.numbered_by)

    def _block(self, text: str, label: str, facts: _Paragraph) -> Block:
        """Tells a paragraph's kind: by its bullet, its style, its number, and last by its words."""
        if self._in_cell:
            return Block("NarrativeText", f"{label} {text}")
        style, bare = facts.style, without_bullet(text)
        level = style.level
        if not style.named_heading:
            level = level if facts.outline is None else outline_level(facts.outline)
            level = 0 if len(text) > _LONGEST_HEADING else level
        numbered = facts.number not in (None, "", "0") and (style.numbered_by is None or not style.is_plain)
        if bare is not None or (not level and (style.is_list or numbered)):
            bare = text if bare is None else bare
            return Block("ListItem", tidy(f"{label} {bare}") if bare.strip() else "")
        if level:
            return Block("Title", " ".join(f"{label} {text}".split()), level=level)
        is_narrative = not style.is_plain and len(text.strip()) > 1 and is_prose(text.strip())
        return Block("NarrativeText" if is_narrative else "UncategorizedText", tidy(f"{label} {text}"))

    def _read_after(self, inline: Inline, into: list[Block]) -> None:
        """Reads what hangs on a paragraph; what hangs on the paragraphs of a table is read after the table."""
        if self._in_cell:
            self._deferred += inline.after
            return
        for kind, what in inline.after:
            if kind == "line":
                into.append(Block("NarrativeText", tidy(what)))
            elif kind == "box":
                into += self._box(what)
            elif kind in ("chart", "diagram"):
                into += self._parts.drawn(kind, self._part, what)
            elif kind == "subdocument":
                self._parts.left_out["subdocument"] += 1
            elif found := self._parts.note(kind, what):
                into += self._other_story(*found).blocks(found[1])

    def _box(self, node: Any) -> list[Block]:
        own, self._counters = self._counters, self._parts.boxes
        blocks = self.blocks(node if node.tag == f"{W}txbxContent" else [node])
        self._counters = own
        return blocks

    def _other_story(self, part: str, node: Any) -> Story:
        """Returns the reader of the notes of one part, whose lists go on from note to note."""
        if part not in self._parts.stories:
            self._parts.stories[part] = Story(self._parts, part, node.getroottree().getroot())
        story: Story = self._parts.stories[part]
        return story

    def _table(self, node: Any, into: list[Block]) -> None:
        nested, self._in_cell = self._in_cell, True
        merged: set[int] = set()
        rows = [self._row(row, merged) for row in _within(node, f"{W}tr") if not _is_deleted(row, "trPr")]
        self._in_cell = nested
        if nested:
            into.append(Block("NarrativeText", " ".join(cell for row in rows for cell in row)))
            return
        block = table_block(rows)
        if block.text:
            into.append(block)
        inline, self._deferred = Inline(after=self._deferred), []
        self._read_after(inline, into)

    def _row(self, row: Any, merged: set[int]) -> list[str]:
        """Returns the cells of a row. A cell that continues the one above it is none; Word shows nothing of it.

        Args:
            merged: the columns of the row above whose cells may be continued; becomes those of this row.
        """
        properties = row.find(f"{W}trPr")
        at = max((None if properties is None else whole(value(properties, "gridBefore"))) or 0, 0)
        cells = [""] * min(at, _MOST_COLUMNS)
        open_now: set[int] = set()
        for cell in _within(row, f"{W}tc"):
            if _is_deleted(cell, "tcPr"):
                continue
            merge = cell.find(f"{W}tcPr/{W}vMerge")
            continues = merge is not None and merge.get(f"{W}val") != "restart" and at in merged
            cells += [] if continues else [self._cell(cell)]
            open_now |= set() if merge is None else {at}
            span = cell.find(f"{W}tcPr/{W}gridSpan")
            at += max((None if span is None else whole(span.get(f"{W}val"))) or 1, 1)
        merged.clear()
        merged |= open_now
        return cells

    def _cell(self, cell: Any) -> str:
        return " ".join(" ".join(block.text for block in self.blocks(cell)).split())

    def _chunk(self, key: str) -> list[Block]:
        """Returns what an altChunk puts in here: a file in another format, or another Word document."""
        name = self._parts.target(self._part, key)
        if name is None or not self._parts.is_new(name):
            self._parts.left_out["embedded file (absent)"] += name is None
            return []
        try:
            raw, media = self._parts.package.read(name), self._parts.package.media_type(name)
            if is_word(media):
                return self._document(raw)
        except UNREADABLE:
            self._parts.left_out["damaged part"] += 1
            return []
        found = foreign_blocks(raw, media)
        if found is None:
            self._parts.left_out[f"embedded file ({media or 'of an unknown type'})"] += 1
            return []
        self._parts.hidden += found[1]
        return found[0]

    def _document(self, raw: bytes) -> list[Block]:
        """Returns the body of a document within the document; what both unfold to counts together."""
        with Package(BytesIO(raw)) as package:
            self._parts.unfolds -= package.unfolds_to
            if self._parts.unfolds < 0:
                self._parts.left_out["embedded file (too large)"] += 1
                return []
            inner = Parts(package, self._parts.unfolds, self._parts.left_out, self._parts.hidden)
            blocks = Story(inner, package.main, package.root).blocks(package.root)
            self._parts.unfolds = inner.unfolds
            return blocks


def _within(node: Any, tag: str) -> Iterator[Any]:
    """Yields the rows of a table or the cells of a row, whatever wraps them."""
    for child in node:
        if child.tag == tag:
            yield child
        elif child.tag == f"{MC}AlternateContent":
            yield from next((found for branch in branches_of(child) if (found := list(_within(branch, tag)))), [])
        elif isinstance(child.tag, str) and child.tag not in UNREAD:
            yield from _within(child, tag)


def _is_deleted(node: Any, properties: str) -> bool:
    found = node.find(f"{W}{properties}")
    return found is not None and any(found.find(f"{W}{name}") is not None for name in ("del", "cellDel"))
