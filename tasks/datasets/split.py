"""Which split a row falls into: a pure function of the salt and of what the row is grouped by.

Nothing about the other rows comes into it, so rows that are added never move old ones, and neither does their order.
That is also its limit: shares are kept as well as chance keeps them, which is well where groups are many and alike in
size. Two groups that happen to share a prompt are not joined, since one added row could then move both. Where such
groups fall into two splits, the check for leaks between the splits keeps the training row out instead.
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

    from freshet.tasks.datasets.stage import Mask, Stage

SPLITS: tuple[SplitName, ...] = get_args(SplitName)
"""The names of the splits; arrays hold a split as its index here."""

NO_SPLIT = -1
"""What arrays hold for a row that a finding excludes."""

_SPLITS, _GROUPS, _COUNTED = "splits.npy", "groups.npy", "splits.json"
ROWS_AT_A_TIME = 1 << 17
"""Rows whose groups are counted at a time."""

_COLUMNS = ("row", "document", "corpus", "doc_id", "prompt", "answer", "passage", "label", "group")


@dataclass(frozen=True)
class Splits:
    """The split and the group of each row of a build.

    Attributes:
        split: by row number, the index of the row's split in `SPLITS`, or `NO_SPLIT`. Shape (rows,).
        group: by row number, the first 64 bits of a hash of the row's group; 0 where the row has no split. Shape
            (rows,). The array is mapped from a file: call `release` after some of it was read.
        without_group: how many rows lack what the split groups by, and were grouped by content instead.
    """

    split: NDArray[np.int8]
    group: NDArray[np.int64]
    without_group: int = 0

    @classmethod
    def load(cls, folder: Path) -> Splits:
        """Returns what `assign_splits` wrote into the folder of a stage."""
        group: NDArray[np.int64] = np.load(folder / _GROUPS, mmap_mode="r")
        return cls(np.load(folder / _SPLITS), group, json.loads((folder / _COUNTED).read_text())["without_group"])

    def groups_are_whole(self) -> bool:
        """Returns whether every group lies in one split, as it must."""
        shares = self.groups(self.split != NO_SPLIT)
        return all(len(np.unique(np.concatenate(share))) == sum(map(len, share)) for share in shares)

    def groups(self, mask: Mask) -> Iterator[list[NDArray[np.uint64]]]:
        """Yields the distinct groups of some rows by split, one share of all groups after the other.

        Args:
            mask: by row number, whether the row's group counts.
        """
        for low, high in ranges(self.group.nbytes):
            found: list[list[NDArray[np.uint64]]] = [[np.zeros(0, np.uint64)] for _ in SPLITS]
            for start in range(0, len(self.split), ROWS_AT_A_TIME):
                part = slice(start, start + ROWS_AT_A_TIME)
                group, split = np.asarray(self.group[part]).view(np.uint64), self.split[part]
                in_share = mask[part] & (group >= low) & (group <= high)
                for index, of_split in enumerate(found):
                    of_split.append(np.unique(group[in_share & (split == index)]))
                self.release()
            yield [np.unique(np.concatenate(of_split)) for of_split in found]

    def release(self) -> None:
        """Gives back the memory of the groups that were read."""
        release(self.group)


def assign_splits(stage: Stage, settings: Split, mask: Mask) -> Splits:
    """Returns the splits of the rows in the mask, and writes them into the stage's folder for `Splits.load`.

    The settings say what rows are grouped by:
    - `document`: the document of a corpus by its id, else the document that the row's file names;
    - `content`: prompt and cited passage in normal form; the answer where both are empty, as in language_modeling;
    - `column:NAME`: the value of that column.
    Rows that lack the document or the column are grouped by content, and counted.

    With `stratify`, rows that are grouped by content are split class by class, each in a sequence of its own. A group
    of another kind may hold several classes and stays whole. As splits are drawn group by group, without regard to
    other groups, classes keep their shares as well as chance keeps them, and no better: a version says how well that
    was (`VersionFacts.classes`).
    """
    split = np.full(len(mask), NO_SPLIT, dtype=np.int8)
    group = np.lib.format.open_memmap(stage.folder / _GROUPS, "w+", np.int64, (len(mask),))
    upper = _upper_bounds(settings)
    without = 0
    for table in stage.batches(_COLUMNS, mask):
        keys, missing = _group_keys(table, settings)
        without += missing
        rows = table["row"].to_numpy()
        names, inverse = np.unique(np.array(keys, dtype=object), return_inverse=True)
        group[rows] = _numbers(f"{name}" for name in names)[inverse].view(np.int64)
        release(group)
        split[rows] = _draw(_numbers(f"{settings.salt}\0{name}" for name in names), upper)[inverse]
    group.flush()
    np.save(stage.folder / _SPLITS, split)
    (stage.folder / _COUNTED).write_text(json.dumps({"without_group": without}))
    return Splits(split, group, without)


def _upper_bounds(settings: Split) -> NDArray[np.float64]:
    """Returns where each split ends in [0, 1); the last one that has a share ends at 1, whatever rounding left."""
    shares = np.array([getattr(settings, name) for name in SPLITS], dtype=np.float64)
    upper = np.cumsum(shares)
    upper[np.flatnonzero(shares)[-1] :] = 1.0
    return upper


def _draw(numbers: NDArray[np.uint64], upper: NDArray[np.float64]) -> NDArray[np.int8]:
    # 53 bits are what a float64 holds exactly: the result stays below 1.
    position = (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.searchsorted(upper, position, side="right").astype(np.int8)


def _numbers(texts: Iterator[str]) -> NDArray[np.uint64]:
    """Returns the first 64 bits of the SHA-256 of each text."""
    digests = b"".join(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in texts)
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def _group_keys(table: pa.Table, settings: Split) -> tuple[list[str], int]:
    """Returns what each row is grouped by, and how many rows lack that."""
    named: list[str | None]
    if settings.group_by == "document":
        inside, outside = table["doc_id"].to_pylist(), table["document"].to_pylist()
        named = [f"doc_id\0{i}" if i else f"document\0{o}" if o else None for i, o in zip(inside, outside, strict=True)]
    elif settings.group_by == "content":
        return _content_keys(table, settings.stratify), 0
    else:
        # An empty value names a group no better than none.
        named = [f"column\0{value}" if value else None for value in table["group"].to_pylist()]
    missing = [i for i, name in enumerate(named) if name is None]
    if missing:
        for i, key in zip(missing, _content_keys(table.take(missing), settings.stratify), strict=True):
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


def count_splits(splits: Splits, mask: Mask) -> dict[str, dict[str, Any]]:
    """Returns `rows`, `groups` and `share` of the rows by split, over the rows in the mask."""
    total = int(np.count_nonzero(mask))
    groups = np.sum([[len(of_split) for of_split in share] for share in splits.groups(mask)], axis=0).tolist()
    counted: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(SPLITS):
        rows = int(np.count_nonzero(mask & (splits.split == index)))
        counted[name] = {"rows": rows, "groups": groups[index], "share": rows / total if total else 0.0}
    return counted
