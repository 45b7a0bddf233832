"""Prepares one batch of documents: bytes → parsed text → chunk rows and ledger rows, left in files.

Nothing here touches the ledger or the chunk table. What is prepared is committed by `freshet.tasks.index.write`.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.chunking.chunk import chunk_document
from freshet.tasks.documents.elements import from_json
from freshet.tasks.documents.judging import Judge
from freshet.tasks.documents.keep import element_id, find_parsed, find_parsed_by_content, keep_parsed
from freshet.tasks.documents.links.rows import link_row
from freshet.tasks.documents.rows import Row, chunk_rows, quarantined_row, same_but_for_time, served_row, untouched_row
from freshet.tasks.ledger.decisions import UNREAD
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.documents.parse.pool import ParserPool
    from freshet.tasks.documents.sources.base import SourceReader
    from freshet.tasks.embedding.tokens import Tokenizer
    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class PreparedBatch:
    """What a batch left for the writer.

    Attributes:
        documents: Arrow file of ledger rows, each with `replace`: whether the document's chunks are
            replaced by those in `chunks` (possibly none) or stay as they are.
        chunks: Arrow file of chunk rows.
        links: Arrow file of rows of the table of links.
        counts: documents by what became of them: added, changed, moved, access_changed, unchanged, quarantined.
        seconds: time by step.
    """

    documents: Path
    chunks: Path
    links: Path
    counts: dict[str, int]
    seconds: dict[str, float]


@dataclass
class _Document:
    """A document of the batch on its way.

    `planned` is its row of the plan, `held` its row of the ledger, if any. `rows` are its chunk rows, None
    where its chunks stay as they are. `ledger` is its next row.
    """

    planned: Row
    held: Row | None
    content_hash: str | None = None
    file: Path | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    outcome: str = ""
    rows: list[Row] | None = None
    ledger: Row | None = None
    links: dict[str, Any] | None = None

    @property
    def is_refused(self) -> bool:
        return any(v.severity == "block" for v in self.verdicts)

    @property
    def keeps_chunks(self) -> bool:
        """Whether nothing is to be done in the chunk table: a document without chunks may get none, too."""
        is_bare = self.held is not None and not self.held["chunks"] and not self.planned["damaged"]
        return self.rows is None or (not self.rows and is_bare)

    @property
    def is_judged(self) -> bool:
        """Whether what was refused had been read, and checks refused it."""
        return any(v.severity == "block" and not v.code.startswith(UNREAD) for v in self.verdicts)

    @property
    def key(self) -> tuple[str, str]:
        assert self.content_hash is not None
        return self.content_hash, self.planned["parser"]


def prepare_batch(
    run: RefreshRun,
    work: pa.Table,
    name: str,
    readers: Mapping[str, SourceReader],
    pool: ParserPool,
    tokenizer: Tokenizer,
) -> PreparedBatch:
    """Reads, parses and cuts the documents of `work` (rows of `Plan.work`).

    A document that cannot be used gets a verdict of severity `block`; what it served before goes on
    serving. What was parsed before, by the same parser, is not parsed again.

    Args:
        name: of the batch; its files are called so.
        readers: by source name.
    """
    watch = Stopwatch()
    documents = _with_ledger_rows(run, work)
    fetched = run.folder / f"{name}-fetched"
    try:
        with watch("fetch"):
            _fetch(documents, readers, fetched)
        for document in documents:
            _settle_untouched(run, document)
        with watch("parse"):
            parsed = _parse(run, [d for d in documents if not d.ledger and not d.is_refused], pool)
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    judge = Judge(run)
    for document in documents:
        if not document.ledger and not document.is_refused:
            _take_in(run, document, parsed[document.key], tokenizer, judge, watch)
    with watch("chunk"):
        _settle_quarantined(run, [d for d in documents if d.is_refused], tokenizer, judge)
    return _leave(run, name, documents, watch)


def restate_batch(run: RefreshRun, restated: pa.Table, name: str) -> PreparedBatch:
    """Ledger rows for documents (rows of `Plan.restated`) of which only what the settings say has changed."""
    watch = Stopwatch()
    documents = _with_ledger_rows(run, restated)
    for document in documents:
        assert document.held is not None
        document.ledger = untouched_row(run, document.planned, document.held, verified=False)
        document.outcome = "access_changed"
    return _leave(run, name, documents, watch)


def _with_ledger_rows(run: RefreshRun, work: pa.Table) -> list[_Document]:
    table = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    planned = work.to_pylist()
    held: dict[str, Row] = {}
    if table is not None:
        known = is_any("doc_id", [row["doc_id"] for row in planned])
        held = {row["doc_id"]: row for row in table.search().where(known).to_list()}
    return [_Document(row, held.get(row["doc_id"])) for row in planned]


def _fetch(documents: Sequence[_Document], readers: Mapping[str, SourceReader], into: Path) -> None:
    """Brings each document's bytes to a local file, or gives the verdict that says why not."""
    from freshet.tasks.documents.sources.base import FetchedFile

    by_source: dict[str, list[_Document]] = {}
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
            answer = found[document.planned["path"]]
            if isinstance(answer, FetchedFile):
                document.content_hash, document.file = answer.content_hash, Path(answer.local_path)
                document.planned["size"] = answer.size
            elif answer.code == "SOURCE-SIZE":
                _refuse_unread(document, verdict(answer.code, reason=answer.reason))
            else:
                document.verdicts.append(verdict(answer.code, reason=answer.reason))


