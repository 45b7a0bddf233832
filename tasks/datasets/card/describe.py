"""Writes what describes the exported rows: the dataset card with its plots, and the Croissant metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from freshet.tasks.datasets.card.croissant import croissant, croissant_bytes
from freshet.tasks.datasets.card.readme import card
from freshet.tasks.datasets.export.files import export_files
from freshet.tasks.datasets.export.lineage import LINEAGE, REJECTED
from freshet.tasks.settings.datasets import ExportKind, SplitName

if TYPE_CHECKING:
    from freshet.tasks.ledger.versions import VersionFacts

CROISSANT = "croissant.json"


def write_description(folder: Path, facts: VersionFacts, *, published: str | None = None) -> None:
    """Writes card, plots and metadata into the folder of a version, from its exported files and its facts alone.

    Args:
        folder: the folder, with the files that `freshet.tasks.datasets.export.write_exports` writes.
        facts: the facts of the version.
        published: the date of publication that the metadata states, like 2026-11-22; None for none.
    """
    files = export_files(folder, list(_exported(folder)))
    contents = card(facts, files, inputs_by_split(folder / LINEAGE))
    contents[CROISSANT] = croissant_bytes(croissant(facts, files, published=published))
    for path, data in contents.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)


def _exported(folder: Path) -> Iterator[Path]:
    """Yields the exported files in an order that does not depend on the file system."""
    named = [
        folder / kind / f"{split}{suffix}"
        for kind in get_args(ExportKind)
        for split in get_args(SplitName)
        for suffix in (".jsonl", ".parquet")
    ]
    yield from (file for file in (*named, folder / LINEAGE, folder / REJECTED) if file.is_file())


def inputs_by_split(lineage: Path) -> dict[str, dict[str, int]]:
    """Returns by split and input how many rows were read from the input.

    Args:
        lineage: the file `lineage.parquet` of the version.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    counts: dict[str, Counter[str]] = {split: Counter() for split in get_args(SplitName)}
    with pq.ParquetFile(lineage) as opened:
        for batch in opened.iter_batches(10_000, columns=["split", "origins.list.element.input"]):
            own = pc.struct_field(pc.list_element(batch["origins"], 0), "input")
            rows = pa.table({"split": batch["split"], "input": own}).group_by(["split", "input"])
            for one in rows.aggregate([([], "count_all")]).to_pylist():
                counts[one["split"]][one["input"]] += one["count_all"]
    return {split: dict(sorted(held.items())) for split, held in counts.items() if held}
