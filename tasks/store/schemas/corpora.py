"""Tables in the database of a corpus: documents, and all that is made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.store.schemas.columns import key, optional, records, required, table

if TYPE_CHECKING:
    import pyarrow as pa

DOCUMENTS = "documents"
ELEMENTS = "elements"
SIGNATURES = "signatures"
DUPLICATES = "duplicates"
LINKS = "links"
EXTERNAL_LINKS = "external_links"
OPENINGS = "openings"


def chunks_table(space: str) -> str:
    """The table that holds a corpus's chunks in one embedding space: vectors of two never share one."""
    return f"chunks-{space}"


def documents() -> pa.Schema:
    """The document ledger: what the store knows of each document, one row each.

    `seen_*` describe the newest version that was looked at; `content_hash`, `source_version`, `modified_at`
    and `size` the one whose chunks are served. They differ while a bad new version waits in quarantine and
    the earlier good one goes on serving; `content_hash` is null where no version was ever good.
    `access` is the document's access class, `chunks_access` the one that its chunks carry at the head: they differ
    between the moment that a document comes into another class and the moment that its chunks follow.
    `stale_after` and `blocked_after` follow from the source's freshness, `review_by` and `valid_until` from what the
    document says about itself. `duplicate_of` names the document whose chunks answer for this one's.
    """
    return table(
        key("doc_id"),
        *required("string", "source", "path", "uri"),
        *optional("string", "title"),
        *required("string", "owner"),
        *optional("string", "licence"),
        *required("string", "access", "chunks_access"),
        *required("strings", "uses"),
        *required("string", "seen_hint"),
        *optional("string", "seen_hash", "content_hash", "source_version"),
        *optional("moment", "modified_at"),
        *optional("int64", "size"),
        *optional("moment", "stale_after", "blocked_after", "review_by", "valid_until"),
        *optional("string", "duplicate_of"),
        *required("moment", "verified_at"),
        *required("string", "parser", "chunking", "space"),
        *required("int32", "chunks"),
        *required("int64", "chunks_digest", "table_version"),
        *required("string", "verdicts"),
    )


def elements() -> pa.Schema:
    """Parsed documents by content and parser, so that chunking anew need not parse anew."""
    return table(
        key("element_id"),
        *required("string", "content_hash", "parser"),
        *required("moment", "kept_at"),
        *required("binary", "payload"),
    )


def signatures(bands: int) -> pa.Schema:
    """What documents are compared by: `exact`, the hash of the normal form; MinHash keys; and what verifies a match.

    `shingles` counts the hashes in `shingle_hashes`, each of 64 bits, little-endian, in ascending order.
    """
    import pyarrow as pa

    return table(
        key("doc_id"),
        *required("string", "content_hash", "made_by", "exact"),
        *required(pa.list_(pa.uint32(), bands), "bands"),
        *required("int32", "shingles"),
        *required("binary", "shingle_hashes"),
    )


def duplicates() -> pa.Schema:
    """Every document that was compared with the others: what was known of it then, and what was decided.

    `duplicate_of` is null for a document that is kept. `similarity` is the true Jaccard similarity to that
    document, null where both are exact copies. `access` is the document's access class, `expression` what that meant.
    """
    return table(
        key("doc_id"),
        *required("string", "path"),
        *optional("moment", "modified_at"),
        *required("string", "access", "expression"),
        *required("int32", "priority"),
        *required("string", "content_hash", "parser", "rule"),
        *optional("string", "duplicate_of"),
        *optional("double", "similarity"),
    )


def links() -> pa.Schema:
    """The links of each document, one row each. `links` are those inside the corpus, `external` the web addresses.

    A link's `key` is the address it leads to, `alternative` that of a site where each page is a folder of its
    own; both are null for a link within the document whose heading is missing. `site` says that the address
    counts from the site's root, wherever in a source that is. `file` is the path as written where the target
    is a file of a kind that corpora hold. `fragment` and `anchors` are plain (see `plain_anchor`); `anchors` is
    null where nobody can tell them.
    """
    link = records(
        *optional("string", "target"),
        *optional("int32", "start"),
        *optional("bool", "site"),
        *optional("string", "key", "alternative", "file", "fragment"),
    )
    return table(
        key("doc_id"),
        *required("string", "source", "key"),
        *required("strings", "aliases"),
        *optional("strings", "anchors"),
        *required(link, "links"),
        *required("strings", "external"),
    )


def external_links() -> pa.Schema:
    """What is known of each web address that documents link to: a row is a `CheckedLink`."""
    return table(
        key("url"),
        *required("string", "state"),
        *optional("int32", "status"),
        *optional("string", "reason"),
        *required("int32", "failures"),
        *required("moment", "checked_at"),
    )


def openings() -> pa.Schema:
    """What the passages of each document open with, and how many documents of its source answer one question with it.

    `made_from` names the document version, its chunks and the method; `documents` is 0 where too few answer the same,
    and -1 until the document has been compared. `words` are hashes of 32 bits, in ascending order.
    """
    import pyarrow as pa

    lead = records(
        *required("string", "chunk_id"),
        *required("int32", "ordinal"),
        *required("bool", "asks"),
        *required("string", "text"),
        *required(pa.list_(pa.uint32()), "words"),
    )
    return table(
        key("doc_id"),
        *required("string", "source", "made_from"),
        *required("int32", "documents"),
        *required(lead, "leads"),
    )


def chunk_rows() -> pa.Schema:
    """Chunks before they are embedded: what a batch's documents hold.

    `context` is what is embedded before the text, and `embedded_hash` the SHA-256 of both; `words` are the terms of
    passage, headings, title and path that full text is searched by, and `language` is what they are in (ISO 639-1;
    empty where that cannot be told).
    """
    return table(
        key("chunk_id"),
        *required("string", "doc_id"),
        *required("int32", "ordinal"),
        *required("string", "text", "text_hash"),
        *required("int32", "start", "end"),
        *required("strings", "headings"),
        *required("string", "context", "embedded_hash", "language", "words"),
        *optional("int32", "page_first", "page_last"),
        *required("strings", "kinds"),
        *required("int32", "tokens"),
        *required("string", "access"),
        *required("int64", "row_digest"),
    )


def chunks(dimension: int) -> pa.Schema:
    """The chunk table of an embedding space: chunk rows and their vectors, of unit length."""
    import pyarrow as pa

    return table(*chunk_rows(), *required(pa.list_(pa.float32(), dimension), "vector"))


CORPUS_TABLES = {
    DOCUMENTS: documents,
    ELEMENTS: elements,
    DUPLICATES: duplicates,
    LINKS: links,
    EXTERNAL_LINKS: external_links,
    OPENINGS: openings,
}
"""Schemas by name of the table; of chunks and signatures the widths depend on the model and the method."""
