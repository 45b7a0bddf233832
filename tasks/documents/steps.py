"""The document half of a refresh as Prefect tasks: thin, one a batch. Files and ids pass between them, never texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import task_run

from freshet.tasks.documents.batch import PreparedBatch
from freshet.tasks.documents.listing import ListedSource
from freshet.tasks.runs.retrying import RETRIES
from freshet.tasks.settings.addresses import escaped

if TYPE_CHECKING:
    from freshet.tasks.documents.planning.refresh import PlannedRefresh
    from freshet.tasks.runs.run import RefreshRun


def _listing_name() -> str:
    return f"list-{escaped(str(task_run.parameters['source']))}"


@task(cache_policy=NO_CACHE, name="list-source", task_run_name=_listing_name)
def list_source(run: RefreshRun, source: str) -> ListedSource:
    """Lists a source and joins what the settings say of its documents. An unreachable source is no error here."""
    from freshet.tasks.documents import listing

    return listing.list_source(run, source)


@task(cache_policy=NO_CACHE, name="plan-refresh")
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
    """Compares the listings with the ledger, and leaves the plan in files (see `planning.refresh.plan_refresh`)."""
    from freshet.tasks.documents.planning import refresh

    return refresh.plan_refresh(run, listed, damaged, published, full, allow_withdrawals, again, other_classes)


@task(
    cache_policy=NO_CACHE,
    name="prepare-batch",
    task_run_name="prepare-{name}",
    # Preparing is repeatable: it writes only files of its own and parses that are kept by content.
    **RETRIES,
)
def prepare_batch(run: RefreshRun, file: Path, part: tuple[int, int], name: str) -> PreparedBatch:
    """Fetches, parses, checks and cuts one batch of documents: a part of the rows of `PlannedRefresh.work`."""
    from freshet.tasks.documents import prepare
    from freshet.tasks.documents.parse.shared import parser_pool
    from freshet.tasks.documents.sources.of_corpus import source_readers
    from freshet.tasks.documents.work_files import read_part
    from freshet.tasks.embedding.tokens import load_tokenizer

    pool, tokenizer = parser_pool(run.settings.parsing), load_tokenizer(run.model.folder)
    return prepare.prepare_batch(run, read_part(file, part), name, source_readers(run), pool, tokenizer)


@task(cache_policy=NO_CACHE, name="restate-batch", task_run_name="restate-{name}")
def restate_batch(run: RefreshRun, file: Path, part: tuple[int, int], name: str) -> PreparedBatch:
    """Prepares documents of which only owner, access, use or freshness changed."""
    from freshet.tasks.documents import prepare
    from freshet.tasks.documents.work_files import read_part

    return prepare.restate_batch(run, read_part(file, part), name)


@task(cache_policy=NO_CACHE, name="settle-duplicates")
def hide_duplicates(run: RefreshRun) -> list[PreparedBatch]:
    """Prepares what changes because documents became duplicates of others, or are none any more."""
    from freshet.tasks.documents import corpus_wide
    from freshet.tasks.embedding.tokens import load_tokenizer

    return corpus_wide.hide_duplicates(run, load_tokenizer(run.model.folder))


@task(cache_policy=NO_CACHE, name="settle-floods")
def note_floods(run: RefreshRun) -> list[PreparedBatch]:
    """Prepares what changes because several documents of a source answer one question now, or do so no more."""
    from freshet.tasks.documents import corpus_wide

    return corpus_wide.note_floods(run)


@task(cache_policy=NO_CACHE, name="settle-links")
def note_dead_links(run: RefreshRun, listed: Sequence[ListedSource], full: bool) -> list[PreparedBatch]:
    """Prepares what changes because links lead nowhere now, or lead somewhere again.

    A full refresh asks the web, too, where the corpus wants that.
    """
    from freshet.tasks.documents import corpus_wide
    from freshet.tasks.documents.listing import skipped_files
    from freshet.tasks.documents.sources.of_corpus import covered_paths

    ask_web = full and run.settings.external_links
    return corpus_wide.note_dead_links(run, covered_paths(run), skipped_files(listed), ask_web=ask_web)
