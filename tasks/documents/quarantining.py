"""Puts refused documents into quarantine, and says what is served of them meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freshet.tasks.documents.batch_document import BatchDocument
from freshet.tasks.documents.chunking.chunk import chunk_document
from freshet.tasks.documents.elements import from_json
from freshet.tasks.documents.keep import find_parsed_by_content
from freshet.tasks.documents.parse.fingerprint import COMMENTS
from freshet.tasks.documents.rows import Row, chunk_rows, quarantined_row
from freshet.tasks.documents.surroundings import Surroundings

if TYPE_CHECKING:
    from freshet.tasks.documents.judging import Judge
    from freshet.tasks.embedding.tokens import Tokenizer
    from freshet.tasks.runs.run import RefreshRun


def quarantine(run: RefreshRun, documents: Sequence[BatchDocument], tokenizer: Tokenizer, judge: Judge) -> None:
    """Completes refused documents: the new version waits, and an earlier good one goes on serving.

    The earlier version is cut anew from its kept parse where the settings or damage demand it; where that cannot
    be done, or where the rules of now refuse that version as well, nothing of the document is served.
    """
    serving = {d.doc_id: d.held for d in documents if d.held and _serves_earlier_version(d)}
    outdated = {d.doc_id: serving[d.doc_id] for d in documents if d.doc_id in serving and _is_outdated(run, d)}
    contents = sorted({held["content_hash"] for held in outdated.values()})
    parsed = find_parsed_by_content(run.store.corpus(run.corpus), contents) if contents else {}
    for document in documents:
        if document.doc_id not in serving:
            document.chunk_rows = []
        elif document.doc_id in outdated:
            content_hash = outdated[document.doc_id]["content_hash"]
            document.chunk_rows = _cut_anew(
                run, document.planned, content_hash, parsed.get(content_hash), tokenizer, judge
            )
        document.ledger_row = quarantined_row(
            run, document.planned, document.held, document.content_hash, document.verdicts, document.chunk_rows
        )
        document.outcome = "quarantined"


def _serves_earlier_version(document: BatchDocument) -> bool:
    """Whether a good version is served that is not the refused one.

    Under changed rules, checks may refuse that one; and one that was read with its comments may hold nothing else.
    """
    held = document.held
    if held is None or held["content_hash"] is None:
        return False
    uncommented = COMMENTS in held["parser"] and COMMENTS not in document.planned["parser"]
    is_same = held["content_hash"] == document.content_hash
    return not (is_same and (document.is_refused_by_checks or uncommented))


def _is_outdated(run: RefreshRun, document: BatchDocument) -> bool:
    """Whether the chunks that are served were made under other settings, or are damaged."""
    held = document.held
    assert held is not None
    return bool(document.planned["damaged"]) or (held["chunking"], held["space"]) != (run.chunking, run.model.space)


def _cut_anew(
    run: RefreshRun, planned: Row, content_hash: str, parsed: str | None, tokenizer: Tokenizer, judge: Judge
) -> list[Row]:
    """Returns the chunk rows of a kept parse; none where there is no parse, or where a rule refuses the version."""
    if not parsed:
        return []
    content = from_json(parsed)
    chunks = chunk_document(planned["doc_id"], content, tokenizer, run.settings.chunking)
    judged = judge.judge(planned, content_hash, content, chunks)
    if any(v.severity == "block" for v in judged.verdicts):
        return []
    around = Surroundings.of(content, planned["path"])
    return chunk_rows(planned["doc_id"], chunks, planned["access"], around, run.model, tokenizer)
