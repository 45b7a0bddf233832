"""The strings on the pages of a PDF file, in the order in which the file has them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from freshet.tasks.documents.parse.coverage.compare import Passage

_NO_LETTER = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\u21b5]")
"""What stands for a letter whose font does not say which it is, such as the ligatures of TeX."""


def pdf_passages(path: str) -> Iterator[Passage]:
    """Yields the lines of each page, without words of which the file does not say each letter."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        for number, page in enumerate(document, start=1):
            text = page.get_textpage().get_text_bounded(errors="ignore")
            yield from (Passage(f"page {number}", _sure(line)) for line in text.split("\r\n"))
            page.close()
    finally:
        document.close()


def _sure(line: str) -> str:
    # At its end stands the mark of a hyphen.
    line = line.removesuffix("\ufffe")
    return line if _NO_LETTER.search(line) is None else " ".join(w for w in line.split(" ") if not _NO_LETTER.search(w))
