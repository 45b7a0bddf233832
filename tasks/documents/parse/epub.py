"""Books (EPUB): the pages that its package lists, in reading order, each read as the HTML that it is."""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from typing import Any
from urllib.parse import unquote

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import Block, build, first_title
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.hidden import Entry, hidden_in_html, merged
from freshet.tasks.documents.parse.html.reader import html_blocks
from freshet.tasks.documents.parse.office import check_container
from freshet.tasks.documents.parse.pandoc_containers import refuse_locked
from freshet.tasks.documents.parse.refusal import Refused

_UNREADABLE = (KeyError, zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError)
_STATED = {"creator": "author", "publisher": "publisher"}


def parse_epub(path: str, memory: int) -> ParsedDocument:
    """Parses a book. Pages that cannot be read are counted in `left_out`.

    Raises:
        Refused: PARSE-ENCRYPTED; PARSE-CORRUPT where no page can be read; PARSE-MEMORY, PARSE-EMPTY.
    """
    check_container(path, "epub", memory)
    refuse_locked(path, "epub")
    blocks: list[Block] = []
    hidden: list[Entry] = []
    unread = 0
    try:
        with zipfile.ZipFile(path) as archive:
            pages, stated = _package(archive)
            for number, page in enumerate(pages, start=1):
                try:
                    text = decode(archive.read(page), markup=True)
                except _UNREADABLE:
                    unread += 1
                    continue
                blocks += html_blocks(text)
                hidden = merged(hidden, [_on_page(entry, number) for entry in hidden_in_html(text)])
    except (*_UNREADABLE, SyntaxError, ValueError) as error:
        raise Refused("PARSE-CORRUPT", type="epub", error=type(error).__name__) from None
    if unread == len(pages):
        raise Refused("PARSE-CORRUPT", type="epub", pages=unread)
    title = stated.pop("title", "") or first_title(blocks)
    return build(blocks, title, stated, hidden, left_out={"pages": unread} if unread else None)


def _on_page(entry: Entry, number: int) -> Entry:
    return {**entry, "place": f"page {number}, {entry['place']}" if "place" in entry else f"page {number}"}


def _package(archive: zipfile.ZipFile) -> tuple[list[str], dict[str, Any]]:
    """Returns (names of the pages in reading order, what the book states about itself).

    Raises:
        KeyError, SyntaxError and others: there is no package file, or it cannot be read.
    """
    (listing, *_) = [str(node.get("full-path")) for node in _nodes(archive, "META-INF/container.xml", "rootfile")]
    folder, names = posixpath.dirname(listing), set(archive.namelist())
    by_id = {node.get("id"): str(node.get("href") or "") for node in _nodes(archive, listing, "item")}
    targets = [by_id.get(node.get("idref"), "") for node in _nodes(archive, listing, "itemref")]
    found = [posixpath.normpath(posixpath.join(folder, target)) for target in targets]
    pages = [name if name in names else unquote(name) for name in dict.fromkeys(found)]
    stated: dict[str, Any] = {}
    for name in ("title", *_STATED):
        texts = [" ".join((node.text or "").split()) for node in _nodes(archive, listing, name)]
        stated |= {_STATED.get(name, name): ", ".join(filter(None, texts))} if any(texts) else {}
    return pages, stated


def _nodes(archive: zipfile.ZipFile, member: str, name: str) -> list[Any]:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(archive.read(member), parser)
    return [node for node in root.iter() if isinstance(node.tag, str) and node.tag.rpartition("}")[2] == name]
