"""Keeps parsed documents, compressed, by content and parser: chunking anew need not parse anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Tables


def element_id(content_hash: str, parser: str) -> str:
    """The key of a parsed document: what was parsed, and by what."""
    return sha256(f"{content_hash}\0{parser}".encode()).hexdigest()[:32]


def find_parsed(tables: Tables, element_ids: Iterable[str]) -> dict[str, str]:
    """The kept documents among those asked for, as JSON, by element_id."""
    return _read(tables, is_any("element_id", element_ids), "element_id")


def find_parsed_by_content(tables: Tables, content_hashes: Iterable[str]) -> dict[str, str]:
    """Kept documents of these contents, as JSON, by content hash, whatever parser made them."""
    return _read(tables, is_any("content_hash", content_hashes), "content_hash")


def keep_parsed(tables: Tables, parsed: Mapping[tuple[str, str], str], kept_at: datetime) -> None:
    """Keeps parsed documents: JSON by (content hash, parser). None of them may be kept already."""
    if not parsed:
        return
    rows = [
        {
            "element_id": element_id(content_hash, parser),
            "content_hash": content_hash,
            "parser": parser,
            "kept_at": kept_at,
            "payload": _compress(document),
        }
        for (content_hash, parser), document in parsed.items()
    ]
    tables.append(schemas.ELEMENTS, schemas.elements(), rows)


def _read(tables: Tables, predicate: str, key: str) -> dict[str, str]:
    table = tables.find(schemas.ELEMENTS)
    if table is None:
        return {}
    found = table.search().where(predicate).select([key, "payload"]).to_arrow()
    return {
        name: _decompress(payload)
        for name, payload in zip(found[key].to_pylist(), found["payload"].to_pylist(), strict=True)
    }


def _compress(document: str) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(document.encode())
    return bytes(sink.getvalue().to_pybytes())


def _decompress(payload: bytes) -> str:
    import pyarrow as pa

    with pa.CompressedInputStream(pa.BufferReader(payload), "zstd") as stream:
        return bytes(stream.read()).decode()