def _refuse_unread(document: _Document, why: Verdict) -> None:
    document.verdicts.append(why)
    # The hint stands for content that nobody read: while it stays, the document is not fetched again.
    document.content_hash = f"unread:{document.planned['hint']}"


def _settle_untouched(run: RefreshRun, document: _Document) -> None:
    """Settles a document whose bytes and fingerprints are those of its chunks: only its hint was new."""
    held, planned = document.held, document.planned
    if held is None or document.verdicts or planned["damaged"] or planned.get("again"):
        return
    made = held["content_hash"], held["seen_hash"], held["parser"], held["chunking"], held["space"]
    if made == (document.content_hash, document.content_hash, planned["parser"], run.chunking, run.model.space):
        document.ledger = untouched_row(run, planned, held, verified=True)
        restated = any(document.ledger[c] != held[c] for c in ("acl", "uses", "owner", "licence"))
        document.outcome = "access_changed" if restated else "unchanged"


def _parse(run: RefreshRun, documents: Sequence[_Document], pool: ParserPool) -> dict[tuple[str, str], str]:
    """Parsed documents as JSON by key: kept ones as they are, the others parsed now and kept.

    Each content is parsed once, however many documents of the batch hold it.
    """
    from freshet.tasks.documents.parse.pool import ParseFile

    tables = run.store.corpus(run.corpus)
    wanted: dict[tuple[str, str], list[_Document]] = {}
    for document in documents:
        wanted.setdefault(document.key, []).append(document)
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


def _take_in(
    run: RefreshRun, document: _Document, parsed: str, tokenizer: Tokenizer, judge: Judge, watch: Stopwatch
) -> None:
    """Cuts a parsed document and judges it; one that no rule blocks is settled."""
    planned, content_hash = document.planned, document.content_hash
    assert content_hash is not None
    with watch("chunk"):
        content = from_json(parsed)
        chunks = chunk_document(planned["doc_id"], content, tokenizer, run.settings.chunking)
    with watch("check"):
        judged = judge.judge(planned, content_hash, content, chunks)
    document.verdicts = judged.verdicts
    if document.is_refused:
        return
    document.rows = chunk_rows(planned["doc_id"], chunks, planned["acl"].split())
    document.links = link_row(planned["doc_id"], planned["source"], planned["path"], content)
    stated = judged.review_by, judged.valid_until
    document.ledger = served_row(
        run, planned, content_hash, content, document.rows, verdicts=judged.verdicts, stated=stated
    )
    document.outcome = planned["change"]
    held = document.held
    if planned.get("again") and held and not planned["damaged"] and same_but_for_time(document.ledger, held):
        document.rows, document.outcome = None, "unchanged"  # processed again, it is what it was


