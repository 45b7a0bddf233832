"""The strings on the pages of a PDF file, in the order in which the file has them."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.documents.parse.coverage.compare import Passage


def pdf_passages(path: str) -> Iterator[Passage]:
    """Yields the lines of each page."""
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        for number, page in enumerate(document, start=1):
            text = page.get_textpage().get_text_bounded(errors="ignore")
            yield from (Passage(f"page {number}", line) for line in text.replace("\ufffe", "").splitlines())
            page.close()
    finally:
        document.close()
