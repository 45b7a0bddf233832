"""A version's rows → the files that trainers load.

A version's folder holds `trl/`, `openai/` and `parquet/`, each with a file a side (`train.jsonl`), as far as they are
asked for; `lineage.parquet`, `rejected.jsonl`; and `MANIFEST.sha256` over every file, written last.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.export.kinds import Rows
from freshet.tasks.datasets.export.lineage import write_lineage, write_rejected
from freshet.tasks.datasets.export.openai import check_openai, write_openai
from freshet.tasks.datasets.export.parquet import write_parquet
from freshet.tasks.datasets.export.trl import write_trl

if TYPE_CHECKING:
    from freshet.tasks.settings.datasets import ExportKind, Format


_WRITERS = {"trl": write_trl, "openai": write_openai, "parquet": write_parquet}


def check_kinds(kinds: Sequence[ExportKind], format: Format) -> None:
    """Whether rows of this format can be written as these kinds.

    Raises:
        SettingsError: one of them cannot; it names the formats that can.
    """
    if "openai" in kinds:
        check_openai(format)


def export(kind: ExportKind, format: Format, rows: Rows, folder: Path) -> list[Path]:
    """Writes the rows as one kind, a file for each side that has rows, and returns the files, in order of the sides.

    The bytes depend on the rows and their order alone: not on batches, threads or hash seeds.

    Args:
        rows: of `schemas.examples()`, of that format.
        folder: the version's folder; the kind gets one of its own in it.

    Raises:
        SettingsError: this kind cannot say what the rows say; it names what is wrong.
    """
    return _WRITERS[kind](format, rows, folder / kind)


def write_exports(kinds: Sequence[ExportKind], format: Format, rows: Rows, rejected: Rows, folder: Path) -> list[Path]:
    """Writes all of a version but what describes it (card, metadata, manifest), and returns the files.

    Args:
        rejected: of `schemas.rejected_rows()`.
    """
    check_kinds(kinds, format)
    folder.mkdir(parents=True, exist_ok=True)
    files = [file for kind in dict.fromkeys(kinds) for file in export(kind, format, rows, folder)]
    return [*files, write_lineage(rows, folder), write_rejected(rejected, folder)]
