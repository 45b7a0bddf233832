"""What changed between two versions of a dataset, row by row, with the reason for every row that went."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from freshet.tasks.datasets.assembly.compare import (
    COLUMNS,
    Comparison,
    Keys,
    Positions,
    compare,
    count_changes,
    digest_keys,
    keys_of,
    origin_keys,
    pair,
    read_keys,
)
from freshet.tasks.ledger.versions import Version, find_version
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.datasets.assembly.assembled import Assembled
    from freshet.tasks.store.tables import Store

GONE = "its source no longer has it"
"""The reason of a removed row that the version after did not reject."""

_SHOWN = ("example_id", "split", "content", "origins")
_WHY = ("digest", "uri", "place", "field", "codes")


@dataclass(frozen=True)
class Diff:
    """The change from one version of a dataset to another.

    Attributes:
        change: how many rows were `added`, `removed`, `edited` and `moved`.
        reasons: by reason, how many rows were removed. A reason is the codes that reject the row, or that the source
            no longer has the row.
        rows: the first changed rows: removed ones, then edited, moved and added ones. Each has `change`,
            `example_id`, `split`, `uri`, `place` and `field`. A removed row also has `reason` and `verdicts`, those
            that keep it out. An edited row also has `columns`, those that differ, and `before`, its earlier
            `example_id`. A moved row also has `from`, its earlier split. No row has texts.
        left_out: how many changed rows are not in `rows`.
    """

    dataset: str
    before: str
    after: str
    change: dict[str, int]
    reasons: dict[str, int]
    rows: list[dict[str, Any]]
    left_out: int

    def as_dict(self) -> dict[str, Any]:
        """Returns the attributes as JSON can hold them."""
        return vars(self)


def diff_versions(store: Store, dataset: str, before: str, after: str, limit: int = 1000) -> Diff:
    """Returns the change from version `before` to version `after`.

    Memory: some 80 bytes for each row of either version, and `limit` rows.

    Args:
        limit: how many changed rows are described; all are counted.

    Raises:
        StoreError: the dataset has no such version, or the version's tables are gone.
    """
    old, new = find_version(store, dataset, before), find_version(store, dataset, after)
    tables = _examples(store, old), _examples(store, new)
    found = compare(*(read_keys(scan(table, COLUMNS)) for table in tables))
    rejected = store.dataset(dataset).at(schemas.REJECTED, new.rejected_version)
    reasons, at = _reasons(rejected, read_keys(scan(tables[0], COLUMNS)), found.removed)
    rows = [*_described(tables, found, [*zip(reasons, _verdicts(rejected, at[:limit]), strict=False)], limit)]
    counts = found.counts()
    return Diff(
        dataset=dataset,
        before=old.version,
        after=new.version,
        change=counts,
        reasons=dict(sorted(Counter(reasons).items())),
        rows=rows,
        left_out=sum(counts.values()) - len(rows),
    )


def change_since(store: Store, previous: Version | None, assembled: Assembled) -> dict[str, int]:
    """Returns how many rows changed how from a published version to a build (`Comparison.counts`).

    Args:
        previous: the published version; None makes every row of the build an added one.
    """
    if previous is None:
        return {"added": assembled.rows["kept"], "removed": 0, "edited": 0, "moved": 0}
    before, after = scan(_examples(store, previous), COLUMNS), assembled.kept(COLUMNS)
    return count_changes(map(keys_of, before), map(keys_of, after), Path(assembled.folder))


def scan(table: Table, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yields the rows of a table batch by batch, in the order in which they were written."""
    import pyarrow as pa

    chosen = None if columns is None else list(columns)
    for batch in table.to_lance().scanner(columns=chosen, scan_in_order=True, batch_size=10_000).to_batches():
        yield pa.Table.from_batches([batch])


def _examples(store: Store, version: Version) -> Table:
    return store.dataset(version.dataset).at(schemas.EXAMPLES, version.table_version)


def _reasons(table: Table, before: Keys, removed: Positions) -> tuple[list[str], Positions]:
    """Finds why each of the removed rows went: by its digest, or else by its origin, among the rejected rows.

    Args:
        table: the rows that the version after rejected.
        before: the keys of the rows of the version before.
        removed: the positions of the removed rows among these.

    Returns:
        The reason of each removed row, and the row's position among the rejected rows; -1 for a row that is not there.
    """
    digests, origins, codes = [], [], []
    names: dict[str, int] = {}
    for found in scan(table, _WHY):
        # A row that could not be read has no digest; zeros are no row's.
        digests.append(digest_keys(digest or "0" * 32 for digest in found["digest"].to_pylist()))
        origins.append(origin_keys(*(found[name].to_pylist() for name in ("uri", "place", "field"))))
        codes += [names.setdefault(", ".join(some), len(names)) for some in found["codes"].to_pylist()]
    listed, at = list(names), np.full(len(removed), -1, dtype=np.int64)
    nothing = np.zeros((0, 2), np.uint64)
    # What is found last counts: the digest says more than the origin, at which another row may stand by now.
    for wanted, rejected in (
        (before.origin[removed], np.concatenate([nothing, *origins])),
        (before.digest[removed], np.concatenate([nothing, *digests])),
    ):
        i, j = pair(wanted, rejected)
        at[i] = j
    return [GONE if one < 0 else listed[codes[one]] for one in at.tolist()], at


def _verdicts(table: Table, at: Positions) -> list[list[dict[str, Any]]]:
    """Returns the verdicts that keep out the rows at some positions of a table; none for the position -1."""
    known = np.flatnonzero(at >= 0)
    found: list[list[dict[str, Any]]] = [[] for _ in at]
    if len(known):
        held = table.to_lance().take(at[known].tolist(), columns=["verdicts"])["verdicts"].to_pylist()
        for index, one in zip(known.tolist(), held, strict=True):
            found[index] = [each for each in json.loads(one) if each["severity"] == "block"]
    return found


def _described(
    tables: tuple[Table, Table], found: Comparison, why: list[tuple[str, list[dict[str, Any]]]], limit: int
) -> Iterator[dict[str, Any]]:
    """Yields the changed rows as `Diff.rows` has them.

    Args:
        tables: the rows of the version before, and of the version after.
        why: the reason and the verdicts of each removed row that is described.
    """
    old, new = tables
    room = limit
    for row, (reason, verdicts) in zip(_rows(old, found.removed[:room]), why, strict=True):
        yield {"change": "removed", **_place(row), "reason": reason, "verdicts": verdicts}
    room -= min(room, len(found.removed))
    for was, row in zip(_rows(old, found.edited[0][:room]), _rows(new, found.edited[1][:room]), strict=True):
        columns = _differing(json.loads(was["content"]), json.loads(row["content"]))
        yield {"change": "edited", **_place(row), "before": was["example_id"], "columns": columns}
    room -= min(room, len(found.edited[0]))
    for was, row in zip(_rows(old, found.moved[0][:room]), _rows(new, found.moved[1][:room]), strict=True):
        yield {"change": "moved", **_place(row), "from": was["split"]}
    room -= min(room, len(found.moved[0]))
    for row in _rows(new, found.added[:room]):
        yield {"change": "added", **_place(row)}


def _rows(table: Table, positions: Positions) -> list[dict[str, Any]]:
    if not len(positions):
        return []
    found: list[dict[str, Any]] = table.to_lance().take(positions.tolist(), columns=list(_SHOWN)).to_pylist()
    return found


def _place(row: dict[str, Any]) -> dict[str, Any]:
    origin = row["origins"][0]
    return {name: row[name] for name in ("example_id", "split")} | {n: origin[n] for n in ("uri", "place", "field")}


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
