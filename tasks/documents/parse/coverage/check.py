"""The check of one document, by its kind; it never costs the document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.coverage import mail, markup, office, pdf, plain
from freshet.tasks.documents.parse.coverage.compare import Passage, compare

READERS: Mapping[str, Callable[[str], Iterable[Passage]]] = {
    "docx": office.ooxml_passages,
    "pptx": office.ooxml_passages,
    "xlsx": office.workbook_passages,
    **dict.fromkeys(("ods", "odp", "odt"), office.opendocument_passages),
    "epub": office.epub_passages,
    "html": markup.page_passages,
    "xml": markup.xml_passages,
    "eml": mail.mail_passages,
    "msg": mail.outlook_passages,
    "pdf": pdf.pdf_passages,
    "markdown": plain.markdown_passages,
    **dict.fromkeys(("text", "csv", "tsv"), plain.lines_passages),
}
"""Kind → what reads a file of it a second time. Other kinds are not compared."""

_ATTACHED: Mapping[str, Callable[[str], str]] = {"eml": mail.mail_attached, "msg": mail.outlook_attached}


def with_coverage(document: ParsedDocument, path: str, kind: str) -> ParsedDocument:
    """Returns the document with the property `coverage`: what its file says, and what of that is not in its text.

    The property has `words`, `share`, `missing` (place and text of the first passages) and `unread`, which two
    documents share only if what was not read is equal. Where the file cannot be read a second time, it
    has `error`; where nothing reads this kind a second time, the document is returned as it is.
    """
    reader = READERS.get(kind)
    if reader is None:
        return _with(document, {}, _unread(document, path, kind, ""))
    try:
        found = compare(reader(path), document.text)
        missing, said = found.digest, found.as_property()
    except Exception as error:
        missing, said = "error", {"error": type(error).__name__}
    said.pop("digest", None)
    return _with(document, said, _unread(document, path, kind, missing))


def _with(document: ParsedDocument, said: dict[str, Any], unread: str) -> ParsedDocument:
    coverage = said | ({"unread": unread} if unread else {})
    return replace(document, properties=document.properties | {"coverage": coverage}) if coverage else document


def _unread(document: ParsedDocument, path: str, kind: str, missing: str) -> str:
    """Returns what tells two documents apart whose texts are equal: the words, attachments and parts not read."""
    if (document.properties.get("left_out") and kind not in _ATTACHED) or missing == "error":
        return sha256(Path(path).read_bytes()).hexdigest()[:16]
    try:
        attached = _ATTACHED[kind](path) if document.properties.get("attachments") and kind in _ATTACHED else ""
    except Exception:
        attached = sha256(Path(path).read_bytes()).hexdigest()[:16]
    return f"{missing}{attached}"
