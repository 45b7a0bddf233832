"""Which of the documents that no source lists any more have only moved, or were never published."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.documents.planning.plan import Plan


def candidates_for_moves(plan: Plan, incomplete: Collection[str] = ()) -> pa.Table:
    """The added documents that could be vanished ones under a new path: of the size of one of those.

    Args:
        incomplete: sources whose listing was cut short; what they do not list may well be there still.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    added = plan.work.filter(pc.equal(plan.work["change"], "added"))
    served = _outside(plan.vanished.filter(pc.is_valid(plan.vanished["old_content_hash"])), incomplete)
    if not added.num_rows or not served.num_rows:
        return added.slice(0, 0)
    sizes = pc.unique(served["old_size"].drop_null())
    if pa.types.is_null(sizes.type):
        return added.slice(0, 0)
    return added.filter(pc.or_(pc.is_null(added["size"]), pc.is_in(added["size"], value_set=sizes)))


def mark_moves(plan: Plan, hashes: Mapping[str, str], incomplete: Collection[str] = ()) -> tuple[Plan, pa.Table]:
    """Pairs added with vanished documents of the same content, in the order of their paths.

    Args:
        hashes: content hash of each candidate, by doc_id.
        incomplete: sources whose listing was cut short; nothing has left them for certain.

    Returns:
        The plan, with those documents `moved` and the paths that they left no longer among `vanished`;
        and the ledger rows of the paths that they left.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    left = defaultdict(list)
    for doc_id, content in _contents(_outside(plan.vanished, incomplete)):
        left[content].append(doc_id)
    moved, gone = [], []
    for doc_id in plan.work.filter(pc.equal(plan.work["change"], "added"))["doc_id"].to_pylist():
        if left.get(hashes.get(doc_id, "")):
            moved.append(doc_id)
            gone.append(left[hashes[doc_id]].pop(0))
    change = pc.if_else(_is_any(plan.work["doc_id"], moved), pa.scalar("moved"), plan.work["change"])
    work = plan.work.set_column(plan.work.column_names.index("change"), "change", change)
    return _without(replace(plan, work=work), _is_any(plan.vanished["doc_id"], gone))


def settle_unpublished(plan: Plan, published: Collection[str], unsure: Collection[str]) -> tuple[Plan, pa.Table]:
    """Takes out the vanished documents that a refresh had half dealt with when it was stopped.

    They need nobody's word: documents that it added and no release ever held, and the old paths of documents
    that it had committed under their new ones.

    Args:
        published: ids of the documents of the newest release.
        unsure: sources whose listing says nothing for certain; their documents stay as they are.

    Returns:
        The plan without them among `vanished`, and their ledger rows.
    """
    import pyarrow.compute as pc

    landed: Counter[str] = Counter()
    for table in (plan.unchanged, plan.restated, plan.work.filter(pc.equal(plan.work["change"], "changed"))):
        fresh = table.filter(pc.invert(_is_any(table["doc_id"], published)))
        landed.update(content for _, content in _contents(fresh))
    settled = []
    for doc_id, content in _contents(_outside(plan.vanished, unsure), also_none=True):
        if doc_id not in published:
            settled.append(doc_id)
        elif landed[content]:
            landed[content] -= 1
            settled.append(doc_id)
    return _without(plan, _is_any(plan.vanished["doc_id"], settled))


def _contents(documents: pa.Table, also_none: bool = False) -> list[tuple[str, str]]:
    """(doc_id, hash of the content served) of documents that serve one; of the others too, with "", if asked."""
    pairs = zip(documents["doc_id"].to_pylist(), documents["old_content_hash"].to_pylist(), strict=True)
    return [(doc_id, content or "") for doc_id, content in pairs if content or also_none]


def _without(plan: Plan, gone: Any) -> tuple[Plan, pa.Table]:
    import pyarrow.compute as pc

    return replace(plan, vanished=plan.vanished.filter(pc.invert(gone))), plan.vanished.filter(gone)


def _outside(documents: pa.Table, sources: Collection[str]) -> pa.Table:
    import pyarrow.compute as pc

    return documents.filter(pc.invert(_is_any(documents["source"], sources)))


def _is_any(column: Any, values: Collection[str]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(column, value_set=pa.array(sorted(values), pa.string()))
