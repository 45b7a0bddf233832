"""Decides of every row that was read whether it is kept or rejected, once, and writes it with origins and verdicts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.datasets.assembly.assembled import KEPT, REJECTED, Assembled
from freshet.tasks.datasets.assembly.compare import digest_keys
from freshet.tasks.datasets.assembly.digest import MultisetHash
from freshet.tasks.datasets.assembly.evidence import Said, lay_places, name_places
from freshet.tasks.datasets.assembly.lookup import RowLookup
from freshet.tasks.datasets.assembly.merges import ORIGIN, Merges, find_merges, join_origins
from freshet.tasks.datasets.assembly.tallies import Tallies
from freshet.tasks.datasets.copies.repeats import find_repeats
from freshet.tasks.datasets.split import NO_SPLIT, SPLITS, Splits, count_splits
from freshet.tasks.datasets.stage import row_schema
from freshet.tasks.errors import StoreError
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.store import schemas

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.datasets.stage import Mask, Stage
    from freshet.tasks.settings.datasets import Dataset

BATCH_ROWS = 10_000
"""Unread rows that are taken together at most."""

WITHHELD = frozenset({"USE-TRAINING", "USE-AUDIENCE", "USE-LICENCE", "USE-DOCUMENT", "ROW-PERSONAL", "ROW-SECRET"})
"""Rows that one of these rejects keep their place in the record and lose their content, which may not be held."""

UNSTEADY = frozenset({"LABEL-SUSPECT"})
"""Verdicts that a model gives. In their last digits they differ from machine to machine, so no digest is over them."""

_PLACE = ("row", "input", "uri", "source_version", "place", "field")
_UNREAD = (*_PLACE, "raw")
_FINDING = ("row", "code", "severity", "evidence")


def assemble(stage: Stage, rows: int, splits: Splits, name: str, declared: Dataset) -> Assembled:
    """Writes the kept and the rejected rows of a build into `assembled/` of its work folder, in place of earlier ones.

    Memory: some four bytes a row, some 60 for each row that is a copy, and one batch.

    Args:
        rows: the number of rows that were read, sound or not.
        name: the dataset's name, which is part of every example's id.
        declared: the dataset's settings.

    Raises:
        StoreError: a row is neither kept nor rejected, or is both; a rejected row has no code; a kept row has no split.
            Each is a fault of an earlier step.
    """
    import pyarrow as pa

    folder = stage.folder / "assembled"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    mask = stage.mask(rows)
    work = _Work(stage, mask, splits, name, declared, folder)
    with (
        pa.ipc.new_file(folder / KEPT, schemas.examples()) as kept,
        pa.ipc.new_file(folder / REJECTED, schemas.rejected_rows()) as rejected,
    ):
        for staged, unread in _in_order(stage, work.unread, rows):
            kept.write_table(work.kept(staged.filter(pa.array(mask[staged["row"].to_numpy()]))))
            out = staged.filter(pa.array(~mask[staged["row"].to_numpy()])).select([*_PLACE, "digest", "content"])
            rejected.write_table(
                work.rejected(pa.concat_tables([out, unread], promote_options="default").sort_by("row"))
            )
    work.check_all_written(rows)
    counted = work.tallies
    assembled = Assembled(
        folder=str(folder),
        rows={"read": rows, "kept": counted.kept, "rejected": counted.rejected, "by_code": counted.by_code()},
        splits=count_splits(splits, mask),
        sources=counted.sources(declared),
        documents=counted.documents(),
        marked=counted.marked(),
        licences=counted.licences(),
        classes=counted.classes(),
        without_group=splits.without_group,
        rows_digest=work.rows_hash.hexdigest(),
        record_digest=work.record_hash.hexdigest(),
    )
    assembled.save()
    return assembled


class _Work:
    """The state of one call of `assemble`: what is looked up for each batch, and what is counted over all batches."""

    def __init__(self, stage: Stage, mask: Mask, splits: Splits, name: str, declared: Dataset, folder: Path) -> None:
        self._splits, self._format = splits, declared.format
        self._verdicts = RowLookup(sorted(stage.folder.glob("findings-*.arrow")), _FINDING)
        self._origins = RowLookup(stage.row_files(), ("row", *ORIGIN))
        self._places = lay_places(stage, self._origins)
        self.unread = RowLookup(sorted(stage.folder.glob("unread-*.arrow")), _UNREAD)
        self._merges: Merges = find_merges(stage, mask)
        self._ids = _Ids(stage, mask, name)
        self._written = np.zeros(len(mask), dtype=np.int8)
        self.tallies = Tallies(folder)
        self.rows_hash, self.record_hash = MultisetHash(), MultisetHash()

    def kept(self, table: pa.Table) -> pa.Table:
        """Returns kept rows as rows of `schemas.examples()`, and counts them."""
        rows = table["row"].to_numpy()
        self._written[rows] += 1
        split = self._splits.split[rows]
        if np.any(split == NO_SPLIT):
            row = int(rows[split == NO_SPLIT][0])
            raise StoreError(f"row {row} is kept and on no side of the split", "It is a fault of Freshet: report it.")
        splits, digests = [SPLITS[i] for i in split], table["digest"].to_pylist()
        group = np.asarray(self._splits.group[rows])
        self._splits.release()
        origins = join_origins(table, self._merges, self._origins)
        said = self._said(rows)
        steady = [_verdicts_json([each for each in one if each[0] not in UNSTEADY]) for one in said]
        self.rows_hash.add(f"{split}\n{digest}" for split, digest in zip(splits, digests, strict=True))
        given = [table[one].to_pylist() for one in ("digest", "transforms", "licence", "owner", "uses")]
        self.record_hash.add(_records("kept", [*given, _access(table), origins.lists, steady]))
        self.tallies.add_kept(table, splits, [{code for code, _, _ in one} for one in said])
        columns: dict[str, Any] = {
            "example_id": self._ids.of(rows, digests),
            "split": splits,
            "group": group,
            "format": [self._format] * len(rows),
            "origins": origins.column,
            "verdicts": [_verdicts_json(one) for one in said],
        }
        return _table(schemas.examples(), columns, table)

    def rejected(self, table: pa.Table) -> pa.Table:
        """Returns rejected rows as rows of `schemas.rejected_rows()`, and counts them."""
        import pyarrow as pa

        rows = table["row"].to_numpy()
        self._written[rows] += 1
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
            "verdicts": [_verdicts_json(one) for one in said],
        }
        place = ("input", "uri", "source_version", "place", "field", "digest")
        given = [*(table[one].to_pylist() for one in place), codes, columns["verdicts"]]
        self.record_hash.add(_records("rejected", given))
        self.tallies.add_rejected(table, codes)
        return _table(schemas.rejected_rows(), columns, table)

    def _said(self, rows: NDArray[np.int64]) -> list[list[Said]]:
        """Returns the verdicts on each row, sorted, so that the order of the steps does not show.

        Evidence names other rows by their places.
        """
        counts, found = self._verdicts.count(rows), self._verdicts.fetch(rows)
        said: list[list[Said]] = [[] for _ in rows]
        if found is None:
            return said
        columns = [found[name].to_pylist() for name in ("code", "severity", "evidence")]
        which = np.repeat(np.arange(len(rows)), counts).tolist()
        for index, *one in zip(which, *columns, strict=True):
            said[index].append((one[0], one[1], one[2]))
        return [sorted(set(some)) for some in name_places(said, self._places)]

    def check_all_written(self, rows: int) -> None:
        """Checks that every row is in one of the two files, and in no more than one.

        Raises:
            StoreError: a row is in neither file, or was written twice.
        """
        wrong = np.flatnonzero(self._written != 1)
        if len(wrong):
            how = "neither kept nor rejected" if self._written[wrong[0]] == 0 else "written twice"
            raise StoreError(
                f"{len(wrong)} of {rows} rows do not add up: row {wrong[0]} is {how}",
                "It is a fault of Freshet: report it.",
            )


class _Ids:
    """Gives examples their ids. It holds in memory only the rows whose digest an earlier row has as well."""

    def __init__(self, stage: Stage, mask: Mask, name: str) -> None:
        self._name = name
        kept = stage.batches(("row", "digest"), mask)
        keyed = ((digest_keys(table["digest"].to_pylist()), table["row"].to_numpy()) for table in kept)
        self._repeats = find_repeats(keyed, stage.folder)

    def of(self, rows: NDArray[np.int64], digests: list[str]) -> list[str]:
        """Returns the id of each row: a pure function of dataset, digest and occurrence of the digest."""
        from hashlib import sha256

        named = zip(digests, self._repeats.of(rows).tolist(), strict=True)
        return [sha256(f"{self._name}\n{digest}\n{before}".encode()).hexdigest()[:32] for digest, before in named]


def _in_order(stage: Stage, unread: RowLookup, rows: int) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yields staged rows with the unread rows before or between them, in ascending order of the row numbers."""
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


