"""Files of rows → staged rows, batch by batch: what memory holds is a batch, whatever the files hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.inputs.read import read_rows
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, joined, shown
from freshet.tasks.datasets.loading.rows import Draft, Staging, place_spans
from freshet.tasks.datasets.origins.permission import Permissions
from freshet.tasks.datasets.shapes.shaping import shape_of, to_content
from freshet.tasks.datasets.shapes.texts import without_nulls
from freshet.tasks.datasets.stage import RowVerdict, Stage, finding_schema, row_schema
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.datasets import Dataset, RowsInput, Shape
from freshet.tasks.store.tables import Store

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.settings.file import Project

BATCH = 2_000
"""Rows that are held at once, where they are not long."""

MOST_CHARACTERS = 8_000_000
"""Characters of text that a batch is closed at."""


def unread_schema() -> pa.Schema:
    """A row that is not staged: it could not be read, or not be shaped.

    `raw` is what was read of it, at most 2,000 characters; null where nothing was, or where rows of its input are
    permitted by document, which of such a row is not known.
    """
    import pyarrow as pa

    text = pa.string()
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            pa.field("input", text, nullable=False),
            pa.field("uri", text, nullable=False),
            pa.field("source_version", text, nullable=False),
            pa.field("place", pa.int64(), nullable=False),
            pa.field("field", text),
            pa.field("raw", text),
        ]
    )


@dataclass(frozen=True)
class LoadedPart:
    """What came of the files of one part.

    Attributes:
        next_row: number of the first row of the next part.
        rows_read: rows of the files, sound or not; each has a number.
        rows_written: rows that are staged; the others are in `unread-<part>.arrow`.
        counts: verdicts by code, as the rule book has them.
        ledgers: version of the document ledger that was asked, by corpus.
    """

    next_row: int
    rows_read: int
    rows_written: int
    counts: Mapping[str, int]
    ledgers: Mapping[str, int]


def unread_file(stage: Stage, part: int) -> Path:
    return stage.folder / f"unread-{part:06d}.arrow"


def unreadable_files(stage: Stage) -> set[str]:
    """The uris of files of which no row could be read: what is wrong with them is at place 0."""
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
    """The verdicts that loading a part gave, in order of the rows."""
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

    Beside the rows it writes those that could not be read, and the verdicts, which `loaded_verdicts` gives back.

    Args:
        files: in canonical order: by the input's name, then by uri.
        first_row: the number of the first row.
        part: number of this part of the inputs.
        store: of the corpora; by default the project's.
        batch: rows held at once; what is written does not depend on it.
        past: the moment that corpora are read as of; by default, as they are now.

    Raises:
        SettingsError: a corpus that an input derives from was never refreshed.
        SourceError: a file cannot be read any more.
    """
    import pyarrow as pa

    stage.folder.mkdir(parents=True, exist_ok=True)
    loader = _Loader(dataset, project, store or Store(project.store), first_row, batch, past)
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
    dataset: Dataset
    project: Project
    store: Store
    next_row: int
    batch: int
    past: datetime | None = None
    counts: Counter[str] = field(default_factory=Counter)
    ledgers: dict[str, int] = field(default_factory=dict)

    def tables(self, files: Sequence[InputFile], unread: Any, verdicts: Any) -> Iterator[pa.Table]:
        """The staged rows; what is not staged, and the verdicts, go into the two sinks on the way."""
        import pyarrow as pa

        inputs = {given.called: given for given in self.dataset.inputs}
        known: dict[str, Permissions] = {}
        for file in files:
            given = inputs[file.input]
            if file.input not in known:
                known[file.input] = self._permissions(given)
            reader = _Reader(self.dataset, given, known[file.input], file)
            for rows in _batched(read_rows(file, int(given.max_line), given.shape), self.batch):
                staged = reader.load(rows, self.next_row)
                self.next_row += len(rows)
                found = sorted(reader.verdicts, key=lambda one: one[0])
                self.counts.update(one.code for _, one in found)
                verdicts.write_table(pa.Table.from_pylist([_finding(*one) for one in found], finding_schema()))
                unread.write_table(pa.Table.from_pylist(reader.unread, unread_schema()))
                if staged:
                    yield pa.Table.from_pylist(staged, row_schema())

    def _permissions(self, given: RowsInput) -> Permissions:
        permissions = Permissions(given, self.dataset, self.project, self.store, past=self.past)
        if permissions.ledger is not None:
            self.ledgers[permissions.ledger.corpus] = permissions.ledger.version
        return permissions


