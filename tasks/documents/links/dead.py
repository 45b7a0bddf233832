"""Links inside a corpus that lead nowhere, found by joining all links with all documents.

Only what can be judged is: a file of a kind that the source takes, a heading of a document whose headings are
known, and an address by which a document was reached until it went. The rest may be made by a site's generator.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from freshet.tasks.rules.verdicts import Verdict, verdict

if TYPE_CHECKING:
    import pyarrow as pa

MOST_NAMED = 20
"""Links that one verdict names; it counts them all."""

Covers = Callable[[str, str], bool]


def find_dead_links(
    ledger: pa.Table, rows: pa.Table, covers: Covers, unlisted: Collection[tuple[str, str]] = ()
) -> dict[str, Verdict]:
    """Returns verdicts PROV-LINK by `doc_id`, for every document of the corpus that has such links.

    Args:
        ledger: `doc_id`, `source`, `path` of all documents that there are.
        rows: the table of links. Rows of documents that are not in the ledger say where documents used to be.
        covers: (source, path) → whether the source would take such a path, were there a file.
        unlisted: (source, path) of files that exist and are no documents (skipped symlinks, say).
    """
    import pyarrow.compute as pc

    is_live = pc.is_in(rows["doc_id"], value_set=ledger["doc_id"].combine_chunks())
    live, gone = rows.filter(is_live), rows.filter(pc.invert(is_live))
    links = _flat(live)
    if not links.num_rows:
        return {}
    present, past = _addresses(live, ledger), _addresses(gone, None)
    exists = _leads_to(links, present, folders=True)
    was = _leads_to(links, past, folders=False)
    is_within = pc.is_null(links["key"])
    dead = pc.and_(pc.invert(exists), pc.or_(is_within, was))
    open_files = links.filter(pc.and_(pc.and_(pc.invert(exists), pc.invert(dead)), pc.is_valid(links["file"])))
    known = set(unlisted)
    misses = [
        (row["row"], "document")
        for row in open_files.select(["row", "source", "file"]).to_pylist()
        if (row["source"], row["file"]) not in known and covers(row["source"], row["file"])
    ]
    for row in links.filter(dead).select(["row", "key"]).to_pylist():
        misses.append((row["row"], "heading" if row["key"] is None else "document"))
    aimed = links.filter(pc.and_(exists, pc.is_valid(links["fragment"])))
    misses += [(row, "heading") for row in _missing_headings(aimed, live, present)]
    return _verdicts(links, misses)


def forgotten_rows(ledger: pa.Table, rows: pa.Table) -> list[str]:
    """Returns the ids of link rows to delete, whose documents are gone and to which no link leads."""
    import pyarrow.compute as pc

    is_live = pc.is_in(rows["doc_id"], value_set=ledger["doc_id"].combine_chunks())
    gone = rows.filter(pc.invert(is_live))
    if not gone.num_rows:
        return []
    links = _flat(rows.filter(is_live))
    past = _addresses(gone, None)
    wanted_ids = _joined_columns(links["source"], links["key"]), _joined_columns(links["source"], links["alternative"])
    keys = links.filter(links["site"])["key"]
    kept: set[str] = set()
    for ids in wanted_ids:
        kept |= set(past.filter(pc.is_in(past["id"], value_set=ids.combine_chunks()))["doc_id"].to_pylist())
    for tails in _tails(past["key"]):
        kept |= set(past.filter(pc.is_in(tails, value_set=keys.combine_chunks()))["doc_id"].to_pylist())
    return sorted(set(gone["doc_id"].to_pylist()) - kept)


def _flat(rows: pa.Table) -> pa.Table:
    """Returns one row for each link: `row`, `doc_id`, `source` and the fields of the link."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = rows["links"].combine_chunks()
    parents = pc.list_parent_indices(lists)
    flat = pc.list_flatten(lists)
    names = [flat.type.field(i).name for i in range(flat.type.num_fields)]
    columns = {
        "row": pa.array(range(len(parents)), pa.int64()),
        "doc_id": rows["doc_id"].combine_chunks().take(parents),
        "source": rows["source"].combine_chunks().take(parents),
        **dict(zip(names, flat.flatten(), strict=True)),
    }
    return pa.table(columns)


