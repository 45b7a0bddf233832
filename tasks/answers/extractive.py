"""An answer without a language model: the sentences that answer best, quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from freshet.tasks.answers.pieces import Piece
from freshet.tasks.answers.reading import Reading
from freshet.tasks.search.hits import Hit
from freshet.tasks.text.instructions import gives_instructions

MOST_QUOTED = 3
MOST_CHARACTERS = 600
NEAR_BEST = 2.5
"""A further sentence is quoted where its rating falls short of the best one's by no more than this."""


@dataclass(frozen=True)
class Quoted:
    """A sentence, an item of a list or a row of a table, verbatim.

    Attributes:
        passage: the passage's position among the hits.
        span: where the quote stands in the passage's text, half-open: `hits[passage].text[slice(*span)] == text`.
    """

    text: str
    passage: int
    span: tuple[int, int]


def quote_best(reading: Reading, hits: Sequence[Hit]) -> list[Quoted]:
    """Quotes what answers best: one to three sentences of at most 600 characters together, or a longer one alone.

    A sentence that leans on the one before it, an item and a row bring along what they need. What is from one passage
    stands together and in its order; the passage with the best sentence comes first.

    Args:
        hits: the passages that were read.
    """
    ranked = sorted(
        zip(reading.ratings, reading.pieces, strict=True), key=lambda one: (-one[0], one[1].passage, one[1].span)
    )
    kept: list[tuple[int, tuple[int, int]]] = []
    seen: set[str] = set()
    following = _following(reading)
    for rating, piece in ranked:
        if not _may_be_quoted(piece.text):
            continue
        if rating < ranked[0][0] - NEAR_BEST or len(kept) >= MOST_QUOTED:
            break
        if (normal := " ".join(piece.text.split()).casefold()) in seen:
            continue  # the same sentence in another passage, as of a page that repeats it
        wanted = [(piece.passage, span) for span in (piece.needs, piece.span, following.get(piece)) if span]
        new = [one for one in wanted if one not in kept]
        if kept and (len(kept) + len(new) > MOST_QUOTED or _length([*kept, *new]) > MOST_CHARACTERS):
            continue
        if not kept and _length(new) > MOST_CHARACTERS:
            new = wanted[-1:]
        seen.add(normal)
        kept += new
    order = list(dict.fromkeys(passage for passage, _ in kept))
    return [
        Quoted(hits[passage].text[slice(*span)], passage, span)
        for passage, span in sorted(kept, key=lambda one: (order.index(one[0]), one[1]))
    ]


def _may_be_quoted(text: str) -> bool:
    """Whether a piece is something to read: no order to a model, no token of a chat, no piece of an address."""
    is_address = len(text.split()) < _FEWEST_WORDS and "/" in text
    return not is_address and not _CHAT.search(text) and not gives_instructions(text)


_FEWEST_WORDS = 3
_CHAT = re.compile(r"<[|｜]|[|｜]>|\[/?INST\]|</?s>|^(?:system|user|assistant|question|answer) ?:", re.IGNORECASE)
"""How tokens of chats and turns of conversations begin, which a document has to steer a model by."""


def _following(reading: Reading) -> dict[Piece, tuple[int, int]]:
    """What comes behind a piece that ends with a colon, where that was read."""
    after = dict(pairwise(reading.pieces))
    return {
        piece: after[piece].span
        for piece in reading.pieces
        if piece.text.endswith((":", "：")) and piece in after and after[piece].passage == piece.passage
    }


def _length(kept: Sequence[tuple[int, tuple[int, int]]]) -> int:
    return sum(end - start for _, (start, end) in kept)
