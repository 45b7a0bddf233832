"""The document half of a refresh as Prefect tasks: thin, one a batch. Files and ids pass between them, never texts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from freshet.tasks.documents.prepare import PreparedBatch
from freshet.tasks.runs.retrying import RETRIES

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.documents.planning.plan import Plan
    from freshet.tasks.documents.sources.base import SourceReader
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.settings.project import FolderSource, GitSource

BATCH_DOCUMENTS = 64
BATCH_BYTES = 16_000_000
VERIFIED_DOCUMENTS = 4000
"""A batch of documents to parse, and one of documents to hash only. Memory depends on these, not on the corpus."""


@dataclass(frozen=True)
class ListedSource:
    """What came of listing a source. `file` holds its rows, as `plan.describe_listing` gives them."""

    name: str
    file: Path
    listed: int
    complete: bool
    error: str | None
    skipped: dict[str, str]


@dataclass(frozen=True)
class PlannedRefresh:
    """A plan, left in files.

    Attributes:
        work, restated: files of `Plan.work` and `Plan.restated`.
        batches: (offset, length) of each batch of `work`; likewise `restated_batches`.
        withdrawn: file with the ids of documents to withdraw, those that moved away included.
        leaving: how many that are.
        counts: documents by what becomes of them without being read: unchanged, withdrawn, withheld.
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
        return not self.batches and not self.restated_batches and not self.leaving


@task(cache_policy=NO_CACHE, name="list-source", task_run_name="list-{source}")
def list_source(run: RefreshRun, source: str) -> ListedSource:
    """Lists a source and joins what the settings say of its documents. An unreachable source is no error here."""
    from pyarrow import feather

    from freshet.tasks.documents.parse.fingerprint import parser_fingerprint
    from freshet.tasks.documents.planning.plan import describe_listing

    settings = sources_by_name(run)[source]
    listing = _readers(run)[source].list()
    table = describe_listing(listing.table, settings, source, parser_fingerprint, _limits(run, int(settings.max_size)))
    file = _file(run, f"listing-{sha256(source.encode()).hexdigest()[:8]}")
    feather.write_feather(table, file, compression="uncompressed")
    return ListedSource(
        source, file, table.num_rows, listing.complete, listing.error, {s.path: s.reason for s in listing.skipped}
    )


