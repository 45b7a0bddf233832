"""Word documents: headers, the body section by section, footers and, where they are text, comments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.hidden import Entry, Tally
from freshet.tasks.documents.parse.ooxml.package import Package, R, W
from freshet.tasks.documents.parse.ooxml.word_parts import Parts, is_on
from freshet.tasks.documents.parse.ooxml.word_story import Story


def word_blocks(
    package: Package, unfolds: int, comments: bool = False
) -> tuple[list[Block], Mapping[str, int], list[Entry]]:
    """Reads a Word document.

    Args:
        unfolds: bytes that it may unfold to, together with documents within it.
        comments: whether its comments are text, which comes last.

    Returns:
        (blocks in reading order, how many of what was left out, entries for hidden text of parts in another format
        and for comments that are text and give orders).
    """
    parts = Parts(package, unfolds - package.unfolds_to)
    sections = _Sections(parts, package.root)
    blocks: list[Block] = []
    sections.begin(blocks)
    Story(parts, package.main, package.root, at_section=sections.next).blocks(package.root, blocks)
    sections.end(blocks)
    said = _comments(parts) if comments else Tally()
    return [*blocks, *said.comments.get(None, ())], parts.left_out, [*parts.hidden, *said.entries()]


def _comments(parts: Parts) -> Tally:
    said = Tally(comments_are_text=True)
    for name in parts.package.parts(parts.package.main, "comments"):
        root = parts.tree(name)
        if root is not None:
            story = Story(parts, name, root)
            for node in root.iter(f"{W}comment"):
                said.add_comment(story.lines(node), node.get(f"{W}author"))
    return said


class _Sections:
    """The headers and footers of each section, those that somebody sees, once for each text that they have."""

    def __init__(self, parts: Parts, root: Any) -> None:
        self._parts = parts
        self._sections = [node for node in root.iter(f"{W}sectPr") if node.getparent().tag in (f"{W}pPr", f"{W}body")]
        self._at = 0
        self._current: dict[tuple[str, str], str] = {}
        self._texts: dict[str, str] = {}
        self._seen: set[tuple[str, str]] = set()

    def begin(self, into: list[Block]) -> None:
        if self._at < len(self._sections):
            section = self._sections[self._at]
            for kind in ("header", "footer"):
                for node in section.iterchildren(f"{W}{kind}Reference"):
                    name = self._parts.target(self._parts.package.main, str(node.get(f"{R}id")))
                    if name:
                        self._current[kind, str(node.get(f"{W}type") or "default")] = name
            self._read(section, "header", into)

    def next(self, into: list[Block]) -> None:
        if self._at < len(self._sections):
            self._read(self._sections[self._at], "footer", into)
            self._at += 1
            self.begin(into)

    def end(self, into: list[Block]) -> None:
        while self._at < len(self._sections):
            self.next(into)

    def _read(self, section: Any, kind: str, into: list[Block]) -> None:
        shown = ["default", "first"] if is_on(section.find(f"{W}titlePg")) else ["default"]
        for page in (*shown, "even") if self._parts.odd_and_even else shown:
            name = self._current.pop((kind, page), None)
            text = "" if name is None else self._text(name)
            if text and (kind, text) not in self._seen:
                self._seen.add((kind, text))
                into.append(Block(kind.capitalize(), text))

    def _text(self, name: str) -> str:
        """Returns the text of a header or footer, which many sections may refer to."""
        if name not in self._texts:
            root = self._parts.tree(name)
            self._texts[name] = "" if root is None else Story(self._parts, name, root).lines(root)
        return self._texts[name]
