"""The questions that an exam missed, for people: what was asked, by whom, what was expected and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.index.gate.exam import ExamResult
    from freshet.tasks.index.gate.golden import ExamQuestion

MOST_MISSED = 20


def describe_missed(
    ledger: Table, questions: Sequence[ExamQuestion], result: ExamResult, *, golden: bool
) -> list[dict[str, Any]]:
    """The questions whose document was not among the first five, or that showed one that must never be shown.

    This is an owner's view: it names documents that whoever asks may not see.

    Args:
        golden: whether the questions are from a file. One that was drawn is a document's text, and is not repeated.

    Returns:
        at most MOST_MISSED, each with `id`, `question` (None for one that was drawn), `asks` (principals beside
        everyone), `expected` and `found` (paths of documents), and `never` (the path that was shown and must not be;
        None where none was).
    """
    found_any = result.scores.get("recall_at_5", {})
    missed = [one for one in questions if not found_any.get(one.id) or one.id in result.shown][:MOST_MISSED]
    named = {doc_id for one in missed for doc_id in (*(t.doc_id for t in one.targets), *result.first.get(one.id, ()))}
    named |= set(result.shown.values())
    rows = ledger.search().where(is_any("doc_id", sorted(named))).select(["doc_id", "path"]).to_list()
    paths = {row["doc_id"]: row["path"] for row in rows}
    return [
        {
            "id": one.id,
            "question": one.question if golden else None,
            "asks": sorted(one.asker.principals - {EVERYONE}),
            "expected": [paths.get(doc_id, doc_id) for doc_id in dict.fromkeys(t.doc_id for t in one.targets)],
            "found": [paths.get(doc_id, doc_id) for doc_id in result.first.get(one.id, ())],
            "never": paths.get(result.shown[one.id], result.shown[one.id]) if one.id in result.shown else None,
        }
        for one in missed
    ]
