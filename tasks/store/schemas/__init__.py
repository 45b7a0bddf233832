"""The Arrow schema of every table of the store, in one place: one file for each kind of database.

Timestamps are microseconds in UTC. A digest or hash is lower-case hexadecimal.
"""

from __future__ import annotations

from freshet.tasks.store.schemas.corpora import (
    CORPUS_TABLES,
    DOCUMENTS,
    DUPLICATES,
    ELEMENTS,
    EXTERNAL_LINKS,
    LINKS,
    OPENINGS,
    SIGNATURES,
    chunk_rows,
    chunks,
    chunks_table,
    documents,
    duplicates,
    elements,
    external_links,
    links,
    openings,
    signatures,
)
from freshet.tasks.store.schemas.datasets import (
    DATASET_TABLES,
    EXAMPLES,
    REJECTED,
    examples,
    rejected_rows,
)
from freshet.tasks.store.schemas.ledger import (
    ACCESS_CLASSES,
    BUILDS,
    DATASET_VERSIONS,
    DECISIONS,
    LEDGER_TABLES,
    LINEAGE,
    LINEAGE_DELIVERIES,
    LINEAGE_EVENTS,
    LOOKS,
    QUERY_LOG,
    RELEASES,
    ROW_DECISIONS,
    RUNS,
    WINDOWS,
    access_classes,
    builds,
    dataset_versions,
    decisions,
    lineage,
    lineage_deliveries,
    lineage_events,
    looks,
    query_log,
    releases,
    row_decisions,
    runs,
    windows,
)

__all__ = [
    "ACCESS_CLASSES", "BUILDS", "CORPUS_TABLES", "DATASET_TABLES", "DATASET_VERSIONS", "DECISIONS", "DOCUMENTS",
    "DUPLICATES", "ELEMENTS", "EXAMPLES", "EXTERNAL_LINKS", "FORMER_COLUMNS", "KNOWN_TABLES", "LEDGER_TABLES",
    "LINEAGE", "LINEAGE_DELIVERIES", "LINEAGE_EVENTS", "LINKS", "LOOKS", "OPENINGS", "QUERY_LOG", "REJECTED",
    "RELEASES", "ROW_DECISIONS", "RUNS", "SIGNATURES", "WINDOWS", "access_classes", "builds", "chunk_rows", "chunks",
    "chunks_table", "dataset_versions", "decisions", "documents", "duplicates", "elements", "examples",
    "external_links", "lineage", "lineage_deliveries", "lineage_events", "links", "looks", "openings", "query_log",
    "rejected_rows", "releases", "row_decisions", "runs", "signatures", "windows",
]  # fmt: skip

KNOWN_TABLES = {**LEDGER_TABLES, **CORPUS_TABLES, **DATASET_TABLES}
"""Schemas by name of every table whose columns are the same in all stores."""

FORMER_COLUMNS = frozenset({"acl"})
"""Columns that tables of an earlier version of Freshet have in place of those of now. They are read as they are."""
