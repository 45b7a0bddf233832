"""Images and scanned PDFs, through unstructured's OCR strategy where the `ocr` extra is installed."""

from __future__ import annotations

import importlib.util
import shutil
import sys

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.adapter import NO_LANGUAGES, blocks_of, prepare
from freshet.tasks.documents.parse.build import Block, build, first_title
from freshet.tasks.documents.parse.refusal import INSTALL_OCR, Refused

_MODULES = ("unstructured_inference", "unstructured_pytesseract", "pdf2image")


def has_ocr() -> bool:
    """Whether the extra's packages are installed (found without importing them)."""
    return all(importlib.util.find_spec(module) is not None for module in _MODULES)


def parse_image(path: str) -> ParsedDocument:
    """Parses the text in a picture.

    Raises:
        Refused: PARSE-EXTRA without the extra, or without the tesseract program that it drives.
    """
    _check("image")
    from unstructured.partition.image import partition_image

    blocks = blocks_of(partition_image(filename=path, strategy="ocr_only", languages=["eng"]))
    return build(blocks, first_title(blocks))


def parse_scanned_pdf(path: str, refusal: Refused) -> ParsedDocument:
    """Parses a PDF that holds pictures of pages; where the extra is missing, `refusal` is raised."""
    if not has_ocr():
        raise refusal
    blocks = scanned_blocks(path)
    return build(blocks, first_title(blocks), {"ocr": True})


def scanned_blocks(path: str) -> list[Block]:
    """Returns what stands in the pictures of pages that a PDF holds.

    Raises:
        Refused: PARSE-EXTRA without the extra, or without the tesseract program that it drives.
    """
    _check("scanned pdf")
    from unstructured.partition.pdf import partition_pdf

    elements = partition_pdf(filename=path, strategy="ocr_only", languages=NO_LANGUAGES)
    return blocks_of(elements, numbered_pages=True)


def _check(kind: str) -> None:
    if not has_ocr():
        raise Refused("PARSE-EXTRA", extra="ocr", type=kind, install=INSTALL_OCR)
    if shutil.which("tesseract") is None:
        raise Refused("PARSE-EXTRA", extra="ocr", type=kind, missing_program="tesseract")
    for blocked in ("torch", "transformers"):
        # The worker keeps these out because nothing else needs them; the layout models do.
        if blocked in sys.modules and sys.modules[blocked] is None:
            del sys.modules[blocked]
    prepare("image" if kind == "image" else "pdf")
