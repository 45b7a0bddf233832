"""What is counted of a build's rows while they are settled."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.datasets.copies.spill import Column
from freshet.tasks.datasets.split import SIDES

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.settings.datasets import Dataset

_FILE = ("input", "uri", "source_version")


class Tallies:
    """Counts over the batches of a build; memory depends on files, classes and licences, not on rows.

    Args:
        folder: where 8 bytes for each document of a batch are kept, to count them.
    """

    def __init__(self, folder: Path) -> None:
        self.kept = 0
        self.rejected = 0
        self._codes: Counter[str] = Counter()
        self._marks: Counter[str] = Counter()
        self._read_of: Counter[tuple[str, str, str]] = Counter()
        self._kept_of: Counter[tuple[str, str, str]] = Counter()
        self._licences: Counter[str] = Counter()
        self._classes: dict[str, Counter[str]] = {}
        self._documents = Column(folder / "documents", np.uint64)

    def add_kept(self, table: pa.Table, splits: list[str], codes: list[set[str]]) -> None:
        files = Counter(_files(table))
        self.kept += table.num_rows
        self._read_of.update(files)
        self._kept_of.update(files)
        self._marks.update(code for some in codes for code in some)
        self._licences.update(table["licence"].to_pylist())
        for label, split in zip(table["label"].to_pylist(), splits, strict=True):
            if label is not None:
                self._classes.setdefault(label, Counter())[split] += 1
        named = zip(*(table[name].to_pylist() for name in ("corpus", "doc_id", "document")), strict=True)
        names = {f"{corpus}\0{doc_id}" if doc_id else f"\0{path}" for corpus, doc_id, path in named if doc_id or path}
        numbers = [int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") for name in names]
        self._documents.append(np.array(numbers, dtype=np.uint64))

    def add_rejected(self, table: pa.Table, codes: list[list[str]]) -> None:
        self.rejected += table.num_rows
        self._read_of.update(_files(table))
        self._codes.update(code for some in codes for code in some)

    def by_code(self) -> dict[str, int]:
        """How many rows each rule keeps out; a row that breaks two counts for both."""
        return dict(sorted(self._codes.items()))

    def marked(self) -> dict[str, int]:
        """How many kept rows each rule marks."""
        return dict(sorted(self._marks.items()))

    def documents(self) -> int:
        return self._documents.distinct()

    def licences(self) -> dict[str, int]:
        return dict(sorted(self._licences.items()))

    def classes(self) -> dict[str, dict[str, int]]:
        return {label: {side: by_side[side] for side in SIDES} for label, by_side in sorted(self._classes.items())}

    def sources(self, declared: Dataset) -> list[dict[str, Any]]:
        """By file: rows read and kept, and what its input says of them."""
        inputs = {one.called: one for one in declared.inputs}
        return [
            {
                **dict(zip(_FILE, file, strict=True)),
                "rows_read": read,
                "rows_kept": self._kept_of[file],
                "licence": inputs[file[0]].licence,
                "owner": inputs[file[0]].owner,
                "uses": list(inputs[file[0]].uses),
            }
            for file, read in sorted(self._read_of.items())
        ]


def _files(table: pa.Table) -> list[tuple[str, str, str]]:
    return list(zip(*(table[name].to_pylist() for name in _FILE), strict=True))
