"""Which side of the split a row falls on: a pure function of the salt and of what the row is grouped by.

Nothing about the other rows comes into it, so rows that are added never move old ones, and neither does their order.
That is also the limit: shares are kept as well as chance keeps them, which is well where groups are many and alike in
size. Two groups that happen to share a prompt are not joined, since one added row could then move both: where they fall
on two sides, the check for leaks between the sides keeps the training row out instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from tasks.dataset_settings import Split, SplitName
from tasks.text.normalise import normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from tasks.datasets.stage import Alive, Stage

SIDES: tuple[SplitName, ...] = get_args(SplitName)

NOWHERE = -1
"""The side of rows that something keeps out."""

_FILE = "sides.npz"
_COLUMNS = ("row", "document", "corpus", "doc_id", "prompt", "answer", "passage", "label", "group")


@dataclass(frozen=True)
class Sides:
    """Where the rows of a build fall.

    Attributes:
        side: by number of the row, the index of its side in `SIDES`, or `NOWHERE`. Shape (rows,).
        group: by number of the row, the number of its group: 64 bits of a hash, 0 for rows that are nowhere.
        without_group: how many rows lack what the split groups by, and were grouped by content.
    """

    side: NDArray[np.int8]
    group: NDArray[np.int64]
    without_group: int = 0

    def save(self, folder: Path) -> None:
        """Leaves them in a folder for a later step."""
        np.savez(folder / _FILE, side=self.side, group=self.group, without_group=self.without_group)

    @classmethod
    def load(cls, folder: Path) -> Sides:
        """What an earlier step left there."""
        with np.load(folder / _FILE) as held:
            return cls(held["side"], held["group"], int(held["without_group"]))

    def joined(self) -> bool:
        """Whether every group is on one side, as it must be."""
        there = self.side != NOWHERE
        order = np.lexsort((self.side[there], self.group[there]))
        group, side = self.group[there][order], self.side[there][order]
        return not np.any((group[1:] == group[:-1]) & (side[1:] != side[:-1]))


def assign_sides(stage: Stage, split: Split, alive: Alive) -> Sides:
    """The sides of the rows that nothing keeps out.

    What rows are grouped by:
    - `document`: the document of a corpus by its id, else the document that the row's file names;
    - `content`: prompt and cited passage in normal form; the answer where both are empty, as in language_modeling;
    - `column:NAME`: the value of that column.
    Rows without the document or the column are grouped by content, and counted.

    With `stratify`, rows that are grouped by content are split class by class, each in a sequence of its own. A group
    of another kind may hold several classes and stays whole. As sides are drawn group by group, with no look at the
    others, classes keep their shares as well as chance keeps them, and no better: a version says how well that was
    (`VersionFacts.classes`).
    """
    side = np.full(len(alive), NOWHERE, dtype=np.int8)
    group = np.zeros(len(alive), dtype=np.uint64)
    upper = _upper_bounds(split)
    without = 0
    for table in stage.batches(_COLUMNS, alive):
        keys, missing = _group_keys(table, split)
        without += missing
        rows = table["row"].to_numpy()
        names, inverse = np.unique(np.array(keys, dtype=object), return_inverse=True)
        group[rows] = _numbers(f"{name}" for name in names)[inverse]
        side[rows] = _draw(_numbers(f"{split.salt}\0{name}" for name in names), upper)[inverse]
    return Sides(side, group.view(np.int64), without)


def _upper_bounds(split: Split) -> NDArray[np.float64]:
    """Where each side ends in [0, 1); the last one that has a share ends at 1, whatever rounding left."""
    shares = np.array([getattr(split, name) for name in SIDES], dtype=np.float64)
    upper = np.cumsum(shares)
    upper[np.flatnonzero(shares)[-1] :] = 1.0
    return upper


def _draw(numbers: NDArray[np.uint64], upper: NDArray[np.float64]) -> NDArray[np.int8]:
    # 53 bits are what a float64 holds exactly: the result stays below 1.
    position = (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.searchsorted(upper, position, side="right").astype(np.int8)


def _numbers(texts: Iterator[str]) -> NDArray[np.uint64]:
    digests = b"".join(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def _group_keys(table: pa.Table, split: Split) -> tuple[list[str], int]:
    """What each row is grouped by, and how many rows lack it."""
    named: list[str | None]
    if split.group_by == "document":
        inside, outside = table["doc_id"].to_pylist(), table["document"].to_pylist()
        named = [f"doc_id\0{i}" if i else f"document\0{o}" if o else None for i, o in zip(inside, outside, strict=True)]
    elif split.group_by == "content":
        return _content_keys(table, split.stratify), 0
    else:
        # An empty value names a group no better than none.
        named = [f"column\0{value}" if value else None for value in table["group"].to_pylist()]
    missing = [i for i, name in enumerate(named) if name is None]
    if missing:
        for i, key in zip(missing, _content_keys(table.take(missing), split.stratify), strict=True):
            named[i] = key
    return [name for name in named if name is not None], len(missing)


def _content_keys(table: pa.Table, stratify: bool) -> list[str]:
    columns = [table[name].to_pylist() for name in ("prompt", "passage", "answer", "label")]
    keys = []
    for prompt, passage, answer, label in zip(*columns, strict=True):
        given, cited = prompt.strip(), (passage or "").strip()
        texts = (given, cited) if given or cited else (answer,)
        # Texts without any word have no normal form to share: they belong together where they agree in full.
        normal = "\0".join(normalise(text) or "\0" + text for text in texts)
        stratum = f"{label}\0" if stratify and label is not None else ""
        keys.append(f"content\0{stratum}{normal}")
    return keys


def count_sides(sides: Sides, alive: Alive) -> dict[str, dict[str, Any]]:
    """By side, of the rows that nothing keeps out: `rows`, `groups`, and `share` of the rows."""
    total = int(np.count_nonzero(alive))
    counted: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(SIDES):
        there = alive & (sides.side == index)
        rows = int(np.count_nonzero(there))
        groups = len(np.unique(sides.group[there]))
        counted[name] = {"rows": rows, "groups": groups, "share": rows / total if total else 0.0}
    return counted
