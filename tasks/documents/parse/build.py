"""Makes a document of blocks in reading order, and gives each its span of the text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from freshet.tasks.documents.elements import ADDED_PROPERTIES, SEPARATOR, Element, ParsedDocument
from freshet.tasks.documents.parse.refusal import Refused

CELL_SEPARATOR = " | "
"""Stands between two cells of a table's row."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160), 65279, 65534, 65535))
_CLEAN = {**_CONTROL, 0xA0: " ", 0x2028: "\n", 0x2029: "\n"}
_TOO_MANY_BREAKS = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")
_SPACES = re.compile(r"[ \t\xa0]+")
_TITLE_LIMIT = 300


@dataclass(frozen=True)
class Block:
    """One element before it has a place in the document's text; fields as in `Element`."""

    kind: str
    text: str
    level: int = 0
    page: int | None = None
    box: tuple[float, float, float, float] | None = None


def clean(text: str) -> str:
    """Returns a text as valid UTF-8 that holds no control characters but tab and newline, and no no-break spaces.

    Lone surrogates (half of a character, which no encoder accepts) become U+FFFD.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_CLEAN)
    text = _SURROGATE.sub("\ufffd", text)
    return _TOO_MANY_BREAKS.sub("\n\n", text).strip()


def build(
    blocks: Iterable[Block],
    title: str | None = None,
    properties: Mapping[str, Any] | None = None,
    hidden: Sequence[Mapping[str, Any]] = (),
    guessed: str | None = None,
    left_out: Mapping[str, int] | None = None,
) -> ParsedDocument:
    """Joins the blocks that hold text.

    Args:
        properties: what the document states about itself. It cannot state what its parser finds in it.
        hidden: entries of `parse.hidden`; where there are any, the property `hidden`.
        guessed: the encoding that the text was read in, where its file states none: the property `guessed_encoding`.
        left_out: how many parts of a kind are not in the text; where there are any, the property `left_out`.

    Raises:
        Refused: PARSE-EMPTY where no block holds text.
    """
    texts: list[str] = []
    elements: list[Element] = []
    at = 0
    for block in blocks:
        text = clean(block.text)
        if not text:
            continue
        elements.append(Element(block.kind, at, at + len(text), block.level, block.page, block.box))
        texts.append(text)
        at += len(text) + len(SEPARATOR)
    if not elements:
        raise Refused("PARSE-EMPTY")
    own_title = " ".join(clean(title or "").split())[:_TITLE_LIMIT] or None
    # Names are compared as they are kept: "hidden" with a control character in it is `hidden`, too.
    stated = {key: value for key, value in jsonable(properties or {}).items() if key not in ADDED_PROPERTIES}
    found: dict[str, Any] = {"hidden": [dict(entry) for entry in hidden]} if hidden else {}
    found |= {"guessed_encoding": guessed} if guessed else {}
    found |= {"left_out": jsonable(left_out)} if left_out else {}
    return ParsedDocument(SEPARATOR.join(texts), elements, own_title, stated | found)


def rows_text(rows: Iterable[Iterable[str]]) -> str:
    """Writes rows as lines, with cells joined by ' | '; empty rows and empty cells at the end of a row are left out."""
    lines = []
    for row in rows:
        cells = list(row)
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            lines.append(CELL_SEPARATOR.join(cells))
    return "\n".join(lines)


def table_block(rows: Sequence[Sequence[str]], page: int | None = None) -> Block:
    """Returns a table as a block; one that never has two cells side by side is the frame of a page, and no data."""
    if all(sum(1 for cell in row if cell) <= 1 for row in rows):
        return Block("NarrativeText", "\n".join(cell for row in rows for cell in row if cell), page=page)
    return Block("Table", rows_text(rows), page=page)


def tidy(text: str) -> str:
    """Returns a text without white space around its lines, and with a single space between its words."""
    return "\n".join(_SPACES.sub(" ", line).strip() for line in text.splitlines())


def first_title(blocks: Iterable[Block]) -> str | None:
    """Returns the text of the first of the highest headings, which is the title of a document that states none."""
    titles = [block for block in blocks if block.kind == "Title" and block.text.strip()]
    return min(titles, key=lambda block: block.level or 9).text if titles else None


def jsonable(value: Any) -> Any:
    """Returns the value with all that JSON does not know (dates, keys that are numbers) as valid UTF-8 text."""
    if isinstance(value, Mapping):
        return {clean(str(key)): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    return clean(value.isoformat() if hasattr(value, "isoformat") else str(value))
