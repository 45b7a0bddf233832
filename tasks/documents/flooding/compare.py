"""Compares the openings of some documents with those of all: what the words propose, vectors and texts decide.

The words of all openings are streamed once to count them, and once for each block of those asked about; nothing else
is read of documents that share too few. Words that very many openings have propose nothing: so time depends on the
number of the documents asked about, and memory on the block.
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

BLOCK = 5000
"""Openings that are compared with all others at a time."""

MOST_COMMON = 1000
"""Openings that may have a word which proposes pairs. A pair needs one such word; then all of its words count."""

MATCHES = 1 << 18
"""Words in common that are held at a time."""

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
    common = _common_words(table) if found else np.zeros(0, np.uint32)
    for own in _blocks(table, sorted(doc_ids)):
        pairs = sorted(_proposed(table, own, common), key=lambda pair: (pair[1].chunk_id, pair[0].chunk_id))
        for start in range(0, len(pairs), HELD):
            part = pairs[start : start + HELD]
            passages = _passages(chunks, [lead.chunk_id for pair in part for lead in pair])
            for lead, other in part:
                left, right = passages.get(lead.chunk_id), passages.get(other.chunk_id)
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


def _common_words(table: Table) -> NDArray[np.uint32]:
    """The words that more than MOST_COMMON openings have, in ascending order."""
    words, counts = np.zeros(0, np.uint32), np.zeros(0, np.int64)
    for batch in table.search().select(["leads"]).to_batches():
        more, times = np.unique(_words(batch["leads"].flatten())[1], return_counts=True)
        words, place = np.unique(np.concatenate([words, more]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, times]), len(words)).astype(np.int64)
    return words[counts > MOST_COMMON]


def _words(leads: Any) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Of openings, where the words of each begin, with the end of the last, and all their words."""
    words = leads.field("words")
    offsets = words.offsets.to_numpy().astype(np.int64)
    return offsets - offsets[0], words.flatten().to_numpy()


def _proposed(table: Table, own: Sequence[_Lead], common: NDArray[np.uint32]) -> Iterator[tuple[_Lead, _Lead]]:
    """Pairs of one of these openings and one of another document of its source that shares enough words with it.

    Args:
        common: words that propose no pair.
    """
    words, lengths = np.array([word for lead in own for word in lead.words], np.uint32), _lengths(own)
    owners = np.repeat(np.arange(len(own)), lengths)
    rare = ~np.isin(words, common)
    order = np.argsort(words[rare], kind="stable")
    probes = words[rare][order], owners[rare][order]
    not_probed = lengths - np.bincount(owners[rare], minlength=len(own))
    sources = {name: number for number, name in enumerate(sorted({lead.source for lead in own}))}
    own_source = np.array([sources[lead.source] for lead in own])
    for batch in table.search().select(["doc_id", "source", "leads"]).to_batches():
        leads = batch["leads"].flatten()
        offsets, held = _words(leads)
        rows, sizes = np.repeat(np.arange(len(batch)), np.diff(batch["leads"].offsets.to_numpy())), np.diff(offsets)
        source = np.array([sources.get(name, -1) for name in batch["source"].to_pylist()])[rows]
        keys = _keys(np.repeat(np.arange(len(leads)), sizes), held)
        for met in _meeting(held, sizes, *probes):
            least = np.maximum(LEAST_OVERLAP * np.maximum(lengths[met.mine], sizes[met.at]), LEAST_WORDS)
            # Were all words that were not probed shared as well, it might be enough: these are counted.
            chosen = (own_source[met.mine] == source[met.at]) & (met.shared + not_probed[met.mine] >= least)
            at, mine = met.at[chosen], met.mine[chosen]
            enough = _shared(keys, at, mine, words, lengths) >= least[chosen]
            for place, number in zip(at[enough].tolist(), mine[enough].tolist(), strict=True):
                lead, doc_id = own[number], batch["doc_id"][rows[place]].as_py()
                if doc_id != lead.doc_id:
                    yield lead, _lead(doc_id, lead.source, leads[place].as_py())


def _lengths(own: Sequence[_Lead]) -> NDArray[np.int64]:
    return np.array([len(lead.words) for lead in own], np.int64)


def _keys(leads: NDArray[np.int64], words: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """One number for a word of an opening. Openings are in order, and so are the words of each: so are these."""
    return leads.astype(np.uint64) << np.uint64(32) | words


def _shared(
    keys: NDArray[np.uint64],
    at: NDArray[np.int64],
    mine: NDArray[np.int64],
    words: NDArray[np.uint32],
    lengths: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many words each pair of openings shares.

    Args:
        keys: the words of all openings that `at` counts.
        at, mine: of each pair, the one opening and the own one.
        words: of one's own openings, one after the other.
        lengths: how many each of those has.
    """
    times = lengths[mine]
    pairs = np.repeat(np.arange(len(at)), times)
    within = np.arange(len(pairs)) - np.repeat(np.cumsum(times) - times, times)
    asked = _keys(at[pairs], words[(np.cumsum(lengths) - lengths)[mine][pairs] + within])
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.bincount(pairs, keys[place] == asked, len(at)).astype(np.int64)


@dataclass(frozen=True)
class _Met:
    """Pairs of openings with a word in common: numbers of the one, of one's own, and how many such words they have."""

    at: NDArray[np.int64]
    mine: NDArray[np.int64]
    shared: NDArray[np.int64]


def _meeting(
    held: NDArray[np.uint32], sizes: NDArray[np.int64], words: NDArray[np.uint32], owners: NDArray[np.int64]
) -> Iterator[_Met]:
    """Pairs of an opening and one of one's own that have one of these words in common; each pair once.

    Args:
        held: the words of openings, one opening after the other.
        sizes: how many words each of those has.
        words: of one's own openings, in ascending order.
        owners: to which of them each word belongs.
    """
    first, last = np.searchsorted(words, held, "left"), np.searchsorted(words, held, "right")
    times = last - first
    ends = np.cumsum(sizes)
    of_lead = np.add.reduceat(np.append(times, 0), ends - sizes) * (sizes > 0)
    whole = np.cumsum(of_lead)
    lead, most = 0, owners.max(initial=0) + 1
    while lead < len(sizes):
        # So many openings that their matches fit, and one at least.
        until = max(int(np.searchsorted(whole, (whole[lead - 1] if lead else 0) + MATCHES, "right")), lead + 1)
        part = slice(ends[lead] - sizes[lead], ends[until - 1])
        number = times[part]
        begin = np.repeat(first[part] - (np.cumsum(number) - number), number)
        mine = owners[begin + np.arange(number.sum())]
        at = np.repeat(np.repeat(np.arange(lead, until), sizes[lead:until]), number)
        pairs, shared = np.unique(at * most + mine, return_counts=True)
        if len(pairs):
            yield _Met(*np.divmod(pairs, most), shared)
        lead = until


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
