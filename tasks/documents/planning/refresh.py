"""The plan of a whole refresh, cut into batches and left in files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.documents.planning import moves
from freshet.tasks.documents.planning import plan as planning
from freshet.tasks.documents.planning.withdrawals import decide_withdrawals
from freshet.tasks.documents.sources.of_corpus import content_hashes
from freshet.tasks.documents.work_files import work_file
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.documents.listing import ListedSource
    from freshet.tasks.documents.planning.plan import Plan
    from freshet.tasks.runs.run import RefreshRun

BATCH_DOCUMENTS = 64
"""Documents of a batch that is read, parsed and embedded. Memory depends on this and on the next, not on the corpus."""

BATCH_BYTES = 16_000_000
"""Bytes of the documents of a batch, about; a document that is larger is a batch of its own."""

HASHED_DOCUMENTS = 4000
"""Documents of a batch that is hashed or restated, but not parsed."""


@dataclass(frozen=True)
class PlannedRefresh:
    """A plan, left in files.

    Attributes:
        work, restated: files of `Plan.work` and `Plan.restated`.
        batches: (offset, length) of each batch of `work`.
        restated_batches: (offset, length) of each batch of `restated`.
        withdrawn: file with the ids of documents to withdraw, those that moved away included.
        leaving: how many documents are to be withdrawn.
        counts: documents by what becomes of them without being read: unchanged, access_changed, withdrawn, withheld.
        approvable: those withheld that a person may approve; the others' source was not listed to the end.
        held: documents in the ledger before.
    """

    work: Path
    restated: Path
    batches: list[tuple[int, int]]
    restated_batches: list[tuple[int, int]]
    withdrawn: Path
    leaving: int
    counts: dict[str, int]
    approvable: int
    held: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read, to restate or to withdraw."""
        return not self.batches and not self.restated_batches and not self.leaving


def plan_refresh(
    run: RefreshRun,
    listed: Sequence[ListedSource],
    damaged: Collection[str],
    published: int | None,
    full: bool,
    allow_withdrawals: int,
    again: tuple[datetime, datetime] | None = None,
    other_classes: Collection[str] = (),
) -> PlannedRefresh:
    """Compares the listings with the ledger. Reads only documents that might have moved; all, if `full`.

    Args:
        damaged: ids of documents whose chunks are not what the ledger says.
        published: version of the ledger that the newest release names; None before the first.
        allow_withdrawals: how many withdrawals a person approved.
        again: documents modified in this half-open span are processed, changed or not.
        other_classes: ids of access classes that mean something else than before.
    """
    import pyarrow as pa
    from pyarrow import feather

    ledger_table = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if ledger_table is None:
        ledger = schemas.documents().empty_table().select(planning.LEDGER_COLUMNS)
    else:
        ledger = ledger_table.search().select(planning.LEDGER_COLUMNS).to_arrow()
    rows = pa.concat_tables([feather.read_table(source.file) for source in listed])
    plan = planning.make_plan(run.corpus, rows, ledger, chunking=run.chunking, space=run.model.space, damaged=damaged)
    plan = _with_documents_to_read_again(run, plan, full, again)
    incomplete = [s.name for s in listed if not s.complete]
    emptied = [s.name for s in listed if s.complete and not s.listed]
    hashes = content_hashes(run, moves.candidates_for_moves(plan, incomplete))
    plan, left = moves.mark_moves(plan, hashes, incomplete)
    if plan.vanished.num_rows and ledger_table is not None and published not in (None, ledger_table.version):
        # A refresh was stopped before its release, or rejected: some of what it did is done, and nobody saw it.
        plan, unpublished = moves.settle_unpublished(plan, _ids_at(run, published), [*incomplete, *emptied])
        left = pa.concat_tables([left, unpublished])
    fate = decide_withdrawals(
        plan.vanished,
        held=ledger.num_rows,
        incomplete=incomplete,
        emptied=emptied,
        allowed=allow_withdrawals,
    )
    leaving = pa.concat_tables([left.select(["doc_id"]), fate.withdrawn.select(["doc_id"])])
    for name, table in {"work": plan.work, "restated": plan.restated, "withdrawn": leaving}.items():
        feather.write_feather(table, work_file(run, name), compression="uncompressed")
    unchanged, other = planning.count_good(plan.unchanged), planning.of_other_access(plan.unchanged, other_classes)
    return PlannedRefresh(
        work=work_file(run, "work"),
        restated=work_file(run, "restated"),
        batches=batches_of(plan.work["size"].to_pylist(), BATCH_DOCUMENTS),
        restated_batches=batches_of([0] * plan.restated.num_rows, HASHED_DOCUMENTS),
        withdrawn=work_file(run, "withdrawn"),
        counts={
            "unchanged": unchanged - planning.count_good(other),
            "access_changed": planning.count_good(other),
            "withdrawn": fate.withdrawn.num_rows,
            "withheld": fate.withheld.num_rows + fate.missing.num_rows,
        },
        leaving=leaving.num_rows,
        approvable=fate.withheld.num_rows,
        held=ledger.num_rows,
    )


