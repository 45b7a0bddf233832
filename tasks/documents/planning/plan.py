"""The plan of a refresh: what the sources list × what the ledger holds → what is to be done.

Columnar throughout: an unchanged document costs a few bytes of a join, and no Python object.
Lists of uses travel as one space-separated text, since Arrow cannot join beside lists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.sources.base import CHANGED_AT
from freshet.tasks.settings.spans import FOREVER, LONG_AGO

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.settings.project import FolderSource, GitSource

LEDGER_COLUMNS = [
    "doc_id", "source", "path", "uri", "owner", "licence", "access", "chunks_access", "uses", "seen_hint",
    "seen_hash", "content_hash", "modified_at", "size", "stale_after", "blocked_after", "parser", "chunking", "space",
]  # fmt: skip
"""What planning reads of the ledger."""


def document_id(corpus: str, source: str, path: str) -> str:
    """The id of a document: a pure function of corpus, source and path."""
    return sha256("\0".join((corpus, source, path)).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Plan:
    """What a refresh is to do, as Arrow tables.

    Attributes:
        work: documents to read: the columns of `describe_listing`, `doc_id`, `change` (`added`, `changed`,
            `moved`) and, as `old_*`, what the ledger holds of them.
        restated: documents of which only owner, access, use, licence or freshness changed; same columns.
        unchanged: the other documents that were listed; same columns.
        vanished: rows of the ledger that no source listed.
    """

    work: pa.Table
    restated: pa.Table
    unchanged: pa.Table
    vanished: pa.Table


def describe_listing(
    listing: pa.Table,
    source: FolderSource | GitSource,
    corpus: str,
    name: str,
    parser_of: Callable[[str], str],
    limits: str,
) -> pa.Table:
    """A source's listing with what the settings say of each document.

    Args:
        listing: rows of `sources.base.LISTING_SCHEMA`.
        corpus: the name of the corpus.
        name: the source's stable name.
        parser_of: the fingerprint of what would parse a path; asked once a suffix.
        limits: fingerprint of the limits of parsing: a document that failed under others is tried again.
    """
    import pyarrow as pa

    from freshet.tasks.governance.policy import column_of_classes

    def constant(value: Any, kind: pa.DataType) -> pa.Array:
        return pa.repeat(pa.scalar(value, kind), listing.num_rows)

    text = pa.string()
    parsers = _by_suffix(listing["path"], parser_of)
    columns = {
        "source": constant(name, text),
        "owner": constant(source.owner, text),
        "licence": constant(source.licence, text),
        "access": column_of_classes(corpus, listing["path"], source),
        "uses": constant(" ".join(sorted(set(source.uses))), text),
        "warn_after": constant(_microseconds(source.freshness.warn_after), pa.int64()),
        "block_after": constant(_microseconds(source.freshness.block_after), pa.int64()),
        "max_size": constant(int(source.max_size), pa.int64()),
        "parser": parsers,
        "limits": constant(limits, text),
    }
    table = listing.select(["path", "uri", "size", "modified_at", "hint", "source_version"])
    for column, values in columns.items():
        table = table.append_column(column, values)
    return table


def _microseconds(duration: timedelta | None) -> int | None:
    # A longer span than the calendar has is no other one, and would not fit the column.
    return None if duration is None else min(duration, FOREVER - LONG_AGO) // timedelta(microseconds=1)


def _by_suffix(paths: pa.ChunkedArray, value_of: Callable[[str], str]) -> pa.Array:
    """`value_of(path)` for every path, computed once for each distinct suffix."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = pc.struct_field(pc.extract_regex(paths, r"(?P<name>[^/]*)$"), "name")
    suffixes = pc.struct_field(pc.extract_regex(names, r"^[^.]*(?P<suffix>.*)$"), "suffix")
    encoded = suffixes.combine_chunks().dictionary_encode()
    values = pa.array([value_of("document" + suffix) for suffix in encoded.dictionary.to_pylist()], pa.string())
    return values.take(encoded.indices)


def add_microseconds(moments: Any, spans: Any) -> Any:
    """Each moment plus its span in microseconds, as `spans.shifted` bounds it; null where either is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    moved = pc.add(moments, pc.cast(spans, pa.duration("us")))
    last = pa.scalar(FOREVER, moved.type)
    return pc.if_else(pc.greater(moved, last), last, moved)


def make_plan(
    corpus: str, listed: pa.Table, ledger: pa.Table, *, chunking: str, space: str, damaged: Collection[str] = ()
) -> Plan:
    """Compares what is listed with what the ledger holds.

    Args:
        listed: `describe_listing` of every source, concatenated.
        ledger: LEDGER_COLUMNS of the document ledger.
        chunking, space: fingerprints in force; documents made under others are processed anew.
        damaged: ids of documents whose chunks are not what the ledger says; processed anew.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    held = _flatten_lists(ledger)
    held = held.rename_columns([c if c in ("source", "path", "doc_id") else f"old_{c}" for c in held.column_names])
    joined = listed.append_column("listed", pa.repeat(True, listed.num_rows)).join(
        held, keys=["source", "path"], join_type="full outer"
    )
    is_listed = pc.fill_null(joined["listed"], False)
    is_held = pc.is_valid(joined["doc_id"])
    # A document that failed is judged with the limits it failed under, a good one without.
    good = pc.fill_null(pc.equal(joined["old_seen_hash"], joined["old_content_hash"]), False)
    attempt = pc.binary_join_element_wise(joined["parser"], joined["limits"], "|")
    parser = pc.if_else(good, joined["parser"], attempt)
    is_damaged = pc.is_in(joined["doc_id"], value_set=pa.array(sorted(damaged), pa.string()))
    altered = _any(
        _differ(_said(joined["hint"]), _said(joined["old_seen_hint"])),
        _differ(parser, joined["old_parser"]),
        _differ(joined["old_chunking"], pa.scalar(chunking)),
        _differ(joined["old_space"], pa.scalar(space)),
        is_damaged,
    )
    restated = _any(
        *(_differ(joined[c], joined[f"old_{c}"]) for c in ("uri", "owner", "licence", "access", "uses")),
        _differ(add_microseconds(joined["old_modified_at"], joined["warn_after"]), joined["old_stale_after"]),
        _differ(add_microseconds(joined["old_modified_at"], joined["block_after"]), joined["old_blocked_after"]),
    )
    both = pc.and_(is_listed, is_held)
    joined = joined.append_column("damaged", is_damaged).append_column(
        "change", pc.if_else(is_held, pa.scalar("changed"), pa.scalar("added"))
    )
    read = pc.and_(is_listed, pc.or_(pc.invert(is_held), altered))
    keep = pc.and_(both, pc.invert(altered))
    return Plan(
        work=_with_ids(corpus, _in_order(joined.filter(read))),
        restated=_in_order(joined.filter(pc.and_(keep, restated))),
        unchanged=joined.filter(pc.and_(keep, pc.invert(restated))),
        vanished=_in_order(joined.filter(pc.invert(is_listed))),
    )


