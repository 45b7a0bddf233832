"""What ODT files hold beside what pandoc reads of them, and whether one of them or an EPUB is locked."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.refusal import Refused

_MOST_READ = 50_000_000
_TEXT_OF_EPUB = re.compile(r"\.(?:xhtml|html|htm|xml|opf|ncx)$", re.I)
_NUMBERS = frozenset({"page-number", "page-count", "tab", "s", "line-break"})


def refuse_locked(path: str, kind: str) -> None:
    """Refuses a file whose texts are encrypted. Fonts of an EPUB may be, which is no lock.

    Raises:
        Refused: PARSE-ENCRYPTED.
    """
    if kind == "odt":
        is_locked = any(_name(node) == "encryption-data" for node in _nodes(path, "META-INF/manifest.xml"))
    else:
        targets = (node.get("URI") or "" for node in _nodes(path, "META-INF/encryption.xml"))
        is_locked = any(_TEXT_OF_EPUB.search(target) for target in targets)
    if is_locked:
        raise Refused("PARSE-ENCRYPTED", type=kind)


def margin_blocks(path: str) -> list[Block]:
    """Returns the headers and footers of an ODT, each text once, without page numbers."""
    texts: dict[str, None] = {}
    for node in _nodes(path, "styles.xml"):
        if _is_margin(node) and not any(_is_margin(outer) for outer in node.iterancestors()):
            for paragraph in node.iter():
                if _name(paragraph) in ("p", "h"):
                    texts[" ".join("".join(_texts(paragraph)).split())] = None
    return [Block("UncategorizedText", text) for text in texts if text]


def _is_margin(node: Any) -> bool:
    name = _name(node)
    return (
        name.startswith(("header", "footer"))
        and name.partition("-")[2] in ("", "left", "first")
        and (next((value for key, value in node.attrib.items() if key.endswith("}display")), "true") != "false")
    )


def _texts(paragraph: Any) -> Iterator[str]:
    yield paragraph.text or ""
    for node in paragraph.iterdescendants():
        name = _name(node)
        if name not in ("page-number", "page-count"):
            yield " " if name in _NUMBERS else node.text or ""
        yield node.tail or ""


def _name(node: Any) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _nodes(path: str, member: str) -> Iterator[Any]:
    """Yields the elements of a part, none where there is no such part or it cannot be read."""
    from lxml import etree

    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            data = file.read(_MOST_READ)
        yield from etree.fromstring(data, etree.XMLParser(resolve_entities=False, no_network=True)).iter()
    except (KeyError, zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError):
        return
    except etree.XMLSyntaxError:
        return
