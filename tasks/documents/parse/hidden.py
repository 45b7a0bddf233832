"""Finds text that a file holds and its readers do not see, as entries for a document's property `hidden`.

An entry is {"kind", "count", "chars"}, with "page" where the format has pages, else "place" (a line, a paragraph) of
the first such text where that is known, "unread" (how many of the characters are not in the document's text either),
and "instructs": true where the text gives orders to a model. The hidden text itself is never kept. These functions
run in the parser process: what they read is untrusted. A file that they cannot read has no entries; the parser says
why.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.html.tags import is_shown, tag_of
from freshet.tasks.documents.parse.html.tree import html_tree
from freshet.tasks.text.instructions import gives_instructions

Entry = dict[str, Any]

_MOST_ENTRIES = 50
_COUNTED = ("count", "chars", "unread")
_UNREAD = frozenset({"script", "style", "template", "noscript", "head", "title", "desc", "metadata", "iframe"})
_UNREAD_IN_MARKDOWN = _UNREAD | {"svg", "math", "object"}


@dataclass
class Tally:
    """Collects hidden texts by kind and page, and comments, which are hidden or are text.

    Attributes:
        comments_are_text: whether they are.
        comments: those that are text, by page.
        texts: the hidden ones by kind and page.
    """

    comments_are_text: bool = False
    comments: dict[int | None, list[Block]] = field(default_factory=dict)
    texts: dict[tuple[str, int | None], list[str]] = field(default_factory=dict)
    places: dict[tuple[str, int | None], str] = field(default_factory=dict)
    unread: Counter[tuple[str, int | None]] = field(default_factory=Counter)

    def add(self, kind: str, text: str, page: int | None = None, place: str = "", *, is_read: bool = True) -> None:
        """Counts a hidden text, unless it is empty.

        Args:
            page: counted from 1.
            is_read: whether the text of the document holds it.
        """
        text = " ".join(text.split())
        if text:
            self.texts.setdefault((kind, page), []).append(text)
            if place:
                self.places.setdefault((kind, page), place)
            if not is_read:
                self.unread[kind, page] += len(text)

    def add_comment(self, text: str, author: str | None, page: int | None = None, *, is_copy: bool = False) -> None:
        """Takes a comment as text, or counts it as hidden; one that gives orders to a model is told in either case.

        Args:
            text: what it says; nothing is made of an empty one.
            author: who wrote it, where the file says so.
            page: counts from 1.
            is_copy: whether the file has it elsewhere, too, so that it is no text here.
        """
        if not self.comments_are_text or gives_instructions(text):
            self.add("comment", text, page)
        if self.comments_are_text and text.strip() and not is_copy:
            name = " ".join((author or "").split())
            # Excel writes the name into the text, too.
            said = f"Comment by {name}: {text.strip().removeprefix(f'{name}:').strip()}" if name else f"Comment: {text}"
            self.comments.setdefault(page, []).append(Block("NarrativeText", said, page=page))

    def entries(self) -> list[Entry]:
        """Describes what was counted, an entry for each kind and page, at most 50."""
        described = []
        for (kind, page), texts in sorted(self.texts.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
            entry: Entry = {"kind": kind, "count": len(texts), "chars": sum(map(len, texts))}
            entry |= {} if page is None else {"page": page}
            entry |= {"place": self.places[kind, page]} if (kind, page) in self.places else {}
            entry |= {"unread": self.unread[kind, page]} if (kind, page) in self.unread else {}
            described.append(entry | ({"instructs": True} if gives_instructions("\n".join(texts)) else {}))
        return described[:_MOST_ENTRIES]


def merged(entries: Iterable[Entry], more: Iterable[Entry]) -> list[Entry]:
    """Adds entries of a document's other parts to its own, so that there is one for each kind and page, at most 50."""
    found: dict[tuple[str, int | None], Entry] = {}
    for entry in (*entries, *more):
        key = entry["kind"], entry.get("page")
        before = found.get(key, {"count": 0, "chars": 0})
        counts = {name: before.get(name, 0) + entry.get(name, 0) for name in _COUNTED if name in {*before, *entry}}
        found[key] = {**entry, **before, **({"instructs": True} if entry.get("instructs") else {}), **counts}
    return list(found.values())[:_MOST_ENTRIES]


