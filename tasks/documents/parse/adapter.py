"""Turns what unstructured gives into blocks: text typed by its partitioners, tables as rows that a person can read."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

from freshet.tasks.documents.parse.build import Block, table_block, tidy
from freshet.tasks.documents.parse.tagger import install_tagger

NO_LANGUAGES = [""]
"""Switches off unstructured's language detection, which costs more than the parsing and is not read here."""

_SKIPPED = frozenset({"PageBreak"})


def prepare(*formats: str) -> None:
    """Imports unstructured's partitioners of these formats, with the tagger in place.

    The import takes a second or two, which is why no parser makes it: a parser's time is counted as the document's.
    """
    _tagger_once()
    for name in formats:
        import_module(f"unstructured.partition.{name}")


@lru_cache(maxsize=1)
def _tagger_once() -> None:
    install_tagger()


def blocks_of(elements: Iterable[Any], numbered_pages: bool = False) -> list[Block]:
    """Returns the blocks of unstructured's elements.

    A title is one whose depth unstructured read from the document. One that it guessed from the look of a
    line is text: in a list of short lines it takes every second one for a heading.

    Args:
        elements: unstructured elements in order.
        numbered_pages: whether the format has pages (slides, sheets) that a reader can turn to.
    """
    elements = [element for element in elements if element.category not in _SKIPPED]
    blocks = []
    for element in elements:
        page = element.metadata.page_number if numbered_pages else None
        if element.category == "Table":
            blocks.append(_table(element, page))
        elif element.category == "Title" and element.metadata.category_depth is not None:
            level = element.metadata.category_depth + 1
            blocks.append(Block("Title", " ".join(element.text.split()), level, page))
        else:
            text = element.text if element.category == "CodeSnippet" else tidy(element.text)
            kind = "UncategorizedText" if element.category == "Title" else element.category
            blocks.append(Block(kind, text, page=page))
    return blocks


def typed_blocks(text: str) -> list[Block]:
    """Returns a block for each paragraph of a text that has no type of its own, with the type that its look suggests.

    Paragraphs are parted by blank lines; lines that all begin with a bullet are items of a list.
    """
    return [_typed(part) for paragraph in text.split("\n\n") if paragraph.strip() for part in _items(paragraph)]


def _items(paragraph: str) -> list[str]:
    from unstructured.partition.text_type import is_bulleted_text

    lines = [line for line in paragraph.split("\n") if line]
    return lines if len(lines) > 1 and all(map(is_bulleted_text, lines)) else ["\n".join(lines)]


def _typed(text: str) -> Block:
    from unstructured.cleaners.core import clean_bullets
    from unstructured.partition.html.parser import derive_element_type_from_text

    found = derive_element_type_from_text(" ".join(text.split()))
    kind = str(found.category) if found else "UncategorizedText"
    return Block(kind, clean_bullets(text) or text if kind == "ListItem" else text)


def _table(element: Any, page: int | None) -> Block:
    block = table_block(html_rows(element.metadata.text_as_html or ""), page)
    return block if block.text else Block("Table", tidy(element.text), page=page)


def html_rows(markup: str) -> list[list[str]]:
    """Yields the rows of an HTML table as lists of cells; the text of a nested table stands inside its cell."""
    if not markup.strip():
        return []
    from lxml import etree, html

    try:
        root = html.fragment_fromstring(markup, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return []
    rows = root.xpath(".//tr[count(ancestor::table) <= 1]")
    return [[" ".join(" ".join(cell.itertext()).split()) for cell in row.xpath("./td|./th")] for row in rows]
