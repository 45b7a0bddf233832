"""Tables in the database of a dataset: the rows that it keeps, and those that it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshet.tasks.store.schemas.columns import key, optional, records, required, table

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLES = "examples"
REJECTED = "rejected"


def examples() -> pa.Schema:
    """The rows of a dataset version, in canonical order.

    `example_id` is a pure function of the dataset, `digest` and how often that digest came before. `group` is the
    number of what stays together in a split. `content` is canonical JSON of TRL's own columns. `origins` are the places
    that the row was read from: its own first, then those of rows that were merged into it. `access` is JSON: who may
    see the row, in the form that settings have (`governance.expressions.Expression.text`). Versions that an earlier
    Freshet published have `acl` in its place, a list of principals. `verdicts` is JSON: what checks say of the row
    without keeping it out.
    """
    origin = records(
        *optional("string", "relation", "input", "uri", "source_version"),
        *optional("int64", "place"),
        *optional("string", "field", "document", "corpus", "doc_id", "doc_version"),
        *optional("strings", "chunk_ids"),
        *optional("int64", "start", "end"),
    )
    return table(
        key("example_id"),
        *required("string", "split"),
        *required("int64", "group"),
        *required("string", "format", "content", "digest"),
        *optional("string", "label"),
        *required(origin, "origins"),
        *required("strings", "transforms"),
        *required("string", "licence", "owner"),
        *required("strings", "uses"),
        *required("string", "access", "verdicts"),
    )


def rejected_rows() -> pa.Schema:
    """The rows that a dataset version leaves out, and why, in canonical order.

    `content` is null where the row may not be held (no permission, personal data, secrets) or could not be read; what
    was found in place of a row is then in `raw`, as far as it was kept. `codes` are the rules that keep the row out,
    `verdicts` is JSON: all that checks say of it.
    """
    return table(
        *required("int64", "row"),
        *required("string", "input", "uri", "source_version"),
        *required("int64", "place"),
        *optional("string", "field", "digest", "content", "raw"),
        *required("strings", "codes"),
        *required("string", "verdicts"),
    )


DATASET_TABLES = {EXAMPLES: examples, REJECTED: rejected_rows}
"""Schemas by name of the table."""
