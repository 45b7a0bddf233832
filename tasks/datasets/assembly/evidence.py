"""Evidence that names another row: by the row's number during the build, and by the row's place in its file for good.

A row number means nothing once the build is over, and changes as soon as an earlier file gains a row.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.assembly.lookup import RowLookup
from freshet.tasks.errors import StoreError
from freshet.tasks.lineage.places import row_place

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.stage import Stage

Said = tuple[str, str, str]
"""A verdict on a row: its code, its severity, and its evidence as JSON."""

REFERRING = frozenset({"COPY-EXACT", "COPY-NEAR", "COPY-PROMPT", "CONFLICT-LABEL", "CONFLICT-ANSWER"})
"""Rules whose evidence names another row, in `of`."""

_AT_A_TIME = 50_000
"""Places that are looked up and written at a time."""


def lay_places(stage: Stage, staged: RowLookup) -> RowLookup:
    """Writes the place of every row that evidence names into a file, and returns a look-up of that file.

    In the file the places lie close together, while the named rows may be strewn over all files of the stage, so that
    looking places up batch by batch reads little.

    Memory: 8 bytes for each time that a row is named, 16 for each such row, and some ten thousand places.

    Args:
        staged: finds staged rows, with at least `row`, `uri`, `place` and `field`.

    Returns:
        A look-up with the columns `row`, the row number, and `place`, which names file, place and field in one text.

    Raises:
        StoreError: a row that is named was not staged.
    """
    import pyarrow as pa

    numbers, file = _named(stage), stage.folder / "named.arrow"
    schema = pa.schema([pa.field("row", pa.int64()), pa.field("place", pa.string())])
    with pa.ipc.new_file(file, schema) as sink:
        for start in range(0, len(numbers), _AT_A_TIME):
            some = numbers[start : start + _AT_A_TIME]
            sink.write_table(pa.table({"row": some, "place": _places(some, staged)}, schema=schema))
    return RowLookup([file], ("row", "place"))


def name_places(said: list[list[Said]], places: RowLookup) -> list[list[Said]]:
    """Returns the verdicts on the rows of a batch with `of` naming the place of the other row instead of its number.

    Args:
        said: for each row of the batch, the verdicts on it.
        places: the look-up that `lay_places` returned.
    """
    found = {given: _other(given) for some in said for code, _, given in some if code in REFERRING}
    table = places.fetch(np.unique(np.array([row for _, row in found.values() if row is not None], dtype=np.int64)))
    known = {} if table is None else dict(zip(table["row"].to_pylist(), table["place"].to_pylist(), strict=True))
    named = {
        given: given if row is None else json.dumps({**one, "of": known[row]}, sort_keys=True, ensure_ascii=False)
        for given, (one, row) in found.items()
    }
    return [
        [(code, severity, named[given] if code in REFERRING else given) for code, severity, given in some]
        for some in said
    ]


def _other(given: str) -> tuple[dict[str, Any], int | None]:
    """Returns the evidence, and the number of the row that the evidence names."""
    evidence: dict[str, Any] = json.loads(given)
    return evidence, evidence.get("of")


def _named(stage: Stage) -> NDArray[np.int64]:
    """Returns the numbers of all rows that evidence names, ascending, once each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [np.zeros(0, np.int64)]
    for table in stage.findings():
        evidence = table.filter(pc.is_in(table["code"], pa.array(sorted(REFERRING))))["evidence"].to_pylist()
        rows = (_other(given)[1] for given in evidence)
        found.append(np.unique(np.array([row for row in rows if row is not None], dtype=np.int64)))
    return np.unique(np.concatenate(found))


def _places(numbers: NDArray[np.int64], staged: RowLookup) -> pa.Array:
    import pyarrow as pa

    lost = numbers[staged.count(numbers) != 1]
    if len(lost):
        raise StoreError(f"row {lost[0]} is named by another and not staged", "It is a fault of Freshet: report it.")
    table = staged.fetch(numbers)
    assert table is not None
    columns = (table[name].to_pylist() for name in ("uri", "place", "field"))
    return pa.array([row_place(uri, place, field) for uri, place, field in zip(*columns, strict=True)], pa.string())
