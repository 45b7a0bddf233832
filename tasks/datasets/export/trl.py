"""JSONL as TRL's trainers load it: the row's own columns and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.datasets.export.splits import ROLE_OF, write_lines
from freshet.tasks.datasets.shapes.example import canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.export.kinds import Batches
    from freshet.tasks.settings.datasets import Format

_SPOKEN = tuple(f'{{"{name}":[' for name in sorted(ROLE_OF))
"""How the canonical JSON of a row begins if the row's prompts and answers are messages."""


def write_trl(format: Format, batches: Batches, folder: Path) -> list[Path]:
    """Writes each row's content as it is: canonical JSON, which holds no field that the row itself does not have.

    Through Arrow, every message would get every field that any message has, with nulls in it. Where some rows hold
    texts and others messages, all are written as messages, since trainers take the first row for what all of them are.

    Returns:
        The files, in the order of the splits.
    """
    if format in ("language_modeling", "conversational") or not _is_mixed(batches):
        return write_lines(batches(), folder, lambda table: table["content"].to_pylist())
    return write_lines(batches(), folder, _spoken)


def _is_mixed(batches: Batches) -> bool:
    kinds: set[bool] = set()
    for table in batches():
        kinds.update(text.startswith(_SPOKEN) for text in table["content"].to_pylist())
        if len(kinds) > 1:
            return True
    return False


def _spoken(table: pa.Table) -> list[str]:
    lines = []
    for text in table["content"].to_pylist():
        content = json.loads(text)
        for name, role in ROLE_OF.items():
            if isinstance(content.get(name), str):
                content[name] = [{"role": role, "content": content[name]}]
        lines.append(canonical_json(content))
    return lines
