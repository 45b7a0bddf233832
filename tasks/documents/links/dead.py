"""Links inside a corpus that lead nowhere, found by holding all links against the addresses of all documents.

Links and headings are streamed; of a document, its addresses stay in memory. Only what can be judged is: a file of a
kind that the source takes, a heading of a document whose headings are known, and an address by which a document was
reached until it went. The rest may be made by a site's generator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.links.addresses import (
    Places,
    addresses,
    joined_columns,
    leads_to,
    places_of,
    tails_of,
    values_of,
)
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

MOST_NAMED = 20
"""Links that one verdict names; it counts them all."""

LINKS_AT_ONCE = 200_000
DOCUMENTS_AT_ONCE = 20_000
"""Links, and documents, that are judged together, about. Memory depends on these."""

_READ_AT_ONCE = 1000
"""Documents whose links are read together."""

Covers = Callable[[str, str], bool]


@dataclass(frozen=True)
class Judged:
    """Documents whose links were judged.

    Attributes:
        documents: `doc_id` and `external`, of all that were judged together.
        dead: verdicts PROV-LINK by `doc_id`, of those among them that have such links.
    """

    documents: pa.Table
    dead: dict[str, Verdict]


def find_dead_links(
    ledger: pa.Table, table: Table, covers: Covers, unlisted: Collection[tuple[str, str]] = ()
) -> Iterator[Judged]:
    """Judges the links of every document of the corpus, and yields each document once.

    Args:
        ledger: `doc_id`, `source`, `path` of all documents that there are.
        table: the table of links. Rows of documents that are not in the ledger say where documents used to be.
        covers: (source, path) → whether the source would take such a path, were there a file.
        unlisted: (source, path) of files that exist and are no documents (skipped symlinks, say).
    """
    found = addresses(table, ledger)
    places, former, known = places_of(found.present, True), places_of(found.past, False), set(unlisted)
    if found.bare.num_rows:
        yield Judged(found.bare, {})
    for documents, links in _link_batches(table, ledger["doc_id"].combine_chunks()):
        misses = _misses(links, table, found.present, places, former, covers, known)
        yield Judged(documents, _verdicts(links, misses))


def _misses(
    links: pa.Table,
    table: Table,
    present: pa.Table,
    places: Places,
    former: Places,
    covers: Covers,
    known: Collection[tuple[str, str]],
) -> list[tuple[int, str]]:
    """Returns the rows of the links that lead nowhere, each with what is missing."""
    import pyarrow.compute as pc

    exists, was = leads_to(links, places), leads_to(links, former)
    is_within = pc.is_null(links["key"])
    dead = pc.and_(pc.invert(exists), pc.or_(is_within, was))
    open_files = links.filter(pc.and_(pc.and_(pc.invert(exists), pc.invert(dead)), pc.is_valid(links["file"])))
    misses = [
        (row["row"], "document")
        for row in open_files.select(["row", "source", "file"]).to_pylist()
        if (row["source"], row["file"]) not in known and covers(row["source"], row["file"])
    ]
    for row in links.filter(dead).select(["row", "key"]).to_pylist():
        misses.append((row["row"], "heading" if row["key"] is None else "document"))
    aimed = links.filter(pc.and_(exists, pc.is_valid(links["fragment"])))
    return misses + [(row, "heading") for row in _missing_headings(aimed, table, present)]


def forgotten_rows(ledger: pa.Table, table: Table) -> list[str]:
    """Returns the ids of link rows to delete, whose documents are gone and to which no link leads."""
    import pyarrow.compute as pc

    past = addresses(table, ledger).past
    if not past.num_rows:
        return []
    kept: set[str] = set()
    for _, links in _link_batches(table, ledger["doc_id"].combine_chunks()):
        for column in ("key", "alternative"):
            wanted = joined_columns(links["source"], links[column])
            kept |= set(past.filter(pc.is_in(past["id"], value_set=values_of(wanted)))["doc_id"].to_pylist())
        keys = values_of(links.filter(links["site"])["key"])
        for tails in tails_of(past["key"]):
            kept |= set(past.filter(pc.is_in(tails, value_set=keys))["doc_id"].to_pylist())
    return sorted(set(past["doc_id"].to_pylist()) - kept)


def _link_batches(table: Table, live: pa.Array) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yields documents that there are, as `Judged.documents`, each time with all links of those, as of `_flat`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    waiting: list[tuple[pa.Table, pa.Table]] = []
    documents = links = 0
    columns = ["doc_id", "source", "links", "external"]
    for batch in table.search().select(columns).to_batches(_READ_AT_ONCE):
        rows = pa.Table.from_batches([batch.filter(pc.is_in(batch["doc_id"], value_set=live))])
        waiting.append((rows.select(["doc_id", "external"]), _flat(rows)))
        documents += rows.num_rows
        links += waiting[-1][1].num_rows + len(pc.list_flatten(rows["external"]))
        if links >= LINKS_AT_ONCE or documents >= DOCUMENTS_AT_ONCE:
            yield _together(waiting)
            waiting, documents, links = [], 0, 0
    if documents:
        yield _together(waiting)


def _together(parts: list[tuple[pa.Table, pa.Table]]) -> tuple[pa.Table, pa.Table]:
    """Returns the documents, and the links with the number of each row as `row`."""
    import pyarrow as pa

    documents, links = (pa.concat_tables(tables) for tables in zip(*parts, strict=True))
    return documents, links.append_column("row", pa.array(range(links.num_rows), pa.int64()))


def _flat(rows: pa.Table) -> pa.Table:
    """Returns one row for each link: `doc_id`, `source` and the fields of the link."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = rows["links"].combine_chunks()
    parents = pc.list_parent_indices(lists)
    flat = pc.list_flatten(lists)
    names = [flat.type.field(i).name for i in range(flat.type.num_fields)]
    columns = {
        "doc_id": rows["doc_id"].combine_chunks().take(parents),
        "source": rows["source"].combine_chunks().take(parents),
        **dict(zip(names, flat.flatten(), strict=True)),
    }
    return pa.table(columns)