@task(cache_policy=NO_CACHE, name="plan-refresh")
def plan_refresh(
    run: RefreshRun,
    listed: Sequence[ListedSource],
    damaged: Collection[str],
    published: int | None,
    full: bool,
    allow_withdrawals: int,
    again: tuple[datetime, datetime] | None = None,
) -> PlannedRefresh:
    """Compares the listings with the ledger. Reads only documents that might have moved; all, if `full`.

    Args:
        damaged: ids of documents whose chunks are not what the ledger says.
        published: version of the ledger that the newest release names; None before the first.
        allow_withdrawals: how many withdrawals a person approved.
        again: documents modified in this half-open span are processed, changed or not.
    """
    from dataclasses import replace

    import pyarrow as pa
    from pyarrow import feather

    from freshet.tasks.documents.planning import moves
    from freshet.tasks.documents.planning import plan as planning
    from freshet.tasks.ledger.decisions import read_again
    from freshet.tasks.store import schemas

    ledger_table = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if ledger_table is None:
        ledger = schemas.documents().empty_table().select(planning.LEDGER_COLUMNS)
    else:
        ledger = ledger_table.search().select(planning.LEDGER_COLUMNS).to_arrow()
    rows = pa.concat_tables([feather.read_table(source.file) for source in listed])
    plan = planning.make_plan(run.corpus, rows, ledger, chunking=run.chunking, space=run.model.space, damaged=damaged)
    altered = _altered_in_secret(run, plan) if full else {}
    repeated = set(planning.modified_within(plan, *again)) if again else set()
    plan = planning.read_anyway(plan, {*altered, *repeated, *read_again(run.store, run.corpus)})
    ids = plan.work["doc_id"].to_pylist()
    told = [json.dumps(altered[i].as_dict()) if i in altered else None for i in ids]
    work = plan.work.append_column("altered", pa.array(told, pa.string()))
    plan = replace(plan, work=work.append_column("again", pa.array([i in repeated for i in ids], pa.bool_())))
    incomplete = [s.name for s in listed if not s.complete]
    emptied = [s.name for s in listed if s.complete and not s.listed]
    plan, left = moves.mark_moves(plan, _hashes(run, moves.candidates_for_moves(plan, incomplete)), incomplete)
    if plan.vanished.num_rows and ledger_table is not None and published not in (None, ledger_table.version):
        # A refresh was stopped before its release, or rejected: some of what it did is done, and nobody saw it.
        plan, settled = moves.settle_unpublished(plan, _ids_at(run, published), [*incomplete, *emptied])
        left = pa.concat_tables([left, settled])
    fate = planning.decide_withdrawals(
        plan.vanished,
        held=ledger.num_rows,
        incomplete=incomplete,
        emptied=emptied,
        allowed=allow_withdrawals,
    )
    leaving = pa.concat_tables([left.select(["doc_id"]), fate.withdrawn.select(["doc_id"])])
    files = {"work": plan.work, "restated": plan.restated, "withdrawn": leaving}
    for name, table in files.items():
        feather.write_feather(table, _file(run, name), compression="uncompressed")
    return PlannedRefresh(
        work=_file(run, "work"),
        restated=_file(run, "restated"),
        batches=_batches(plan.work["size"].to_pylist(), BATCH_DOCUMENTS),
        restated_batches=_batches([0] * plan.restated.num_rows, VERIFIED_DOCUMENTS),
        withdrawn=_file(run, "withdrawn"),
        counts={
            "unchanged": planning.count_good(plan.unchanged),
            "withdrawn": fate.withdrawn.num_rows,
            "withheld": fate.withheld.num_rows + fate.missing.num_rows,
        },
        leaving=leaving.num_rows,
        approvable=fate.withheld.num_rows,
        held=ledger.num_rows,
    )


@task(
    cache_policy=NO_CACHE,
    name="prepare-batch",
    task_run_name="prepare-{name}",
    # Preparing is repeatable: it writes only files of its own and parses that are kept by content.
    **RETRIES,
)
def prepare_batch(run: RefreshRun, file: Path, part: tuple[int, int], name: str) -> PreparedBatch:
    """Fetches, parses, checks and cuts one batch of documents."""
    from freshet.tasks.documents import prepare
    from freshet.tasks.documents.parse.shared import parser_pool
    from freshet.tasks.embedding.tokens import load_tokenizer

    return prepare.prepare_batch(
        run,
        _read_part(file, part),
        name,
        _readers(run),
        parser_pool(run.settings.parsing),
        load_tokenizer(run.model.folder),
    )


@task(cache_policy=NO_CACHE, name="restate-batch", task_run_name="restate-{name}")
def restate_batch(run: RefreshRun, file: Path, part: tuple[int, int], name: str) -> PreparedBatch:
    """Prepares documents of which only owner, access, use or freshness changed."""
    from freshet.tasks.documents import prepare

    return prepare.restate_batch(run, _read_part(file, part), name)


@task(cache_policy=NO_CACHE, name="settle-duplicates")
def settle_duplicates(run: RefreshRun) -> PreparedBatch | None:
    """Prepares what changes because documents became duplicates of others, or are none any more."""
    from freshet.tasks.documents import corpus_wide as settle
    from freshet.tasks.embedding.tokens import load_tokenizer

    return settle.settle_duplicates(run, load_tokenizer(run.model.folder))


@task(cache_policy=NO_CACHE, name="settle-links")
def settle_links(run: RefreshRun, listed: Sequence[ListedSource], full: bool) -> PreparedBatch | None:
    """Prepares what changes because links lead nowhere now, or lead somewhere again.

    A full refresh asks the web, too, where the corpus wants that.
    """
    from freshet.tasks.documents import corpus_wide as settle
    from freshet.tasks.documents.sources import matches

    sources = sources_by_name(run)

    def covers(source: str, path: str) -> bool:
        settings = sources.get(source)
        return settings is not None and matches(path, settings.include, settings.exclude)

    skipped = {(source.name, path): why for source in listed for path, why in source.skipped.items()}
    return settle.settle_links(run, covers, skipped, ask_web=full and run.settings.external_links)


