"""Parses HTML, XML and plain text."""

from __future__ import annotations

import html as html_entities
import re
from pathlib import Path
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.found import with_active
from freshet.tasks.documents.parse.active.texts import active_in_html, active_in_xml
from freshet.tasks.documents.parse.adapter import NO_LANGUAGES, blocks_of
from freshet.tasks.documents.parse.build import Block, build, first_title
from freshet.tasks.documents.parse.decode import decoded
from freshet.tasks.documents.parse.hidden import hidden_in_html
from freshet.tasks.documents.parse.html.reader import html_blocks
from freshet.tasks.documents.parse.links import html_links, with_links
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.text.made_up import base64_spans

_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
# Where the first title does not end, no later one does: so it is matched all the same, without a text.
_HTML_TITLE = re.compile(r"<title[^>]*+(?:>(.*?)</title)?", re.I | re.S)
_TITLE_WITHIN = 100_000
_ABOUT_THE_FILE = ("{http://www.w3.org/2001/XMLSchema-instance}", "{http://www.w3.org/XML/1998/namespace}")
_LEAST_FILE, _SHARE_OF_FILE = 500, 0.9
_VALUE_CHARS = 120
"""A longer text is prose, to which the name of its element adds nothing."""


def parse_html(path: str) -> ParsedDocument:
    """Parses an HTML page, without its scripts and styles."""
    text, guessed = decoded(Path(path).read_bytes(), markup=True)
    blocks = html_blocks(text)
    match = _HTML_TITLE.search(text[:_TITLE_WITHIN])
    stated = html_entities.unescape(match[1] or "").strip() if match else ""
    links, anchors = html_links(text)
    document = build(blocks, stated or first_title(blocks), hidden=hidden_in_html(text), guessed=guessed)
    return with_active(with_links(document, links, anchors), active_in_html(text))


def parse_text(path: str) -> ParsedDocument:
    """Parses a plain text file, paragraph by paragraph."""
    text, guessed = decoded(Path(path).read_bytes())
    return build(text_blocks(text), guessed=guessed)


def text_blocks(text: str) -> list[Block]:
    """Returns the blocks of plain text."""
    from unstructured.partition.text import partition_text

    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return blocks_of(partition_text(text=text, languages=NO_LANGUAGES)) if text.strip() else []


def parse_xml(path: str) -> ParsedDocument:
    """Parses an XML file: each element that holds text of its own becomes an element of the document.

    Attributes stand in brackets behind the name of their element.

    Files that stand in it as base64 are counted in `left_out`. Entities are not resolved beyond the predefined ones,
    and nothing outside of the file is read.
    """
    from lxml import etree

    data = Path(path).read_bytes()
    if not data.strip():
        raise Refused("PARSE-EMPTY")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    text, guessed = decoded(data, markup=True)
    try:
        root = etree.fromstring(_XML_DECLARATION.sub("", text).strip().encode("utf-8"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("PARSE-CORRUPT", type="xml", error=type(error).__name__) from None
    left_out = {"embedded file": files} if (files := _without_files(root)) else None
    return with_active(build(_xml_blocks(root), guessed=guessed, left_out=left_out), active_in_xml(text))


def _without_files(root: Any) -> int:
    """Takes out what elements hold as base64, the pictures of Word's XML among it; returns how many there were."""
    found = 0
    for node in root.iter():
        text = node.text or ""
        if len(text) > _LEAST_FILE and any(
            end - start > _SHARE_OF_FILE * len(text) for start, end in base64_spans(text)
        ):
            node.text = None
            found += 1
    return found


def _xml_blocks(root: Any) -> list[Block]:
    """Returns the blocks in document order.

    Short values under the same parent are a record of 'name: value' lines; prose is a block by itself, and the names
    and attributes within it are a record in front of it.
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
            if text or _attributes(node):
                record.append(f"{_label(node)}: {text}" if text else _label(node))
        elif not children or (node.text or "").strip() or any((child.tail or "").strip() for child in node):
            # Text beside elements: mark-up inside a sentence, which is not to be taken apart.
            end_record()
            record.extend(_label(one) for one in node.iter() if _attributes(one))
            end_record()
            blocks.append(Block("NarrativeText", text))
        else:
            end_record()
            if _attributes(node):
                record.append(_label(node))
            for child in children:
                walk(child)
            end_record()

    walk(root)
    end_record()
    return blocks


def _label(node: Any) -> str:
    attributes = ", ".join(_attributes(node))
    return f"{_local_name(node.tag)} ({attributes})" if attributes else _local_name(node.tag)


def _attributes(node: Any) -> list[str]:
    """Returns 'name: value' of each attribute, without those that say how to read the file."""
    return [
        f"{_local_name(name)}: {text}"
        for name, value in node.attrib.items()
        if not name.startswith(_ABOUT_THE_FILE) and (text := " ".join(value.split()))
    ]


def _local_name(name: Any) -> str:
    return str(name).rpartition("}")[2]
