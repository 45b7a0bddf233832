"""A passage, read once for all sentences that are held against it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from freshet.tasks.answers.support.facts import Facts, facts_of
from freshet.tasks.answers.support.names import name_stem, runs_of
from freshet.tasks.answers.support.tokenized import WORD, TokenizedText, raw_words, read
from freshet.tasks.answers.support.vocabulary import one_form

_COMPOUND = re.compile(r"\w++(?:[-_./:@+]++\w++)*+")
_INITIALS = 2


@dataclass(eq=False)
class Held:
    """A text with what was read out of it."""

    raw: str
    reading: TokenizedText

    @cached_property
    def facts(self) -> Facts:
        """Its numbers and dates."""
        return facts_of(self.reading)

    @cached_property
    def raw_words(self) -> str:
        """Its words with its markup, between spaces."""
        return raw_words(self.raw)

    @cached_property
    def runs(self) -> dict[int, int]:
        """Where names begin in the stream → where they end."""
        reading = self.reading
        return dict(reading.span(start, end) for start, end in runs_of(reading))

    @cached_property
    def compounds(self) -> frozenset[str]:
        """What is joined by hyphens, dots or slashes, and single words, in small letters; with and without markup."""
        texts = {self.raw, self.reading.text}
        return frozenset(found.group().casefold() for text in texts for found in _COMPOUND.finditer(text))

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words, their stems, and its units and number words in the one form that others are brought to."""
        words = frozenset(self.reading.words)
        return words.union(self.reading.stream, map(one_form, words))

    @cached_property
    def name_stems(self) -> frozenset[str]:
        """Its words without the endings by which a country becomes its people."""
        kinds = zip(self.reading.words, self.reading.kinds, strict=True)
        return frozenset(name_stem(word) for word, kind in kinds if kind == WORD)

    @cached_property
    def initials(self) -> frozenset[str]:
        """Initials of its runs of capitalised words: `gsa` for General Services Administration."""
        reading = self.reading
        found = set()
        for start, end in runs_of(reading, whole=True):
            letters = "".join(word[:1] for word in reading.words[start:end])
            found |= {
                letters[at:to]
                for at in range(len(letters))
                for to in range(at + _INITIALS, min(at + 8, len(letters)) + 1)
            }
        return frozenset(found)


@lru_cache(maxsize=256)
def held(text: str) -> Held:
    """Reads a passage; what was read is kept for the next sentences."""
    return Held(text, read(text))
