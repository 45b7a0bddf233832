"""What became of the rows of a build: the kept rows, the rejected rows, and what was counted over both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

KEPT, REJECTED = "kept.arrow", "rejected.arrow"
"""The files of rows in the folder of `Assembled`."""

_COUNTED = "assembled.json"


@dataclass(frozen=True)
class Assembled:
    """Two files of rows, and what was counted while they were written.

    Attributes:
        folder: the folder that holds the files, on this machine's disk.
        rows: how many rows were `read`, `kept` and `rejected`, and `by_code` how many rows each rule rejects.
        splits: by split, `rows`, `groups` and `share` of the kept rows.
        sources: for each file, `input`, `uri`, `source_version`, `rows_read`, `rows_kept`, `licence`, `owner`, `uses`.
        documents: the number of distinct documents that the kept rows derive from.
        marked: by code, how many kept rows a rule marks without rejecting them.
        licences: by licence, the number of kept rows.
        classes: by class and split, the number of kept rows.
        without_group: the number of rows that lack what the split groups by.
        rows_digest: a digest over the kept rows and their splits, in no order.
        record_digest: a digest over what is on record of every row, kept or rejected, in no order.
    """

    folder: str
    rows: dict[str, Any]
    splits: dict[str, dict[str, Any]]
    sources: list[dict[str, Any]]
    documents: int
    marked: dict[str, int]
    licences: dict[str, int]
    classes: dict[str, dict[str, int]]
    without_group: int
    rows_digest: str
    record_digest: str

    def kept(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yields the kept rows in canonical order, batch by batch.

        Args:
            columns: columns of `schemas.examples()`; all by default.
        """
        return _read(Path(self.folder) / KEPT, columns)

    def rejected(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yields the rejected rows in canonical order, batch by batch.

        Args:
            columns: columns of `schemas.rejected_rows()`; all by default.
        """
        return _read(Path(self.folder) / REJECTED, columns)

    def save(self) -> None:
        """Writes what was counted beside the files of rows, for `load`."""
        (Path(self.folder) / _COUNTED).write_text(json.dumps(asdict(self), ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Assembled:
        """Returns what `save` wrote into a folder."""
        return cls(**{**json.loads((folder / _COUNTED).read_text("utf-8")), "folder": str(folder)})


def _read(file: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    import pyarrow as pa

    # Read, not mapped: pages of a mapped file look like memory of the process.
    with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            table = pa.Table.from_batches([reader.get_batch(index)])
            if table.num_rows:
                yield table if columns is None else table.select(list(columns))
