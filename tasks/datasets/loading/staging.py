"""Makes a shaped row a staged row: its span placed, in normal form, permitted, and clear of what it may not hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field as default
from typing import Any

from freshet.tasks.datasets.origins.documents import DocumentText
from freshet.tasks.datasets.origins.permission import Grant, Permissions
from freshet.tasks.datasets.origins.spans import Located, locate
from freshet.tasks.datasets.shapes.example import canonical_json, example_digest, parts_of
from freshet.tasks.datasets.shapes.normalise import normalise_content
from freshet.tasks.datasets.shapes.redaction import clear
from freshet.tasks.datasets.shapes.shaping import Shaped
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.settings.datasets import Dataset

WITHHELD = "{}"
"""The content of a row whose texts its owner does not permit to be held."""


@dataclass
class RowDraft:
    """A shaped row that is not staged yet.

    Attributes:
        row: the number of the row in the build.
        place: the line or the row in the file, from 1.
        field: where in that place the row stands, for files that nest.
        shaped: the row in the dataset's format.
        transforms: names of what staging changed.
        start: the first character of the document that the answer cites; of the passage, where no corpus is named.
        end: the end of the cited characters.
        chunk_ids: ids of the document's chunks that the cited characters touch.
        verdicts: the verdicts on the row so far.
    """

    row: int
    place: int
    field: str | None
    shaped: Shaped
    transforms: set[str] = default(default_factory=set)
    start: int | None = None
    end: int | None = None
    chunk_ids: list[str] = default(default_factory=list)
    verdicts: list[Verdict] = default(default_factory=list)

    def take(self, located: Located, **evidence: Any) -> None:
        """Notes the result of the search for the cited span."""
        if located.transform is not None:
            self.transforms.add(located.transform)
        if located.fault is not None:
            apart = {} if located.distance is None else {"distance": located.distance}
            self.verdicts.append(verdict(located.fault, stated=self.shaped.start, **apart, **evidence))


def place_spans(drafts: Sequence[RowDraft], permissions: Permissions) -> None:
    """Finds what each row's answer cites: in the row's passage, and in the document where a corpus holds the document.

    The drafts are changed in place.
    """
    for draft in drafts:
        shaped = draft.shaped
        if shaped.answer_text is not None and shaped.passage is not None:
            found = locate(shaped.answer_text, shaped.passage, shaped.start)
            draft.take(found, of="passage", characters=len(shaped.answer_text))
            if found.start is not None:
                draft.start, draft.end = found.start, found.start + len(shaped.answer_text)
    if permissions.ledger is None:
        return
    by_document: dict[str, list[RowDraft]] = {}
    for draft in drafts:
        grant = permissions.of(draft.shaped.document)
        if grant.answered_by is not None and not grant.verdicts and _cites(draft.shaped):
            by_document.setdefault(grant.answered_by, []).append(draft)
        else:
            draft.start = draft.end = None
    for doc_id, text in permissions.ledger.texts(by_document):
        for draft in by_document.pop(doc_id):
            _place_in_document(draft, text)
    for draft in (one for few in by_document.values() for one in few):
        draft.start = draft.end = None


def _cites(shaped: Shaped) -> bool:
    return shaped.passage is not None or (shaped.answer_text is not None and shaped.start is not None)


def _place_in_document(draft: RowDraft, text: DocumentText) -> None:
    shaped, span = draft.shaped, None
    if shaped.passage is None:
        if shaped.answer_text is not None and shaped.start is not None:
            found, span = text.locate(shaped.answer_text, shaped.start)
            draft.take(found, of="document", characters=len(shaped.answer_text))
    elif draft.start is not None and draft.end is not None:
        span = text.span_within(shaped.passage, draft.start, draft.end)
    else:
        span = text.span(shaped.passage)
    draft.start, draft.end = span or (None, None)
    draft.chunk_ids = text.chunks_over(*span) if span else []


@dataclass(frozen=True)
class Staging:
    """Stages the rows of one file.

    Attributes:
        dataset: the settings of the dataset.
        permissions: what may be done with the rows of the file's input.
        input: the name of the file's input.
        uri: the address of the file.
        source_version: the hash of the file's content.
    """

    dataset: Dataset
    permissions: Permissions
    input: str
    uri: str
    source_version: str

    @property
    def classed(self) -> bool:
        """Whether the dataset's settings treat completions as classes."""
        dataset = self.dataset
        return dataset.checks.labels is not None or dataset.split.stratify or dataset.gate.max_class < 1

    def stage(self, draft: RowDraft) -> dict[str, Any] | None:
        """Returns the staged row by column of `row_schema`; None where its content cannot be written as JSON.

        Verdicts on the row are added to the draft. A row that is not permitted is staged without its texts.
        """
        grant, checks = self.permissions.of(draft.shaped.document), self.dataset.checks
        content, passage, normal = normalise_content(draft.shaped.content, draft.shaped.passage)
        cleared = clear(content, passage, checks)
        if not grant.verdicts:
            draft.verdicts += cleared.verdicts
        draft.verdicts += grant.verdicts
        try:
            canonical = canonical_json(cleared.content)
            digest = example_digest(self.dataset.format, canonical)
        except (ValueError, RecursionError) as error:
            code, what = _unwritable(error)
            draft.verdicts = [verdict(code, field="", found=what, valid="what JSON in UTF-8 can say")]
            return None
        transforms = sorted({*draft.shaped.transforms, *draft.transforms, *normal, *cleared.transforms})
        return {**self._origin(draft, grant), **self._texts(cleared.content, cleared.passage, canonical, grant)} | {
            "digest": digest,
            "group": draft.shaped.group,
            "transforms": transforms,
        }

    def _origin(self, draft: RowDraft, grant: Grant) -> dict[str, Any]:
        return {
            "row": draft.row,
            "input": self.input,
            "uri": self.uri,
            "source_version": self.source_version,
            "place": draft.place,
            "field": draft.field,
            "document": draft.shaped.document,
            "corpus": grant.corpus,
            "doc_id": grant.doc_id,
            "doc_version": grant.doc_version,
            "chunk_ids": draft.chunk_ids,
            "start": draft.start,
            "end": draft.end,
            "licence": grant.licence,
            "owner": grant.owner,
            "uses": grant.uses,
            "access": grant.access.text,
        }

    def _texts(self, content: dict[str, Any], passage: str | None, canonical: str, grant: Grant) -> dict[str, Any]:
        if grant.verdicts:
            return {"content": WITHHELD, "prompt": "", "answer": "", "other": None, "passage": None, "label": None}
        parts = parts_of(self.dataset.format, content, passage)
        return {
            "content": canonical,
            "prompt": parts.prompt,
            "answer": parts.answer,
            "other": parts.other,
            "passage": passage,
            "label": self._label(content, parts.answer),
        }

    def _label(self, content: dict[str, Any], answer: str) -> str | None:
        if self.dataset.format == "unpaired_preference":
            return str(content["label"]).lower()
        return answer if self.classed else None


def _unwritable(error: Exception) -> tuple[str, str]:
    if isinstance(error, UnicodeEncodeError):
        return "ROW-ENCODING", "half a character (a lone surrogate)"
    return "ROW-SCHEMA", "nesting that is too deep" if isinstance(error, RecursionError) else "a number beyond JSON"
