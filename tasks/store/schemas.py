"""The Arrow schema of every table of the store, in one place.

Timestamps are microseconds in UTC. A digest or hash is lower-case hexadecimal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

DOCUMENTS = "documents"
ELEMENTS = "elements"
SIGNATURES = "signatures"
DUPLICATES = "duplicates"
RELEASES = "releases"
RUNS = "runs"
LINKS = "links"
EXAMPLES = "examples"
REJECTED = "rejected"
DATASET_VERSIONS = "dataset_versions"
BUILDS = "builds"


def chunks_table(space: str) -> str:
    """The table that holds a corpus's chunks in one embedding space: vectors of two never share one."""
    return f"chunks-{space}"


def _timestamp() -> pa.DataType:
    import pyarrow as pa

    return pa.timestamp("us", tz="UTC")


def _key(name: str, kind: pa.DataType | None = None) -> pa.Field:
    """A column that tells rows apart. So marked, two writers of one new key conflict instead of both inserting it."""
    import pyarrow as pa

    return pa.field(name, kind or pa.string(), nullable=False, metadata={"lance-schema:unenforced-primary-key": "true"})


def documents() -> pa.Schema:
    """The document ledger: what the store knows of each document, one row each.

    `seen_*` describe the newest version that was looked at; `content_hash`, `source_version`, `modified_at`
    and `size` the one whose chunks are served. They differ while a bad new version waits in quarantine and
    the earlier good one goes on serving; `content_hash` is null where no version was ever good.
    `stale_after` and `blocked_after` follow from the source's freshness, `review_by` and `valid_until` from what the
    document says about itself. `duplicate_of` names the document whose chunks answer for this one's.
    """
    import pyarrow as pa

    text, strings = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            _key("doc_id"),
            pa.field("source", text, nullable=False),
            pa.field("path", text, nullable=False),
            pa.field("uri", text, nullable=False),
            pa.field("title", text),
            pa.field("owner", text, nullable=False),
            pa.field("licence", text),
            pa.field("acl", strings, nullable=False),
            pa.field("uses", strings, nullable=False),
            pa.field("seen_hint", text, nullable=False),
            pa.field("seen_hash", text),
            pa.field("content_hash", text),
            pa.field("source_version", text),
            pa.field("modified_at", _timestamp()),
            pa.field("size", pa.int64()),
            pa.field("stale_after", _timestamp()),
            pa.field("blocked_after", _timestamp()),
            pa.field("review_by", _timestamp()),
            pa.field("valid_until", _timestamp()),
            pa.field("duplicate_of", text),
            pa.field("verified_at", _timestamp(), nullable=False),
            pa.field("parser", text, nullable=False),
            pa.field("chunking", text, nullable=False),
            pa.field("space", text, nullable=False),
            pa.field("chunks", pa.int32(), nullable=False),
            pa.field("chunks_digest", pa.int64(), nullable=False),
            pa.field("table_version", pa.int64(), nullable=False),
            pa.field("verdicts", text, nullable=False),
        ]
    )


def elements() -> pa.Schema:
    """Parsed documents by content and parser, so that chunking anew need not parse anew."""
    import pyarrow as pa

    return pa.schema(
        [
            _key("element_id"),
            pa.field("content_hash", pa.string(), nullable=False),
            pa.field("parser", pa.string(), nullable=False),
            pa.field("kept_at", _timestamp(), nullable=False),
            pa.field("payload", pa.binary(), nullable=False),
        ]
    )


def signatures(bands: int) -> pa.Schema:
    """What documents are compared by: `exact`, the hash of the normal form; MinHash keys; and what verifies a match.

    `shingles` counts the hashes in `shingle_hashes`, each of 64 bits, little-endian, in ascending order.
    """
    import pyarrow as pa

    return pa.schema(
        [
            _key("doc_id"),
            pa.field("content_hash", pa.string(), nullable=False),
            pa.field("made_by", pa.string(), nullable=False),
            pa.field("exact", pa.string(), nullable=False),
            pa.field("bands", pa.list_(pa.uint32(), bands), nullable=False),
            pa.field("shingles", pa.int32(), nullable=False),
            pa.field("shingle_hashes", pa.binary(), nullable=False),
        ]
    )