def _missing_headings(aimed: pa.Table, table: Table, present: pa.Table) -> list[int]:
    """Returns rows of the links whose documents are there and have no such heading, as far as that is known."""
    if not aimed.num_rows:
        return []
    import pyarrow.compute as pc

    documents: dict[str, set[str]] = {}

    def collect(names: Any, wanted: Any) -> None:
        hit = pc.fill_null(pc.is_in(names, value_set=values_of(wanted)), False)
        for name, doc_id in zip(names.filter(hit).to_pylist(), present["doc_id"].filter(hit).to_pylist(), strict=True):
            documents.setdefault(name, set()).add(doc_id)

    for column in ("key", "alternative"):
        collect(present["id"], joined_columns(aimed["source"], aimed[column]))
    of_site = aimed.filter(aimed["site"])["key"]
    for tails in tails_of(present["key"]) if len(of_site) else ():
        collect(tails, of_site)
    anchors: dict[str, set[str] | None] = {}
    for predicate in in_parts("doc_id", sorted(set().union(*documents.values()))):
        for row in table.search().where(predicate).select(["doc_id", "anchors"]).to_list():
            anchors[row["doc_id"]] = None if row["anchors"] is None else set(row["anchors"])
    missing = []
    for link in aimed.select(["row", "source", "site", "key", "alternative", "fragment"]).to_pylist():
        names = [link["key"]] if link["site"] else [f"{link['source']}\n{link[c]}" for c in ("key", "alternative")]
        # A folder, or a document that was not parsed, has headings that nobody knows.
        candidates = [anchors.get(doc_id) for name in names for doc_id in documents.get(name, ())]
        if candidates and all(known is not None and link["fragment"] not in known for known in candidates):
            missing.append(link["row"])
    return missing


def _verdicts(links: pa.Table, misses: Collection[tuple[int, str]]) -> dict[str, Verdict]:
    """Returns one verdict for each document, whose links stand in the order of the document."""
    import pyarrow as pa

    ordered = sorted(misses)
    places = pa.array([row for row, _ in ordered], pa.int64())
    chosen = links.select(["doc_id", "target", "start"]).take(places).to_pylist()
    by_document: dict[str, list[dict[str, Any]]] = {}
    for link, (_, missing) in zip(chosen, ordered, strict=True):
        named = {"target": link["target"], "start": link["start"], "missing": missing}
        by_document.setdefault(link["doc_id"], []).append(named)
    return {
        doc_id: verdict("PROV-LINK", links=len(named), targets=named[:MOST_NAMED])
        for doc_id, named in by_document.items()
    }
