"""Rows whose key an earlier row has as well."""

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
        rows: their numbers, ascending.
        before: beside each, how many rows of its key come before it, from 1.
    """

    rows: Numbers
    before: Numbers

    def of(self, rows: Numbers) -> Numbers:
        """How many rows of its key come before each of these."""
        if not len(self.rows):
            return np.zeros(len(rows), np.int64)
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[place] == rows, self.before[place], 0)


def find_repeats(keyed: Iterable[tuple[Digests, Numbers]], folder: Path) -> Repeats:
    """Finds them on disk; in memory stay 16 bytes for each row that repeats a key.

    Args:
        keyed: keys and numbers of rows, ascending, some at a time.
        folder: where 32 bytes a row are kept meanwhile.
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
