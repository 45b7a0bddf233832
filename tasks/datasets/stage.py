"""The rows of one build on their way: files in a work folder, so that memory depends on the batch.

The rows are written once, in canonical order: by the input's name, the file's address and the place within it. What a
later step finds is written beside them, never into them; `alive` are the rows that nothing found so far keeps out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

RowVerdict = tuple[int, Verdict]
"""A verdict and the number of the row that it is about."""

Alive = NDArray[np.bool_]
"""By number of the row: whether nothing keeps it out."""

Judge = Callable[[Verdict], Verdict | None]
"""A verdict as the dataset's tuning has it; None where it has switched that rule off."""


def row_schema() -> pa.Schema:
    """A staged row.

    `row` numbers every row that was read, sound or not, from 0. `place` is the line or the row in its file, from 1;
    `field` says where in it, for files that nest. `document` is the document that the row derives from, as its file
    names it; `corpus`, `doc_id`, `doc_version` and `chunk_ids` where that is a document of a corpus. `start` and `end`
    are the characters of the document that the answer cites. `prompt`, `answer` and `other` are the texts of
    `datasets/shapes/example.py`, `passage` the cited passage. `label` is the class of a row that has one, `group`
    the value of the column that splits go by.
    """
    import pyarrow as pa

    text, strings = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("input", text, nullable=False),
            pa.field("uri", text, nullable=False),
            pa.field("source_version", text, nullable=False),
            pa.field("place", pa.int64(), nullable=False),
            pa.field("field", text),
            pa.field("document", text),
            pa.field("corpus", text),
            pa.field("doc_id", text),
            pa.field("doc_version", text),
            pa.field("chunk_ids", strings, nullable=False),
            pa.field("start", pa.int64()),
            pa.field("end", pa.int64()),
            pa.field("content", text, nullable=False),
            pa.field("digest", text, nullable=False),
            pa.field("prompt", text, nullable=False),
            pa.field("answer", text, nullable=False),
            pa.field("other", text),
            pa.field("passage", text),
            pa.field("label", text),
            pa.field("group", text),
            pa.field("transforms", strings, nullable=False),
            pa.field("licence", text, nullable=False),
            pa.field("owner", text, nullable=False),
            pa.field("uses", strings, nullable=False),
            pa.field("acl", strings, nullable=False),
        ]
    )


def finding_schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("code", pa.string(), nullable=False),
            pa.field("severity", pa.string(), nullable=False),
            pa.field("evidence", pa.string(), nullable=False),
        ]
    )


class Stage:
    """The files of one build.

    Args:
        folder: the work folder of the build, on this machine's disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def row_files(self) -> list[Path]:
        """The files of rows, in canonical order."""
        return sorted(self.folder.glob("rows-*.arrow"))

    def write_rows(self, part: int, tables: Iterable[pa.Table]) -> int:
        """Writes the rows of one part of the inputs, and returns how many. Parts are read in order of their number."""
        import pyarrow as pa

        self.folder.mkdir(parents=True, exist_ok=True)
        rows = 0
        with pa.ipc.new_file(self.folder / f"rows-{part:06d}.arrow", row_schema()) as sink:
            for table in tables:
                sink.write_table(table)
                rows += table.num_rows
        return rows

    def batches(self, columns: Sequence[str] | None = None, alive: Alive | None = None) -> Iterator[pa.Table]:
        """The rows batch by batch, in canonical order.

        Args:
            columns: those to read; all by default.
            alive: leave out the rows for which this is False.
        """
        import pyarrow as pa

        for file in self.row_files():
            with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
                for number in range(reader.num_record_batches):
                    table = pa.Table.from_batches([reader.get_batch(number)])
                    if alive is not None:
                        table = table.filter(pa.array(alive[table["row"].to_numpy()]))
                    if table.num_rows:
                        yield table if columns is None else table.select(list(columns))

    def record(self, step: str, found: Iterable[RowVerdict], judge: Judge) -> dict[str, int]:
        """Writes what a step found, as the dataset has tuned it, and returns how often each rule was broken.

        Findings of a step that ran before are replaced.
        """
        import pyarrow as pa

        self.folder.mkdir(parents=True, exist_ok=True)
        counts: dict[str, int] = {}
        with pa.ipc.new_file(self.folder / f"findings-{step}.arrow", finding_schema()) as sink:
            waiting: list[dict[str, Any]] = []
            for row, verdict in found:
                tuned = judge(verdict)
                if tuned is None:
                    continue
                counts[tuned.code] = counts.get(tuned.code, 0) + 1
                evidence = json.dumps(tuned.evidence, sort_keys=True, ensure_ascii=False)
                waiting.append({"row": row, "code": tuned.code, "severity": tuned.severity, "evidence": evidence})
                if len(waiting) >= 10_000:
                    sink.write_table(pa.Table.from_pylist(waiting, finding_schema()))
                    waiting.clear()
            sink.write_table(pa.Table.from_pylist(waiting, finding_schema()))
        return counts

    def findings(self, severity: str | None = None) -> Iterator[pa.Table]:
        """What all steps found, batch by batch; of one severity, if asked."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for file in sorted(self.folder.glob("findings-*.arrow")):
            with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
                for number in range(reader.num_record_batches):
                    table = self._overruled(pa.Table.from_batches([reader.get_batch(number)]))
                    yield table if severity is None else table.filter(pc.equal(table["severity"], severity))

    def overrule(self, decided: Mapping[int, Collection[str]]) -> None:
        """Makes notes of what steps find, or will find, under these rules of these rows: a person decided so."""
        self.folder.mkdir(parents=True, exist_ok=True)
        listed = {str(row): sorted(codes) for row, codes in sorted(decided.items())}
        (self.folder / "overruled.json").write_text(json.dumps(listed))

    @cached_property
    def _decided(self) -> dict[int, frozenset[str]]:
        file = self.folder / "overruled.json"
        listed = json.loads(file.read_text()) if file.exists() else {}
        return {int(row): frozenset(codes) for row, codes in listed.items()}

    def _overruled(self, table: pa.Table) -> pa.Table:
        """The findings with the severity `note` where a person overruled them."""
        import pyarrow as pa

        if not self._decided:
            return table
        rows, codes = table["row"].to_pylist(), table["code"].to_pylist()
        none: frozenset[str] = frozenset()
        severities = [
            "note" if code in self._decided.get(row, none) else severity
            for row, code, severity in zip(rows, codes, table["severity"].to_pylist(), strict=True)
        ]
        return table.set_column(2, table.schema.field("severity"), pa.array(severities, pa.string()))

    def alive(self, rows: int) -> Alive:
        """Which of so many rows nothing found so far keeps out."""
        mask = np.ones(rows, dtype=np.bool_)
        for table in self.findings("block"):
            mask[table["row"].to_numpy()] = False
        return mask