def duplicates() -> pa.Schema:
    """Every document that was compared with the others: what was known of it then, and what was decided.

    `duplicate_of` is null for a document that is kept. `similarity` is the true Jaccard similarity to that
    document, null where both are exact copies.
    """
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            _key("doc_id"),
            pa.field("path", text, nullable=False),
            pa.field("modified_at", _timestamp()),
            pa.field("acl", pa.list_(text), nullable=False),
            pa.field("priority", pa.int32(), nullable=False),
            pa.field("content_hash", text, nullable=False),
            pa.field("parser", text, nullable=False),
            pa.field("rule", text, nullable=False),
            pa.field("duplicate_of", text),
            pa.field("similarity", pa.float64()),
        ]
    )


def links() -> pa.Schema:
    """One row a document. `links` are those inside the corpus, `external` the web addresses.

    A link's `key` is the address it leads to, `alternative` that of a site where each page is a folder of its
    own; both are null for a link within the document whose heading is missing. `site` says that the address
    counts from the site's root, wherever in a source that is. `file` is the path as written where the target
    is a file of a kind that corpora hold. `fragment` and `anchors` are plain (see `plain_anchor`); `anchors` is
    null where nobody can tell them.
    """
    import pyarrow as pa

    text = pa.string()
    link = pa.struct(
        [
            pa.field("target", text),
            pa.field("start", pa.int32()),
            pa.field("site", pa.bool_()),
            pa.field("key", text),
            pa.field("alternative", text),
            pa.field("file", text),
            pa.field("fragment", text),
        ]
    )
    return pa.schema(
        [
            _key("doc_id"),
            pa.field("source", text, nullable=False),
            pa.field("key", text, nullable=False),
            pa.field("aliases", pa.list_(text), nullable=False),
            pa.field("anchors", pa.list_(text)),
            pa.field("links", pa.list_(link), nullable=False),
            pa.field("external", pa.list_(text), nullable=False),
        ]
    )


def chunk_rows() -> pa.Schema:
    """Chunks before they are embedded: what a batch's documents hold."""
    import pyarrow as pa

    text, number, strings = pa.string(), pa.int32(), pa.list_(pa.string())
    return pa.schema(
        [
            _key("chunk_id"),
            pa.field("doc_id", text, nullable=False),
            pa.field("ordinal", number, nullable=False),
            pa.field("text", text, nullable=False),
            pa.field("text_hash", text, nullable=False),
            pa.field("start", number, nullable=False),
            pa.field("end", number, nullable=False),
            pa.field("headings", strings, nullable=False),
            pa.field("page_first", number),
            pa.field("page_last", number),
            pa.field("kinds", strings, nullable=False),
            pa.field("tokens", number, nullable=False),
            pa.field("acl", strings, nullable=False),
            pa.field("row_digest", pa.int64(), nullable=False),
        ]
    )


def chunks(dimension: int) -> pa.Schema:
    """The chunk table of an embedding space: chunk rows and their vectors, of unit length."""
    import pyarrow as pa

    return chunk_rows().append(pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False))


def releases() -> pa.Schema:
    """Every decision of the gate and every rollback, append-only.

    `release` counts the decisions of a corpus from 1. The live release is the newest row whose `outcome`
    is `published`; a rollback is a row of its own that names the table version of an earlier one.
    """
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            _key("corpus"),
            _key("release", number),
            pa.field("outcome", text, nullable=False),
            pa.field("rollback_of", number),
            pa.field("model", text, nullable=False),
            pa.field("space", text, nullable=False),
            pa.field("table_version", number, nullable=False),
            pa.field("ledger_version", number, nullable=False),
            pa.field("documents", number, nullable=False),
            pa.field("chunks", number, nullable=False),
            pa.field("reasons", pa.list_(text), nullable=False),
            pa.field("exam", text),
            pa.field("site", text),
            pa.field("run_id", text, nullable=False),
            pa.field("as_of", _timestamp(), nullable=False),
            pa.field("published_at", _timestamp(), nullable=False),
        ]
    )


def runs() -> pa.Schema:
    """Every refresh that ran to an end, append-only: what it looked at and what came of it."""
    import pyarrow as pa

    text = pa.string()
    source = pa.struct(
        [
            pa.field("source", text),
            pa.field("complete", pa.bool_()),
            pa.field("listed", pa.int64()),
            pa.field("error", text),
        ]
    )
    return pa.schema(
        [
            pa.field("run_id", text, nullable=False),
            pa.field("corpus", text, nullable=False),
            pa.field("outcome", text, nullable=False),
            pa.field("release", pa.int64()),
            pa.field("full", pa.bool_(), nullable=False),
            pa.field("as_of", _timestamp(), nullable=False),
            pa.field("ended_at", _timestamp(), nullable=False),
            pa.field("sources", pa.list_(source), nullable=False),
            pa.field("report", text, nullable=False),
        ]
    )


