"""One file for each split, written while the rows are read batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from freshet.tasks.datasets.split import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

ROLE_OF = {"prompt": "user", "completion": "assistant", "chosen": "assistant", "rejected": "assistant"}
"""The role that speaks each text of a row, for exports that write texts as messages."""

_ESCAPES = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that JSON allows as they are, and at which Python's `splitlines` would tear a line apart."""


def by_split(tables: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Yields the rows of each batch split by split; within a split, the rows keep their order."""
    import pyarrow.compute as pc

    for table in tables:
        for split in SPLITS:
            chosen = table.filter(pc.equal(table["split"], split))
            if chosen.num_rows:
                yield split, chosen


def write_lines(tables: Iterable[pa.Table], folder: Path, lines: Callable[[pa.Table], Iterable[str]]) -> list[Path]:
    """Writes a JSONL file for each split that has rows, and returns the files in the order of the splits.

    Args:
        lines: returns a line of JSON for each row of a table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        opened: dict[str, BinaryIO] = {}
        for split, table in by_split(tables):
            if split not in opened:
                opened[split] = files.enter_context((folder / f"{split}.jsonl").open("wb"))
            opened[split].write(("\n".join(map(one_line, lines(table))) + "\n").encode("utf-8"))
    return [folder / f"{split}.jsonl" for split in SPLITS if split in opened]


def one_line(json: str) -> str:
    """Returns the JSON with those characters escaped that some readers take for the end of a line."""
    if not json.isascii():
        for character, escape in _ESCAPES.items():
            json = json.replace(character, escape)
    return json
