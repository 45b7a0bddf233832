"""Known items: what a reader who knows a passage would ask to find it, worked out of the passage alone.

A sentence of the passage is never asked as it stands: the smaller the passages are cut, the better such a question
finds its own. What is asked is a stated fact without the words that answer, a heading, or a title; and what must be
found is a passage that holds a longer text than the question was made of.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Literal

from freshet.tasks.text.borders import sentences
from freshet.tasks.text.unspaced import LETTERS, UNSPACED

Kind = Literal["fact", "heading", "title"]

LEAST_WORDS, MOST_WORDS = 5, 24
"""Words of a question about a fact. Of a script without spaces, each letter counts for half a word."""

STATED = 240
"""Characters of the text that a passage must hold to be the one that was asked for, or all of a shorter passage."""

_TELLING_HEADING = 3
"""Words from which a heading says by itself what it is about."""

_WORD = re.compile(r"\w+")
_PIECE = re.compile(rf"[{LETTERS}]|\S[^\s{LETTERS}]*")
_STOP = re.compile(r"[.!?。！？]\W{0,3}$")
_OF_TEN: tuple[Kind, ...] = ("fact", "fact", "fact", "fact", "fact", "fact", "heading", "heading", "heading", "title")
"""How often each kind is tried first. A passage that cannot be asked for so is asked for in the next way."""


@dataclass(frozen=True)
class Item:
    """A passage to ask for.

    Attributes:
        title: of its document; None where it has none.
        headings: above it, outermost first.
        text: of the passage.
    """

    title: str | None
    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Asked:
    """A question made of a passage; `stated` is the text that a passage must hold to answer, None for any."""

    kind: Kind
    question: str
    stated: str | None


def ask_for(item: Item, common: Collection[str] = ()) -> Asked | None:
    """What a reader who looks for this passage would ask; None where it says too little.

    Args:
        common: headings that stand over passages of several documents.
    """
    if not item.text.strip():
        return None
    first = _OF_TEN[int(_draw(item.text)[:8], 16) % len(_OF_TEN)]
    for kind in dict.fromkeys((first, "fact", "heading", "title")):
        if found := _MADE[kind](item, common):
            return found
    return None


def _fact(item: Item, common: Collection[str]) -> Asked | None:
    borders = pairwise([0, *sentences(item.text), len(item.text)])
    whole = [" ".join(item.text[start:end].split()) for start, end in borders]
    # What does not end as a sentence does is a heading, a cell, or a line of code.
    told = sorted((one for one in whole if _STOP.search(one) and _length(one) > LEAST_WORDS), key=_draw)
    for sentence in told:
        pieces = _PIECE.findall(sentence)
        question = _joined(_without(pieces, _answer(pieces)))
        if _length(question) >= LEAST_WORDS and question not in whole:
            text = " ".join(item.text.split())
            return Asked("fact", question, _around(text, text.index(sentence), len(sentence)))
    return None


def _heading(item: Item, common: Collection[str]) -> Asked | None:
    if not item.headings or not _WORD.search(item.headings[-1]):
        return None
    own = " ".join(item.headings[-1].split())
    over = item.title or (item.headings[0] if len(item.headings) > 1 else None)
    if own in common or _length(own) < _TELLING_HEADING:
        if not over or over.casefold() == own.casefold():
            return None
        own = f"{over}: {own}"
    return Asked("heading", own, _drawn_part(item.text))


def _title(item: Item, common: Collection[str]) -> Asked | None:
    title = " ".join((item.title or "").split())
    # One word, or a number, is no title that somebody asks for.
    return Asked("title", title, None) if _length(title) >= 2 and re.search(r"[^\W\d_]{3}", title) else None


_MADE = {"fact": _fact, "heading": _heading, "title": _title}


def common_headings(items: Iterator[tuple[str, Sequence[str]]]) -> set[str]:
    """The last headings that stand in several documents, out of (document, headings)."""
    held: dict[str, str] = {}
    common: set[str] = set()
    for document, headings in items:
        if headings and held.setdefault(own := " ".join(headings[-1].split()), document) != document:
            common.add(own)
    return common


def _answer(pieces: Sequence[str]) -> range:
    """Which pieces of a sentence are what it tells: its first number, else a name inside it, else how it ends."""
    for place, piece in enumerate(pieces):
        if re.search(r"\d", piece):
            return range(place, place + 1)
    for place, piece in enumerate(pieces[1:], 1):
        if piece[0].isupper() and not pieces[place - 1].endswith((".", ":", "!", "?")):
            end = next((at for at in range(place, len(pieces)) if not pieces[at][0].isupper()), len(pieces))
            return range(place, end)
    return range(len(pieces) - max(1, len(pieces) // 4), len(pieces))


def _without(pieces: Sequence[str], answer: range) -> list[str]:
    """The pieces around the answer, without it; no more than a question has."""
    kept = [*pieces[: answer.start], *pieces[answer.stop :]]
    most = MOST_WORDS * 2 if sum(map(bool, map(UNSPACED.match, kept))) * 2 > len(kept) else MOST_WORDS
    start = max(0, min(answer.start - most // 2, len(kept) - most))
    return kept[start : start + most]


def _joined(pieces: Sequence[str]) -> str:
    """The pieces as a text, with spaces where their script has some."""
    out = ""
    for piece in pieces:
        out += piece if out and UNSPACED.match(piece) and UNSPACED.match(out[-1]) else f" {piece}"
    return out.strip()


def _length(text: str) -> int:
    """How many words a text has; two letters of a script without spaces count as one."""
    letters = len(UNSPACED.findall(text))
    return letters // 2 + len(_WORD.findall(UNSPACED.sub(" ", text)))


def _around(text: str, at: int, length: int) -> str:
    start = max(0, min(at - (STATED - length) // 2, len(text) - STATED))
    return text[start : start + STATED].strip()


def _drawn_part(passage: str) -> str:
    """A part of the passage that is drawn by hash: what is lost of a passage is lost anywhere."""
    text = " ".join(passage.split())
    return _around(text, int(_draw(f"part {text}")[:8], 16) % max(1, len(text)), 0)


def _draw(value: str) -> str:
    return sha256(f"exam {value}".encode()).hexdigest()