def examples() -> pa.Schema:
    """The rows of a dataset version, in canonical order.

    `example_id` is a pure function of the dataset, `digest` and how often that digest came before. `group` is the
    number of what stays together in a split. `content` is canonical JSON of TRL's own columns. `origins` are the places
    that the row was read from: its own first, then those of rows that were merged into it. `verdicts` is JSON: what
    checks say of the row without keeping it out.
    """
    import pyarrow as pa

    text, number, strings = pa.string(), pa.int64(), pa.list_(pa.string())
    origin = pa.struct(
        [
            pa.field("relation", text),
            pa.field("input", text),
            pa.field("uri", text),
            pa.field("source_version", text),
            pa.field("place", number),
            pa.field("field", text),
            pa.field("document", text),
            pa.field("corpus", text),
            pa.field("doc_id", text),
            pa.field("doc_version", text),
            pa.field("chunk_ids", strings),
            pa.field("start", number),
            pa.field("end", number),
        ]
    )
    return pa.schema(
        [
            _key("example_id"),
            pa.field("split", text, nullable=False),
            pa.field("group", number, nullable=False),
            pa.field("format", text, nullable=False),
            pa.field("content", text, nullable=False),
            pa.field("digest", text, nullable=False),
            pa.field("label", text),
            pa.field("origins", pa.list_(origin), nullable=False),
            pa.field("transforms", strings, nullable=False),
            pa.field("licence", text, nullable=False),
            pa.field("owner", text, nullable=False),
            pa.field("uses", strings, nullable=False),
            pa.field("acl", strings, nullable=False),
            pa.field("verdicts", text, nullable=False),
        ]
    )


def rejected_rows() -> pa.Schema:
    """The rows that a dataset version leaves out, and why, in canonical order.

    `content` is null where the row may not be held (no permission, personal data, secrets) or could not be read; what
    was found in place of a row is then in `raw`, as far as it was kept. `codes` are the rules that keep the row out,
    `verdicts` is JSON: all that checks say of it.
    """
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            pa.field("row", number, nullable=False),
            pa.field("input", text, nullable=False),
            pa.field("uri", text, nullable=False),
            pa.field("source_version", text, nullable=False),
            pa.field("place", number, nullable=False),
            pa.field("field", text),
            pa.field("digest", text),
            pa.field("content", text),
            pa.field("raw", text),
            pa.field("codes", pa.list_(text), nullable=False),
            pa.field("verdicts", text, nullable=False),
        ]
    )


def dataset_versions() -> pa.Schema:
    """Every decision on a build of a dataset, append-only.

    `table_version` and `rejected_version` are the versions of the dataset's two tables. `rows`, `splits`, `facts` and
    `exports` are JSON. The live version is the one with the highest number whose `outcome` is `published`.
    """
    import pyarrow as pa

    text, number = pa.string(), pa.int64()
    return pa.schema(
        [
            _key("dataset"),
            _key("version"),
            _key("outcome"),
            pa.field("digest", text, nullable=False),
            pa.field("rows_digest", text, nullable=False),
            pa.field("table_version", number, nullable=False),
            pa.field("rejected_version", number, nullable=False),
            pa.field("rows", text, nullable=False),
            pa.field("splits", text, nullable=False),
            pa.field("facts", text, nullable=False),
            pa.field("reasons", pa.list_(text), nullable=False),
            pa.field("exports", text, nullable=False),
            pa.field("run_id", text, nullable=False),
            pa.field("as_of", _timestamp(), nullable=False),
            pa.field("published_at", _timestamp(), nullable=False),
        ]
    )


def builds() -> pa.Schema:
    """Every build of a dataset that ran to an end, append-only: what it depended on and what came of it."""
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            pa.field("run_id", text, nullable=False),
            pa.field("dataset", text, nullable=False),
            pa.field("outcome", text, nullable=False),
            pa.field("version", text),
            pa.field("fingerprint", text, nullable=False),
            pa.field("as_of", _timestamp(), nullable=False),
            pa.field("ended_at", _timestamp(), nullable=False),
            pa.field("report", text, nullable=False),
        ]
    )