class _Reader:
    """Stages the rows of one file, batch by batch.

    Attributes:
        verdicts, unread: of the batch that was loaded last.
    """

    def __init__(self, dataset: Dataset, given: RowsInput, permissions: Permissions, file: InputFile) -> None:
        self._dataset = dataset
        self._given = given
        self._permissions = permissions
        self._file = file
        self._staging = Staging(dataset, permissions, file.input, file.uri, file.version)
        self._shape: Shape | None = None
        self.verdicts: list[RowVerdict] = []
        self.unread: list[dict[str, Any]] = []

    def load(self, rows: Sequence[RawRow | BadRow], first_row: int) -> list[dict[str, Any]]:
        """The staged rows of a batch, numbered from `first_row` on with those that are not staged."""
        self.verdicts, self.unread = [], []
        drafts: list[Draft] = []
        for number, raw in enumerate(rows, first_row):
            if isinstance(raw, BadRow):
                self._refuse(number, raw)
            elif (draft := self._draft(number, raw)) is not None:
                drafts.append(draft)
        self._permissions.prepare(draft.shaped.document for draft in drafts)
        place_spans(drafts, self._permissions)
        staged = []
        for draft in drafts:
            row = self._staging.stage(draft)
            if row is not None:
                staged.append(row)
                self._note(draft, draft.verdicts)
            else:
                raw = rows[draft.row - first_row]
                self._refuse(draft.row, BadRow(raw.place, raw.field, draft.verdicts[0], None))
        self.unread.sort(key=lambda one: int(one["row"]))
        return staged

    def _draft(self, number: int, raw: RawRow) -> Draft | None:
        if self._shape is None:
            # The first row whose columns belong to a shape decides for its file.
            self._shape = shape_of(self._given, raw.value.keys())
        dataset = self._dataset
        shaped = to_content(
            raw.value,
            dataset.format,
            self._given,
            shape=self._shape,
            group_by=dataset.split.group_by,
            placeholders=dataset.checks.placeholders,
        )
        if isinstance(shaped, Verdict):
            text = json.dumps(raw.value, ensure_ascii=False) if self._permissions.is_one_for_all else None
            self._refuse(number, BadRow(raw.place, raw.field, shaped, None if text is None else shown(text)))
            return None
        draft = Draft(number, raw.place, raw.field, shaped)
        if self._file.kind == "parquet" and (plain := without_nulls(shaped.content)) != shaped.content:
            # Arrow gives all calls of a file the arguments of each of them, null where a call has none.
            draft.shaped = replace(shaped, content=plain)
            draft.transforms.add("nulls")
        return draft

    def _refuse(self, number: int, bad: BadRow) -> None:
        """Puts a row that cannot be staged aside."""
        file = self._file
        raw = bad.raw if self._permissions.is_one_for_all else None
        self.unread.append(
            {
                "row": number,
                "input": file.input,
                "uri": file.uri,
                "source_version": file.version,
                "place": bad.place,
                "field": bad.field,
                "raw": raw,
            }
        )
        self._note(bad, [bad.verdict], number)

    def _note(self, where: Draft | BadRow, verdicts: Iterable[Verdict], number: int | None = None) -> None:
        """Takes verdicts on a row, with its file and its place there in the evidence."""
        row = where.row if isinstance(where, Draft) else number
        assert row is not None
        key = "line" if self._file.kind in ("jsonl", "csv") else "row"
        for one in verdicts:
            evidence = dict(one.evidence)
            if "file" not in evidence:  # a reader's own verdict says all this already
                evidence["file"] = self._file.uri
                evidence[key] = where.place
                if where.field is not None:
                    evidence["field"] = joined(where.field, evidence.get("field"))
            self.verdicts.append((row, replace(one, evidence=evidence)))


def _finding(row: int, one: Verdict) -> dict[str, Any]:
    evidence = json.dumps(one.evidence, sort_keys=True, ensure_ascii=False)
    return {"row": row, "code": one.code, "severity": one.severity, "evidence": evidence}


def _batched(rows: Iterable[RawRow | BadRow], size: int) -> Iterator[list[RawRow | BadRow]]:
    """Batches of so many rows; of fewer, where rows are long."""
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
    """Characters of all texts of a value."""
    kind = type(value)
    if kind is str:
        return len(value)
    if kind is dict:
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if kind is list else 0