def _with_documents_to_read_again(
    run: RefreshRun, plan: Plan, full: bool, again: tuple[datetime, datetime] | None
) -> Plan:
    """Adds to the work what its hint does not ask for: altered bytes, a span of time, and what a person asked for.

    The work gets a column `again`: whether the span demands it.
    """
    import pyarrow as pa

    from freshet.tasks.ledger.decisions import read_again

    columns = ["doc_id", "source", "path", "size", "hint", "old_seen_hint", "old_seen_hash"]
    quiet = pa.concat_tables([plan.unchanged.select(columns), plan.restated.select(columns)])
    suspect = planning.system_differs(quiet)
    altered, same = _compare_bytes(run, quiet if full else suspect)
    repeated = set(planning.modified_within(plan, *again)) if again else set()
    plan = planning.read_anyway(plan, {*altered, *repeated, *read_again(run.store, run.corpus)})
    if full or plan.work.num_rows or plan.restated.num_rows or plan.vanished.num_rows:
        # Rows that say nothing new but a hint go with others, and make no release of their own. Until then, each
        # refresh reads the bytes again.
        plan = planning.restate_anyway(plan, same.intersection(suspect["doc_id"].to_pylist()))
    ids = plan.work["doc_id"].to_pylist()
    return replace(plan, work=plan.work.append_column("again", pa.array([i in repeated for i in ids], pa.bool_())))


def _compare_bytes(run: RefreshRun, quiet: pa.Table) -> tuple[set[str], set[str]]:
    """Reads documents whose source says that nothing changed, and returns the ids of those of which that is not true
    and of those of which it is. A document that could not be read is neither."""
    from freshet.tasks.documents.planning.altered import altered_in_secret

    altered, same = set[str](), set[str]()
    for offset, length in batches_of(quiet["size"].to_pylist(), HASHED_DOCUMENTS):
        part = quiet.slice(offset, length)
        rows = {row["doc_id"]: row for row in part.to_pylist()}
        for doc_id, found in content_hashes(run, part).items():
            if altered_in_secret(rows[doc_id], found):
                altered.add(doc_id)
            elif found == rows[doc_id]["old_seen_hash"]:
                same.add(doc_id)
    return altered, same


def _ids_at(run: RefreshRun, version: int) -> set[str]:
    """The ids of the documents in a version of the ledger."""
    ledger = run.store.corpus(run.corpus).at(schemas.DOCUMENTS, version)
    return set(ledger.search().select(["doc_id"]).to_arrow()["doc_id"].to_pylist())


def batches_of(sizes: Sequence[int | None], most: int) -> list[tuple[int, int]]:
    """Cuts rows into consecutive batches (offset, length), each of at most `most` rows and about BATCH_BYTES."""
    parts: list[tuple[int, int]] = []
    start = weight = 0
    for row, size in enumerate(sizes):
        if row > start and (row - start >= most or weight + (size or 0) > BATCH_BYTES):
            parts.append((start, row - start))
            start, weight = row, 0
        weight += size or 0
    if len(sizes) > start:
        parts.append((start, len(sizes) - start))
    return parts
