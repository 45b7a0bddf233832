"""Parses HTML, XML and plain text: the decoding is our own, the partitioners are unstructured's."""

from __future__ import annotations

import html as html_entities
import re
from pathlib import Path
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.adapter import NO_LANGUAGES, blocks_of
from freshet.tasks.documents.parse.build import Block, build, first_title
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.hidden import hidden_in_html
from freshet.tasks.documents.parse.links import html_links, with_links
from freshet.tasks.documents.parse.refusal import Refused

_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
# Where the first title does not end, no later one does: so it is matched all the same, without a text.
_HTML_TITLE = re.compile(r"<title[^>]*+(?:>(.*?)</title)?", re.I | re.S)
_TITLE_WITHIN = 100_000
_VALUE_CHARS = 120
"""A longer text is prose, to which the name of its element adds nothing."""


def parse_html(path: str) -> ParsedDocument:
    """Parses an HTML page, without its scripts and styles."""
    text = decode(Path(path).read_bytes(), markup=True)
    blocks = html_blocks(text)
    match = _HTML_TITLE.search(text[:_TITLE_WITHIN])
    stated = html_entities.unescape(match[1] or "").strip() if match else ""
    links, anchors = html_links(text)
    return with_links(build(blocks, stated or first_title(blocks), hidden=hidden_in_html(text)), links, anchors)


def html_blocks(text: str) -> list[Block]:
    """Returns the blocks of HTML that is already text, whatever encoding it states."""
    from unstructured.partition.html import partition_html

    text = _XML_DECLARATION.sub("", text).replace("\0", "")
    if not text.strip():
        return []
    return blocks_of(partition_html(text=text, languages=NO_LANGUAGES))


def parse_text(path: str) -> ParsedDocument:
    """Parses a plain text file, paragraph by paragraph."""
    blocks = text_blocks(decode(Path(path).read_bytes()))
    return build(blocks)


def text_blocks(text: str) -> list[Block]:
    """Returns the blocks of plain text."""
    from unstructured.partition.text import partition_text

    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return blocks_of(partition_text(text=text, languages=NO_LANGUAGES)) if text.strip() else []


def parse_xml(path: str) -> ParsedDocument:
    """Parses an XML file: each element that holds text of its own becomes an element of the document.

    Entities are not resolved beyond the predefined ones, and nothing outside of the file is read.
    """
    from lxml import etree

    data = Path(path).read_bytes()
    if not data.strip():
        raise Refused("PARSE-EMPTY")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(_XML_DECLARATION.sub("", decode(data, markup=True)).strip().encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("PARSE-CORRUPT", type="xml", error=type(error).__name__) from None
    return build(_xml_blocks(root))


def _xml_blocks(root: Any) -> list[Block]:
    """Returns the blocks in document order.

    Short values under the same parent are a record of 'name: value' lines; prose is a block by itself.
    """
    blocks: list[Block] = []
    record: list[str] = []

    def end_record() -> None:
        if record:
            blocks.append(Block("UncategorizedText", "\n".join(record)))
            record.clear()

    def walk(node: Any) -> None:
        children = [child for child in node if isinstance(child.tag, str)]
        text = " ".join("".join(node.itertext()).split())
        if not children and node.getparent() is not None and len(text) <= _VALUE_CHARS:
            if text:
                record.append(f"{_local_name(node)}: {text}")
        elif not children or (node.text or "").strip() or any((child.tail or "").strip() for child in node):
            # Text beside elements: mark-up inside a sentence, which is not to be taken apart.
            end_record()
            blocks.append(Block("NarrativeText", text))
        else:
            end_record()
            for child in children:
                walk(child)
            end_record()

    walk(root)
    end_record()
    return blocks


def _local_name(node: Any) -> str:
    return str(node.tag).rpartition("}")[2]