def _link_rows(documents: Sequence[_Document]) -> list[Row]:
    """Where the documents' links lead. A refused document without an earlier version can still be linked to."""
    rows = [document.links for document in documents if document.links]
    for document in documents:
        planned = document.planned
        if document.outcome == "quarantined" and (document.held is None or document.held["content_hash"] is None):
            rows.append(link_row(planned["doc_id"], planned["source"], planned["path"], None))
    return rows


def _settle_quarantined(run: RefreshRun, documents: Sequence[_Document], tokenizer: Tokenizer, judge: Judge) -> None:
    """Refuses the new versions; an earlier good one goes on serving, cut anew from its kept parse if need be.

    Under rules that have changed, the version that served may be the refused one, or may be refused as well.
    """
    serving = {
        d.planned["doc_id"]: d.held
        for d in documents
        if d.held
        and d.held["content_hash"] is not None
        and not (d.is_judged and d.held["content_hash"] == d.content_hash)
    }
    outdated = {
        doc_id: held
        for doc_id, held in serving.items()
        if (held["chunking"], held["space"]) != (run.chunking, run.model.space)
    }
    outdated |= {
        d.planned["doc_id"]: d.held for d in documents if d.planned["damaged"] and d.planned["doc_id"] in serving
    }
    kept = (
        find_parsed_by_content(
            run.store.corpus(run.corpus), sorted({held["content_hash"] for held in outdated.values()})
        )
        if outdated
        else {}
    )
    for document in documents:
        planned = document.planned
        if planned["doc_id"] not in serving:
            document.rows = []
        elif planned["doc_id"] in outdated:
            parsed = kept.get(outdated[planned["doc_id"]]["content_hash"])
            document.rows = []
            if parsed:
                content = from_json(parsed)
                chunks = chunk_document(planned["doc_id"], content, tokenizer, run.settings.chunking)
                judged = judge.judge(planned, outdated[planned["doc_id"]]["content_hash"], content, chunks)
                if not any(v.severity == "block" for v in judged.verdicts):
                    document.rows = chunk_rows(planned["doc_id"], chunks, planned["acl"].split())
        document.ledger = quarantined_row(
            run, planned, document.held, document.content_hash, document.verdicts, document.rows
        )
        document.outcome = "quarantined"


def _leave(run: RefreshRun, name: str, documents: Sequence[_Document], watch: Stopwatch) -> PreparedBatch:
    """Writes the files of a batch. A ledger row that says nothing new is left out."""
    rows: list[Row] = []
    chunks: list[Row] = []
    for document in documents:
        assert document.ledger is not None
        if document.keeps_chunks and document.held and same_but_for_time(document.ledger, document.held):
            continue
        rows.append({**document.ledger, "replace": document.rows is not None})
        chunks += document.rows or []
    counts = dict(Counter(document.outcome for document in documents))
    return leave_batch(run, name, rows, chunks, counts, watch, links=_link_rows(documents))


def leave_batch(
    run: RefreshRun,
    name: str,
    rows: Sequence[Row],
    chunks: Sequence[Row],
    counts: dict[str, int],
    watch: Stopwatch,
    links: Sequence[Row] = (),
) -> PreparedBatch:
    """Writes ledger rows (with `replace`), chunk rows and rows of the table of links for the writer."""
    import pyarrow as pa
    from pyarrow import feather

    run.folder.mkdir(parents=True, exist_ok=True)
    documents_file, chunks_file, links_file = (
        run.folder / f"{name}-{kind}.arrow" for kind in ("documents", "chunks", "links")
    )
    ledger_schema = schemas.documents().append(pa.field("replace", pa.bool_(), nullable=False))
    for file, left, schema in (
        (documents_file, rows, ledger_schema),
        (chunks_file, chunks, schemas.chunk_rows()),
        (links_file, links, schemas.links()),
    ):
        feather.write_feather(pa.Table.from_pylist(list(left), schema=schema), file, compression="zstd")
    return PreparedBatch(documents_file, chunks_file, links_file, counts=counts, seconds=watch.seconds)
