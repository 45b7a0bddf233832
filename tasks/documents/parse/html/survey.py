"""What must be known of a page's elements before its text is read in order."""

from __future__ import annotations

from typing import Any

from freshet.tasks.documents.parse.html import tags
from freshet.tasks.documents.parse.html.fields import input_text
from freshet.tasks.documents.parse.html.tables import rows_of


class Survey:
    """Which elements hold text, which hold a structure, and which unknown elements stand as blocks."""

    def __init__(self, root: Any) -> None:
        """Looks at what is displayed below an element."""
        # lxml makes an element anew where nobody holds it: those in these collections are the same ones later on.
        self._texts: set[Any] = set()
        self._structures: set[Any] = set()
        self._holds_blocks: dict[Any, bool] = {}
        self._blocks: set[Any] = set()
        if next(root.iter("table", "svg"), None) is not None:
            self._look_through(root)

    def _look_through(self, root: Any) -> None:
        pending = [root]
        while pending:
            node = pending.pop()
            if (node.tail or "").strip():
                _add_with_ancestors(node.getparent(), self._texts)
            tag = tags.tag_of(node)
            if not tags.is_shown(node, tag):
                continue
            if (node.text or "").strip() or _shows_words(node, tag):
                _add_with_ancestors(node, self._texts)
            if tag in tags.STRUCTURES:
                _add_with_ancestors(node.getparent(), self._structures)
            pending += node

    def has_text(self, node: Any) -> bool:
        """Whether text is displayed within an element."""
        return node in self._texts

    def is_frame(self, table: Any) -> bool:
        """Whether a table frames what has a structure of its own and is to be read as if the table were not there.

        It is one that never has two cells with text side by side, or one that says that it is no data.
        """
        cells = [[cell for cell in row if cell in self._texts] for row in rows_of(table)]
        if not any(cell in self._structures for row in cells for cell in row):
            return False
        if (table.get("role") or "").strip().lower() in ("presentation", "none"):
            return True
        return all(len(row) <= 1 and all((cell.get("rowspan") or "1").strip() == "1" for cell in row) for row in cells)

    def is_block(self, node: Any, tag: str) -> bool:
        """Whether an element that HTML does not know stands as a block; to be asked of outer elements first."""
        if tag in tags.INLINE or tag in tags.APART or ":" in tag:
            return False
        parent = node.getparent()
        if parent is None:
            return False
        if parent not in self._holds_blocks:
            parent_tag = tags.tag_of(parent)
            is_open = parent_tag in tags.BLOCKS or parent in self._blocks
            self._holds_blocks[parent] = is_open and tags.holds_blocks(parent)
        if self._holds_blocks[parent]:
            self._blocks.add(node)
        return self._holds_blocks[parent]


def _shows_words(node: Any, tag: str) -> bool:
    if tag == "img":
        return bool((node.get("alt") or "").strip())
    return bool(input_text(node).strip()) if tag == "input" else tag == "math" and bool(node.get("alttext"))


def _add_with_ancestors(node: Any, found: set[Any]) -> None:
    while node is not None and node not in found:
        found.add(node)
        node = node.getparent()
