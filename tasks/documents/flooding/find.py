"""Which documents of a source are several that answer one question: found, and found again after every change.

What the passages of each document open with stands in the table `openings`. Comparing that with the document ledger
tells what has changed since, however a run ended. Only changed documents, marked ones, and those that are alike to
either are compared with the others, by streaming the words of all openings: a verdict depends on what documents there
are, and on neither the order nor the number of the refreshes that brought them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.flooding.compare import Matches, alike_passages
from freshet.tasks.documents.flooding.openings import METHOD, openings
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows, merge_rows
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.store.tables import Tables

DOCUMENT_COLUMNS = ["doc_id", "source", "path", "title", "content_hash", "chunks", "chunks_digest"]
"""What is read of the document ledger."""

READ_AT_ONCE = 500
"""Documents whose passages are held at a time."""

OPENINGS_OF_ONE = 64
"""Openings kept of one document: a page of questions and answers has many, and memory depends on it."""

UNCOMPARED = -1
"""What `documents` of the table says until a document has been compared with the others."""

NAMED = 10
"""Other documents that a verdict names."""


@dataclass(frozen=True)
class Flooded:
    """A document that answers a question which other documents of its source answer too.

    Attributes:
        documents: how many those are, this one included.
        others: paths of the first of the others, in order.
        passage: the number of its passage that does, from 0.
    """

    documents: int
    others: tuple[str, ...]
    passage: int

    @property
    def evidence(self) -> dict[str, Any]:
        """What the verdict says: counts and names of documents, and nothing of their texts."""
        return {"documents": self.documents, "passage": self.passage, "others": list(self.others)}


def find_flooding(tables: Tables, documents: pa.Table, space: str, least: float) -> dict[str, Flooded]:
    """Brings the table `openings` up to date, and returns all documents that answer one question with others.

    Args:
        tables: of the corpus. The caller holds its writer's lock.
        documents: DOCUMENT_COLUMNS of the ledger, of every document with a good version.
        space: embedding space of the chunks.
        least: documents with texts of their own from which those that answer one question are a flood.
    """
    chunks = tables.find(schemas.chunks_table(space))
    if chunks is None:
        return {}
    changed, gone, marked = _changes(tables, documents, f"{METHOD}|{space}|{least:g}")
    if gone:
        table = tables.open(schemas.OPENINGS, schemas.openings())
        for predicate in in_parts("doc_id", gone):
            delete_rows(table, predicate)
    for start in range(0, changed.num_rows, READ_AT_ONCE):
        _read_openings(tables, chunks, changed.slice(start, READ_AT_ONCE).to_pylist())
    table = tables.find(schemas.OPENINGS)
    looked_at = {*changed["doc_id"].to_pylist(), *marked}
    if table is None or not looked_at:
        return {}
    alike = alike_passages(table, chunks, looked_at)
    near = {other for matches in alike.values() for others in matches.values() for other in others} - looked_at
    alike |= alike_passages(table, chunks, near)
    found = _judged(alike, least, documents)
    _keep_numbers(tables, looked_at | near, found)
    return found


def _changes(tables: Tables, documents: pa.Table, made_by: str) -> tuple[pa.Table, list[str], list[str]]:
    """Documents whose openings are not those of their passages now; ids of rows without a document; ids of marked ones.

    A row that was not compared to its end, in a run that was killed, passes for a marked one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    now = documents.filter(pc.greater(documents["chunks"], 0)).combine_chunks()
    texts = [pc.fill_null(pc.cast(now[name], pa.string()), "") for name in ("content_hash", "chunks_digest", "title")]
    now = now.append_column("made_from", pc.binary_join_element_wise(pa.scalar(made_by), *texts, "|"))
    columns = ["doc_id", "made_from", "documents"]
    table = tables.find(schemas.OPENINGS)
    was = table.search().select(columns).to_arrow() if table else schemas.openings().empty_table()
    was = was.select(columns).combine_chunks()
    held = was.take(pc.index_in(now["doc_id"], value_set=was["doc_id"].combine_chunks()).combine_chunks())
    changed = now.filter(pc.fill_null(pc.not_equal(held["made_from"], now["made_from"]), True)).sort_by("doc_id")
    there = pc.is_in(was["doc_id"], value_set=now["doc_id"].combine_chunks())
    gone = was.filter(pc.invert(there))["doc_id"].to_pylist()
    marked = was.filter(pc.and_(there, pc.not_equal(was["documents"], 0)))["doc_id"].to_pylist()
    return changed, sorted(gone), sorted(marked)


