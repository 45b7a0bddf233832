"""Puts on record which files and documents a dataset version holds examples of, and its exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.lineage.relation import document_id, export_id, file_id, relation_row, version_id
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals
from freshet.tasks.store.schemas import LINEAGE, lineage

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.store.tables import Store

EXAMPLES_AT_ONCE = 8192
"""Examples whose origins are in memory at a time."""


def record_version(
    store: Store, dataset: str, version: str, *, table_version: int, exports: Iterable[Mapping[str, str]] = (),
    run: str, now: datetime,
) -> int:  # fmt: skip
    """Puts on record which files and documents a dataset version holds examples of, and its exports.

    Doing it again adds what is missing: nothing, or exports that were written since. It is one commit.

    Args:
        table_version: the version of the dataset's table of examples.
        exports: `kind` and `manifest` of each, as in the row of `schemas.dataset_versions`.

    Returns:
        How many rows were written.

    Raises:
        StoreError: the table's version is gone.
    """
    me = version_id(dataset, version)
    common = {"run": run, "at": now}
    table = store.ledger.find(LINEAGE)
    held = 0 if table is None else table.count_rows(equals("child", me))
    rows: list[dict[str, Any]] = []
    if not held:
        counted = _count_origins(store, dataset, table_version)
        rows += [
            relation_row(me, file_id(uri), "file>version", version=at, examples=n, **common)
            for (uri, at), n in sorted(counted.files.items())
        ]
        rows += [
            relation_row(me, document_id(corpus, doc), "document>version", version=at, path=name, examples=n, **common)
            for (corpus, doc, at, name), n in sorted(counted.documents.items(), key=str)
        ]
    recorded = set() if table is None else {
        row["child"]
        for row in table.search().where(both(equals("parent", me), equals("kind", "version>export"))).to_list()
    }  # fmt: skip
    for one in exports:
        child = export_id(dataset, version, one["kind"])
        if child not in recorded:
            more = {"version": one.get("manifest"), "path": one.get("path"), **common}
            rows.append(relation_row(child, me, "version>export", **more))
    if rows:
        store.ledger.append(LINEAGE, lineage(), rows)
    return len(rows)


@dataclass
class _Counted:
    """In how many examples something of a file, or of a document, stands.

    Attributes:
        files: by URI and source version.
        documents: by corpus, document id, document version, and the document's path or name.
    """

    files: dict[tuple[str, str], int] = field(default_factory=dict)
    documents: dict[tuple[str | None, str, str | None, str | None], int] = field(default_factory=dict)

    def add(self, corpus: str | None, document: str, version: str | None, name: str | None, examples: int) -> None:
        """Adds examples to a document."""
        key = corpus, document, version, name
        self.documents[key] = self.documents.get(key, 0) + examples


def _count_origins(store: Store, dataset: str, table_version: int) -> _Counted:
    import pyarrow as pa
    import pyarrow.compute as pc

    counted = _Counted()
    table = store.dataset(dataset).at(schemas.EXAMPLES, table_version)
    for batch in table.search().select(["origins"]).to_batches(EXAMPLES_AT_ONCE):
        lists = batch.column("origins")
        flat = pa.Table.from_struct_array(pc.list_flatten(lists)).append_column("row", pc.list_parent_indices(lists))
        for row in _distinct(flat, ["uri", "source_version"]):
            key = row["uri"], row["source_version"]
            counted.files[key] = counted.files.get(key, 0) + row["row_count"]
        in_corpus = flat.filter(pc.is_valid(flat["corpus"]))
        for row in _distinct(in_corpus, ["corpus", "doc_id", "doc_version", "document"]):
            counted.add(row["corpus"], row["doc_id"], row["doc_version"], row["document"], row["row_count"])
        # A document of no corpus, which a file of rows names: its version is the file's.
        named = flat.filter(pc.and_(pc.is_null(flat["corpus"]), pc.is_valid(flat["document"])))
        for row in _distinct(named, ["uri", "source_version", "document"]):
            who = f"{row['uri']}#{row['document']}"
            counted.add(None, who, row["source_version"], row["document"], row["row_count"])
    return counted


def _distinct(origins: pa.Table, keys: list[str]) -> list[dict[str, Any]]:
    """Each combination of the keys, and as `row_count` in how many examples it occurs."""
    once = origins.group_by([*keys, "row"]).aggregate([])
    found: list[dict[str, Any]] = once.group_by(keys).aggregate([("row", "count")]).to_pylist()
    return found
