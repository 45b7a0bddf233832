"""Chunks: the passages of a document that are embedded and cited.

A document is first taken apart into atoms: its elements, or, where one is longer than a chunk may be, the
rows, sentences, clauses, words or tokens of it. Consecutive atoms are then packed into chunks so that the
sum of what every border costs is least: nothing in front of a heading, more between paragraphs, more still
inside a list or an element. Which of two like borders is the better one is decided by a hash of the text
that follows it. So borders depend on what stands around them, never on how much stands before them, and
two versions of a document that differ in one paragraph share all chunks but those nearby.

All costs are integers and all hashes unsalted: the same input gives the same chunks on every machine.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from freshet.tasks.documents.chunking.packing import Atom, Measured, atoms_of, pack
from freshet.tasks.documents.elements import Element, ParsedDocument
from freshet.tasks.embedding.tokens import Tokenizer
from freshet.tasks.settings.project import Chunking
from freshet.tasks.text.borders import sentences, words

ALGORITHM = "1"
"""Raised whenever the same document and settings would give other chunks than before."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Chunk:
    """A passage of a document.

    Attributes:
        chunk_id: 32 hex characters, a pure function of document, text and occurrence.
        text: exactly `document.text[start:end]`.
        text_hash: SHA-256 of the text, in hex.
        start, end: character span in the document's text (half-open, in code points).
        ordinal: place among the document's chunks, from 0.
        headings: the Titles above the first element of the chunk that is none itself, outermost first. A
            heading with which the chunk begins is among them, as it stands above the text that follows it.
            What a chunk repeats of the one before does not count.
        page_first, page_last: pages that the chunk touches; None where the format has none.
        kinds: kinds of the elements that it touches, each once, in the order of the text.
        tokens: its length for the embedding model, special tokens included.
    """

    chunk_id: str
    text: str
    text_hash: str
    start: int
    end: int
    ordinal: int
    headings: tuple[str, ...]
    page_first: int | None
    page_last: int | None
    kinds: tuple[str, ...]
    tokens: int


def content_hash_of_text(text: str) -> str:
    """SHA-256 of a text, in hex: what identifies a passage whatever document it stands in."""
    return sha256(text.encode("utf-8")).hexdigest()


def chunking_fingerprint(chunking: Chunking, tokenizer_fingerprint: str) -> str:
    """What, beside the document itself, decides about its chunks: 64 hex characters."""
    parts = ("chunking", ALGORITHM, str(chunking.max_tokens), str(chunking.overlap_tokens), tokenizer_fingerprint)
    return sha256("\n".join(parts).encode("utf-8")).hexdigest()


