"""Stages the rows of one file batch by batch, and sets aside the rows that cannot be staged."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from freshet.tasks.datasets.inputs.opening import InputFile
from freshet.tasks.datasets.inputs.rows import BadRow, RawRow, joined, shown
from freshet.tasks.datasets.loading.staging import RowDraft, Staging, place_spans
from freshet.tasks.datasets.origins.permission import Permissions
from freshet.tasks.datasets.shapes.shaping import shape_of, to_content
from freshet.tasks.datasets.shapes.texts import without_nulls
from freshet.tasks.datasets.stage import RowVerdict
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.datasets import Dataset, RowsInput, Shape


class FileReader:
    """Stages the rows of one file.

    Args:
        given: the input that the file belongs to.
        permissions: what may be done with the rows of that input.

    Attributes:
        verdicts: the verdicts on the rows of the batch that was staged last.
        unread: the rows of that batch that could not be staged, as `unread_schema` has them, in order of their numbers.
    """

    def __init__(self, dataset: Dataset, given: RowsInput, permissions: Permissions, file: InputFile) -> None:
        """Prepares for the file's first batch; nothing is read."""
        self._dataset = dataset
        self._given = given
        self._permissions = permissions
        self._file = file
        self._staging = Staging(dataset, permissions, file.input, file.uri, file.version)
        self._shape: Shape | None = None
        self.verdicts: list[RowVerdict] = []
        self.unread: list[dict[str, Any]] = []

    def stage(self, rows: Sequence[RawRow | BadRow], first_row: int) -> list[dict[str, Any]]:
        """Returns the staged rows of a batch, as `row_schema` has them.

        Args:
            rows: the batch; every row gets a number, whether or not it can be staged.
            first_row: the number of the first row of the batch.
        """
        self.verdicts, self.unread = [], []
        drafts: list[RowDraft] = []
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

    def _draft(self, number: int, raw: RawRow) -> RowDraft | None:
        """Returns the shaped row; None where the row has no shape, in which case it is refused."""
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
        draft = RowDraft(number, raw.place, raw.field, shaped)
        if self._file.kind == "parquet" and (plain := without_nulls(shaped.content)) != shaped.content:
            # Arrow gives all calls of a file the arguments of each of them, null where a call has none.
            draft.shaped = replace(shaped, content=plain)
            draft.transforms.add("nulls")
        return draft

    def _refuse(self, number: int, bad: BadRow) -> None:
        """Sets a row aside that cannot be staged."""
        file = self._file
        self.unread.append(
            {
                "row": number,
                "input": file.input,
                "uri": file.uri,
                "source_version": file.version,
                "place": bad.place,
                "field": bad.field,
                "raw": bad.raw if self._permissions.is_one_for_all else None,
            }
        )
        self._note(bad, [bad.verdict], number)

    def _note(self, where: RowDraft | BadRow, verdicts: Iterable[Verdict], number: int | None = None) -> None:
        """Adds verdicts on a row, with the row's file and its place there in the evidence."""
        row = where.row if isinstance(where, RowDraft) else number
        assert row is not None
        key = "line" if self._file.kind in ("jsonl", "csv") else "row"
        for one in verdicts:
            evidence = dict(one.evidence)
            if "file" not in evidence:  # the inputs' own verdicts say all this already
                evidence["file"] = self._file.uri
                evidence[key] = where.place
                if where.field is not None:
                    evidence["field"] = joined(where.field, evidence.get("field"))
            self.verdicts.append((row, replace(one, evidence=evidence)))
