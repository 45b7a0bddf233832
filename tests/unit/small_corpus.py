"""A corpus of a few documents, put into LanceDB tables directly: no source, no parser, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from freshet.tasks.governance.expressions import Expression
from freshet.tasks.governance.policy import Scope, class_id
from freshet.tasks.index.indices import _maintain, declared_for
from freshet.tasks.ledger.access_classes import list_classes, once_published, record_scopes
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.store import schemas
from freshet.tasks.store.tables import Store, Tables
from tests.chunk_words import said_of

DIMENSION = 128
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def bag_of_words(text: str) -> np.ndarray:
    """A vector in which passages that share words lie near each other: enough of a model for a test."""
    vector = np.full(DIMENSION, 1e-3, np.float32)
    for word in text.lower().split():
        vector[crc32(word.strip(".,?:").encode()) % DIMENSION] += 1
    return vector / np.linalg.norm(vector)


def document_id(path: str) -> str:
    return sha256(path.encode()).hexdigest()[:32]


def access_of(acl: Sequence[str] | AccessExpression) -> str:
    """The class that the small corpus gives documents that this expression lets in."""
    return class_id("docs", "docs", Expression.of(acl).text)


@dataclass
class Document:
    """A document as a list of its passages."""

    passages: Sequence[str]
    acl: Sequence[str] | AccessExpression = ("everyone",)
    changes: dict[str, Any] = field(default_factory=dict)


def chunk_rows(path: str, document: Document) -> list[dict[str, Any]]:
    rows, start = [], 0
    for ordinal, text in enumerate(document.passages):
        text_hash = sha256(text.encode()).hexdigest()
        rows.append(
            {
                "chunk_id": sha256(f"{path} {text_hash} {ordinal}".encode()).hexdigest()[:32],
                "doc_id": document_id(path), "ordinal": ordinal, "text": text, "text_hash": text_hash,
                "start": start, "end": start + len(text), "headings": [],
                **said_of(text), "page_first": None, "page_last": None,
                "kinds": ["NarrativeText"], "tokens": len(text.split()) + 2, "access": access_of(document.acl),
                "row_digest": ordinal, "vector": bag_of_words(text).tolist(),
            }
        )  # fmt: skip
        start += len(text) + 1
    return rows


def ledger_row(path: str, document: Document) -> dict[str, Any]:
    content = sha256("\n".join(document.passages).encode()).hexdigest()
    row = {
        "doc_id": document_id(path), "source": "docs", "path": path, "uri": f"file:///docs/{path}", "title": path,
        "owner": "me", "licence": None, "access": access_of(document.acl), "chunks_access": access_of(document.acl),
        "uses": ["retrieval"], "seen_hint": "", "seen_hash": content,
        "content_hash": content, "source_version": None, "modified_at": NOW, "size": 1,
        "stale_after": None, "blocked_after": None, "verified_at": NOW, "parser": "p", "chunking": "c", "space": "s",
        "chunks": len(document.passages), "chunks_digest": 0, "table_version": 1, "verdicts": "[]",
    }  # fmt: skip
    return row | document.changes


@dataclass
class SmallCorpus:
    """The tables of a corpus in a folder."""

    store: Store

    @property
    def tables(self) -> Tables:
        return self.store.corpus("docs")

    @property
    def expressions(self) -> dict[str, Expression]:
        """What each access class means."""
        return once_published(list_classes(self.store, "docs"))

    @property
    def chunks(self) -> Any:
        return self.tables.find("chunks-s")

    @property
    def ledger(self) -> Any:
        return self.tables.find(schemas.DOCUMENTS)


def build(folder: Path, documents: Mapping[str, Document], indexed: bool = True) -> SmallCorpus:
    store = Store(str(folder))
    tables = store.corpus("docs")
    say(store, *(document.acl for document in documents.values()))
    chunks = tables.open("chunks-s", schemas.chunks(DIMENSION))
    rows = [row for path, document in documents.items() for row in chunk_rows(path, document)]
    if rows:
        chunks.add(pa.Table.from_pylist(rows, schema=schemas.chunks(DIMENSION)))
    ledger = tables.open(schemas.DOCUMENTS, schemas.documents())
    listed = [ledger_row(path, document) for path, document in documents.items()]
    if listed:
        ledger.add(pa.Table.from_pylist(listed, schema=schemas.documents()))
    if indexed:
        _maintain(chunks, declared_for(chunks))
    return SmallCorpus(store)


def say(store: Store, *acls: Sequence[str] | AccessExpression) -> None:
    """Puts on record what the classes of these expressions mean."""
    scopes = [Scope(access_of(acl), "docs", Expression.of(acl).text, Expression.of(acl)) for acl in acls]
    record_scopes(store, "docs", scopes, published=0, decided=0, now=NOW, run_id="run")


def replace_chunks(corpus: SmallCorpus, change: Any, where: str = "true") -> None:
    """Replaces rows of the chunk table by what `change` makes of them; None takes a row out."""
    rows = corpus.chunks.search().where(where).to_arrow().to_pylist()
    corpus.chunks.delete(where)
    changed = [new for row in rows if (new := change(row)) is not None]
    if changed:
        corpus.chunks.add(pa.Table.from_pylist(changed, schema=schemas.chunks(DIMENSION)))