@lru_cache(maxsize=16)
def _compiled(name: str) -> re.Pattern[str]:
    return re.compile(_PATTERNS[name], re.I | re.S | re.M)


_PATTERNS = {
    "suspect": r"<!--|<style|<[a-z][^<>]{0,2000}?\b(?:hidden\b|style\s*=|color\s*=)",
    "conditional": r"\A\s*\[(?:if|endif)\b|\A\s*<?!\[endif",
    "fenced": r"^(?P<fence>`{3,}|~{3,}).*?(?:^(?P=fence)[`~]*[ \t]*$|\Z)"
    r"|(?<!`)(?P<tick>`++)[^\n]*?(?<!`)(?P=tick)(?!`)",
    "markdown comment": r"^ {0,3}\[[^\]\n]{1,40}\]:[ \t]*(?:#|<>)[ \t]+(?:\(([^\n]*)\)|\"([^\n]*)\"|'([^\n]*)')[ \t]*$",
}  # fmt: skip


def hidden_in_html(text: str) -> list[Entry]:
    """Finds the hidden text of an HTML page or fragment: comments, and elements that their styles or attributes hide.

    Styles count where they stand in the element or in the page itself; style sheets elsewhere are not read. What an
    element itself says that it does not display is not in the text of the document (`unread`). The kinds are `comment`,
    `hidden attribute`, `not displayed`, `not visible`, `too small`, `off screen` and `same colour`.
    """
    tally = Tally()
    _tally_html(text, tally, _UNREAD, is_page=True)
    return tally.entries()


def hidden_in_markdown(text: str) -> list[Entry]:
    """Finds the hidden text of Markdown: HTML comments and hidden elements outside of code, `[//]: # (comments)`."""
    tally = Tally()
    body = _compiled("fenced").sub(" ", text) if "`" in text or "~~~" in text else text
    _tally_html(body, tally, _UNREAD_IN_MARKDOWN, is_page=False)
    if "]: #" in body or "]: <>" in body:
        for match in _compiled("markdown comment").finditer(body):
            tally.add("comment", match[1] or match[2] or match[3] or "")
    return tally.entries()


def _tally_html(text: str, tally: Tally, unread: Container[str], *, is_page: bool) -> None:
    if not _compiled("suspect").search(text):
        return
    from lxml import etree

    root = html_tree(text)
    if root is None:
        return
    for comment in root.iter(etree.Comment):
        if not _compiled("conditional").search(comment.text or ""):
            tally.add("comment", comment.text or "", place=_line(comment) if is_page else "")
    _walk(root, tally, unread, is_page=is_page)


def _line(node: Any) -> str:
    return f"line {node.sourceline}" if node.sourceline else ""


def _walk(root: Any, tally: Tally, unread: Container[str], *, is_page: bool) -> None:
    """Goes from element to element without recursion: pages nest deeper than Python does."""
    from freshet.tasks.documents.parse.html.css import Element, Sheet, background, hiding_kind

    sheet = Sheet(root)
    pending: list[tuple[Element, str | None]] = [(Element.from_html_root(root), "white")]
    while pending:
        element, behind = pending.pop()
        node = element.etree_element
        if node.tag in unread:
            continue
        style = sheet.style(element)
        behind = background(node, style, behind)
        kind = hiding_kind(node, style, behind)
        if kind:
            is_read = not is_page or is_shown(node, tag_of(node))
            tally.add(kind, " ".join(_shown_texts(node, unread)), place=_line(node) if is_page else "", is_read=is_read)
        else:
            pending += [(child, behind) for child in element.iter_children()][::-1]


def _shown_texts(node: Any, unread: Container[str]) -> Iterable[str]:
    """Yields the texts below a node, without those of scripts and the like."""
    from lxml import etree

    pending = [(node, False)]
    while pending:
        current, tail = pending.pop()
        if tail:
            yield current.tail or ""
            continue
        if current is not node:
            pending.append((current, True))
        if isinstance(current.tag, str) and current.tag not in unread and current.tag is not etree.Comment:
            yield current.text or ""
            pending += [(child, False) for child in reversed(current)]
