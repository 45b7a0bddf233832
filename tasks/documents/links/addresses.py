"""The addresses by which the documents of a corpus are reached, or were until they went, as sets to look in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.links.rows import address_key

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

_COLUMNS = ["doc_id", "source", "key"]


@dataclass(frozen=True)
class Addresses:
    """By what documents are reached.

    Attributes:
        present, past: `doc_id`, `source`, `key` and `id` (source and key) of documents that there are, and of such that
            are gone; one row for each address.
        bare: `doc_id` and `external`, which is null, of documents without a row of links. They have the address that
            their path says.
    """

    present: pa.Table
    past: pa.Table
    bare: pa.Table


def addresses(table: Table, ledger: pa.Table) -> Addresses:
    """Returns the addresses that a corpus has and had.

    Args:
        table: the table of links.
        ledger: `doc_id`, `source`, `path` of all documents that there are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    live = ledger["doc_id"].combine_chunks()
    nothing = pa.schema([(name, pa.string()) for name in _COLUMNS]).empty_table()
    present, past, rowed = [nothing], [nothing], [pa.array([], pa.string())]
    for batch in table.search().select([*_COLUMNS, "aliases"]).to_batches():
        rows = pa.Table.from_batches([batch])
        is_live = pc.is_in(rows["doc_id"], value_set=live)
        present += _stated(rows.filter(is_live))
        past += _stated(rows.filter(pc.invert(is_live)))
        rowed.append(batch["doc_id"])
    bare = ledger.filter(pc.invert(pc.is_in(ledger["doc_id"], value_set=pa.concat_arrays(rowed))))
    keys = pa.array([address_key(path) for path in bare["path"].to_pylist()], pa.string())
    present.append(bare.select(["doc_id", "source"]).append_column("key", keys))
    found = [pa.concat_tables([one.cast(nothing.schema) for one in tables]) for tables in (present, past)]
    here, gone = (one.append_column("id", joined_columns(one["source"], one["key"])) for one in found)
    external = pa.nulls(bare.num_rows, pa.list_(pa.string()))
    return Addresses(here, gone, bare.select(["doc_id"]).append_column("external", external))


def _stated(rows: pa.Table) -> list[pa.Table]:
    """Returns `doc_id`, `source` and `key` of rows of links, and the aliases that they state, in the same form."""
    import pyarrow as pa
    import pyarrow.compute as pc

    aliases = rows["aliases"].combine_chunks()
    parents = pc.list_parent_indices(aliases)
    stated = {name: rows[name].combine_chunks().take(parents) for name in ("doc_id", "source")}
    return [rows.select(_COLUMNS), pa.table({**stated, "key": pc.list_flatten(aliases)})]


@dataclass(frozen=True)
class Places:
    """Where links may lead, as sets to look in.

    Attributes:
        ids: ids of addresses and, where wanted, of the folders that hold some.
        tails: keys of addresses without their first parts: `tails_of`.
    """

    ids: list[pa.Array]
    tails: list[pa.Array]


def places_of(found: pa.Table, folders: bool) -> Places:
    """Returns where links may lead, of a table of `addresses`; with `folders`, also to a folder that holds some."""
    ids = [values_of(found["id"]), *(map(values_of, _parents(found)) if folders else ())]
    return Places(ids, [values_of(tails) for tails in tails_of(found["key"])])


def leads_to(links: pa.Table, places: Places) -> Any:
    """Whether each link leads to one of the places."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pa.chunked_array([pa.repeat(pa.scalar(False), links.num_rows)])
    here = [joined_columns(links["source"], links[name]) for name in ("key", "alternative")]
    for ids in places.ids:
        for wanted in here:
            found = pc.or_(found, pc.fill_null(pc.is_in(wanted, value_set=ids), False))
    for tails in places.tails:
        inside = pc.and_(links["site"], pc.is_in(links["key"], value_set=tails))
        found = pc.or_(found, pc.fill_null(inside, False))
    return found


def values_of(column: Any) -> Any:
    """Returns a column as a set to look in, without null, which would match null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.unique(column).drop_null()
    return values if isinstance(values, pa.Array) else values.combine_chunks()


def joined_columns(source: Any, key: Any) -> Any:
    """Returns the ids of addresses: source and key."""
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(source, key, "\n")


def _parents(found: pa.Table) -> Iterator[Any]:
    """Yields the folders of the addresses, then the folders of those, up to the root."""
    import pyarrow.compute as pc

    source, key = found["source"], found["key"]
    while pc.any(pc.not_equal(key, "")).as_py():
        key = pc.replace_substring_regex(key, r"/?[^/]*$", "", max_replacements=1)
        yield joined_columns(source, key)


def tails_of(keys: Any) -> Iterator[Any]:
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
