"""Finds the pages of a PDF that are pictures of text, and reads them where the `ocr` extra is installed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from freshet.tasks.documents.parse import ocr
from freshet.tasks.documents.parse.build import Block
from freshet.tasks.documents.parse.pdf.drawn import area_of, bounds_of, common_box, drawn_objects

_LEAST_SHARE = 0.05
"""Of the page, that its pictures cover; less is a logo or an ornament on a page that is blank otherwise."""

_TRACED = 200
"""Segments of paths: a page with fewer is ruled or framed, and no scan that was traced."""

_MOST_OBJECTS = 5000
_MOST_RANGES = 10


def is_picture(page: Any) -> bool:
    """Whether an open pypdfium2 page, which has no text, shows something that may hold text."""
    from pypdfium2 import raw

    crop = page.get_bbox()
    covered, segments = 0.0, 0
    for drawn in islice(drawn_objects(page), _MOST_OBJECTS):
        if drawn.kind == raw.FPDF_PAGEOBJ_PATH:
            segments += max(0, raw.FPDFPath_CountSegments(drawn.handle))
        elif box := bounds_of(drawn):
            # Scanners cut a page into strips, each of which is a picture.
            covered += area_of(common_box(box, crop))
        if segments >= _TRACED or covered >= _LEAST_SHARE * area_of(crop):
            return True
    return False


def read_scans(pdf: Any, numbers: Sequence[int], progress: Callable[[], None]) -> tuple[list[Block], list[int]]:
    """Reads pages that are pictures, and calls `progress` after each.

    Args:
        pdf: an open pypdfium2 document.
        numbers: those of the pages, from 1.

    Returns:
        The blocks of the pages that could be read, and the numbers of those that could not.
    """
    if not numbers or not ocr.has_ocr():
        return [], list(numbers)
    blocks: list[Block] = []
    unread: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            alone = _page_alone(pdf, number, Path(folder) / "page.pdf")
            try:
                blocks += [replace(block, page=number, box=None) for block in ocr.scanned_blocks(alone)]
            except MemoryError:
                raise
            except Exception:  # whatever OCR stumbles over, the other pages are read
                unread.append(number)
            progress()
    return blocks, unread


def _page_alone(pdf: Any, number: int, path: Path) -> str:
    import pypdfium2

    alone = pypdfium2.PdfDocument.new()
    try:
        alone.import_pages(pdf, [number - 1])
        alone.save(path)
    finally:
        alone.close()
    return str(path)


def left_out_pages(kind: str, numbers: Sequence[int]) -> dict[str, int]:
    """Returns an entry of `left_out` that names the pages, like {"scanned pages (2, 5-9)": 6}; {} where there are none.

    Args:
        kind: in the plural.
        numbers: in ascending order.
    """
    ranges = list(_ranges(numbers))
    named = [*ranges[:_MOST_RANGES], *(["…"] if len(ranges) > _MOST_RANGES else [])]
    return {f"{kind} ({', '.join(named)})": len(numbers)} if ranges else {}


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    first = None
    for at, number in enumerate(numbers):
        first = number if first is None else first
        if at + 1 == len(numbers) or numbers[at + 1] != number + 1:
            yield str(first) if first == number else f"{first}-{number}"
            first = None
