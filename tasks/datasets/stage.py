"""The staged rows of one build: files in its work folder, so that memory depends on the batch and not on the rows.

The rows are written once, in canonical order: by the input's name, the file's address and the place within the file.
What a later step finds is written beside the rows, never into them. The mask of a stage says which rows no finding has
excluded so far.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.runs.run import BuildRun

RowVerdict = tuple[int, Verdict]
"""The number of a row, and a verdict about that row."""

Mask = NDArray[np.bool_]
"""For each row number, whether no finding excludes the row. Shape (rows,)."""

Judge = Callable[[Verdict], Verdict | None]
"""Returns a verdict with the severity that the dataset has tuned; None where the dataset has switched the rule off."""

_WAITING_FINDINGS = 10_000
"""Findings that are held in memory before they are written as one batch."""


def _place_fields() -> list[pa.Field]:
    """Returns the columns that say which row of which file a row is, for staged and for unread rows."""
    import pyarrow as pa

    return [
        pa.field("row", pa.int64(), nullable=False),
        pa.field("input", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("source_version", pa.string(), nullable=False),
        pa.field("place", pa.int64(), nullable=False),
        pa.field("field", pa.string()),
    ]


def row_schema() -> pa.Schema:
    """Returns the schema of a staged row.

    `row` numbers every row that was read, sound or not, from 0. `place` is the line or the row in the file, from 1;
    `field` says where in that place, for files that nest. `document` is the document that the row derives from, as the
    file names it. `corpus`, `doc_id`, `doc_version` and `chunk_ids` are set where that document belongs to a corpus.
    `start` and `end` are the characters of the document that the answer cites. `prompt`, `answer` and `other` are the
    texts of `shapes.example.Parts`; `passage` is the cited passage. `label` is the class of a row that has one.
    `group` is the value of the column that the split groups by. `access` is the text of an expression: who may see the
    row.
    """
    import pyarrow as pa

    text, strings = pa.string(), pa.list_(pa.string())
    return pa.schema(
        [
            *_place_fields(),
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
            pa.field("access", text, nullable=False),
        ]
    )


def unread_schema() -> pa.Schema:
    """Returns the schema of a row that is not staged, because it could not be read or could not be shaped.

    `raw` is what was read of the row, at most 2,000 characters. It is null where nothing was read. It is also null
    where the rows of the input are permitted document by document, since the document of such a row is not known.
    """
    import pyarrow as pa

    return pa.schema([*_place_fields(), pa.field("raw", pa.string())])


def finding_schema() -> pa.Schema:
    """Returns the schema of a finding: a verdict about one row, its evidence as JSON."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("code", pa.string(), nullable=False),
            pa.field("severity", pa.string(), nullable=False),
            pa.field("evidence", pa.string(), nullable=False),
        ]
    )


def finding(row: int, verdict: Verdict) -> dict[str, Any]:
    """Returns a verdict about a row as a row of `finding_schema`."""
    evidence = json.dumps(verdict.evidence, sort_keys=True, ensure_ascii=False)
    return {"row": row, "code": verdict.code, "severity": verdict.severity, "evidence": evidence}


