"""Prepares one batch of documents: bytes → parsed text → chunk rows and ledger rows, left in files.

Nothing here touches the ledger or the chunk table. What is prepared is committed by `freshet.tasks.index.write`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.documents.batch import PreparedBatch, leave_batch
from freshet.tasks.documents.batch_document import BatchDocument, documents_of
from freshet.tasks.documents.chunking.chunk import chunk_document
from freshet.tasks.documents.elements import from_json
from freshet.tasks.documents.judging import Judge
from freshet.tasks.documents.keep import element_id, find_parsed, keep_parsed
from freshet.tasks.documents.links.rows import link_row
from freshet.tasks.documents.parse.kinds import SUFFIXES, suffix_of
from freshet.tasks.documents.quarantining import quarantine
from freshet.tasks.documents.rows import Row, chunk_rows, same_but_for_time, served_row, untouched_row
from freshet.tasks.documents.surroundings import Surroundings
from freshet.tasks.ledger.runs import READ_COUNTS
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.runs.timing import Stopwatch

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.documents.parse.pool import ParserPool
    from freshet.tasks.documents.sources.base import SourceReader
    from freshet.tasks.embedding.tokens import Tokenizer
    from freshet.tasks.runs.run import RefreshRun


def prepare_batch(
    run: RefreshRun,
    work: pa.Table,
    name: str,
    readers: Mapping[str, SourceReader],
    pool: ParserPool,
    tokenizer: Tokenizer,
) -> PreparedBatch:
    """Reads, parses and cuts the documents of some rows of `Plan.work`.

    A document that cannot be used gets a verdict of severity `block`; what it served before goes on
    serving. What was parsed before, by the same parser, is not parsed again.

    Args:
        name: the batch's name, which its files begin with.
        readers: a reader of each source, by the source's name.
    """
    watch = Stopwatch()
    documents = documents_of(run, work)
    fetched = run.folder / f"{name}-fetched"
    try:
        with watch("fetch"):
            _fetch(documents, readers, fetched)
        for document in documents:
            _complete_if_unchanged(run, document)
        with watch("parse"):
            parsed = _parse(run, [d for d in documents if not d.ledger_row and not d.is_refused], pool)
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    judge = Judge(run)
    for document in documents:
        if not document.ledger_row and not document.is_refused:
            _cut_and_judge(run, document, parsed[document.parse_key], tokenizer, judge, watch)
    with watch("chunk"):
        quarantine(run, [d for d in documents if d.is_refused], tokenizer, judge)
    return _leave(run, name, documents, watch)


def restate_batch(run: RefreshRun, restated: pa.Table, name: str) -> PreparedBatch:
    """Makes new ledger rows for rows of `Plan.restated`: of these documents only what the settings say has changed.

    Args:
        name: the batch's name, which its files begin with.
    """
    watch = Stopwatch()
    documents = documents_of(run, restated)
    for document in documents:
        assert document.held is not None
        document.ledger_row = untouched_row(run, document.planned, document.held, verified=False)
        document.outcome = _outcome_of_untouched(document)
    return _leave(run, name, documents, watch)


def _fetch(documents: Sequence[BatchDocument], readers: Mapping[str, SourceReader], into: Path) -> None:
    """Brings each document's bytes to a local file, or gives the verdict that says why not."""
    from freshet.tasks.documents.sources.base import FetchedFile

    by_source: dict[str, list[BatchDocument]] = {}
    for document in documents:
        size, limit = document.planned["size"], document.planned["max_size"]
        if size is not None and size > limit:
            _refuse_unread(document, verdict("SOURCE-SIZE", bytes=size, limit=limit))
        else:
            by_source.setdefault(document.planned["source"], []).append(document)
    for number, (source, wanted) in enumerate(sorted(by_source.items())):
        folder = into / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        found = readers[source].fetch([d.planned["path"] for d in wanted], folder)
        for document in wanted:
            fetched = found[document.planned["path"]]
            if isinstance(fetched, FetchedFile):
                document.content_hash, document.file = fetched.content_hash, Path(fetched.local_path)
                document.planned["size"] = fetched.size
            elif fetched.code == "SOURCE-SIZE":
                _refuse_unread(document, verdict(fetched.code, reason=fetched.reason))
            else:
                document.verdicts.append(verdict(fetched.code, reason=fetched.reason))


def _refuse_unread(document: BatchDocument, why: Verdict) -> None:
    document.verdicts.append(why)
    # The hint stands for content that nobody read: while it stays, the document is not fetched again.
    document.content_hash = f"unread:{document.planned['hint']}"


def _complete_if_unchanged(run: RefreshRun, document: BatchDocument) -> None:
    """Completes a document whose bytes and fingerprints are those of its chunks: only its hint was new."""
    held, planned = document.held, document.planned
    if held is None or document.verdicts or planned["damaged"] or planned.get("again"):
        return
    made_from = held["content_hash"], held["seen_hash"], held["parser"], held["chunking"], held["space"]
    if made_from == (document.content_hash, document.content_hash, planned["parser"], run.chunking, run.model.space):
        document.ledger_row = untouched_row(run, planned, held, verified=True)
        document.outcome = _outcome_of_untouched(document)


