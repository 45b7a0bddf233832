"""Tables in the ledger, which all corpora and datasets share. Rows are only ever added, but to the query log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.store.schemas.columns import key, optional, records, required, table

if TYPE_CHECKING:
    import pyarrow as pa

RELEASES = "releases"
ACCESS_CLASSES = "access_classes"
RUNS = "runs"
DATASET_VERSIONS = "dataset_versions"
BUILDS = "builds"
DECISIONS = "decisions"
ROW_DECISIONS = "row_decisions"
WINDOWS = "windows"
LOOKS = "looks"
QUERY_LOG = "query_log"
LINEAGE = "lineage"
LINEAGE_EVENTS = "lineage_events"
LINEAGE_DELIVERIES = "lineage_deliveries"


def releases() -> pa.Schema:
    """Every decision of the gate and every rollback.

    `release` counts the decisions of a corpus from 1. The live release is the newest row whose `outcome`
    is `published`; a rollback is a row of its own that names the table version of an earlier one.
    """
    return table(
        key("corpus"),
        key("release", "int64"),
        *required("string", "outcome"),
        *optional("int64", "rollback_of"),
        *required("string", "model", "space"),
        *required("int64", "table_version", "ledger_version", "documents", "chunks"),
        *required("strings", "reasons"),
        *optional("string", "exam", "site"),
        *required("string", "run_id"),
        *required("moment", "as_of", "published_at"),
    )


def access_classes() -> pa.Schema:
    """Every change of what an access class means: `ledger.access_classes.AccessClass` says what a row says.

    A class stands for the documents of a source that one rule takes, or that no rule takes. `revision` counts the
    changes of a corpus's classes from 1. `expression` and `meanwhile` are JSON.
    """
    return table(
        key("access"),
        key("revision", "int64"),
        *required("string", "corpus", "source"),
        *optional("string", "rule"),
        *required("string", "expression", "meanwhile"),
        *optional("int64", "after"),
        *required("moment", "effective_from"),
        *required("string", "run_id"),
    )


def runs() -> pa.Schema:
    """Every refresh that ran to an end: what it looked at and what came of it. `report` is JSON."""
    source = records(
        *optional("string", "source"), *optional("bool", "complete"), *optional("int64", "listed"),
        *optional("string", "error"),
    )  # fmt: skip
    return table(
        *required("string", "run_id", "corpus", "outcome"),
        *optional("int64", "release"),
        *required("bool", "full"),
        *required("moment", "as_of", "ended_at"),
        *required(source, "sources"),
        *required("string", "report"),
    )


def dataset_versions() -> pa.Schema:
    """Every decision on a build of a dataset.

    `table_version` and `rejected_version` are the versions of the dataset's two tables. `rows`, `splits`, `facts` and
    `exports` are JSON. Which version is live, `ledger.versions.live_among` says.
    """
    return table(
        key("dataset"),
        key("version"),
        key("outcome"),
        *required("string", "digest", "rows_digest"),
        *required("int64", "table_version", "rejected_version"),
        *required("string", "rows", "splits", "facts"),
        *required("strings", "reasons"),
        *required("string", "exports", "run_id"),
        *required("moment", "as_of", "published_at"),
    )


def builds() -> pa.Schema:
    """Every build of a dataset that ran to an end: what it depended on and what came of it. `report` is JSON."""
    return table(
        *required("string", "run_id", "dataset", "outcome"),
        *optional("string", "version"),
        *required("string", "fingerprint"),
        *required("moment", "as_of", "ended_at"),
        *required("string", "report"),
    )


def decisions() -> pa.Schema:
    """Every decision of a person about a refused document or release."""
    return table(
        *required("string", "corpus", "kind"),
        *optional("string", "doc_id", "path", "content_hash"),
        *required("strings", "codes"),
        *optional("int64", "release"),
        *required("string", "who"),
        *optional("string", "why"),
        *required("moment", "at"),
    )


def row_decisions() -> pa.Schema:
    """Every decision of a person about a row of a dataset; the newest of a row counts."""
    return table(
        *required("string", "dataset", "kind", "digest", "who", "why"),
        *required("moment", "at"),
        *required("strings", "codes"),
    )


def windows() -> pa.Schema:
    """What became of each window of a backfill: the newest row of a window is the one that counts.

    `documents` are documents that were processed, or rows that were read. `fingerprint` is that of the settings that
    shape the result.
    """
    return table(
        *required("string", "backfill_id", "kind", "target"),
        *required("moment", "start", "end"),
        *required("string", "state"),
        *required("int32", "attempt"),
        *required("string", "reprocess", "fingerprint"),
        *required("moment", "at"),
        *optional("int64", "documents"),
        *optional("string", "outcome", "run_id", "error"),
    )


def looks() -> pa.Schema:
    """Looks of the monitor that saw something new. `quarantine` is JSON: documents by code."""
    return table(*required("string", "kind", "target", "quarantine"), *required("moment", "at"))


def query_log() -> pa.Schema:
    """What is kept of the questions that were asked: a row for each event, as `ledger.query_events` says of its kinds.

    `id` is the question's, and `at` when the event happened. `findings` is JSON: sentences by code. Which columns an
    event has, its kind says; the others are null.
    """
    return table(
        key("id"),
        key("event"),
        key("at", "moment"),
        *optional("string", "corpus", "asker", "question", "question_hash", "key_id", "model", "mode"),
        *optional("int64", "release"),
        *optional("string", "outcome", "reason", "findings"),
        *optional("int64", "sentences"),
        *optional("float64", "support"),
        *optional("strings", "cited"),
        *optional("int64", "passages", "left_out"),
        *optional("float64", "best_score", "floor", "seconds"),
        *optional("string", "prompt"),
        *optional("int64", "prompt_tokens", "completion_tokens"),
        *optional("bool", "helpful"),
        *optional("string", "note"),
    )


def lineage() -> pa.Schema:
    """What was made from what: `child` from `parent`, as the table in `lineage.relation` says.

    `path` is the parent's within its source. `run` is the run that put it on record, which need not be the one that
    made the child.
    """
    return table(
        *required("string", "child", "parent", "kind"),
        *optional("string", "version", "change", "path"),
        *optional("int64", "examples"),
        *required("string", "run"),
        *required("moment", "at"),
    )


def lineage_events() -> pa.Schema:
    """Every event of every run. `due` says that an endpoint was set when it happened."""
    return table(
        *required("string", "event_id", "run_id", "job", "event_type"),
        *required("moment", "event_time"),
        *required("string", "event"),
        *required("bool", "due"),
    )


def lineage_deliveries() -> pa.Schema:
    """What became of events that were sent: `delivered`, or `refused` with the HTTP status."""
    return table(*required("string", "event_id", "outcome"), *optional("int32", "status"), *required("moment", "at"))


LEDGER_TABLES = {
    RELEASES: releases,
    ACCESS_CLASSES: access_classes,
    RUNS: runs,
    DATASET_VERSIONS: dataset_versions,
    BUILDS: builds,
    DECISIONS: decisions,
    ROW_DECISIONS: row_decisions,
    WINDOWS: windows,
    LOOKS: looks,
    QUERY_LOG: query_log,
    LINEAGE: lineage,
    LINEAGE_EVENTS: lineage_events,
    LINEAGE_DELIVERIES: lineage_deliveries,
}
"""Schemas by name of the table."""
