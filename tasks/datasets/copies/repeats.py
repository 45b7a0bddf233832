"""Finds rows whose key an earlier row has as well."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.keys import Digests
from freshet.tasks.datasets.copies.spill import Keyed, ordinals

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """The rows that are not the first of their key.

    Attributes:
        rows: the numbers of these rows, ascending. Shape (repeats,).
        before: for each of them, how many earlier rows have its key. Shape (repeats,).
    """

    rows: Numbers
    before: Numbers

    def of(self, rows: Numbers) -> Numbers:
        """Returns for each row how many earlier rows have its key."""
        if not len(self.rows):
            return np.zeros(len(rows), np.int64)
        position = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[position] == rows, self.before[position], 0)


def find_repeats(keyed: Iterable[tuple[Digests, Numbers]], folder: Path) -> Repeats:
    """Returns the rows that repeat the key of an earlier row.

    Memory: 16 bytes for each row that repeats a key.

    Args:
        keyed: keys and numbers of rows, some rows at a time, in ascending order of the numbers.
        folder: a folder that takes a temporary file of 32 bytes a row.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="repeats-") as work:
        held = Keyed(Path(work) / "keys")
        for keys, rows in keyed:
            held.append(keys, rows)
        found = [np.zeros((2, 0), np.int64)]
        for items, _, groups in held.groups():
            before = ordinals(groups)
            found.append(np.stack([items, before])[:, before > 0])
    rows, before = np.concatenate(found, axis=1)
    order = np.argsort(rows)
    return Repeats(rows[order], before[order])
