"""Rows of the ledger and of the chunk table, as one document's processing makes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.chunking.chunk import content_hash_of_text
from freshet.tasks.documents.titles import title_or_name
from freshet.tasks.embedding.context import embedded_text
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.spans import shifted

if TYPE_CHECKING:
    from datetime import datetime

    from freshet.tasks.documents.chunking.chunk import Chunk
    from freshet.tasks.documents.elements import ParsedDocument
    from freshet.tasks.documents.surroundings import Surroundings
    from freshet.tasks.embedding.models import ModelFiles
    from freshet.tasks.embedding.tokens import Tokenizer
    from freshet.tasks.runs.run import RefreshRun

Row = dict[str, Any]


def chunk_rows(
    doc_id: str,
    chunks: Iterable[Chunk],
    access: str,
    around: Surroundings,
    model: ModelFiles,
    tokenizer: Tokenizer,
) -> list[Row]:
    """Rows of `schemas.chunk_rows` for a document's chunks, in its access class.

    Args:
        around: what is embedded and indexed with each chunk.
        model: what embeds them, and its tokenizer.
    """
    contexts = ((chunk, around.context(chunk, model, tokenizer)) for chunk in chunks)
    return [
        {
            "chunk_id": chunk.chunk_id,
            "doc_id": doc_id,
            "ordinal": chunk.ordinal,
            "text": chunk.text,
            "text_hash": chunk.text_hash,
            "start": chunk.start,
            "end": chunk.end,
            "headings": list(chunk.headings),
            "context": context,
            "embedded_hash": content_hash_of_text(embedded_text(context, chunk.text)) if context else chunk.text_hash,
            "language": around.language,
            "words": around.words(chunk.headings, chunk.text),
            "page_first": chunk.page_first,
            "page_last": chunk.page_last,
            "kinds": list(chunk.kinds),
            "tokens": chunk.tokens,
            "access": access,
            "row_digest": _row_digest(chunk),
        }
        for chunk, context in contexts
    ]


def _row_digest(chunk: Chunk) -> int:
    """64 bits over all that a chunk row says, but its access: that is compared as it stands."""
    said = [
        chunk.chunk_id, chunk.ordinal, chunk.start, chunk.end,
        list(chunk.headings), chunk.page_first, chunk.page_last, list(chunk.kinds),
    ]  # fmt: skip
    return int.from_bytes(sha256(json.dumps(said).encode()).digest()[:8], "big", signed=True)


def document_digest(row_digests: Iterable[int]) -> int:
    """A document's digest: the sum of its rows' digests in 64 bits, so that any order gives the same."""
    total = sum(row_digests) % 2**64
    return total - 2**64 if total >= 2**63 else total


Stated = tuple["datetime | None", "datetime | None"]
"""Until when a document says that it is to be reviewed, and that it is valid."""


def served_row(
    run: RefreshRun,
    planned: Row,
    content_hash: str,
    document: ParsedDocument,
    rows: Sequence[Row],
    verdicts: Sequence[Verdict],
    stated: Stated,
) -> Row:
    """The ledger row of a document whose new version is good; its verdicts only warn or note."""
    return {
        **_governance(planned, planned["modified_at"]),
        "title": title_or_name(document, planned["path"]),
        "seen_hint": planned["hint"],
        "seen_hash": content_hash,
        "content_hash": content_hash,
        "source_version": planned["source_version"],
        "modified_at": planned["modified_at"],
        "size": planned["size"],
        "review_by": stated[0],
        "valid_until": stated[1],
        "duplicate_of": None,
        "verified_at": run.as_of,
        "parser": planned["parser"],
        **_made_from(run, rows, planned["access"]),
        "verdicts": verdicts_json(verdicts),
    }


def untouched_row(run: RefreshRun, planned: Row, held: Row, verified: bool) -> Row:
    """The ledger row of a document whose chunks stay: its hint, owner, access, use or freshness may differ."""
    return {
        **held,
        **_governance(planned, held["modified_at"]),
        "seen_hint": planned["hint"],
        "verified_at": run.as_of if verified else held["verified_at"],
    }


def quarantined_row(
    run: RefreshRun,
    planned: Row,
    held: Row | None,
    content_hash: str | None,
    verdicts: Sequence[Verdict],
    rows: Sequence[Row] | None,
) -> Row:
    """The ledger row of a document whose new version is refused.

    Args:
        held: its row so far, if any. A version that it served goes on serving.
        content_hash: of the refused version; None where its bytes could not be had, and then the hint is not
            kept either, so that the next refresh tries again.
        rows: what is served of it anew; None where its chunks stay as they are.
    """
    refused = {
        "seen_hint": planned["hint"] if content_hash else "",
        "seen_hash": content_hash,
        "parser": f"{planned['parser']}|{planned['limits']}",
        "verdicts": verdicts_json(verdicts),
    }
    if held is not None and held["content_hash"] is not None and (rows is None or rows):
        made = {} if rows is None else {**_made_from(run, rows, planned["access"]), "duplicate_of": None}
        return {**held, **_governance(planned, held["modified_at"]), **refused, **made}
    return {
        **_governance(planned, planned["modified_at"]),
        **refused,
        "title": PurePosixPath(planned["path"]).name,
        "content_hash": None,
        "source_version": planned["source_version"],
        "modified_at": planned["modified_at"],
        "size": planned["size"],
        "review_by": None,
        "valid_until": None,
        "duplicate_of": None,
        "verified_at": run.as_of,
        **_made_from(run, [], planned["access"]),
    }


def _governance(planned: Row, modified_at: datetime | None) -> Row:
    def later(microseconds: int | None) -> datetime | None:
        if modified_at is None or microseconds is None:
            return None
        return shifted(modified_at, timedelta(microseconds=microseconds))

    return {
        **{column: planned[column] for column in ("doc_id", "source", "path", "uri", "owner", "licence", "access")},
        "uses": planned["uses"].split(),
        "stale_after": later(planned["warn_after"]),
        "blocked_after": later(planned["block_after"]),
    }


def _made_from(run: RefreshRun, rows: Sequence[Row], access: str) -> Row:
    return {
        "chunks_access": access,
        "chunking": run.chunking,
        "space": run.model.space,
        "chunks": len(rows),
        "chunks_digest": document_digest(row["row_digest"] for row in rows),
        "table_version": 0,
    }


def hidden_row(run: RefreshRun, held: Row, kept: str, why: Verdict) -> Row:
    """The ledger row of a document that becomes a duplicate of another, which answers for it."""
    return {
        **held,
        **_made_from(run, [], held["access"]),
        "duplicate_of": kept,
        "verdicts": verdicts_json([*_other_verdicts(held), why]),
    }


def returned_row(run: RefreshRun, held: Row, rows: Sequence[Row]) -> Row:
    """The ledger row of a document that was a duplicate and answers for itself again."""
    return {
        **held,
        **_made_from(run, rows, held["access"]),
        "duplicate_of": None,
        "verdicts": verdicts_json(_other_verdicts(held)),
    }


def _other_verdicts(held: Row) -> list[Verdict]:
    return [Verdict(**v) for v in json.loads(held["verdicts"]) if not v["code"].startswith("DUP-")]


def verdicts_json(verdicts: Sequence[Verdict]) -> str:
    """Returns verdicts as the ledger keeps them: JSON with sorted keys."""
    return json.dumps([v.as_dict() for v in verdicts], sort_keys=True)


def same_but_for_time(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two ledger rows say the same of a document, apart from when it was verified and written."""
    passing = {"verified_at", "table_version"}
    return {k: v for k, v in left.items() if k not in passing} == {k: v for k, v in right.items() if k not in passing}
