"""Which files of a table are whole: they are there, are what was sealed, and can be read."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from freshet.tasks.store.bucket import unreachable
from freshet.tasks.store.files import read_file, sizes_below
from freshet.tasks.store.seals import altered_files, read_seals
from freshet.tasks.store.trouble import panics_as_errors

UNREADABLE = (ValueError, OSError, RuntimeError)
"""What Lance raises of what it cannot read."""

_ROWS = 64
"""Rows that are read at once: one of `elements` may hold a whole document."""

_WORDS = 200
"""Words that a full-text index is asked for."""

_TAGS = "_refs/tags/"


class Intact:
    """Remembers for the time of one look which files of which table are whole: to find out reads them all once."""

    def __init__(self) -> None:
        """Begins with nothing looked at."""
        self._sizes: dict[str, dict[str, int]] = {}

    def of(self, address: str) -> Mapping[str, int]:
        """The sizes of the whole files of a table, by path; whatever is damaged counts as gone."""
        if address not in self._sizes:
            self._sizes[address] = _intact_files(address)
        return self._sizes[address]


def _intact_files(address: str) -> dict[str, int]:
    sizes, seals = sizes_below(address), read_seals(address) or {}
    damaged = altered_files(address, seals, sizes)
    for path in sizes:
        is_lance = path.startswith(("data/", "_indices/")) and path.endswith(".lance")
        if is_lance and path not in damaged and not _can_be_read(f"{address}/{path}"):
            damaged.add(path)
    return {path: size for path, size in sizes.items() if path not in damaged}


def _can_be_read(address: str) -> bool:
    """Whether every page of a file of Lance's can be decoded."""
    from lance.file import LanceFileReader

    try:
        with panics_as_errors():
            for batch in LanceFileReader(address).read_all(batch_size=_ROWS).to_batches():
                batch.validate(full=True)
    except UNREADABLE as error:
        if unreachable(error) is not None:
            raise
        return False
    return True


def damaged_tags(address: str, dataset: Any) -> list[str]:
    """The files of a table's tags that cannot be read; while there is one, no tag of the table can."""
    try:
        with panics_as_errors():
            dataset.tags.list()
    except UNREADABLE:
        files = [path for path in sizes_below(address) if path.startswith(_TAGS)]
        return [path for path in files if not _is_tag(read_file(f"{address}/{path}"))] or files
    return []


def _is_tag(content: bytes | None) -> bool:
    try:
        return isinstance(json.loads(content or b"")["version"], int)
    except (ValueError, KeyError, TypeError):
        return False


def answers_wrongly(dataset: Any, column: str, kind: str) -> bool:
    """Whether an index that knows all rows of a table fails, or does not find what the table holds.

    A full-text index is asked for some words of the table, another one over texts for all rows.
    """
    import pyarrow as pa

    if dataset.schema.field(column).type != pa.string():
        return False
    try:
        with panics_as_errors():
            if kind == "Inverted":
                return any(not _finds(dataset, column, word) for word in _some_words(dataset, column))
            return int(dataset.count_rows(f"{column} >= ''")) != int(dataset.count_rows())
    except UNREADABLE as error:
        if unreachable(error) is not None:
            raise
        return True


def _finds(dataset: Any, column: str, word: str) -> bool:
    from lance.query import MatchQuery

    found = dataset.scanner(full_text_query=MatchQuery(word, column), columns=["_score"], limit=1).to_table()
    return bool(found.num_rows)


def _some_words(dataset: Any, column: str) -> Collection[str]:
    words: set[str] = set()
    for batch in dataset.scanner(columns=[column], batch_size=_ROWS).to_batches():
        for text in batch[column].to_pylist():
            # Short words may be left out of an index, and very long ones are.
            words |= {word for word in text.lower().split() if word.isascii() and word.isalpha() and 7 < len(word) < 20}
        if len(words) >= _WORDS:
            break
    return sorted(words)[:_WORDS]