def _outcome_of_untouched(document: BatchDocument) -> str:
    """What became of a document whose chunks stay: what its source's settings say of it changed, or nothing."""
    row, held = document.ledger_row, document.held
    assert row is not None
    assert held is not None
    restated = ("access", "uses", "owner", "licence", "uri", "stale_after", "blocked_after")
    return "access_changed" if any(row[c] != held[c] for c in restated) else "unchanged"


def _parse(run: RefreshRun, documents: Sequence[BatchDocument], pool: ParserPool) -> dict[tuple[str, str], str]:
    """Returns parsed documents as JSON by key: kept ones as they are, the others parsed now and kept.

    Each content is parsed once, however many documents of the batch hold it.
    """
    from freshet.tasks.documents.parse.pool import ParseFile

    tables = run.store.corpus(run.corpus)
    wanted: dict[tuple[str, str], list[BatchDocument]] = {}
    for document in documents:
        wanted.setdefault(document.parse_key, []).append(document)
    kept = find_parsed(tables, [element_id(*key) for key in wanted])
    parsed = {key: kept[element_id(*key)] for key in wanted if element_id(*key) in kept}
    missing = [key for key in wanted if key not in parsed]
    files = [ParseFile(str(wanted[key][0].file), wanted[key][0].planned["path"]) for key in missing]
    fresh: dict[tuple[str, str], str] = {}
    for key, outcome in zip(missing, pool.parse_many(files), strict=True):
        if outcome.document_json is not None:
            fresh[key] = outcome.document_json
        else:
            for document in wanted[key]:
                document.verdicts.extend(outcome.verdicts)
    keep_parsed(tables, fresh, run.as_of)
    return parsed | fresh


def _cut_and_judge(
    run: RefreshRun, document: BatchDocument, parsed: str, tokenizer: Tokenizer, judge: Judge, watch: Stopwatch
) -> None:
    """Cuts a parsed document into chunks and judges it; one that no rule blocks is completed."""
    planned, held, content_hash = document.planned, document.held, document.content_hash
    assert content_hash is not None
    with watch("chunk"):
        content = from_json(parsed)
        chunks = chunk_document(planned["doc_id"], content, tokenizer, run.settings.chunking)
    with watch("check"):
        judged = judge.judge(planned, content_hash, content, chunks)
    document.verdicts = judged.verdicts
    document.coverage = content.properties.get("coverage", {})
    if document.is_refused:
        return
    around = Surroundings.of(content, planned["path"])
    document.chunk_rows = chunk_rows(planned["doc_id"], chunks, planned["access"], around, run.model, tokenizer)
    document.link_row = link_row(planned["doc_id"], planned["source"], planned["path"], content)
    stated = judged.review_by, judged.valid_until
    document.ledger_row = served_row(
        run, planned, content_hash, content, document.chunk_rows, verdicts=judged.verdicts, stated=stated
    )
    document.outcome = planned["change"]
    if planned.get("again") and held and not planned["damaged"] and same_but_for_time(document.ledger_row, held):
        document.chunk_rows, document.outcome = None, "unchanged"  # processed again, it is what it was


def _link_rows(documents: Sequence[BatchDocument]) -> list[Row]:
    """Returns where the documents' links lead. A refused document without an earlier version can be linked to, too."""
    rows = [document.link_row for document in documents if document.link_row]
    for document in documents:
        planned = document.planned
        if document.outcome == "quarantined" and (document.held is None or document.held["content_hash"] is None):
            rows.append(link_row(planned["doc_id"], planned["source"], planned["path"], None))
    return rows


def _read_by_type(documents: Sequence[BatchDocument]) -> dict[str, dict[str, int]]:
    """Returns how many documents of each type were read, and of how many words of theirs how many are missing."""
    read: dict[str, dict[str, int]] = {}
    for document in documents:
        if document.coverage is None:
            continue
        kind, words = SUFFIXES.get(suffix_of(document.planned["path"]), "other"), document.coverage.get("words", 0)
        counts = read.setdefault(kind, dict.fromkeys(READ_COUNTS, 0))
        missing = round(words * (1 - document.coverage.get("share", 1)))
        for name, count in zip(READ_COUNTS, (1, "share" in document.coverage, words, missing), strict=True):
            counts[name] += int(count)
    return read


def _leave(run: RefreshRun, name: str, documents: Sequence[BatchDocument], watch: Stopwatch) -> PreparedBatch:
    """Writes the files of a batch. A ledger row that says nothing new is left out."""
    ledger_rows: list[Row] = []
    chunks: list[Row] = []
    for document in documents:
        assert document.ledger_row is not None
        if document.keeps_chunks and document.held and same_but_for_time(document.ledger_row, document.held):
            continue
        ledger_rows.append({**document.ledger_row, "replace": document.chunk_rows is not None})
        chunks += document.chunk_rows or []
    counts = dict(Counter(document.outcome for document in documents))
    return leave_batch(
        run, name, ledger_rows, chunks, counts, watch, links=_link_rows(documents), read=_read_by_type(documents)
    )
