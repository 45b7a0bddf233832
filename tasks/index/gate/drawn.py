"""Draws the questions of an exam from a corpus that has no golden ones: which passages are asked for, and by whom."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.expressions import Asker
from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.index.gate.golden import Access, ExamQuestion, Lost, Target
from freshet.tasks.index.gate.known_items import Item, ask_for, common_headings
from freshet.tasks.ledger.access_classes import mark_column, mark_of, meaning_of
from freshet.tasks.search.visible import is_blocked
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

PASSAGES = 3
"""Passages of a document that are asked for at most, where the corpus has fewer documents than questions."""

_ID_PREFIX = "known-"
_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class _Drawn:
    doc_id: str
    somebody: frozenset[str]
    title: str | None


def unchanged_documents(old_ledger: Any, new_ledger: Any) -> pa.Table:
    """Documents whose served content is the same in two states of the ledger.

    Known-item questions are drawn from the old state's passages of these: there, whatever was found must still be
    found, while an edited document may rightly have lost its sentence.

    Returns:
        `doc_id`; `is_cut_alike`, whether it was cut into passages by the same method and settings; and
        `is_read_alike`, whether it was parsed in the same way.
    """
    import pyarrow.compute as pc

    columns = ["doc_id", "content_hash", "chunking", "parser"]
    old, new = (ledger.search().where("chunks > 0").select(columns).to_arrow() for ledger in (old_ledger, new_ledger))
    # A document that serves nothing has no hash, and null joins with nothing.
    both = old.join(new, ["doc_id", "content_hash"], join_type="inner", right_suffix="_now")
    return both.select(["doc_id"]).append_column(
        "is_cut_alike", pc.equal(both["chunking"], both["chunking_now"])
    ).append_column("is_read_alike", pc.equal(both["parser"], both["parser_now"]))  # fmt: skip


def draw_questions(
    chunks: Table,
    ledger: Table,
    access: Access,
    documents: pa.Table | None,
    most: int,
    now: datetime,
    lost: Lost | None = None,
) -> list[ExamQuestion]:
    """Known-item questions, each answered by a passage that holds a stated text.

    Documents, passages and questions are chosen by hash, so the same state gives the same questions, and an edit
    changes those of the edited document only. A passage that stands in several of the chosen documents asks nothing.

    Args:
        chunks, ledger: of one state of the corpus.
        access: what the classes of that state's ledger mean.
        documents: those to draw from, as `unchanged_documents`; None for all.
        most: questions.
        now: documents that nobody is shown any more by then, since they are too old or no longer valid, ask nothing.
        lost: documents that are asked about although the ledger does not hold them any more.
    """
    import pyarrow as pa

    ids = None if documents is None else documents["doc_id"].combine_chunks()
    chosen = list(_candidates(ledger, access, ids, most, now))
    if lost is not None:
        chosen += _candidates(lost.ledger, access, pa.array(sorted(lost.documents), pa.string()), most, now)
    chosen = heapq.nsmallest(2 * most, chosen, key=lambda one: _draw(one.doc_id))
    reread = _reread(documents)
    held = _passages(chunks, [one.doc_id for one in chosen])
    common = common_headings((doc_id, row["headings"]) for doc_id, rows in held.items() for row in rows)
    questions: list[ExamQuestion] = []
    for place in range(PASSAGES):
        for one in chosen:
            row = next(iter(held.get(one.doc_id, [])[place : place + 1]), None)
            asked = row and ask_for(Item(one.title, tuple(row["headings"]), row["text"]), common)
            if asked and len(questions) < most:
                # Text that is read in another way may be another text.
                target = Target(one.doc_id, None if one.doc_id in reread else asked.stated)
                name = f"{_ID_PREFIX}{one.doc_id[:12]}" + (f"-{place + 1}" if place else "")
                questions.append(ExamQuestion(name, asked.question, (target,), Asker(one.somebody)))
    return questions


def _reread(documents: pa.Table | None) -> set[str]:
    import pyarrow.compute as pc

    if documents is None:
        return set()
    return set(documents.filter(pc.invert(documents["is_read_alike"]))["doc_id"].to_pylist())


def _candidates(
    ledger: Table, access: Access, documents: pa.Array | None, most: int, now: datetime
) -> Iterator[_Drawn]:
    """The documents that are drawn first, twice as many as questions, each with principals that may see it.

    The ledger is streamed. Only the ids of `documents` are held whole.
    """
    import pyarrow.compute as pc

    first: list[tuple[str, _Drawn]] = []
    columns = ["doc_id", "title", mark_column(ledger), *MOMENTS.values()]
    for batch in ledger.search().where("chunks > 0").select(columns).to_batches(_ROWS_AT_ONCE):
        asked = batch if documents is None else batch.filter(pc.is_in(batch["doc_id"], value_set=documents))
        for row in asked.to_pylist():
            # A document that nobody may see has nobody to ask for it.
            somebody = meaning_of(mark_of(row), access.expressions).somebody
            if somebody is not None and not is_blocked(row, now):
                first.append((_draw(row["doc_id"]), _Drawn(row["doc_id"], somebody, row["title"])))
        first = heapq.nsmallest(2 * most, first, key=lambda one: one[0])
    return (one for _, one in first)


def _passages(chunks: Table, documents: list[str]) -> Mapping[str, list[dict[str, Any]]]:
    """Of each document the passages that are drawn first, without those that stand in several of the documents."""
    held: dict[str, list[dict[str, Any]]] = {}
    places: dict[str, set[str]] = {}
    if documents:
        query = chunks.search().where(is_any("doc_id", documents))
        for batch in query.select(["doc_id", "text_hash", "text", "headings"]).to_batches():
            for row in batch.to_pylist():
                places.setdefault(row["text_hash"], set()).add(row["doc_id"])
                best = held.setdefault(row["doc_id"], [])
                best.append({**row, "rank": _draw(row["text_hash"])})
                best.sort(key=lambda one: one["rank"])
                del best[2 * PASSAGES :]
    own = {doc: [row for row in rows if len(places[row["text_hash"]]) == 1] for doc, rows in held.items()}
    return {doc: _different(rows)[:PASSAGES] for doc, rows in own.items()}


def _different(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without those that repeat a text."""
    return list({row["text_hash"]: row for row in reversed(rows)}.values())[::-1]


def _draw(value: str) -> str:
    return sha256(f"exam {value}".encode()).hexdigest()
