"""A corpus of `flooding.py`: documents parsed, cut and embedded as a refresh does it, and the check over its tables."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from floods import Page

if TYPE_CHECKING:
    from freshet.tasks.embedding.embed import Embedder
    from freshet.tasks.embedding.vectors import Vectors

_VECTORS: dict[str, Vectors] = {}


@lru_cache(maxsize=1)
def _embedder() -> Embedder:
    from freshet.tasks.embedding.embed import Embedder
    from freshet.tasks.embedding.models import resolve_model
    from freshet.tasks.settings.embedding import Embedding

    return Embedder(resolve_model(Embedding(), Path.cwd()))


def _embed(texts: Sequence[str]) -> None:
    missing = sorted({text for text in texts if text not in _VECTORS})
    _VECTORS.update(zip(missing, _embedder().embed(missing), strict=True))


@cache
def _cut(doc_id: str, text: str) -> tuple[str | None, tuple[Any, ...]]:
    """Returns the title and the chunks of a Markdown document; no chunks of one that cannot be read."""
    from freshet.tasks.documents.chunking.chunk import chunk_document
    from freshet.tasks.documents.parse.markdown import parse_markdown
    from freshet.tasks.documents.parse.refusal import Refused
    from freshet.tasks.embedding.tokens import load_tokenizer
    from freshet.tasks.settings.project import Chunking

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.md"
        file.write_text(text, "utf-8")
        try:
            parsed = parse_markdown(str(file))
        except Refused:
            return None, ()
    return parsed.title, tuple(chunk_document(doc_id, parsed, load_tokenizer(_embedder().model.folder), Chunking()))


class Corpus:
    """The tables of a corpus in a folder, all of whose documents are of one source."""

    def __init__(self, folder: Path) -> None:
        """Holds nothing yet."""
        from freshet.tasks.store.tables import Store

        self._tables = Store(str(folder)).corpus("bench")
        self._pages: dict[str, Page] = {}
        self._marked: set[str] = set()

    def hold(self, pages: Sequence[Page]) -> None:
        """Makes the corpus hold these documents and no others, and looks for floods as a refresh does."""
        import pyarrow as pa

        from freshet.tasks.documents.flooding.find import find_flooding
        from freshet.tasks.documents.rows import chunk_rows, document_digest
        from freshet.tasks.documents.surroundings import Surroundings
        from freshet.tasks.embedding.tokens import load_tokenizer
        from freshet.tasks.store import schemas
        from freshet.tasks.store.commits import delete_rows, merge_rows
        from freshet.tasks.store.predicates import in_parts

        model = _embedder().model
        ledger, rows, altered = [], [], []
        for page in pages:
            doc_id = sha256(page.path.encode()).hexdigest()[:32]
            title, chunks = _cut(doc_id, page.text)
            around = Surroundings(title or "", page.path, "en")
            made = chunk_rows(doc_id, chunks, "everyone", around, model, load_tokenizer(model.folder))
            ledger.append(
                {
                    "doc_id": doc_id, "source": "bench", "path": page.path, "title": title or page.path,
                    "content_hash": sha256(page.text.encode()).hexdigest(), "chunks": len(made),
                    "chunks_digest": document_digest(row["row_digest"] for row in made),
                }
            )  # fmt: skip
            if self._pages.get(doc_id) != page:
                altered.append(doc_id)
                rows += made
        now = {row["doc_id"]: page for row, page in zip(ledger, pages, strict=True)}
        _embed([row["text"] for row in rows])
        schema = schemas.chunks(model.dimension)
        table = self._tables.open(schemas.chunks_table(model.space), schema)
        for predicate in in_parts("doc_id", sorted({*altered, *(self._pages.keys() - now.keys())})):
            delete_rows(table, predicate)
        if rows:
            vectors = np.concatenate([_VECTORS[row["text"]] for row in rows])
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors, pa.float32()), model.dimension)
            plain = pa.Table.from_pylist(rows, schema=schemas.chunk_rows())
            merge_rows(table, "chunk_id", plain.append_column(schema.field("vector"), column).cast(schema))
        types = schemas.documents()
        columns = pa.schema([types.field(name) for name in ledger[0]])
        found = find_flooding(self._tables, pa.Table.from_pylist(ledger, schema=columns), model.space, 3)
        self._pages, self._marked = now, {now[doc_id].path for doc_id in found}

    def marked(self) -> set[str]:
        """The paths of the documents that the check marks."""
        return self._marked
