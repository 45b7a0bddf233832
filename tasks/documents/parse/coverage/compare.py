"""Compares what a file says with what its parser gave: by words, wherever they stand.

The order may differ (columns, notes at their reference), and so may spaces (runs, hyphens at the end of a line). A
passage counts as read where its letters stand in the text as they are, or where the text has each of its words as often
as all passages together.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

MOST_PLACES = 20
"""Passages named, at most."""

_QUOTED = 120
"""Characters of a passage that are quoted."""

_WINDOW = 20_000
_SCANNED = 200_000_000
"""Letters of the text that are gone through for passages out of order, at most; afterwards words alone decide."""

_LEAST_LETTERS = 8
"""A shorter passage stands in many texts by chance, so that its words have to be there as words."""

_WORD = re.compile(
    r"[\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]|"
    r"(?:(?![\u2e80-\u2fdf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff_])\w)+"
)
"""A word, or one character of a script without spaces."""

_UNSEEN = dict.fromkeys(
    [*range(9), *range(14, 32), *range(127, 160), *map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff")]
)
"""Controls, soft hyphens and marks of no width."""


class Passage(NamedTuple):
    """A piece of a file's text: a paragraph, a cell, a line; and where it stands ("page 3", "word/footnotes.xml")."""

    place: str
    text: str


@dataclass(frozen=True)
class Coverage:
    """How much of a file's text its parser gave.

    Attributes:
        words: that the file says, each passage counted once however often it occurs.
        missing: how many of them are not in the parser's text.
        places: the first passages with missing words.
        digest: of all missing words; empty where none is missing.
    """

    words: int
    missing: int
    places: list[Passage]
    digest: str

    @property
    def share(self) -> float:
        """The share of the words that were read, from 0 to 1."""
        return 1 - self.missing / self.words if self.words else 1.0

    def as_property(self) -> dict[str, Any]:
        """Returns the form that documents keep."""
        found: dict[str, Any] = {"words": self.words, "share": round(self.share, 4)}
        if self.missing:
            found["missing"] = [{"place": one.place, "text": one.text} for one in self.places]
            found["digest"] = self.digest
        return found


def words_of(text: str) -> list[str]:
    """Returns the words of a text in one spelling (NFKC, casefold)."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_UNSEEN))
    return _WORD.findall(text.casefold())


def compare(passages: Iterable[Passage], read: str) -> Coverage:
    """Compares the passages of a file with the text that its parser gave."""
    words = words_of(read)
    text = _Text("".join(words), Counter(words))
    total, later = 0, []
    seen: set[bytes] = set()
    for passage in passages:
        found = words_of(passage.text)
        letters = "".join(found)
        key = blake2b(letters.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        if not found or key in seen:
            continue
        seen.add(key)
        total += len(found)
        if text.continues_with(letters):
            text.take(found)
        else:
            later.append((passage, found, letters))
    missing: Counter[str] = Counter()
    places = []
    for passage, found, letters in later:
        lost = text.without(found)
        if lost and not text.holds(letters):
            missing.update(lost)
            places.append(Passage(passage.place, " ".join(passage.text.split())[:_QUOTED]))
        text.take(found)
    digest = blake2b(digest_size=8)
    for word, count in sorted(missing.items()):
        digest.update(f"{word} {count}\n".encode("utf-8", "surrogatepass"))
    count = missing.total()
    return Coverage(total, count, places[:MOST_PLACES], digest.hexdigest() if count else "")


class _Text:
    """What the parser gave, as letters without spaces and as words that are used up by the passages that hold them."""

    def __init__(self, letters: str, left: Counter[str]) -> None:
        self._letters = letters
        self._left = left
        self._at = 0
        self._scanned = 0

    def continues_with(self, letters: str) -> bool:
        """Whether these letters come next, or soon; the following ones are looked for behind them."""
        if self._letters.startswith(letters, self._at):
            self._at += len(letters)
            return True
        if len(letters) < _LEAST_LETTERS:
            return False
        found = self._letters.find(letters, self._at, self._at + _WINDOW + len(letters))
        if found < 0:
            return False
        self._at = found + len(letters)
        return True

    def holds(self, letters: str) -> bool:
        """Whether these letters stand anywhere; never after too much has been looked through."""
        if len(letters) < _LEAST_LETTERS or self._scanned > _SCANNED:
            return False
        self._scanned += len(self._letters)
        return letters in self._letters

    def without(self, words: list[str]) -> Counter[str]:
        """Returns the words that are not left as often."""
        return Counter(
            {word: short for word, count in Counter(words).items() if (short := count - self._left[word]) > 0}
        )

    def take(self, words: list[str]) -> None:
        """Uses up words."""
        for word in words:
            if self._left[word] > 0:
                self._left[word] -= 1