def sources_by_name(run: RefreshRun) -> dict[str, FolderSource | GitSource]:
    """The corpus's sources by name, in the order of the settings."""
    from freshet.tasks.settings.addresses import source_name

    return {source_name(source): source for source in run.settings.sources}


@contextmanager
def preparing(run: RefreshRun) -> Iterator[None]:
    """At its end the parser processes end, and what the steps left for each other is removed."""
    from freshet.tasks.documents.parse.shared import close_parser_pool

    try:
        yield
    finally:
        close_parser_pool()
        shutil.rmtree(run.folder, ignore_errors=True)


def _ids_at(run: RefreshRun, version: int) -> set[str]:
    """The documents of the ledger at a version."""
    from freshet.tasks.store import schemas

    ledger = run.store.corpus(run.corpus).at(schemas.DOCUMENTS, version)
    return set(ledger.search().select(["doc_id"]).to_arrow()["doc_id"].to_pylist())


def _readers(run: RefreshRun) -> dict[str, SourceReader]:
    from freshet.tasks.documents.sources import open_source

    cache = run.folder.parent.parent / "cache" / run.corpus
    return {name: open_source(s, run.project.root, cache) for name, s in sources_by_name(run).items()}


def _limits(run: RefreshRun, max_size: int) -> str:
    """Fingerprint of the limits of parsing: what was refused under some is tried again under others."""
    limits = run.settings.parsing.model_dump_json(exclude={"workers"})
    return sha256(f"{limits}|{max_size}".encode()).hexdigest()[:12]


def _altered_in_secret(run: RefreshRun, plan: Plan) -> dict[str, Verdict]:
    """Verdicts on documents whose bytes differ from the ledger's although the source's hint does not."""
    import pyarrow as pa

    from freshet.tasks.documents.planning.altered import altered_in_secret

    columns = ["doc_id", "source", "path", "size", "hint", "old_seen_hint", "old_seen_hash"]
    quiet = pa.concat_tables([plan.unchanged.select(columns), plan.restated.select(columns)])
    altered: dict[str, Verdict] = {}
    for offset, length in _batches(quiet["size"].to_pylist(), VERIFIED_DOCUMENTS):
        part = quiet.slice(offset, length)
        held = part.rename_columns(["doc_id", "source", "path", "size", "hint", "seen_hint", "seen_hash"])
        altered |= altered_in_secret(held, _hashes(run, part))
    return altered


def _hashes(run: RefreshRun, documents: pa.Table) -> dict[str, str]:
    """Content hashes by doc_id; documents that cannot be fetched, or are not to be, have none."""
    from freshet.tasks.documents.sources.base import FetchedFile

    readers, hashes = _readers(run), {}
    for source in documents["source"].unique().to_pylist():
        import pyarrow.compute as pc

        rows = documents.filter(pc.equal(documents["source"], source))
        ids = dict(zip(rows["path"].to_pylist(), rows["doc_id"].to_pylist(), strict=True))
        into = run.folder / "hashed"
        into.mkdir(parents=True, exist_ok=True)
        for path, found in readers[source].fetch(list(ids), into).items():
            if isinstance(found, FetchedFile):
                hashes[ids[path]] = found.content_hash
        shutil.rmtree(into, ignore_errors=True)
    return hashes


def _batches(sizes: Sequence[int | None], most: int) -> list[tuple[int, int]]:
    """Cuts rows into consecutive (offset, length), each of at most `most` rows and about BATCH_BYTES."""
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


def _read_part(file: Path, part: tuple[int, int]) -> pa.Table:
    from pyarrow import feather

    # Memory-mapped: a batch reads its own rows, however long the plan is.
    return feather.read_table(file, memory_map=True).slice(*part)


def _file(run: RefreshRun, name: str) -> Path:
    run.folder.mkdir(parents=True, exist_ok=True)
    return run.folder / f"{name}.arrow"
