"""Word and PowerPoint files, and what all Office files have in common."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.found import with_active
from freshet.tasks.documents.parse.active.office import active_in_office
from freshet.tasks.documents.parse.build import Block, build, first_title
from freshet.tasks.documents.parse.hidden import Entry, merged
from freshet.tasks.documents.parse.kinds import is_ole
from freshet.tasks.documents.parse.links import office_links, with_links
from freshet.tasks.documents.parse.ooxml.package import UNREADABLE, Package, open_package
from freshet.tasks.documents.parse.ooxml.slides import slide_blocks
from freshet.tasks.documents.parse.ooxml.word import word_blocks
from freshet.tasks.documents.parse.ooxml.word_hidden import hidden_in_docx
from freshet.tasks.documents.parse.refusal import Refused

_PROPERTIES = ("title", "author", "subject", "keywords", "category", "created", "modified", "last_modified_by")
_SHARE_OF_MEMORY = 0.5
"""Of the process's memory, what a container may unfold to: the tree built from XML is larger than the XML."""


def parse_docx(path: str, memory: int, comments: bool = False) -> ParsedDocument:
    """Parses a Word document. Its pages depend on who prints it, so that it gets none.

    Args:
        path: the file.
        memory: bytes that the process may take.
        comments: whether comments are text, here and in `parse_pptx`.
    """
    check_container(path, "docx", memory)
    with open_package(path, "docx") as package:
        blocks, left_out, hidden = word_blocks(package, int(memory * _SHARE_OF_MEMORY), comments)
        return built_office(package, blocks, merged(hidden_in_docx(package, but_comments=comments), hidden), left_out)


def parse_pptx(path: str, memory: int, comments: bool = False) -> ParsedDocument:
    """Parses a presentation; page numbers are slide numbers."""
    check_container(path, "pptx", memory)
    with open_package(path, "pptx") as package:
        blocks, left_out, hidden = slide_blocks(package, comments)
        return built_office(package, blocks, hidden, left_out)


def check_container(path: str, kind: str, memory: int) -> None:
    """Refuses a file that is locked, is no container at all, or would unfold beyond the memory that there is.

    The sizes are those that the container declares. Python's zip reader stops at them, so that a container
    that understates them is damaged rather than dangerous.
    """
    if is_ole(path):
        raise Refused("PARSE-ENCRYPTED", type=kind) if _holds_encrypted(path) else Refused("PARSE-CORRUPT", type=kind)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise Refused("PARSE-CORRUPT", type=kind, error=type(error).__name__) from None
    unfolded = sum(entry.file_size for entry in entries)
    if unfolded > memory * _SHARE_OF_MEMORY:
        raise Refused("PARSE-MEMORY", type=kind, unfolds_to=unfolded, limit=int(memory * _SHARE_OF_MEMORY))
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise Refused("PARSE-ENCRYPTED", type=kind)


def _holds_encrypted(path: str) -> bool:
    import olefile

    try:
        with olefile.OleFileIO(path) as container:
            return bool(container.exists("EncryptedPackage"))
    except (OSError, ValueError, IndexError):
        return False


def built_office(
    package: Package, blocks: list[Block], hidden: Sequence[Entry] = (), left_out: Mapping[str, int] | None = None
) -> ParsedDocument:
    """Builds the document with what the file states about itself, runs and loads, and with what is not in its text."""
    properties = _core_properties(package)
    document = build(blocks, properties.get("title") or first_title(blocks), properties, hidden, left_out=left_out)
    return with_active(with_links(document, office_links(package)), active_in_office(package))


def _core_properties(package: Package) -> dict[str, Any]:
    """Returns what docProps/core.xml states; nothing where it is absent or unreadable."""
    from lxml import etree

    try:
        root = package.tree("docProps/core.xml")
    except UNREADABLE:
        return {}
    stated = {etree.QName(node).localname: (node.text or "").strip() for node in root if isinstance(node.tag, str)}
    stated = {
        ("author" if key == "creator" else "last_modified_by" if key == "lastModifiedBy" else key): value
        for key, value in stated.items()
    }
    return {key: stated[key] for key in _PROPERTIES if stated.get(key)}
