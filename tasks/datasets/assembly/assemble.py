"""Every row that was read is kept or rejected, once, with its origins and with what checks say of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.assembly.compare import digest_keys
from freshet.tasks.datasets.assembly.digest import MultisetHash
from freshet.tasks.datasets.assembly.evidence import lay_places, name_places
from freshet.tasks.datasets.assembly.lookup import RowLookup
from freshet.tasks.datasets.assembly.merges import ORIGIN, Merges, find_merges, join_origins
from freshet.tasks.datasets.assembly.tallies import Tallies
from freshet.tasks.datasets.copies.repeats import find_repeats
from freshet.tasks.datasets.split import NOWHERE, SIDES, Sides, count_sides
from freshet.tasks.datasets.stage import row_schema
from freshet.tasks.errors import StoreError
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.stage import Alive, Stage
    from freshet.tasks.settings.datasets import Dataset

BATCH_ROWS = 10_000

WITHHELD = frozenset({"USE-TRAINING", "USE-AUDIENCE", "USE-LICENCE", "USE-DOCUMENT", "ROW-PERSONAL", "ROW-SECRET"})
"""Rows with one of these keep their place in the record, and lose their content: it may not be held."""

UNSTEADY = frozenset({"LABEL-SUSPECT"})
"""What a model says: in the last digits it is another thing on another machine, so that no digest depends on it."""

_PLACE = ("row", "input", "uri", "source_version", "place", "field")
_UNREAD = (*_PLACE, "raw")
_SAID = ("row", "code", "severity", "evidence")


@dataclass(frozen=True)
class Settled:
    """What became of the rows of a build: two files of rows, and what was counted while they were written.

    Attributes:
        folder: where the files are, on this machine's disk.
        rows: `read`, `kept`, `rejected`, `by_code`.
        splits: by side: `rows`, `groups`, `share`.
        sources: by file: `input`, `uri`, `source_version`, `rows_read`, `rows_kept`, `licence`, `owner`, `uses`.
        documents: how many distinct documents the kept rows derive from.
        marked: kept rows by rule that marks them without keeping them out.
        licences: kept rows by licence.
        classes: by class and side: kept rows.
        without_group: rows that lack what the split groups by.
        rows_digest: over the kept rows and their sides, in no order.
        record_digest: over what is on record of every row, kept or not, in no order.
    """

    folder: str
    rows: dict[str, Any]
    splits: dict[str, dict[str, Any]]
    sources: list[dict[str, Any]]
    documents: int
    marked: dict[str, int]
    licences: dict[str, int]
    classes: dict[str, dict[str, int]]
    without_group: int
    rows_digest: str
    record_digest: str

    def kept(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The kept rows in canonical order, batch by batch; columns of `schemas.examples()`."""
        return _read(Path(self.folder) / "kept.arrow", columns)

    def rejected(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rejected rows in canonical order, batch by batch; columns of `schemas.rejected_rows()`."""
        return _read(Path(self.folder) / "rejected.arrow", columns)

    @classmethod
    def load(cls, folder: Path) -> Settled:
        """What an earlier step of the build settled."""
        return cls(**{**json.loads((folder / "settled.json").read_text("utf-8")), "folder": str(folder)})


def settle(stage: Stage, rows: int, sides: Sides, name: str, declared: Dataset) -> Settled:
    """Settles a build's rows into `settled/` of its work folder, in place of what stood there.

    Memory: some four bytes a row, some 60 for each row that is a copy, and one batch.

    Args:
        rows: how many were read, sound or not.
        name: the dataset's name, part of every example's id.

    Raises:
        StoreError: a row is neither kept nor rejected, or is both; a row that was not read has no code; a kept row has
            no side. Each is a fault of a step before.
    """
    import pyarrow as pa

    folder = stage.folder / "settled"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    alive = stage.alive(rows)
    work = _Work(stage, alive, sides, name, declared, folder)
    with (
        pa.ipc.new_file(folder / "kept.arrow", schemas.examples()) as kept,
        pa.ipc.new_file(folder / "rejected.arrow", schemas.rejected_rows()) as rejected,
    ):
        for staged, unread in _in_order(stage, work.unread, rows):
            kept.write_table(work.kept(staged.filter(pa.array(alive[staged["row"].to_numpy()]))))
            out = staged.filter(pa.array(~alive[staged["row"].to_numpy()])).select([*_PLACE, "digest", "content"])
            rejected.write_table(
                work.rejected(pa.concat_tables([out, unread], promote_options="default").sort_by("row"))
            )
    work.account(rows)
    counted = work.tallies
    settled = Settled(
        folder=str(folder),
        rows={"read": rows, "kept": counted.kept, "rejected": counted.rejected, "by_code": counted.by_code()},
        splits=count_sides(sides, alive),
        sources=counted.sources(declared),
        documents=counted.documents(),
        marked=counted.marked(),
        licences=counted.licences(),
        classes=counted.classes(),
        without_group=sides.without_group,
        rows_digest=work.rows_hash.hexdigest(),
        record_digest=work.record_hash.hexdigest(),
    )
    (folder / "settled.json").write_text(json.dumps(asdict(settled), ensure_ascii=False), "utf-8")
    return settled


class _Work:
    """The state of one settling: what is looked up per batch, and what is counted over all of them."""

    def __init__(self, stage: Stage, alive: Alive, sides: Sides, name: str, declared: Dataset, folder: Path) -> None:
        self._alive, self._sides, self._name, self._format = alive, sides, name, declared.format
        self._verdicts = RowLookup(sorted(stage.folder.glob("findings-*.arrow")), _SAID)
        self._origins = RowLookup(stage.row_files(), ("row", *ORIGIN))
        self._places = lay_places(stage, self._origins)
        self.unread = RowLookup(sorted(stage.folder.glob("unread-*.arrow")), _UNREAD)
        self._merges: Merges = find_merges(stage, alive)
        self._ids = _Ids(stage, alive, name)
        self._seen = np.zeros(len(alive), dtype=np.int8)
        self.tallies = Tallies(folder)
        self.rows_hash, self.record_hash = MultisetHash(), MultisetHash()

    def kept(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        rows = table["row"].to_numpy()
        self._seen[rows] += 1
        side = self._sides.side[rows]
        if np.any(side == NOWHERE):
            row = int(rows[side == NOWHERE][0])
            raise StoreError(f"row {row} is kept and on no side of the split", "It is a fault of Freshet: report it.")
        splits, digests = [SIDES[i] for i in side], table["digest"].to_pylist()
        group = np.asarray(self._sides.group[rows])
        self._sides.let_go()
        origins = join_origins(table, self._merges, self._origins)
        said = self._said(rows)
        verdicts = [json_of(one) for one in said]
        steady = [json_of([each for each in one if each[0] not in UNSTEADY]) for one in said]
        self.rows_hash.add(f"{split}\n{digest}" for split, digest in zip(splits, digests, strict=True))
        given = ("digest", "transforms", "licence", "owner", "uses", "acl")
        self.record_hash.add(_records("kept", [*(table[one].to_pylist() for one in given), origins.lists, steady]))
        self.tallies.add_kept(table, splits, [{code for code, _, _ in one} for one in said])
        columns: dict[str, Any] = {
            "example_id": self._ids.of(rows, digests),
            "split": splits,
            "group": group,
            "format": [self._format] * len(rows),
            "origins": origins.column,
            "verdicts": verdicts,
        }
        schema = schemas.examples()
        return pa.Table.from_arrays(
            [_array(columns.get(one.name, table[one.name] if one.name in table.column_names else None), one.type)
             for one in schema],
            schema=schema,
        )  # fmt: skip

    def rejected(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        rows = table["row"].to_numpy()
        self._seen[rows] += 1
        said = self._said(rows)
        codes = [sorted({code for code, severity, _ in one if severity == "block"}) for one in said]
        for row, some in zip(rows, codes, strict=True):
            if not some:
                raise StoreError(f"row {row} is left out without a reason", "It is a fault of Freshet: report it.")
        held = pa.array([WITHHELD.isdisjoint(some) for some in codes], pa.bool_())
        columns: dict[str, Any] = {
            "content": _where(held, table["content"]),
            "raw": _where(held, table["raw"]) if "raw" in table.column_names else pa.nulls(len(rows), pa.string()),
            "codes": codes,
            "verdicts": [json_of(one) for one in said],
        }
        place = ("input", "uri", "source_version", "place", "field", "digest")
        given = [*(table[one].to_pylist() for one in place), codes, columns["verdicts"]]
        self.record_hash.add(_records("rejected", given))
        self.tallies.add_rejected(table, codes)
        schema = schemas.rejected_rows()
        return pa.Table.from_arrays(
            [_array(columns.get(one.name, table[one.name] if one.name not in columns else None), one.type)
             for one in schema],
            schema=schema,
        )  # fmt: skip

    def _said(self, rows: NDArray[np.int64]) -> list[list[tuple[str, str, str]]]:
        """What checks say of each row: code, severity, evidence, in an order that no step's order comes into.

        Other rows are named by their places.
        """
        counts, found = self._verdicts.count(rows), self._verdicts.fetch(rows)
        said: list[list[tuple[str, str, str]]] = [[] for _ in rows]
        if found is None:
            return said
        columns = [found[name].to_pylist() for name in ("code", "severity", "evidence")]
        which = np.repeat(np.arange(len(rows)), counts).tolist()
        for index, *one in zip(which, *columns, strict=True):
            said[index].append((one[0], one[1], one[2]))
        return [sorted(set(some)) for some in name_places(said, self._places)]

    def account(self, rows: int) -> None:
        """Raises where a row is in neither file, or in both."""
        wrong = np.flatnonzero(self._seen != 1)
        if len(wrong):
            how = "neither kept nor rejected" if self._seen[wrong[0]] == 0 else "settled twice"
            raise StoreError(
                f"{len(wrong)} of {rows} rows do not add up: row {wrong[0]} is {how}",
                "It is a fault of Freshet: report it.",
            )


class _Ids:
    """Ids of examples. In memory are only rows whose digest came before."""

    def __init__(self, stage: Stage, alive: Alive, name: str) -> None:
        self._name = name
        kept = stage.batches(("row", "digest"), alive)
        keyed = ((digest_keys(table["digest"].to_pylist()), table["row"].to_numpy()) for table in kept)
        self._repeats = find_repeats(keyed, stage.folder)

    def of(self, rows: NDArray[np.int64], digests: list[str]) -> list[str]:
        from hashlib import sha256

        named = zip(digests, self._repeats.of(rows).tolist(), strict=True)
        return [sha256(f"{self._name}\n{digest}\n{before}".encode()).hexdigest()[:32] for digest, before in named]


def _in_order(stage: Stage, unread: RowLookup, rows: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Staged rows, and the unread ones that stand before or between them, in ascending order of their numbers."""
    import pyarrow as pa

    none, done = pa.table({"row": pa.array([], pa.int64())}), -1
    nobody = row_schema().empty_table()
    for table in stage.batches():
        numbers = table["row"].to_numpy()
        before, last = np.searchsorted(unread.numbers, [numbers[0], numbers[-1]])
        # Cut where many unread rows stand between those of one batch.
        borders = np.unique(np.searchsorted(numbers, unread.numbers[before:last][BATCH_ROWS - 1 :: BATCH_ROWS]))
        for start, end in zip([0, *borders], [*borders, len(numbers)], strict=True):
            *earlier, latest = [*unread.between(done, int(numbers[end - 1]), BATCH_ROWS)] or [none]
            for some in earlier:
                yield nobody, some
            yield table.slice(start, end - start), latest
            done = int(numbers[end - 1])
    for some in unread.between(done, rows, BATCH_ROWS):
        yield nobody, some


def json_of(said: list[tuple[str, str, str]]) -> str:
    """Verdicts as JSON; their evidence is JSON already."""
    texts = (f'{{"code":"{code}","severity":"{severity}","evidence":{given}}}' for code, severity, given in said)
    return f"[{','.join(texts)}]"


def _records(kind: str, columns: list[list[Any]]) -> Iterator[str]:
    for values in zip(*columns, strict=True):
        yield json.dumps([kind, *values], ensure_ascii=False)


def _where(mask: pa.Array, column: pa.ChunkedArray) -> pa.Array:
    """The column with null where the mask says no, and nothing of those values in any buffer behind it."""
    import pyarrow as pa

    values = zip(mask.to_pylist(), column.to_pylist(), strict=True)
    return pa.array([value if held else None for held, value in values], column.type)


def _array(values: Any, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    import pyarrow as pa

    return values if isinstance(values, pa.ChunkedArray | pa.Array) else pa.array(values, kind)


def _read(file: Path, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    import pyarrow as pa

    # Read, not mapped: pages of a mapped file look like memory of the process.
    with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            table = pa.Table.from_batches([reader.get_batch(index)])
            if table.num_rows:
                yield table if columns is None else table.select(list(columns))
