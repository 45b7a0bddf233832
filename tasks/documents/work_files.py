"""The files that the steps of one refresh leave for each other, on this machine's disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.runs.run import RefreshRun


def work_file(run: RefreshRun, name: str) -> Path:
    """Returns where an Arrow file of that name goes; its folder is there afterwards."""
    run.folder.mkdir(parents=True, exist_ok=True)
    return run.folder / f"{name}.arrow"


def read_part(file: Path, part: tuple[int, int]) -> pa.Table:
    """Reads some rows of an Arrow file.

    Args:
        part: the first row's number, and how many rows.
    """
    from pyarrow import feather

    # Memory-mapped: a batch reads its own rows, however long the plan is.
    return feather.read_table(file, memory_map=True).slice(*part)


@contextmanager
def preparing(run: RefreshRun) -> Iterator[None]:
    """Ends the parser processes at its end, and removes the files that the steps left for each other."""
    from freshet.tasks.documents.parse.shared import close_parser_pool

    try:
        yield
    finally:
        close_parser_pool()
        shutil.rmtree(run.folder, ignore_errors=True)
