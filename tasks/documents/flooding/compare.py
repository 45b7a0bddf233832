"""Compares the openings of some documents with those of all: what the words propose, vectors and texts decide.

The words of all openings are streamed once for each block of those asked about, and nothing else is read of documents
that share too few. So time depends on the number of the documents asked about, and memory on the block.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.documents.flooding.alike import LEAST_OVERLAP, Passage, answer_one_question
from freshet.tasks.documents.flooding.openings import LEAST_WORDS
from freshet.tasks.embedding.vectors import Vectors, as_vectors
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from lancedb.table import Table

Matches = dict[int, dict[str, str]]
"""Of a document, by the number of its passage: the others with a passage that answers the same question, as doc_id →
hash of that passage's text. A passage with the very same text is no other one."""

BLOCK = 500
"""Openings that are compared with all others at a time."""

HELD = 2000
"""Passages whose vector and text are held at a time."""


@dataclass(frozen=True)
class _Lead:
    """An opening of a passage, as the table `openings` keeps it."""

    doc_id: str
    source: str
    chunk_id: str
    ordinal: int
    asks: bool
    text: str
    words: tuple[int, ...]


def alike_passages(table: Table, chunks: Table, doc_ids: Collection[str]) -> dict[str, Matches]:
    """Returns, for each of these documents, the documents of its source that answer a question with it.

    Args:
        table: of `schemas.openings`.
        chunks: the chunk table in the embedding space in force.
    """
    found: dict[str, Matches] = {doc_id: {} for doc_id in doc_ids}
    for own in _blocks(table, sorted(doc_ids)):
        pairs = sorted(_proposed(table, own), key=lambda pair: (pair[1].chunk_id, pair[0].chunk_id))
        passages = _passages(chunks, [lead.chunk_id for lead in own])
        for start in range(0, len(pairs), HELD):
            part = pairs[start : start + HELD]
            others = _passages(chunks, [other.chunk_id for _, other in part])
            for lead, other in part:
                left, right = passages.get(lead.chunk_id), others.get(other.chunk_id)
                if not left or not right or left[0] == right[0]:
                    continue
                if answer_one_question(_joined(lead, left), _joined(other, right)):
                    matches = found[lead.doc_id].setdefault(lead.ordinal, {})
                    matches[other.doc_id] = min(right[0], matches.get(other.doc_id, right[0]))
    return found


_Read = tuple[str, str, Vectors]
"""The hash of a passage's text, the text, and its vector."""


def _joined(lead: _Lead, passage: _Read) -> Passage:
    return Passage(lead.text, lead.asks, lead.words, passage[1], passage[2])


def _blocks(table: Table, doc_ids: Sequence[str]) -> Iterator[list[_Lead]]:
    """The openings of these documents, so many at a time."""
    block: list[_Lead] = []
    for predicate in in_parts("doc_id", doc_ids):
        for batch in table.search().where(predicate).select(["doc_id", "source", "leads"]).to_batches():
            for row in batch.to_pylist():
                block += [_lead(row["doc_id"], row["source"], one) for one in row["leads"]]
                if len(block) >= BLOCK:
                    yield block
                    block = []
    if block:
        yield block


def _lead(doc_id: str, source: str, one: Mapping[str, Any]) -> _Lead:
    return _Lead(doc_id, source, one["chunk_id"], one["ordinal"], one["asks"], one["text"], tuple(one["words"]))


def _proposed(table: Table, own: Sequence[_Lead]) -> Iterator[tuple[_Lead, _Lead]]:
    """Pairs of one of these openings and one of another document of its source that shares enough words with it."""
    owners = np.repeat(np.arange(len(own)), [len(lead.words) for lead in own])
    words = np.array([word for lead in own for word in lead.words], np.uint32)
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    for batch in table.search().select(["doc_id", "source", "leads"]).to_batches():
        rows, leads, number, common = _sharing(batch["leads"], words, owners)
        for row, at, mine, shared in zip(rows, leads, number, common, strict=True):
            lead, doc_id, source = own[mine], batch["doc_id"][row].as_py(), batch["source"][row].as_py()
            if doc_id == lead.doc_id or source != lead.source:
                continue
            other = _lead(doc_id, source, batch["leads"].flatten()[at].as_py())
            if shared >= LEAST_OVERLAP * max(len(lead.words), len(other.words)):
                yield lead, other


def _sharing(column: Any, words: NDArray[np.uint32], owners: NDArray[np.int64]) -> tuple[list[int], ...]:
    """Of a column of openings those that share words with some of one's own.

    Args:
        column: lists of openings.
        words: of one's own openings, in ascending order.
        owners: to which of them each word belongs.

    Returns:
        Row, number of the opening in the whole column, number of the own one, and how many words both have.
    """
    leads = column.flatten()
    held = leads.field("words").flatten().to_numpy()
    of_lead = np.repeat(np.arange(len(leads)), np.diff(leads.field("words").offsets.to_numpy()))
    first, last = np.searchsorted(words, held, "left"), np.searchsorted(words, held, "right")
    times = last - first
    matches = np.repeat(first - np.concatenate([[0], np.cumsum(times)[:-1]]), times) + np.arange(times.sum())
    pairs, common = np.unique(np.repeat(of_lead, times) * len(words) + owners[matches], return_counts=True)
    enough = common >= LEAST_WORDS
    at, mine = np.divmod(pairs[enough], len(words))
    rows = np.repeat(np.arange(len(column)), np.diff(column.offsets.to_numpy()))
    return rows[at].tolist(), at.tolist(), mine.tolist(), common[enough].tolist()


def _passages(chunks: Table, chunk_ids: Sequence[str]) -> dict[str, _Read]:
    """The passages with these ids."""
    found: dict[str, _Read] = {}
    columns = ["chunk_id", "text_hash", "text", "vector"]
    for predicate in in_parts("chunk_id", sorted(set(chunk_ids))):
        for batch in chunks.search().where(predicate).select(columns).to_batches():
            rows = (batch[name].to_pylist() for name in columns[:3])
            for (chunk_id, *read), vector in zip(zip(*rows, strict=True), as_vectors(batch["vector"]), strict=True):
                found[chunk_id] = read[0], read[1], vector
    return found
