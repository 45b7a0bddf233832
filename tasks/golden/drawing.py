"""Draws the documents of a live release that drafts are made of, from all sources and folders, with passages."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from heapq import nsmallest
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.ledger.access_classes import mark_column, mark_of, meaning_of, read_in_force
from freshet.tasks.search.visible import is_blocked
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.governance.expressions import Expression
    from freshet.tasks.ledger.releases import Standing
    from freshet.tasks.store.tables import Store

FOR_EACH_DRAFT = 8
"""Documents that are looked at for each draft: not all hold what can be asked for."""

MOST_PASSAGES = 100
"""Passages of a document that are looked at, drawn by hash: a very long document is asked about no more than others."""

UNSAFE = ("SAFETY-", "SECRET-")
"""Codes that begin so keep a document from being asked about: somebody may have written it to be quoted."""

_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Drawn:
    """A document to ask about.

    Attributes:
        name: what a golden file calls it: its path, or its URI where several documents have that path.
        expression: who may see it.
    """

    doc_id: str
    name: str
    title: str | None
    expression: Expression

    @property
    def asks(self) -> tuple[str, ...]:
        """Somebody who may see it, beside everyone."""
        return tuple(sorted((self.expression.somebody or frozenset()) - {EVERYONE}))


def draw(value: str) -> str:
    """A number that is the same on every machine, by which things are chosen as if by chance."""
    return sha256(f"golden {value}".encode()).hexdigest()


def draw_documents(store: Store, corpus: str, standing: Standing, most: int, now: datetime) -> list[Drawn]:
    """Documents that drafts may be made of, from every source and first folder in turn.

    They are in the live release and, as it is there, in the newest ledger; are no copies; are let be seen by somebody
    in both; and are neither too old nor flagged for instructions or secrets. Both ledgers are streamed.
    """
    tables = store.corpus(corpus)
    newest = tables.find(schemas.DOCUMENTS)
    released = tables.at(schemas.DOCUMENTS, standing.live.ledger_version)
    expressions = read_in_force(store, corpus, standing.published)
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in _asked_about(newest, now):
        held = groups.setdefault(f"{row['source']}\n{_folder(row['path'])}", [])
        held.append(row)
        if len(held) >= 8 * most:
            held[:] = _first(held, 4 * most)
    chosen = _in_turn([_first(held, most) for _, held in sorted(groups.items(), key=lambda one: draw(one[0]))], most)
    then = {row["doc_id"]: row for row in _rows_of(released, [row["doc_id"] for row in chosen])}
    named = name_of(newest, chosen)
    drawn = []
    for row in chosen:
        before = then.get(row["doc_id"])
        # What changes between the release and the ledger is about to be another text, or for other people.
        if before is None or before["content_hash"] != row["content_hash"] or mark_of(before) != mark_of(row):
            continue
        expression = meaning_of(mark_of(row), expressions)
        if expression.somebody is not None:
            drawn.append(Drawn(row["doc_id"], named[row["doc_id"]], row["title"], expression))
    return drawn


def passages_of(chunks: Table, documents: Sequence[Drawn]) -> dict[str, list[dict[str, Any]]]:
    """The passages of documents in the order of their texts, at most `MOST_PASSAGES` of each, by the document's id.

    Returns:
        rows with `text`, `headings`, `page_first`, `ordinal` and `chunk_id`.
    """
    held: dict[str, list[dict[str, Any]]] = {}
    columns = ["doc_id", "chunk_id", "ordinal", "text", "headings", "page_first"]
    for part in in_parts("doc_id", [one.doc_id for one in documents]):
        for batch in chunks.search().where(part).select(columns).to_batches():
            for row in batch.to_pylist():
                rows = held.setdefault(row["doc_id"], [])
                rows.append(row)
                if len(rows) >= 2 * MOST_PASSAGES:
                    rows[:] = nsmallest(MOST_PASSAGES, rows, key=lambda one: draw(one["chunk_id"]))
    for rows in held.values():
        rows[:] = nsmallest(MOST_PASSAGES, rows, key=lambda one: draw(one["chunk_id"]))
        rows.sort(key=lambda one: one["ordinal"])
    return held


def _asked_about(ledger: Table | None, now: datetime) -> Iterator[dict[str, Any]]:
    if ledger is None:
        return
    columns = ["doc_id", "source", "path", "uri", "title", "content_hash", "seen_hash", "verdicts", "duplicate_of"]
    query = ledger.search().where("chunks > 0").select([*columns, mark_column(ledger), *MOMENTS.values()])
    for batch in query.to_batches(_ROWS_AT_ONCE):
        for row in batch.to_pylist():
            is_served = row["content_hash"] is not None and row["content_hash"] == row["seen_hash"]
            if is_served and row["duplicate_of"] is None and not is_blocked(row, now) and _is_safe(row["verdicts"]):
                yield row


def _is_safe(verdicts: str) -> bool:
    found = json.loads(verdicts)
    return not any(one["code"].startswith(UNSAFE) and one["severity"] != "note" for one in found)


def _folder(path: str) -> str:
    first, slash, _ = path.partition("/")
    return first if slash else ""


def _first(rows: Iterable[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    return nsmallest(most, rows, key=lambda row: draw(row["doc_id"]))


def _in_turn(groups: Sequence[Sequence[dict[str, Any]]], most: int) -> list[dict[str, Any]]:
    """One row of each group, then the second of each, and so on."""
    longest = max(map(len, groups), default=0)
    return [group[place] for place in range(longest) for group in groups if place < len(group)][:most]


def _rows_of(ledger: Table, doc_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    columns = ["doc_id", "content_hash", mark_column(ledger)]
    for part in in_parts("doc_id", doc_ids):
        yield from ledger.search().where(part).select(columns).to_arrow().to_pylist()


def name_of(ledger: Table | None, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What a golden file calls documents, by their ids: the path, or the URI where several documents have that path."""
    rows = list(rows)
    count: Counter[str] = Counter()
    for part in in_parts("path", sorted({row["path"] for row in rows})):
        count.update(
            row["path"] for row in ([] if ledger is None else ledger.search().where(part).select(["path"]).to_list())
        )
    return {row["doc_id"]: row["uri"] if count[row["path"]] > 1 else row["path"] for row in rows}
