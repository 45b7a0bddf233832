"""A prepared batch: the rows that the writer commits, left in Arrow files for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.documents.rows import Row
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.runs.timing import Stopwatch


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
        read: what of their files' words was read, by type: documents, documents compared, words, missing words.
    """

    documents: Path
    chunks: Path
    links: Path
    counts: dict[str, int]
    seconds: dict[str, float]
    read: dict[str, dict[str, int]] = field(default_factory=dict)


def leave_batch(
    run: RefreshRun,
    name: str,
    ledger_rows: Sequence[Row],
    chunks: Sequence[Row],
    counts: dict[str, int],
    watch: Stopwatch,
    links: Sequence[Row] = (),
    read: dict[str, dict[str, int]] | None = None,
) -> PreparedBatch:
    """Writes the files of a batch into the run's folder.

    Args:
        name: the batch's name, which its files begin with.
        ledger_rows: rows of `schemas.documents`, each with `replace`.
        chunks: rows of `schemas.chunk_rows`.
        counts: as in `PreparedBatch`.
        watch: what measured the batch's steps.
        links: rows of `schemas.links`.
        read: as in `PreparedBatch`.
    """
    import pyarrow as pa
    from pyarrow import feather

    run.folder.mkdir(parents=True, exist_ok=True)
    documents_file, chunks_file, links_file = (
        run.folder / f"{name}-{kind}.arrow" for kind in ("documents", "chunks", "links")
    )
    ledger_schema = schemas.documents().append(pa.field("replace", pa.bool_(), nullable=False))
    for file, rows, schema in (
        (documents_file, ledger_rows, ledger_schema),
        (chunks_file, chunks, schemas.chunk_rows()),
        (links_file, links, schemas.links()),
    ):
        feather.write_feather(pa.Table.from_pylist(list(rows), schema=schema), file, compression="zstd")
    return PreparedBatch(documents_file, chunks_file, links_file, counts=counts, seconds=watch.seconds, read=read or {})
