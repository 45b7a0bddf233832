"""Puts what only the whole corpus can tell of a document (where its links lead) beside its other verdicts."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    import pyarrow as pa


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
