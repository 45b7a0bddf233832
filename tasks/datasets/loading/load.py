"""Loads files of rows into staged rows, batch by batch: memory holds one batch, whatever the files hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.inputs.read import read_rows
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow
from freshet.tasks.datasets.loading.reader import FileReader
from freshet.tasks.datasets.origins.permission import Permissions
from freshet.tasks.datasets.stage import RowVerdict, Stage, finding, finding_schema, row_schema, unread_schema
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.datasets import Dataset, RowsInput
from freshet.tasks.store.tables import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.settings.file import Project

BATCH = 2_000
"""Rows that are held at once, where they are not long."""

MOST_CHARACTERS = 8_000_000
"""Characters of text at which a batch is closed."""


@dataclass(frozen=True)
class LoadedPart:
    """What came of the files of one part.

    Attributes:
        next_row: the number of the first row of the next part.
        rows_read: how many rows were read, sound or not; each has a number.
        rows_written: how many rows were staged; the others are in `unread-<part>.arrow`.
        counts: verdicts by code, with the severities of the rule book.
        ledgers: by corpus, the version of the document ledger that was asked.
    """

    next_row: int
    rows_read: int
    rows_written: int
    counts: Mapping[str, int]
    ledgers: Mapping[str, int]


def unread_file(stage: Stage, part: int) -> Path:
    """Returns the file of the rows of a part that could not be staged."""
    return stage.folder / f"unread-{part:06d}.arrow"


def unreadable_files(stage: Stage) -> set[str]:
    """Returns the addresses of files of which no row could be read; what is wrong with such a file is at place 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: set[str] = set()
    for file in sorted(stage.folder.glob("unread-*.arrow")):
        with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as reader:
            for number in range(reader.num_record_batches):
                batch = reader.get_batch(number)
                found.update(batch.filter(pc.equal(batch["place"], 0))["uri"].to_pylist())
    return found


def loaded_verdicts(stage: Stage, part: int) -> Iterator[RowVerdict]:
    """Yields the verdicts that loading a part gave, in order of the rows."""
    import pyarrow as pa

    with pa.memory_map(str(_verdicts_file(stage, part))) as source, pa.ipc.open_file(source) as reader:
        for number in range(reader.num_record_batches):
            for row in reader.get_batch(number).to_pylist():
                yield row["row"], Verdict(row["code"], row["severity"], json.loads(row["evidence"]))


def _verdicts_file(stage: Stage, part: int) -> Path:
    return stage.folder / f"loaded-{part:06d}.arrow"


def load_part(
    files: Sequence[InputFile],
    dataset: Dataset,
    project: Project,
    first_row: int,
    stage: Stage,
    part: int,
    *,
    store: Store | None = None,
    batch: int = BATCH,
    past: datetime | None = None,
) -> LoadedPart:
    """Reads files and stages their rows; a part that was loaded before is replaced.

    Beside the staged rows it writes the rows that could not be staged, and the verdicts that `loaded_verdicts` yields.

    Args:
        files: the files in canonical order: by the input's name, then by uri.
        first_row: the number of the first row.
        part: the number of this part of the inputs.
        store: the store of the corpora; by default the project's.
        batch: how many rows are held at once; what is written does not depend on it.
        past: the moment that corpora are read as of; by default they are read as they are now.

    Raises:
        SettingsError: a corpus that an input derives from was never refreshed.
        SourceError: a file can no longer be read.
    """
    import pyarrow as pa

    stage.folder.mkdir(parents=True, exist_ok=True)
    loader = _Loader(dataset, project, store or store_of(project), first_row, batch, past)
    with (
        pa.ipc.new_file(unread_file(stage, part), unread_schema()) as unread,
        pa.ipc.new_file(_verdicts_file(stage, part), finding_schema()) as verdicts,
    ):
        written = stage.write_rows(part, loader.tables(files, unread, verdicts))
    return LoadedPart(
        loader.next_row, loader.next_row - first_row, written, dict(sorted(loader.counts.items())), loader.ledgers
    )


@dataclass
class _Loader:
    """Loads the files of one part, and counts on the way."""

    dataset: Dataset
    project: Project
    store: Store
    next_row: int
    batch: int
    past: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    ledgers: dict[str, int] = field(default_factory=dict)

    def tables(self, files: Sequence[InputFile], unread: Any, verdicts: Any) -> Iterator[pa.Table]:
        """Yields the staged rows; writes the rows that are not staged, and the verdicts, into two sinks on the way."""
        import pyarrow as pa

        inputs = {given.called: given for given in self.dataset.inputs}
        known: dict[str, Permissions] = {}
        for file in files:
            given = inputs[file.input]
            if file.input not in known:
                known[file.input] = self._permissions(given)
            reader = FileReader(self.dataset, given, known[file.input], file)
            for rows in _batched(read_rows(file, int(given.max_line), given.shape), self.batch):
                staged = reader.stage(rows, self.next_row)
                self.next_row += len(rows)
                found = sorted(reader.verdicts, key=lambda one: one[0])
                self.counts.update(one.code for _, one in found)
                verdicts.write_table(pa.Table.from_pylist([finding(*one) for one in found], finding_schema()))
                unread.write_table(pa.Table.from_pylist(reader.unread, unread_schema()))
                if staged:
                    yield pa.Table.from_pylist(staged, row_schema())

    def _permissions(self, given: RowsInput) -> Permissions:
        permissions = Permissions(given, self.dataset, self.project, self.store, past=self.past)
        if permissions.ledger is not None:
            self.ledgers[permissions.ledger.corpus] = permissions.ledger.version
        return permissions


def _batched(rows: Iterable[RawRow | BadRow], size: int) -> Iterator[list[RawRow | BadRow]]:
    """Yields the rows in batches of `size` rows, or of fewer where rows are long."""
    waiting: list[RawRow | BadRow] = []
    characters = 0
    for row in rows:
        waiting.append(row)
        characters += _length(row.value) if isinstance(row, RawRow) else 0
        if len(waiting) >= size or characters >= MOST_CHARACTERS:
            yield waiting
            waiting, characters = [], 0
    if waiting:
        yield waiting


def _length(value: Any) -> int:
    """Returns the number of characters of all texts of a value."""
    kind = type(value)
    if kind is str:
        return len(value)
    if kind is dict:
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if kind is list else 0
