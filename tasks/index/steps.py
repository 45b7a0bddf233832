"""The index half of a refresh as Prefect tasks: thin, one a batch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from freshet.tasks.documents.batch import PreparedBatch
from freshet.tasks.index.access import AccessNews
from freshet.tasks.index.reconciliation import Reconciliation
from freshet.tasks.index.write import WrittenBatch
from freshet.tasks.rules.verdicts import describe
from freshet.tasks.runs.retrying import RETRIES

if TYPE_CHECKING:
    from freshet.tasks.embedding.vectors import Vectors
    from freshet.tasks.index.gate.examination import Examination
    from freshet.tasks.ledger.releases import Head, Release
    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class IndexedBatch:
    """What preparing and committing a batch came to.

    Attributes:
        documents: counts by what became of them (`PreparedBatch.counts`).
        texts_embedded: distinct texts whose vector stood nowhere.
        seconds: time by step, of preparing and of committing.
        read: what of their files' words was read (`PreparedBatch.read`).
    """

    documents: Mapping[str, int]
    texts_embedded: int
    seconds: Sequence[Mapping[str, float]]
    read: Mapping[str, Mapping[str, int]]


def index_batch(run: RefreshRun, batch: PreparedBatch, name: str) -> IndexedBatch:
    """Commits a batch, and tells of its preparation, too."""
    written = commit_batch(run, batch, name)
    return IndexedBatch(batch.counts, written.texts_embedded, [batch.seconds, written.seconds], batch.read)


def find_damage(run: RefreshRun, published: bool, full: bool) -> Reconciliation:
    """Returns the differences between ledger and chunks that a killed run, or a rejected one, left behind.

    Args:
        published: whether the head is what readers were offered last; nothing is looked for then, unless `full`.
        full: whether the refresh is a full one, which always looks.
    """
    if published and not full:
        return Reconciliation([], [])
    return reconcile(run, full)


@task(cache_policy=NO_CACHE, name="reconcile")
def reconcile(run: RefreshRun, full: bool) -> Reconciliation:
    """Looks for documents whose chunks are not what the ledger says.

    A full refresh looks at the vectors and texts, too, and first deletes the chunks that the gate rejected for what
    they hold.
    """
    from freshet.tasks.index import reconciliation
    from freshet.tasks.index.gate import rejected

    if full:
        rejected.discard_rejected(run)
    return reconciliation.reconcile(run, contents=full)


@task(
    cache_policy=NO_CACHE,
    name="index-batch",
    task_run_name="index-{name}",
    # Writing is repeatable: it begins by comparing with what the tables hold.
    **RETRIES,
)
def commit_batch(run: RefreshRun, batch: PreparedBatch, name: str) -> WrittenBatch:
    """Embeds what is new in a prepared batch and commits it: chunks, links, then ledger."""
    from freshet.tasks.index import write
    from freshet.tasks.index.release import pinned_chunks
    from freshet.tasks.ledger.releases import list_releases

    released = pinned_chunks(run, list_releases(run.store, run.corpus))

    def embed(texts: Sequence[str]) -> Vectors:
        return _embed(run, texts)

    return write.write_batch(run, batch.documents, batch.chunks, batch.links, embed, released)


@task(cache_policy=NO_CACHE, name="apply-access")
def apply_access(run: RefreshRun) -> AccessNews:
    """Puts into force who may see what, for all documents, before any source is listed.

    Tables of an earlier version of Freshet get access classes first.
    """
    from freshet.tasks.index import access
    from freshet.tasks.index.conversion import convert_corpus

    converted = convert_corpus(run)
    return replace(access.apply_access(run), converted=converted)


@task(cache_policy=NO_CACHE, name="restamp-chunks")
def restamp_chunks(run: RefreshRun) -> int:
    """Has the chunks of documents follow into another access class, and returns how many those are."""
    from freshet.tasks.index import access

    return access.restamp_chunks(run)


@task(cache_policy=NO_CACHE, name="withdraw-documents")
def withdraw_documents(run: RefreshRun, withdrawn: Path) -> int:
    """Takes out the documents whose ids are in the file, and returns how many those are."""
    from pyarrow import feather

    from freshet.tasks.index import removal

    doc_ids = feather.read_table(withdrawn)["doc_id"].to_pylist()
    removal.withdraw(run, doc_ids)
    return len(doc_ids)


@task(cache_policy=NO_CACHE, name="delete-strays")
def delete_strays(run: RefreshRun, doc_ids: Sequence[str]) -> None:
    """Deletes the chunks of documents that no ledger row names."""
    from freshet.tasks.index import removal

    removal.delete_strays(run, doc_ids)


@task(cache_policy=NO_CACHE, name="maintain-indices")
def maintain_indices(run: RefreshRun, compact: bool) -> None:
    """Brings the indices up to date; joins small files first, if asked."""
    from freshet.tasks.index import indices as maintain

    if compact:
        maintain.compact(run)
    maintain.maintain_indices(run)


@task(cache_policy=NO_CACHE, name="examine-head")
def examine_head(run: RefreshRun, live: Release | None) -> Examination:
    """The gate: what speaks against publishing what was built.

    The structure comes first; a head that is not sound in itself is not asked questions.

    Args:
        live: the release that readers see.
    """
    from freshet.tasks.index.gate import evaluate, examination

    broken = evaluate.examine_head(run)
    if any(v.severity == "block" for v in broken):
        return examination.Examination(broken, exam=None, site=None)
    return examination.examine(run, live)


@task(cache_policy=NO_CACHE, name="publish")
def record_decision(run: RefreshRun, head: Head, found: Examination) -> Release:
    """Publishes the head as a release, or records why it is not published."""
    from freshet.tasks.index import release

    reasons = [describe(v) for v in found.verdicts if v.severity == "block"]
    exam = None if found.exam is None else json.dumps(found.exam, default=str)
    return release.record_decision(run, head, "rejected" if reasons else "published", reasons, exam, found.site)


def begin_warming(run: RefreshRun) -> Thread:
    """Begins to load what the gate needs of every refresh that changes something: the model and Great Expectations.

    Both take seconds, while documents are fetched and parsed. The thread is no daemon: Python waits for it at the end,
    since a process that ends in the middle of loading torch may crash.
    """

    def load() -> None:
        # What is wrong with either is told where it is used.
        with suppress(Exception):
            _embed(run, [])
        with suppress(Exception):
            import great_expectations  # noqa: F401

    warming = Thread(target=load, name="warming")
    warming.start()
    return warming


def _embed(run: RefreshRun, texts: Sequence[str]) -> Vectors:
    from freshet.tasks.embedding.embed import load_embedder

    return load_embedder(run.model, run.project.settings.embedding.precision).embed(texts)