class Stage:
    """The files of one build.

    Args:
        folder: the work folder of the build, on this machine's disk.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the stage; no file is touched."""
        self.folder = folder

    def row_files(self) -> list[Path]:
        """Returns the files that hold the staged rows, in canonical order."""
        return sorted(self.folder.glob("rows-*.arrow"))

    def write_rows(self, part: int, tables: Iterable[pa.Table]) -> int:
        """Writes the staged rows of one part of the inputs, and returns their number.

        Args:
            part: the number of the part; parts are read in ascending order of their numbers.
            tables: tables of `row_schema`.
        """
        import pyarrow as pa

        self.folder.mkdir(parents=True, exist_ok=True)
        rows = 0
        with pa.ipc.new_file(self.folder / f"rows-{part:06d}.arrow", row_schema()) as sink:
            for table in tables:
                sink.write_table(table)
                rows += table.num_rows
        return rows

    def batches(self, columns: Sequence[str] | None = None, mask: Mask | None = None) -> Iterator[pa.Table]:
        """Yields the staged rows batch by batch, in canonical order.

        Args:
            columns: the columns that are read; all of them by default.
            mask: rows for which the mask is False are left out.
        """
        import pyarrow as pa

        for file in self.row_files():
            with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
                for number in range(reader.num_record_batches):
                    table = pa.Table.from_batches([reader.get_batch(number)])
                    if mask is not None:
                        table = table.filter(pa.array(mask[table["row"].to_numpy()]))
                    if table.num_rows:
                        yield table if columns is None else table.select(list(columns))

    def record(self, step: str, found: Iterable[RowVerdict], judge: Judge) -> dict[str, int]:
        """Writes what a step found, as the dataset has tuned it; findings that the step left earlier are replaced.

        Returns:
            For each code, how many findings were written.
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
                waiting.append(finding(row, tuned))
                if len(waiting) >= _WAITING_FINDINGS:
                    sink.write_table(pa.Table.from_pylist(waiting, finding_schema()))
                    waiting.clear()
            sink.write_table(pa.Table.from_pylist(waiting, finding_schema()))
        return counts

    def findings(self, severity: str | None = None) -> Iterator[pa.Table]:
        """Yields the findings of all steps batch by batch; with a severity, those of that severity alone."""
        import pyarrow as pa
        import pyarrow.compute as pc

        for file in sorted(self.folder.glob("findings-*.arrow")):
            with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
                for number in range(reader.num_record_batches):
                    table = self._overruled(pa.Table.from_batches([reader.get_batch(number)]))
                    yield table if severity is None else table.filter(pc.equal(table["severity"], severity))

    def overrule(self, decided: Mapping[int, Collection[str]]) -> None:
        """Makes findings into notes, since a person decided so; findings that steps add later are made into notes too.

        Args:
            decided: by row number, the codes that are overruled for that row.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        listed = {str(row): sorted(codes) for row, codes in sorted(decided.items())}
        (self.folder / "overruled.json").write_text(json.dumps(listed))

    @cached_property
    def _decided(self) -> dict[int, frozenset[str]]:
        file = self.folder / "overruled.json"
        listed = json.loads(file.read_text()) if file.exists() else {}
        return {int(row): frozenset(codes) for row, codes in listed.items()}

    def _overruled(self, table: pa.Table) -> pa.Table:
        """Returns the findings with the severity `note` where a person overruled them."""
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

    def mask(self, rows: int) -> Mask:
        """Returns which rows no finding excludes so far. Shape (rows,).

        Args:
            rows: the number of rows that were read, sound or not.
        """
        mask = np.ones(rows, dtype=np.bool_)
        for table in self.findings("block"):
            mask[table["row"].to_numpy()] = False
        return mask

    def note(self, step: str, counted: Mapping[str, Any]) -> None:
        """Keeps what a step counted, which is JSON, for later steps of the build."""
        (self.folder / f"counted-{step}.json").write_text(json.dumps(counted))

    def noted(self, step: str) -> dict[str, Any]:
        """Returns what a step counted; an empty dictionary where the step did not run."""
        file = self.folder / f"counted-{step}.json"
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found


def stage_of(run: BuildRun) -> Stage:
    """Returns the stage of a build."""
    return Stage(run.folder)


def clear_stage(run: BuildRun) -> None:
    """Empties the stage of a build; what an earlier build left there is deleted."""
    drop_stage(run)
    run.folder.mkdir(parents=True, exist_ok=True)


def drop_stage(run: BuildRun) -> None:
    """Deletes the staged rows from the disk, since rows among them may not be held."""
    shutil.rmtree(run.folder, ignore_errors=True)
