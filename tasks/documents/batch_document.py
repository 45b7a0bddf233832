"""A document of a batch, from its row of the plan to its next row of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.expectations.fixed_rules import is_unread
from freshet.tasks.documents.rows import Row
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.runs.run import RefreshRun


@dataclass
class BatchDocument:
    """A document while its batch is prepared. The steps of preparing fill it in, in the order of the attributes.

    Attributes:
        planned: its row of the plan.
        held: its row of the ledger before; None for a document that is not there yet.
        content_hash: SHA-256 of its bytes now; `unread:` and the source's hint where they were not read on purpose;
            None where they could not be had.
        file: its bytes, on this machine's disk.
        verdicts: what was found, one of severity `block` where its new version is refused.
        outcome: what became of it, as `PreparedBatch.counts` counts it.
        chunk_rows: its next rows of the chunk table; None where its chunks stay as they are.
        ledger_row: its next row of the ledger; None until that is known.
        link_row: its row of the table of links; None where that stays as it is.
        coverage: what of its file's words was read, as its parser's property says; None where it was not compared.
    """

    planned: Row
    held: Row | None
    content_hash: str | None = None
    file: Path | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    outcome: str = ""
    chunk_rows: list[Row] | None = None
    ledger_row: Row | None = None
    link_row: Row | None = None
    coverage: dict[str, Any] | None = None

    @property
    def doc_id(self) -> str:
        """The document's id."""
        return str(self.planned["doc_id"])

    @property
    def is_refused(self) -> bool:
        """Whether a verdict refuses the new version."""
        return any(v.severity == "block" for v in self.verdicts)

    @property
    def is_refused_by_checks(self) -> bool:
        """Whether the new version was read, and then refused for what it holds."""
        return any(v.severity == "block" and not is_unread(v.code) for v in self.verdicts)

    @property
    def keeps_chunks(self) -> bool:
        """Whether nothing is to be done in the chunk table: a document without chunks may get none, too."""
        is_bare = self.held is not None and not self.held["chunks"] and not self.planned["damaged"]
        return self.chunk_rows is None or (not self.chunk_rows and is_bare)

    @property
    def parse_key(self) -> tuple[str, str]:
        """What a kept parse of the document is found by: the hash of its content, and the parser's fingerprint."""
        assert self.content_hash is not None
        return self.content_hash, self.planned["parser"]


def documents_of(run: RefreshRun, planned: pa.Table) -> list[BatchDocument]:
    """Returns the documents of some rows of the plan, each with its row of the ledger."""
    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    rows = planned.to_pylist()
    held: dict[str, Row] = {}
    if ledger is not None:
        predicate = is_any("doc_id", [row["doc_id"] for row in rows])
        held = {row["doc_id"]: row for row in ledger.search().where(predicate).to_list()}
    return [BatchDocument(row, held.get(row["doc_id"])) for row in rows]