def _read_openings(tables: Tables, chunks: Table, part: Sequence[Mapping[str, Any]]) -> None:
    """Takes the openings of some documents out of their passages, and keeps them, not compared yet."""
    import pyarrow as pa

    passages: dict[str, list[tuple[int, str, str]]] = {row["doc_id"]: [] for row in part}
    for predicate in in_parts("doc_id", sorted(passages)):
        for batch in chunks.search().where(predicate).select(["doc_id", "ordinal", "chunk_id", "text"]).to_batches():
            for row in batch.to_pylist():
                passages[row["doc_id"]].append((row["ordinal"], row["chunk_id"], row["text"]))
    rows = []
    for row in part:
        ordered = sorted(passages[row["doc_id"]])
        leads = [
            {"chunk_id": chunk_id, "ordinal": ordinal, "asks": one.asks, "text": one.text, "words": list(one.words)}
            for (ordinal, chunk_id, _), found in zip(
                ordered, openings([text for *_, text in ordered], row["title"]), strict=True
            )
            for one in found
        ]
        kept = {name: row[name] for name in ("doc_id", "source", "made_from")}
        rows.append({**kept, "documents": UNCOMPARED, "leads": leads[:OPENINGS_OF_ONE]})
    schema = schemas.openings()
    merge_rows(tables.open(schemas.OPENINGS, schema), "doc_id", pa.Table.from_pylist(rows, schema=schema))


def _judged(alike: Mapping[str, Matches], least: float, documents: pa.Table) -> dict[str, Flooded]:
    """The documents of which one passage at least answers a question that enough others answer as well."""
    import pyarrow as pa
    import pyarrow.compute as pc

    concerned = {other for matches in alike.values() for others in matches.values() for other in others}
    known = documents.filter(pc.is_in(documents["doc_id"], value_set=pa.array(sorted(concerned), pa.string())))
    paths = dict(zip(known["doc_id"].to_pylist(), known["path"].to_pylist(), strict=True))
    found: dict[str, Flooded] = {}
    for doc_id, matches in sorted(alike.items()):
        best: tuple[int, int] | None = None
        for ordinal, others in sorted(matches.items()):
            # One text that stands in several documents, as boilerplate does, counts once.
            number = 1 + len(set(others.values()))
            if number >= least and (best is None or number > best[0]):
                best = number, ordinal
        if best:
            named = sorted(paths[other] for other in matches[best[1]])[:NAMED]
            found[doc_id] = Flooded(best[0], tuple(named), best[1])
    return found


def _keep_numbers(tables: Tables, doc_ids: Collection[str], found: Mapping[str, Flooded]) -> None:
    """Says in the table which documents are marked, so that these are looked at again whatever changes next."""
    import pyarrow as pa

    schema = schemas.openings()
    table = tables.open(schemas.OPENINGS, schema)
    for predicate in in_parts("doc_id", sorted(doc_ids), READ_AT_ONCE):
        rows = table.search().where(predicate).to_arrow().to_pylist()
        numbers = {row["doc_id"]: found[row["doc_id"]].documents if row["doc_id"] in found else 0 for row in rows}
        altered = [
            row | {"documents": numbers[row["doc_id"]]} for row in rows if row["documents"] != numbers[row["doc_id"]]
        ]
        if altered:
            merge_rows(table, "doc_id", pa.Table.from_pylist(altered, schema=schema))
