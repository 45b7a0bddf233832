"""What a document is called: by itself, by its first heading, or by its file, whichever says something."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from freshet.tasks.documents.elements import ParsedDocument

_PROGRAM = re.compile(r"^(?:Microsoft (?:Word|PowerPoint|Excel)|Word|PowerPoint)\s+-\s+", re.I)
_FILE = re.compile(r"\.[A-Za-z0-9]{2,5}$")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SAYS_NOTHING = frozenset(
    (
        "untitled", "untitled document", "document", "document1", "title", "no title", "index", "home", "presentation",
        "powerpoint presentation", "presentation1", "slide 1", "new page", "scan", "scanned document", "page 1",
        "contents", "table of contents", "readme", "template",
    )
)  # fmt: skip


def title_of(document: ParsedDocument) -> str | None:
    """Returns what a document calls itself, or else its first heading; None where neither is a title."""
    return next((found for title in _stated(document) if (found := _PROGRAM.sub("", title)) and is_title(found)), None)


def title_or_name(document: ParsedDocument, path: str) -> str:
    """Returns the title of a document, or else the name of its file."""
    return title_of(document) or PurePosixPath(path).name


def is_title(text: str) -> bool:
    """Whether a text says what a document is about: it has words, and is neither a number, a file nor a placeholder."""
    plain = " ".join(text.split())
    if plain.casefold() in _SAYS_NOTHING or (_FILE.search(plain) and " " not in plain):
        return False
    letters = sum(map(len, _WORD.findall(plain)))
    ideographs = sum(1 for char in plain if char >= "\u3040" and char.isalpha())
    return bool(ideographs) or 3 * letters >= sum(map(len, plain.split()))


def _stated(document: ParsedDocument) -> Iterator[str]:
    if document.title:
        yield document.title
    yield from (document.text[one.start : one.end] for one in document.elements[:50] if one.kind == "Title")