def _addresses(rows: pa.Table, ledger: pa.Table | None) -> pa.Table:
    """Returns the addresses by which documents are reached: `doc_id`, `source`, `key` and `id` (source and key).

    Args:
        ledger: where given, its documents without a row of links have the address that their path says.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from freshet.tasks.documents.links.rows import address_key

    columns = ["doc_id", "source", "key"]
    aliases = rows["aliases"].combine_chunks()
    parents = pc.list_parent_indices(aliases)
    stated = {name: rows[name].combine_chunks().take(parents) for name in ("doc_id", "source")}
    tables = [rows.select(columns), pa.table({**stated, "key": pc.list_flatten(aliases)})]
    if ledger is not None:
        bare = ledger.filter(pc.invert(pc.is_in(ledger["doc_id"], value_set=rows["doc_id"].combine_chunks())))
        keys = pa.array([address_key(path) for path in bare["path"].to_pylist()], pa.string())
        tables.append(bare.select(["doc_id", "source"]).append_column("key", keys))
    together = pa.concat_tables([table.cast(tables[0].schema) for table in tables])
    return together.append_column("id", _joined_columns(together["source"], together["key"]))


def _leads_to(links: pa.Table, addresses: pa.Table, folders: bool) -> Any:
    """Whether each link leads to one of the addresses, or, with `folders`, to a folder that holds some."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pa.chunked_array([pa.repeat(pa.scalar(False), links.num_rows)])
    here = [_joined_columns(links["source"], links[name]) for name in ("key", "alternative")]
    ids = addresses["id"]
    for parents in (ids, *(_parents(addresses) if folders else ())):
        for wanted in here:
            found = pc.or_(found, pc.fill_null(pc.is_in(wanted, value_set=_values(parents)), False))
    for tails in _tails(addresses["key"]):
        inside = pc.and_(links["site"], pc.is_in(links["key"], value_set=_values(tails)))
        found = pc.or_(found, pc.fill_null(inside, False))
    return found


def _values(column: Any) -> Any:
    """Returns a column as a set to look in, without null, which would match null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.unique(column).drop_null()
    return values if isinstance(values, pa.Array) else values.combine_chunks()


def _joined_columns(source: Any, key: Any) -> Any:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(source, key, "\n")


def _parents(addresses: pa.Table) -> Iterator[Any]:
    """Yields the folders of the addresses, then the folders of those, up to the root."""
    import pyarrow.compute as pc

    source, key = addresses["source"], addresses["key"]
    while pc.any(pc.not_equal(key, "")).as_py():
        key = pc.replace_substring_regex(key, r"/?[^/]*$", "", max_replacements=1)
        yield _joined_columns(source, key)


def _tails(keys: Any) -> Iterator[Any]:
    """Yields the keys, then the keys without their first part, and so on; null where nothing is left.

    A site's root may be any folder of a source, so that `/leave/` may be `pages/leave.md`.
    """
    import pyarrow.compute as pc

    while True:
        yield keys
        has_more = pc.match_substring(keys, "/")
        if not pc.any(has_more).as_py():
            return
        rest = pc.replace_substring_regex(keys, r"^[^/]*/", "", max_replacements=1)
        keys = pc.if_else(has_more, rest, None)


def _missing_headings(aimed: pa.Table, live: pa.Table, addresses: pa.Table) -> list[int]:
    """Returns rows of the links whose documents are there and have no such heading, as far as that is known."""
    if not aimed.num_rows:
        return []
    import pyarrow.compute as pc

    documents: dict[str, set[str]] = {}

    def collect(names: Any, wanted: Any) -> None:
        hit = pc.fill_null(pc.is_in(names, value_set=_values(wanted)), False)
        for name, doc_id in zip(
            names.filter(hit).to_pylist(), addresses["doc_id"].filter(hit).to_pylist(), strict=True
        ):
            documents.setdefault(name, set()).add(doc_id)

    for column in ("key", "alternative"):
        collect(addresses["id"], _joined_columns(aimed["source"], aimed[column]))
    for tails in _tails(addresses["key"]):
        collect(tails, aimed.filter(aimed["site"])["key"])
    linked = live.filter(pc.is_in(live["doc_id"], value_set=_values(_strings(set().union(*documents.values())))))
    offered = dict(zip(linked["doc_id"].to_pylist(), linked["anchors"].to_pylist(), strict=True))
    anchors = {doc_id: None if known is None else set(known) for doc_id, known in offered.items()}
    missing = []
    for link in aimed.select(["row", "source", "site", "key", "alternative", "fragment"]).to_pylist():
        names = [link["key"]] if link["site"] else [f"{link['source']}\n{link[c]}" for c in ("key", "alternative")]
        # A folder, or a document that was not parsed, has headings that nobody knows.
        candidates = [anchors.get(doc_id) for name in names for doc_id in documents.get(name, ())]
        if candidates and all(known is not None and link["fragment"] not in known for known in candidates):
            missing.append(link["row"])
    return missing


def _strings(values: Collection[str]) -> Any:
    import pyarrow as pa

    return pa.array(sorted(values), pa.string())


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
