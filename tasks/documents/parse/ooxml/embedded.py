"""Files in another format that a Word document puts into its text (altChunk)."""

from __future__ import annotations

import re

from freshet.tasks.documents.parse.build import Block, tidy
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.hidden import Entry, hidden_in_html

_HTML = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml"})
_WORD = re.compile(r"application/vnd\.(?:openxmlformats-officedocument\.wordprocessingml|ms-word)\.")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n")


def foreign_blocks(raw: bytes, media: str) -> tuple[list[Block], list[Entry]] | None:
    """Returns (blocks, entries of its hidden text) of a file in HTML or plain text; None for other media types."""
    if media in _HTML:
        from freshet.tasks.documents.parse.adapter import prepare
        from freshet.tasks.documents.parse.html.reader import html_blocks

        prepare("html")
        text = decode(raw, markup=True)
        return html_blocks(text), hidden_in_html(text)
    if media == "text/plain":
        text = decode(raw).replace("\r\n", "\n").replace("\r", "\n")
        return [Block("NarrativeText", tidy(part)) for part in _PARAGRAPHS.split(text) if part.strip()], []
    return None


def is_word(media: str) -> bool:
    """Whether a media type is that of a Word document."""
    return bool(_WORD.match(media))