def system_differs(documents: pa.Table) -> pa.Table:
    """Those documents of which the source says the same as before, and the system something else: see `file_hint`."""
    return documents.filter(_differ(documents["hint"], documents["old_seen_hint"]))


def restate_anyway(plan: Plan, doc_ids: Collection[str]) -> Plan:
    """The plan with those of its unchanged documents moved to the restated ones, so that their new hint is kept."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = pc.is_in(plan.unchanged["doc_id"], value_set=pa.array(sorted(doc_ids), pa.string()))
    restated = _in_order(pa.concat_tables([plan.restated, plan.unchanged.filter(chosen)]))
    return replace(plan, restated=restated, unchanged=plan.unchanged.filter(pc.invert(chosen)))


def _said(hints: Any) -> Any:
    """What sources say in hints, without what the system adds."""
    import pyarrow.compute as pc

    return pc.replace_substring_regex(hints, CHANGED_AT + ".*$", "")


def read_anyway(plan: Plan, doc_ids: Collection[str]) -> Plan:
    """The plan with those of its unchanged and restated documents moved to the work, as changed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def split(table: pa.Table) -> tuple[pa.Table, pa.Table]:
        chosen = pc.is_in(table["doc_id"], value_set=pa.array(sorted(doc_ids), pa.string()))
        return table.filter(chosen), table.filter(pc.invert(chosen))

    unchanged, still = split(plan.unchanged)
    restated, kept = split(plan.restated)
    work = _in_order(pa.concat_tables([plan.work, unchanged, restated]))
    return replace(plan, work=work, restated=kept, unchanged=still)


def modified_within(plan: Plan, start: datetime, end: datetime) -> list[str]:
    """Ids of the listed documents that were last modified in [start, end), by the listing or by the ledger."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = ["doc_id", "modified_at", "old_modified_at"]
    listed = pa.concat_tables([table.select(columns) for table in (plan.work, plan.restated, plan.unchanged)])

    def within(moments: pa.ChunkedArray) -> Any:
        first, last = (pa.scalar(moment, moments.type) for moment in (start, end))
        return pc.fill_null(pc.and_(pc.greater_equal(moments, first), pc.less(moments, last)), False)

    chosen = listed.filter(_any(within(listed["modified_at"]), within(listed["old_modified_at"])))
    return [str(doc_id) for doc_id in chosen["doc_id"].to_pylist()]


def count_good(documents: pa.Table) -> int:
    """How many of these documents serve their newest version; the others wait in quarantine."""
    import pyarrow.compute as pc

    good = pc.fill_null(pc.equal(documents["old_seen_hash"], documents["old_content_hash"]), False)
    return int(pc.sum(pc.cast(good, "int64")).as_py() or 0)


def of_other_access(documents: pa.Table, changed: Collection[str]) -> pa.Table:
    """Those of the documents that came into another access class, or whose class means something else now.

    Args:
        changed: ids of the classes that mean something else.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_other = pc.is_in(documents["old_access"], value_set=pa.array(sorted(changed), pa.string()))
    return documents.filter(pc.or_(is_other, pc.not_equal(documents["old_access"], documents["old_chunks_access"])))


def _flatten_lists(ledger: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    flat = pc.binary_join(ledger["uses"], " ")
    return ledger.set_column(ledger.column_names.index("uses"), "uses", flat).select(LEDGER_COLUMNS)


def _differ(left: Any, right: Any) -> Any:
    """Where two columns differ, null being equal to null alone."""
    import pyarrow.compute as pc

    unlike = pc.fill_null(pc.not_equal(left, right), False)
    return pc.or_(unlike, pc.xor(pc.is_null(left), pc.is_null(right)))


def _any(first: Any, *others: Any) -> Any:
    import pyarrow.compute as pc

    for other in others:
        first = pc.or_(first, pc.fill_null(other, False))
    return first


def _in_order(table: pa.Table) -> pa.Table:
    return table.sort_by([("source", "ascending"), ("path", "ascending")])


def _with_ids(corpus: str, work: pa.Table) -> pa.Table:
    """The work with a doc_id for documents that have none yet."""
    import pyarrow as pa

    ids = [
        held or document_id(corpus, source, path)
        for held, source, path in zip(
            work["doc_id"].to_pylist(), work["source"].to_pylist(), work["path"].to_pylist(), strict=True
        )
    ]
    return work.set_column(work.column_names.index("doc_id"), "doc_id", pa.array(ids, pa.string()))
