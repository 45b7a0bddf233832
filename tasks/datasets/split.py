"""Which side of the split a row falls on: a pure function of the salt and of what the row is grouped by.

Nothing about the other rows comes into it, so rows that are added never move old ones, and neither does their order.
That is also the limit: shares are kept as well as chance keeps them, which is well where groups are many and alike in
size. Two groups that happen to share a prompt are not joined, since one added row could then move both: where they fall
on two sides, the check for leaks between the sides keeps the training row out instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.copies.spill import ranges, release
from freshet.tasks.settings.datasets import Split, SplitName
from freshet.tasks.text.normalise import normalise

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.stage import Alive, Stage

SIDES: tuple[SplitName, ...] = get_args(SplitName)

NOWHERE = -1
"""The side of rows that something keeps out."""

_SIDES, _GROUPS, _COUNTED = "sides.npy", "groups.npy", "sides.json"
ROWS_AT_A_TIME = 1 << 17
"""Rows whose groups are counted at a time."""

_COLUMNS = ("row", "document", "corpus", "doc_id", "prompt", "answer", "passage", "label", "group")


@dataclass(frozen=True)
class Sides:
    """Where the rows of a build fall.

    Attributes:
        side: by number of the row, the index of its side in `SIDES`, or `NOWHERE`. Shape (rows,).
        group: by number of the row, the number of its group: 64 bits of a hash, 0 for rows that are nowhere. In a file
            that is mapped: call `let_go` when some of it was looked at.
        without_group: how many rows lack what the split groups by, and were grouped by content.
    """

    side: NDArray[np.int8]
    group: NDArray[np.int64]
    without_group: int = 0

    @classmethod
    def load(cls, folder: Path) -> Sides:
        """What `assign_sides` left in the folder of a stage."""
        group: NDArray[np.int64] = np.load(folder / _GROUPS, mmap_mode="r")
        return cls(np.load(folder / _SIDES), group, json.loads((folder / _COUNTED).read_text())["without_group"])

    def joined(self) -> bool:
        """Whether every group is on one side, as it must be."""
        shares = self.groups(self.side != NOWHERE)
        return all(len(np.unique(np.concatenate(share))) == sum(map(len, share)) for share in shares)

    def groups(self, chosen: NDArray[np.bool_]) -> Iterator[list[NDArray[np.uint64]]]:
        """The distinct groups of some rows by side, share by share of all groups.

        Args:
            chosen: by number of the row whether its group counts.
        """
        for low, high in ranges(self.group.nbytes):
            found: list[list[NDArray[np.uint64]]] = [[np.zeros(0, np.uint64)] for _ in SIDES]
            for start in range(0, len(self.side), ROWS_AT_A_TIME):
                part = slice(start, start + ROWS_AT_A_TIME)
                group, side = np.asarray(self.group[part]).view(np.uint64), self.side[part]
                there = chosen[part] & (group >= low) & (group <= high)
                for index, of_side in enumerate(found):
                    of_side.append(np.unique(group[there & (side == index)]))
                self.let_go()
            yield [np.unique(np.concatenate(of_side)) for of_side in found]

    def let_go(self) -> None:
        """Gives back the memory of the groups that were looked at."""
        release(self.group)


def assign_sides(stage: Stage, split: Split, alive: Alive) -> Sides:
    """The sides of the rows that nothing keeps out; they stay in the stage's folder too, for `Sides.load`.

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
    group = np.lib.format.open_memmap(stage.folder / _GROUPS, "w+", np.int64, (len(alive),))
    upper = _upper_bounds(split)
    without = 0
    for table in stage.batches(_COLUMNS, alive):
        keys, missing = _group_keys(table, split)
        without += missing
        rows = table["row"].to_numpy()
        names, inverse = np.unique(np.array(keys, dtype=object), return_inverse=True)
        group[rows] = _numbers(f"{name}" for name in names)[inverse].view(np.int64)
        release(group)
        side[rows] = _draw(_numbers(f"{split.salt}\0{name}" for name in names), upper)[inverse]
    group.flush()
    np.save(stage.folder / _SIDES, side)
    (stage.folder / _COUNTED).write_text(json.dumps({"without_group": without}))
    return Sides(side, group, without)


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
    groups = np.sum([[len(of_side) for of_side in share] for share in sides.groups(alive)], axis=0).tolist()
    counted: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(SIDES):
        rows = int(np.count_nonzero(alive & (sides.side == index)))
        counted[name] = {"rows": rows, "groups": groups[index], "share": rows / total if total else 0.0}
    return counted
