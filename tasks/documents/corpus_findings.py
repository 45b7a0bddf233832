"""Puts what only the whole corpus can tell of a document (links, floods) beside its other verdicts, and tells it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from freshet.expectations.rules import RULES
from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.store.tables import Tables


def restated_verdicts(
    ledger: pa.Table, found: Mapping[str, Sequence[Verdict]], codes: Collection[str]
) -> dict[str, str]:
    """The ledger's `verdicts` as they are to be, by `doc_id`, of documents for which that is news.

    Verdicts under other codes stay as they are. A corpus in which nothing changed gives nothing.

    Args:
        ledger: `doc_id` and `verdicts` of all documents.
        found: all verdicts under `codes` that there are now; a document without any has none any more.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    concerned = pc.is_in(ledger["doc_id"], value_set=pa.array(sorted(found), pa.string()))
    for code in codes:
        concerned = pc.or_(concerned, pc.match_substring(ledger["verdicts"], f'"{code}"'))
    restated = {}
    for row in ledger.select(["doc_id", "verdicts"]).filter(concerned).to_pylist():
        held = json.loads(row["verdicts"])
        others = [one for one in held if one["code"] not in codes]
        now = [one.as_dict() for one in found.get(row["doc_id"], ())]
        if [one for one in held if one["code"] in codes] != json.loads(json.dumps(now)):
            restated[row["doc_id"]] = json.dumps([*others, *now], sort_keys=True)
    return restated


FLOODING = "SAFETY-FLOODING"
_TOLD = 5


def flood_notes(tables: Tables) -> list[str]:
    """What the report of a refresh says of documents that are several on one question; nothing where none is."""
    from freshet.tasks.settings.addresses import escaped
    from freshet.tasks.store import schemas
    from freshet.tasks.store.predicates import contains

    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return []
    rows = ledger.search().where(contains("verdicts", f'"{FLOODING}"')).select(["source", "path"]).to_list()
    if not rows:
        return []
    paths = sorted(f"{row['path']} of {row['source']}" for row in rows)
    more = f" and {len(paths) - _TOLD:,} more" if len(paths) > _TOLD else ""
    told = f"{FLOODING}: {len(paths):,} documents answer one question with others of their source, as floods do: "
    return [escaped(f"{told}{', '.join(paths[:_TOLD])}{more}. {RULES[FLOODING].mend}")]
