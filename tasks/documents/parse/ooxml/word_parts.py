"""The parts of a Word document beside its body: styles, lists, notes, headers, charts, and files put in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.hidden import Entry
from freshet.tasks.documents.parse.ooxml.charts import chart_blocks, diagram_blocks, user_shape_blocks
from freshet.tasks.documents.parse.ooxml.package import UNREADABLE, Package, W
from freshet.tasks.documents.parse.ooxml.word_numbering import Counters, Numbering
from freshet.tasks.documents.parse.ooxml.word_styles import Styles


@dataclass
class Parts:
    """What the texts of a document share.

    Attributes:
        unfolds: bytes that documents within the document may unfold to, all together.
        left_out: what could not be read, by its kind.
        hidden: entries of `parse.hidden` for parts in another format.
        boxes: the counters of lists in text boxes, which count for themselves.
    """

    package: Package
    unfolds: int
    left_out: Counter[str] = field(default_factory=Counter)
    hidden: list[Entry] = field(default_factory=list)
    boxes: Counters = field(default_factory=Counters)
    read_notes: set[tuple[str, str]] = field(default_factory=set)
    stories: dict[str, Any] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)

    def side(self, kind: str) -> Any | None:
        """Returns the root of the part of a kind that belongs to the body; None where there is none to read."""
        names = self.package.parts(self.package.main, kind)
        return self.tree(names[0]) if names else None

    def tree(self, part: str) -> Any | None:
        """Returns the root of a part; one that is damaged is counted as left out."""
        try:
            return self.package.tree(part)
        except UNREADABLE:
            self.left_out["damaged part"] += 1
            return None

    @cached_property
    def styles(self) -> Styles:
        """The paragraph styles."""
        return Styles(self.side("styles"))

    @cached_property
    def numbering(self) -> Numbering:
        """The lists."""
        return Numbering(self.side("numbering"), self.styles)

    @cached_property
    def odd_and_even(self) -> bool:
        """Whether pages with an even number have a header of their own."""
        settings = self.side("settings")
        switch = None if settings is None else settings.find(f"{W}evenAndOddHeaders")
        return is_on(switch)

    @cached_property
    def _notes(self) -> dict[tuple[str, str], tuple[str, Any]]:
        found: dict[tuple[str, str], tuple[str, Any]] = {}
        for kind in ("footnotes", "endnotes"):
            for part in self.package.parts(self.package.main, kind)[:1]:
                root = self.tree(part)
                for node in () if root is None else root.iterchildren(f"{W}{kind[:-1]}"):
                    found.setdefault((kind, str(node.get(f"{W}id"))), (part, node))
        return found

    def note(self, kind: str, key: str) -> tuple[str, Any] | None:
        """Returns (part, note) the first time that a note is referred to."""
        if (kind, key) in self.read_notes:
            return None
        self.read_notes.add((kind, key))
        return self._notes.get((kind, key))

    def target(self, part: str, key: str) -> str | None:
        """Returns the name of the part to which another refers by an id; None where it is not in the file."""
        target = self.package.targets(part).get(key)
        return target.name if target and not target.external and target.name in self.package else None

    def drawn(self, kind: str, part: str, key: str) -> list[Block]:
        """Returns the words of a chart or a diagram that a part refers to by an id."""
        name = self.target(part, key)
        if name is None or not self.is_new(name):
            return []
        return drawn_blocks(self.package, kind, name, self.left_out)

    def is_new(self, part: str) -> bool:
        """Whether a part is asked for the first time: one that is put in at many places is read once."""
        is_new = part not in self._read
        self._read.add(part)
        return is_new


def drawn_blocks(
    package: Package, kind: str, name: str, left_out: Counter[str], page: int | None = None
) -> list[Block]:
    """Returns the words of a part that is a "chart" or a "diagram"; one that is damaged is counted as left out."""
    try:
        root = package.tree(name)
        shapes = [package.tree(one) for one in package.parts(name, "chartUserShapes")]
    except UNREADABLE:
        left_out["damaged part"] += 1
        return []
    if kind == "diagram":
        return diagram_blocks(root, page)
    return chart_blocks(root, page) + [block for shape in shapes for block in user_shape_blocks(shape, page)]


def is_on(switch: Any | None) -> bool:
    """Whether an element that switches something on is there and does not say "off"."""
    return switch is not None and (switch.get(f"{W}val") or "true").lower() not in ("0", "false", "off", "none")