def _verdicts_json(said: list[Said]) -> str:
    """Returns verdicts as JSON; their evidence is JSON already."""
    texts = (f'{{"code":"{code}","severity":"{severity}","evidence":{given}}}' for code, severity, given in said)
    return f"[{','.join(texts)}]"


def _records(kind: str, columns: list[list[Any]]) -> Iterator[str]:
    for values in zip(*columns, strict=True):
        yield json.dumps([kind, *values], ensure_ascii=False)


def _access(table: pa.Table) -> list[list[str] | dict[str, Any]]:
    """Returns who may see each row, as settings state it, since a digest over lists is what it always was."""
    texts = table["access"].to_pylist()
    said = {text: Expression.read(text).said for text in set(texts)}
    return [said[text] for text in texts]


def _where(held: pa.Array, column: pa.ChunkedArray) -> pa.Array:
    """Returns the column with null where `held` is False, and no trace of those values in any buffer behind it."""
    import pyarrow as pa

    values = zip(held.to_pylist(), column.to_pylist(), strict=True)
    return pa.array([value if is_held else None for is_held, value in values], column.type)


def _table(schema: pa.Schema, columns: dict[str, Any], table: pa.Table) -> pa.Table:
    """Returns a table of the schema, of given columns and, for all other columns, of those of another table."""
    import pyarrow as pa

    def array(field: pa.Field) -> pa.Array | pa.ChunkedArray:
        values = columns[field.name] if field.name in columns else table[field.name]
        return values if isinstance(values, pa.ChunkedArray | pa.Array) else pa.array(values, field.type)

    return pa.Table.from_arrays([array(field) for field in schema], schema=schema)