def chunk_document(doc_id: str, document: ParsedDocument, tokenizer: Tokenizer, chunking: Chunking) -> list[Chunk]:
    """The chunks of a document, in its order.

    Together they hold every character of the document that is not white space. None is longer than
    `chunking.max_tokens`, which must not exceed what the model reads. Without overlap they are disjoint;
    with it a chunk that continues a section repeats the end of the one before, from the start of a sentence
    where there is one, by at most `overlap_tokens` or half a chunk. A table cut between its rows does not
    repeat its header: a chunk is a slice of the text, so that every citation can be checked against it.
    """
    measured = Measured(document.text, tokenizer)
    room = max(1, chunking.max_tokens - tokenizer.special)
    overlap = min(chunking.overlap_tokens, room // 2)
    elements = list(_covering(document))
    atoms = atoms_of(measured, elements, room, overlap)
    spans = [(atoms[i].start, atoms[j - 1].end) for i, j in pack(atoms, room, overlap)]
    own = _fitting(measured, spans, chunking.max_tokens)
    spans = _repeating(measured, atoms, own, overlap, room=room, limit=chunking.max_tokens) if overlap else own
    return _described(doc_id, measured, elements, own, spans)


def _covering(document: ParsedDocument) -> Iterator[Element]:
    """The elements without white space around them, and text that belongs to none as elements of its own."""
    text, done = document.text, 0
    end_mark = Element("UncategorizedText", len(text), len(text))
    for element in (*sorted(document.elements, key=lambda e: (e.start, e.end)), end_mark):
        between = _trimmed(text, done, element.start)
        if between[0] < between[1]:
            yield Element("UncategorizedText", *between, page=element.page)
        start, end = _trimmed(text, max(done, element.start), element.end)
        if start < end:
            yield Element(element.kind, start, end, element.level, element.page)
        done = max(done, element.end)


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return (start + left, start + max(left, len(piece.rstrip())))


def _fitting(measured: Measured, spans: list[Span], limit: int) -> list[Span]:
    """The spans, those cut in two that have more tokens by themselves than inside the whole text.

    That happens where a border falls inside a word, and with tokenizers whose tokens reach across spaces.
    """
    fitting: list[Span] = []
    pending = spans
    while pending:
        halves: list[Span] = []
        for (start, end), tokens in zip(pending, measured.exact(pending), strict=True):
            if tokens <= limit or end - start == 1:
                fitting.append((start, end))
                continue
            cut = measured.middle(start, end)
            both = _trimmed(measured.text, start, cut), _trimmed(measured.text, cut, end)
            halves += [half for half in both if half[0] < half[1]]
        pending = halves
    return sorted(fitting)


def _repeating(
    measured: Measured, atoms: list[Atom], own: list[Span], overlap: int, *, room: int, limit: int
) -> list[Span]:
    """The spans, each begun earlier by what it repeats of the one before."""
    titles = [atom.start for atom in atoms if atom.level]
    whole = [atom.start for atom in atoms if atom.whole]
    wanted = own[:1]
    for before, (start, end) in pairwise(own):
        spare = min(overlap, room - measured.weight(start, end))
        above = bisect_left(titles, start)
        # A heading begins something new: repeating what stood above it would only blur it.
        if spare < 1 or titles[above : above + 1] == [start]:
            wanted.append((start, end))
            continue
        lowest = max(before[0] + 1, measured.back(start, spare), titles[above - 1] if above else 0)
        good = whole[bisect_left(whole, lowest) : bisect_left(whole, start)]
        wanted.append((_repeat_from(measured.text, before[0], lowest, start, good), end))
    tokens = measured.exact(wanted)
    return [wide if n <= limit else narrow for wide, narrow, n in zip(wanted, own, tokens, strict=True)]


def _repeat_from(text: str, first: int, lowest: int, start: int, good: list[int]) -> int:
    """The earliest good place from `lowest` on to begin the repetition; `start` where there is none."""
    before = text[first:start]
    for found in ([*good, *(first + border for border in sentences(before))], [first + b for b in words(before)]):
        if places := [place for place in found if place >= lowest]:
            return min(places)
    return start


def _described(
    doc_id: str, measured: Measured, elements: list[Element], own: list[Span], spans: list[Span]
) -> list[Chunk]:
    paths = list(_paths(measured.text, elements))
    seen: Counter[str] = Counter()
    chunks: list[Chunk] = []
    first = 0
    for ordinal, ((begin, _), (start, end), tokens) in enumerate(zip(own, spans, measured.exact(spans), strict=True)):
        while elements[first].end <= start:
            first += 1
        last = first
        while last < len(elements) and elements[last].start < end:
            last += 1
        touched = elements[first:last]
        body = (i for i in range(first, last) if elements[i].end > begin and elements[i].kind != "Title")
        pages = [e.page for e in touched if e.page is not None]
        text = measured.text[start:end]
        text_hash = content_hash_of_text(text)
        identity = "\n".join((doc_id, text_hash, str(seen[text_hash])))
        seen[text_hash] += 1
        chunks.append(
            Chunk(
                chunk_id=sha256(identity.encode("utf-8")).hexdigest()[:32],
                text=text,
                text_hash=text_hash,
                start=start,
                end=end,
                ordinal=ordinal,
                headings=paths[next(body, last - 1)],
                page_first=min(pages, default=None),
                page_last=max(pages, default=None),
                kinds=tuple(dict.fromkeys(e.kind for e in touched)),
                tokens=tokens,
            )
        )
    return chunks


def _paths(text: str, elements: list[Element]) -> Iterator[tuple[str, ...]]:
    """For each element the Titles above it, a Title itself included."""
    path: tuple[tuple[int, str], ...] = ()
    for element in elements:
        if element.kind == "Title":
            level = max(1, element.level)
            title = " ".join(text[element.start : element.end].split())
            path = (*(above for above in path if above[0] < level), (level, title))
        yield tuple(title for _, title in path)
