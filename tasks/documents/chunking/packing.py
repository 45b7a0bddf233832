"""How a document is taken apart into atoms, and how atoms are packed into chunks."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from freshet.tasks.documents.elements import Element
from freshet.tasks.embedding.tokens import Tokenizer
from freshet.tasks.text.borders import Border, blocks, clauses, lines, sentences, words

# A word that is too long for the vocabulary may be one token whatever its length. Beyond this many
# characters it weighs more than one, or a megabyte of base64 would make one chunk.
_OPAQUE = 32

# What a border costs where two atoms part, by what stands before and after it, _NOISE being what the hash of
# the following text adds at most. Measured: were like borders to cost much beside it, packing would fill every
# chunk to the brim, and one paragraph more would shift eleven chunks instead of, nearly always, four at most.
_NOISE = 3_072
_AFTER_TITLE = 100_000
_BEFORE_TITLE = 0
_BETWEEN_ELEMENTS = 0
_BEFORE_ITEMS = 1_000
_SHORT_LIST = 4_000
_INSIDE = (200, 2_000, 4_000, 7_000, 7_000)

# What a chunk costs that runs on over the heading of a next section, by where that section stands.
_INTO_DEEPER = 300
_INTO_SIBLING = 900
_INTO_HIGHER = 1_900

# What a chunk costs that is next to empty; the cost falls to nothing at 3/16 of what a chunk may hold.
_SMALL = 6_000

_RUNGS: dict[str, tuple[Border, ...]] = {
    "Table": (lines, sentences, clauses, words),
    "CodeSnippet": (blocks, lines, words),
}
_PROSE: tuple[Border, ...] = (sentences, clauses, words)


@dataclass(frozen=True, slots=True)
class Atom:
    """A span that packing does not cut.

    Attributes:
        start, end: character span, without white space around it.
        first, last: the same in tokens of the document (half-open).
        level: depth of a Title, 0 for anything else.
        section: depth of the section it stands in, 0 above the first Title.
        cost: of a border in front of it.
        whole: whether it begins an element.
    """

    start: int
    end: int
    first: int
    last: int
    level: int
    section: int
    cost: int
    whole: bool


class Measured:
    """A text, and how many tokens any slice of it has inside the whole."""

    def __init__(self, text: str, tokenizer: Tokenizer) -> None:
        """Counts the tokens of the text once, so that spans of it can be measured."""
        self.text = text
        self.tokenizer = tokenizer
        spans = tokenizer.spans(text)
        self.tokens = spans[:, 0]
        self.starts = _weighed(spans)
        self._list: list[int] = self.starts.tolist()

    def index(self, position: int) -> int:
        """How many tokens begin before a position, those longer than _OPAQUE counted more than once."""
        return bisect_left(self._list, position)

    def weight(self, start: int, end: int) -> int:
        """How many begin in a span."""
        return self.index(end) - self.index(start)

    def inside(self, start: int, end: int) -> list[int]:
        """Where they begin within a span, each place once."""
        return list(dict.fromkeys(self._list[bisect_right(self._list, start) : self.index(end)]))

    def back(self, position: int, tokens: int) -> int:
        """Where the token begins that stands so many before a position."""
        return self._list[max(0, self.index(position) - tokens)]

    def middle(self, start: int, end: int) -> int:
        """A place near the middle of a span, in front of a word if the middle half has one."""
        half, quarter = (start + end) // 2, (end - start) // 4
        near = [start + border for border in words(self.text[start:end])]
        near = [border for border in near if abs(border - half) <= quarter]
        return min(near, key=lambda border: abs(border - half), default=max(half, start + 1))

    def exact(self, spans: list[tuple[int, int]]) -> list[int]:
        """Tokens of each span as a text by itself, special tokens included."""
        edges = np.searchsorted(self.tokens, np.array(spans, dtype=np.int64).reshape(-1, 2))
        counts: list[int] = (edges[:, 1] - edges[:, 0] + self.tokenizer.special).tolist()
        unsure = [i for i, span in enumerate(spans) if not self._apart(*span)]
        counted = self.tokenizer.count([self.text[slice(*spans[i])] for i in unsure])
        for i, count in zip(unsure, counted.tolist(), strict=True):
            counts[i] = count
        return counts

    def _apart(self, start: int, end: int) -> bool:
        return (
            self.tokenizer.exact_at_spaces
            and (start == 0 or self.text[start - 1].isspace())
            and (end == len(self.text) or self.text[end].isspace())
        )


def _weighed(spans: NDArray[np.int32]) -> NDArray[np.int32]:
    """Starts of tokens, with further ones inside those that are longer than _OPAQUE."""
    lengths = spans[:, 1] - spans[:, 0]
    long = np.flatnonzero(lengths > _OPAQUE)
    if not long.size:
        return spans[:, 0]
    more = [np.arange(start + _OPAQUE, end, _OPAQUE, dtype=np.int32) for start, end in spans[long].tolist()]
    return np.sort(np.concatenate([spans[:, 0], *more]), kind="stable")


def atoms_of(measured: Measured, elements: list[Element], room: int, overlap: int) -> list[Atom]:
    """The elements as atoms, and the pieces of those that a chunk has no room for.

    An element under a heading must leave room for it, so that no heading is parted from its text.
    """
    edges = np.array([(e.start, e.end) for e in elements], dtype=np.int64).reshape(-1, 2)
    tokens: list[list[int]] = np.searchsorted(measured.starts, edges).tolist()
    atoms: list[Atom] = []
    section = titles = 0
    before = ""
    kept = _short_lists(elements, tokens, room // 2)
    for i, (element, (first, last)) in enumerate(zip(elements, tokens, strict=True)):
        is_title = element.kind == "Title"
        level = max(1, element.level) if is_title else 0
        section = level or section
        space = room - titles if titles <= room // 2 else room
        cost = _border(before, element.kind, i in kept)
        if last - first <= space:
            noise = 0 if is_title else _noise(measured.text[element.start : element.end])
            atoms.append(Atom(element.start, element.end, first, last, level, section, cost + noise, True))
        else:
            atoms += _pieces(measured, element, max(1, space - overlap), level=level, section=section, cost=cost)
        titles = titles + last - first if is_title else 0
        before = element.kind
    return atoms


def _short_lists(elements: Sequence[Element], tokens: Sequence[Sequence[int]], most: int) -> set[int]:
    """Which elements are items of a list that is short enough to be kept together."""
    found: set[int] = set()
    for is_list, run in groupby(range(len(elements)), key=lambda i: elements[i].kind == "ListItem"):
        items = list(run)
        if is_list and tokens[items[-1]][1] - tokens[items[0]][0] <= most:
            found.update(items)
    return found


def _border(before: str, after: str, in_short_list: bool) -> int:
    if before == "Title":
        return _AFTER_TITLE
    if after == "Title":
        return _BEFORE_TITLE
    if in_short_list:
        return _SHORT_LIST
    return _BEFORE_ITEMS if after == "ListItem" and before != after else _BETWEEN_ELEMENTS


def _pieces(measured: Measured, element: Element, space: int, *, level: int, section: int, cost: int) -> Iterator[Atom]:
    """The atoms of an element that is too long: pieces as coarse as its borders allow, none above `space`."""
    rungs = _RUNGS.get(element.kind, _PROSE)
    pieces = _cut(measured, element.start, element.end, rungs, space=space)
    for start, end, rung in _grouped(measured, pieces, space):
        whole = start == element.start
        own = (cost if whole else _INSIDE[rung]) + _noise(measured.text[start:end])
        yield Atom(start, end, measured.index(start), measured.index(end), level, section, own, whole)


def _cut(
    measured: Measured, start: int, end: int, rungs: tuple[Border, ...], *, space: int, rung: int = 0, border: int = 0
) -> Iterator[tuple[int, int, int]]:
    """(start, end, rung of the border in front) of pieces that fit, each cut no finer than it needs."""
    if measured.weight(start, end) <= space:
        yield start, end, border
        return
    tokens = rung == len(rungs)
    borders = measured.inside(start, end) if tokens else [start + b for b in rungs[rung](measured.text[start:end])]
    for left, right in pairwise((start, *borders, end)):
        # Only the end is trimmed: what a line of code is indented by belongs to it.
        stop = left + len(measured.text[left:right].rstrip())
        if left < stop:
            own = border if left == start else rung
            if tokens:
                yield left, stop, own
            else:
                yield from _cut(measured, left, stop, rungs, space=space, rung=rung + 1, border=own)


def _grouped(measured: Measured, pieces: Iterable[tuple[int, int, int]], space: int) -> Iterator[tuple[int, int, int]]:
    """The pieces, small ones joined, so that packing has few to choose from.

    Where a group ends is again decided by a hash of the text there, lest one word more shift all of them.
    """
    grain = max(1, space // 24)
    group: tuple[int, int, int] | None = None
    finest, closed = 0, False
    for start, end, rung in pieces:
        if group and not closed and rung >= finest and measured.weight(group[0], end) <= space:
            group, finest = (group[0], end, group[2]), rung
        else:
            if group:
                yield group
            group, finest = (start, end, rung), 0
        weight = measured.weight(group[0], end)
        closed = weight >= 4 * grain or measured.weight(start, end) >= grain
        closed = closed or (weight >= grain and _digest(measured.text[start:end]) % 4 == 0)
    if group:
        yield group


def pack(atoms: Sequence[Atom], room: int, overlap: int) -> list[tuple[int, int]]:
    """The cheapest partition of the atoms into chunks, as half-open ranges of them.

    `cheapest[i]` is what the atoms from i on cost, found from the end backwards. It does not depend on what
    stands before i, so two versions of a document part ways at an edit and run together again at the first
    border that both choose.
    """
    sizes = _size_costs(room)
    cheapest = [0] * (len(atoms) + 1)
    upto = [0] * len(atoms)
    for i in range(len(atoms) - 1, -1, -1):
        cheapest[i], upto[i] = min(_choices(atoms, i, room=room, overlap=overlap, sizes=sizes, cheapest=cheapest))
    ranges, i = [], 0
    while i < len(atoms):
        ranges.append((i, upto[i]))
        i = upto[i]
    return ranges


def _choices(
    atoms: Sequence[Atom], i: int, *, room: int, overlap: int, sizes: Sequence[int], cheapest: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """(cost, end) of every chunk that may begin at atom i, together with the best of what follows it."""
    begin = atoms[i]
    limit = room if begin.level else room - overlap
    joined, body, depth = begin.cost, False, begin.section
    for j in range(i, len(atoms)):
        atom = atoms[j]
        weight = atom.last - begin.first
        if j > i and weight > limit:
            return
        if atom.level and body:
            if atom.level < begin.section:
                return
            joined += _into(depth, atom.level)
            body = False
        body = body or not atom.level
        depth = atom.section
        yield joined + sizes[weight] + cheapest[j + 1], j + 1


def _into(depth: int, level: int) -> int:
    if level == depth:
        return _INTO_SIBLING
    return _INTO_DEEPER if level > depth else _INTO_HIGHER


def _size_costs(room: int) -> list[int]:
    """What a chunk costs by its tokens, from 0 to room: nothing unless it is too small to say much."""
    small = max(1, room * 3 // 16)
    return [_SMALL * max(0, small - tokens) // small for tokens in range(room + 1)]


def _noise(text: str) -> int:
    """What a hash of the text that follows adds to the cost of a border."""
    return _digest(text) % _NOISE


def _digest(text: str) -> int:
    return crc32(text.encode("utf-8", "replace"))
