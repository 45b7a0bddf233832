"""What stands around the passages of a document, and travels with each: its title and path, and its language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from freshet.tasks.documents.titles import title_of
from freshet.tasks.embedding.context import fit_context
from freshet.tasks.text.words.analysis import index_terms
from freshet.tasks.text.words.language import language_of_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freshet.tasks.documents.chunking.chunk import Chunk
    from freshet.tasks.documents.elements import ParsedDocument
    from freshet.tasks.embedding.models import ModelFiles
    from freshet.tasks.embedding.tokens import Tokenizer


@dataclass(frozen=True)
class Surroundings:
    """What is said of a document's passages beside their text.

    Attributes:
        title: what the document calls itself; empty where it says nothing.
        path: below its source.
        language: what it is in, as ISO 639-1 has it; empty where that cannot be told.
    """

    title: str
    path: str
    language: str

    @classmethod
    def of(cls, document: ParsedDocument, path: str) -> Surroundings:
        """Those of a parsed document."""
        return cls(title_of(document) or "", path, language_of_text(document.text))

    def context(self, chunk: Chunk, model: ModelFiles, tokenizer: Tokenizer) -> str:
        """What is embedded of a chunk beside its text, which never loses a token to it; nothing without `context`."""
        if model.context == "none":
            return ""
        return fit_context(self.title, chunk.headings, tokenizer, model.reads - chunk.tokens)

    def words(self, headings: Sequence[str], text: str) -> str:
        """The terms of a passage, its headings, its document's title and path, with one blank between two of them."""
        pieces = ("\n".join(dict.fromkeys((self.title, *headings))), path_words(self.path), text)
        return " ".join(term for piece in pieces for term in index_terms(piece, self.language))


def path_words(path: str) -> str:
    """The words of a path: its folders, and the name of its file without the suffix."""
    return " ".join(PurePosixPath(path).with_suffix("").parts)
