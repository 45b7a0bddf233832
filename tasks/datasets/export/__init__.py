"""Writes the rows of a version into the files that trainers load.

The folder of a version holds `trl/`, `openai/` and `parquet/`, as far as they are asked for, each with one file for
each split, like `train.jsonl`; `lineage.parquet`; `rejected.jsonl`; and `MANIFEST.sha256` over every file, which is
written last.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.export.kinds import Batches
from freshet.tasks.datasets.export.lineage import write_lineage, write_rejected
from freshet.tasks.datasets.export.openai import check_openai, write_openai
from freshet.tasks.datasets.export.parquet import write_parquet
from freshet.tasks.datasets.export.trl import write_trl

if TYPE_CHECKING:
    from freshet.tasks.settings.datasets import ExportKind, Format


_WRITERS = {"trl": write_trl, "openai": write_openai, "parquet": write_parquet}


def check_kinds(kinds: Sequence[ExportKind], format: Format) -> None:
    """Checks that rows of the format can be written as each of the kinds.

    Raises:
        SettingsError: one of the kinds does not take the format; the error names the formats that the kind takes.
    """
    if "openai" in kinds:
        check_openai(format)


def export(kind: ExportKind, format: Format, batches: Batches, folder: Path) -> list[Path]:
    """Writes the rows as one kind, one file for each split that has rows, and returns the files in order of the splits.

    The bytes depend on the rows and their order alone: not on batches, threads or hash seeds.

    Args:
        batches: rows of `schemas.examples()`, all of the format.
        folder: the folder of the version; the kind gets a folder of its own within it.

    Raises:
        SettingsError: this kind cannot say what the rows say; the error names what is wrong.
    """
    return _WRITERS[kind](format, batches, folder / kind)


def write_exports(
    kinds: Sequence[ExportKind], format: Format, batches: Batches, rejected: Batches, folder: Path
) -> list[Path]:
    """Writes all files of a version but those that describe it (card, metadata, manifest), and returns the files.

    Args:
        batches: rows of `schemas.examples()`.
        rejected: rows of `schemas.rejected_rows()`.
    """
    check_kinds(kinds, format)
    folder.mkdir(parents=True, exist_ok=True)
    files = [file for kind in dict.fromkeys(kinds) for file in export(kind, format, batches, folder)]
    return [*files, write_lineage(batches, folder), write_rejected(rejected, folder)]
