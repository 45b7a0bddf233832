"""What is counted over a build's rows while they are assembled."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.datasets.copies.spill import Column
from freshet.tasks.datasets.split import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.settings.datasets import Dataset

_FILE = ("input", "uri", "source_version")
"""The columns that name the file of a row."""


class Tallies:
    """Counts over the batches of a build. Memory depends on files, classes and licences, not on rows.

    Args:
        folder: a folder that takes a file of 8 bytes for each document of each batch, to count distinct documents.

    Attributes:
        kept: the number of kept rows.
        rejected: the number of rejected rows.
    """

    def __init__(self, folder: Path) -> None:
        """Starts all counts at 0."""
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
        """Counts a batch of kept rows.

        Args:
            splits: the split of each row.
            codes: the codes of the verdicts on each row.
        """
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
        """Counts a batch of rejected rows.

        Args:
            codes: the codes of the rules that reject each row.
        """
        self.rejected += table.num_rows
        self._read_of.update(_files(table))
        self._codes.update(code for some in codes for code in some)

    def by_code(self) -> dict[str, int]:
        """Returns by code how many rows a rule rejects; a row that two rules reject counts for both."""
        return dict(sorted(self._codes.items()))

    def marked(self) -> dict[str, int]:
        """Returns by code how many kept rows a rule marks."""
        return dict(sorted(self._marks.items()))

    def documents(self) -> int:
        """Returns the number of distinct documents that kept rows derive from."""
        return self._documents.distinct()

    def licences(self) -> dict[str, int]:
        """Returns the number of kept rows by licence."""
        return dict(sorted(self._licences.items()))

    def classes(self) -> dict[str, dict[str, int]]:
        """Returns the number of kept rows by class and split."""
        return {label: {split: counts[split] for split in SPLITS} for label, counts in sorted(self._classes.items())}

    def sources(self, declared: Dataset) -> list[dict[str, Any]]:
        """Returns for each file how many rows were read and kept, with licence, owner and uses of the file's input."""
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
