"""The source files of a version, gathered by input where they are too many to name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def by_input(sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns one source for each input, with the number of its `files` and the sums of their rows.

    Args:
        sources: the files, as `VersionFacts.sources` has them.

    Returns:
        The inputs in the order of their first files. `uri` and `source_version` are None, since no one file is meant.
    """
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in sources:
        key = (one["input"], one["licence"], one["owner"], tuple(one["uses"]))
        nothing = {"uri": None, "source_version": None, "files": 0, "rows_read": 0, "rows_kept": 0}
        into = merged.setdefault(key, {**one, **nothing})
        into["files"] += 1
        into["rows_read"] += one["rows_read"]
        into["rows_kept"] += one["rows_kept"]
    return list(merged.values())
