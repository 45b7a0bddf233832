"""Turns Markdown into blocks, straight from the tokens of a CommonMark parser.

`unstructured` goes through Python-Markdown and HTML; a list that follows its paragraph without a blank line
then becomes running text, code inside list items loses its lines, and the way round takes several times as
long. The kinds given here are unstructured's.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import CELL_SEPARATOR, Block, build, first_title, rows_text
from freshet.tasks.documents.parse.decode import decoded
from freshet.tasks.documents.parse.hidden import hidden_in_markdown
from freshet.tasks.documents.parse.links import fill_in_template_links, markdown_anchors, markdown_links, with_links

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_FRONT = re.compile(r"\A(---|\+\+\+)[ \t]*\n(.*?)(?:^)(?:\1|\.\.\.)[ \t]*(?:\n|\Z)", re.S | re.M)
_KEY_LINE = re.compile(r"^[\"']?[A-Za-z_][\w \-]*+[\"']?\s*+[:=]")
_TEMPLATE_TAG = re.compile(r"\{%-?[^%\n]*-?%\}")
_BREAK_TAG = re.compile(r"<br\s*/?>", re.I)


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few hundred bytes of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not read in front matter")
        return super().compose_node(parent, index)


def load() -> None:
    """Loads the CommonMark parser, so that its start is not counted as the first document's time."""
    _reader()


def parse_markdown(path: str) -> ParsedDocument:
    """Parses the Markdown file at `path`; its front matter gives the properties and may give the title."""
    read = decoded(Path(path).read_bytes())
    return markdown_document(read.text.replace("\r\n", "\n").replace("\r", "\n"), read.guessed)


def markdown_document(text: str, guessed: str | None = None) -> ParsedDocument:
    """Parses Markdown whose lines end with newlines alone; `guessed` is that of `build`.

    A template tag (`{% include … %}`), which a site's generator fills in later, is filled in where it is the target of
    a link, since the link would not be recognised otherwise. It is left out elsewhere, and kept in code.
    """
    properties, body = split_front_matter(text)
    hidden = hidden_in_markdown(body)
    body = fill_in_template_links(body)
    tokens = _reader().parse(body)
    blocks = _blocks(tokens)
    stated = properties.get("title")
    document = build(blocks, str(stated) if stated else first_title(blocks), properties, hidden, guessed)
    return with_links(document, markdown_links(tokens), markdown_anchors(tokens, body))


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Returns (properties, the rest). Front matter that states no properties is text, and stays in the rest."""
    text = text.lstrip("\ufeff")
    match = _FRONT.match(text)
    if not match:
        return {}, text
    fence, raw = match[1], match[2]
    first_line = next((line for line in raw.splitlines() if line.strip() and not line.startswith("#")), "")
    if first_line and not _KEY_LINE.match(first_line):
        return {}, text
    try:
        values = tomllib.loads(raw) if fence == "+++" else yaml.load(raw, Loader=_PlainLoader)
    except (yaml.YAMLError, tomllib.TOMLDecodeError, ValueError, RecursionError):
        values = _simple_lines(raw)
    return (values if isinstance(values, dict) else {}), text[match.end() :]


def _simple_lines(raw: str) -> dict[str, str]:
    """Reads the plain `key: value` lines of front matter that is not well-formed."""
    pairs = (line.split(":", 1) for line in raw.splitlines() if _KEY_LINE.match(line) and ":" in line)
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def _blocks(tokens: Sequence[Token]) -> list[Block]:
    blocks: list[Block] = []
    open_items: list[bool] = []  # for each open list item, whether its first paragraph is still to come
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.type == "heading_open":
            blocks.append(Block("Title", inline_text(tokens[at + 1]), level=int(token.tag[1:])))
            at += 2
        elif token.type == "table_open":
            end = next(i for i in range(at, len(tokens)) if tokens[i].type == "table_close")
            blocks.append(Block("Table", _table_text(tokens[at:end])))
            at = end
        elif token.type == "list_item_open":
            open_items.append(True)
        elif token.type == "list_item_close":
            open_items.pop()
        elif token.type == "inline":
            blocks.append(Block("ListItem" if open_items and open_items[-1] else "NarrativeText", inline_text(token)))
            if open_items:
                open_items[-1] = False
        elif token.type in ("fence", "code_block"):
            blocks.append(Block("CodeSnippet", token.content.rstrip("\n")))
        elif token.type == "html_block":
            blocks.extend(html_fragment_blocks(token.content))
        at += 1
    return blocks


def _table_text(tokens: Sequence[Token]) -> str:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(" ".join(inline_text(token).split()))
    return rows_text(rows)


def inline_text(token: Token) -> str:
    """Returns what a reader sees of an inline token: link texts without their targets, no mark-up."""
    parts: list[str] = []
    for child in token.children or []:
        if child.type == "text":
            parts.append(_TEMPLATE_TAG.sub("", child.content) if "{%" in child.content else child.content)
        elif child.type in ("code_inline", "text_special"):
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak" or (child.type == "html_inline" and _BREAK_TAG.fullmatch(child.content)):
            parts.append("\n")
        elif child.type == "image":
            parts.append(inline_text(child))
    return "".join(parts)


def html_fragment_blocks(fragment: str) -> list[Block]:
    """Returns the text of raw HTML inside Markdown, often half of an element, without scripts, styles or comments."""
    from lxml import etree, html

    try:
        root = html.fragment_fromstring(fragment, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return []
    etree.strip_elements(root, "script", "style", "template", "noscript", etree.Comment, with_tail=False)
    blocks: list[Block] = []
    for line in _block_lines(root):
        level = int(line[0][1]) if re.fullmatch("h[1-6]", line[0]) else 0
        kind = (
            "Title" if level else {"li": "ListItem", "pre": "CodeSnippet", "tr": "Table"}.get(line[0], "NarrativeText")
        )
        if kind == "Table" and blocks and blocks[-1].kind == "Table":
            blocks[-1] = Block("Table", f"{blocks[-1].text}\n{line[1]}")
        else:
            blocks.append(Block(kind, line[1], level))
    return blocks


_BLOCK_TAG_NAMES = """
div p ul ol li table thead tbody tfoot tr section article aside header footer nav main details summary figure
figcaption blockquote pre form fieldset address dl dt dd h1 h2 h3 h4 h5 h6 hr
"""
_BLOCK_TAGS = frozenset(_BLOCK_TAG_NAMES.split())


def _block_lines(root: Any) -> list[tuple[str, str]]:
    """Yields (tag of the innermost block, its text) in document order."""
    lines: list[tuple[str, list[str]]] = [("div", [])]

    def walk(node: Any, tag: str) -> None:
        own = node.tag if isinstance(node.tag, str) else ""
        inner = own if own in _BLOCK_TAGS and not (tag == "tr" and own == "p") else tag
        if inner != tag or own == inner:
            lines.append((inner, []))
        lines[-1][1].append(str(node.get("alt") or "") if own == "img" else node.text or "")
        for child in node:
            if child.tag in ("td", "th") and lines[-1][1] and "".join(lines[-1][1]).strip():
                lines[-1][1].append(CELL_SEPARATOR)
            walk(child, inner)
            if child.tag == "br":
                lines[-1][1].append("\n" if inner == "pre" else " ")
            if isinstance(child.tag, str) and child.tag in _BLOCK_TAGS and (child.tail or "").strip():
                lines.append((inner, []))
            lines[-1][1].append(child.tail or "")

    walk(root, "div")
    joined = ((tag, "".join(parts)) for tag, parts in lines)
    return [(tag, text if tag == "pre" else " ".join(text.split())) for tag, text in joined if text.strip()]
