"""What is asked of a folder of documents that were all parsed, bundled or public."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from freshet.tasks.documents.elements import SEPARATOR, ParsedDocument, from_json
from freshet.tasks.documents.parse.pool import ParseFile, ParseOutcome, ParserPool
from freshet.tasks.settings.project import Parsing

Outcomes = dict[str, ParseOutcome]
"""By the document's path in its folder."""


def parse_without_sockets(folder: Path) -> Outcomes:
    """All files of a folder, each parsed once, in processes that die of their first use of a socket."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        with ParserPool(Parsing(workers=2), worker_module="parser_without_sockets") as pool:
            files = [ParseFile(str(folder / name), name) for name in names]
            return dict(zip(names, pool.parse_many(files), strict=True))


def document_of(outcome: ParseOutcome) -> ParsedDocument:
    assert outcome.document_json is not None, outcome.verdicts
    assert outcome.verdicts == []
    return from_json(outcome.document_json)


def pages_with(document: ParsedDocument, phrase: str) -> set[int | None]:
    at = document.text.index(phrase)
    return {element.page for element in document.elements if element.start <= at < element.end}


def assert_spans_are_exact(outcomes: Outcomes) -> None:
    for name, outcome in outcomes.items():
        if outcome.document_json is None:
            continue
        document = from_json(outcome.document_json)
        texts = [document.text[element.start : element.end] for element in document.elements]
        assert SEPARATOR.join(texts) == document.text, name
        assert all(text.strip() == text and text for text in texts), name
        assert document.text.encode("utf-8").decode("utf-8") == document.text, name
        assert "\0" not in document.text, name
        assert all(element.level > 0 for element in document.elements if element.kind == "Title"), name


def assert_pages_hold_their_text(folder: Path, outcomes: Outcomes, names: Iterable[str]) -> None:
    """Against PDFium asked page by page for what lies inside the visible page."""
    import pypdfium2

    for name in names:
        with pypdfium2.PdfDocument(folder / name) as pdf:
            pages = {
                number: _letters(page.get_textpage().get_text_bounded()) for number, page in enumerate(pdf, start=1)
            }
        document = document_of(outcomes[name])
        words = [
            (element.page, word)
            for element in document.elements
            for word in document.text[element.start : element.end].split()
            if word.isalpha() and word.isascii()
        ]
        held = sum(1 for page, word in words if page is not None and word in pages[page])
        # The two ways to ask differ at a line end, where one has a hyphen and the other has not.
        assert held >= 0.97 * len(words), name


def _letters(text: str) -> str:
    return text.replace("\ufffe\r\n", "").replace("\ufffe", "").replace("\x02", "")


def assert_boxes_lie_on_their_page(folder: Path, outcomes: Outcomes, names: Iterable[str]) -> None:
    import pypdfium2

    for name in names:
        with pypdfium2.PdfDocument(folder / name) as pdf:
            sizes = [page.get_size() for page in pdf]
        for element in document_of(outcomes[name]).elements:
            assert element.box is not None
            assert element.page is not None
            left, top, right, bottom = element.box
            width, height = sizes[element.page - 1]
            assert left < right, name
            assert top < bottom, name
            assert -5 <= (left + right) / 2 <= width + 5, name
            assert -5 <= (top + bottom) / 2 <= height + 5, name
