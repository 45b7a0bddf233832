"""A file for each side of the split, written as the rows come by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from freshet.tasks.datasets.split import SIDES

if TYPE_CHECKING:
    import pyarrow as pa

ROLE_OF = {"prompt": "user", "completion": "assistant", "chosen": "assistant", "rejected": "assistant"}
"""Who says the texts of a row, where they have to be written as messages."""

_ESCAPES = {"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that JSON allows as they are, and at which Python's `splitlines` would tear a line apart."""


def by_side(tables: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """The rows side by side, batch by batch, in their order within each side."""
    import pyarrow.compute as pc

    for table in tables:
        for side in SIDES:
            chosen = table.filter(pc.equal(table["split"], side))
            if chosen.num_rows:
                yield side, chosen


def write_lines(tables: Iterable[pa.Table], folder: Path, lines: Callable[[pa.Table], Iterable[str]]) -> list[Path]:
    """Writes a JSONL file for each side that has rows.

    Args:
        lines: a line of JSON for each row.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        opened: dict[str, BinaryIO] = {}
        for side, table in by_side(tables):
            if side not in opened:
                opened[side] = files.enter_context((folder / f"{side}.jsonl").open("wb"))
            opened[side].write(("\n".join(map(one_line, lines(table))) + "\n").encode("utf-8"))
    return [folder / f"{side}.jsonl" for side in SIDES if side in opened]


def one_line(json: str) -> str:
    """The same JSON, on one line to every reader."""
    if not json.isascii():
        for character, escape in _ESCAPES.items():
            json = json.replace(character, escape)
    return json
