"""A text as the check of support holds it against others: its words and where they stand, and what it denies."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from freshet.tasks.answers.support.vocabulary import CONTRACTED, DENIALS, EMPTY, LIGHT, RESTRICTIONS
from freshet.tasks.text.stems import stem
from freshet.tasks.text.unspaced import LETTERS

EDGE = "\n"
"""What stands in `stream` where a sentence, a row, or an item of a list ends."""

_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:[ \u00a0\u202f,.'’]\d{3}){1,6}+(?!\d)(?:[.,]\d{1,12}+)?(?!\d)|\d++(?:[.,:]\d++)*+)"
    rf"|(?P<char>[{LETTERS}])"
    rf"|(?P<word>[^\W\d_{LETTERS}]++(?:(?<=n)['’]t(?!\w))?)"
    r"|(?P<sign>[%€$£¥°<>≤≥±=+]|(?<![\w.,)])[-−](?=\d))"
    r"|(?P<edge>[.!?。！？][\"'”’)\]*_]{0,4}(?=\s|\Z)|[。！？]|\n\s*\n|\n(?=[ \t]{0,8}(?:[|>#*+-]|\d{1,3}[.)]\s)))"
    r"|(?P<clause>[,;:()—–，；：、])"
)
_NUMBERED = re.compile(r"\.? ?\d")
"""What makes `No` an abbreviation of number."""

_SPACES = re.compile(r"[^\S\n]+")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_TARGET = re.compile(r"\]\([^()\s]{0,500}(?:\([^()\s]{0,100}\)[^()\s]{0,200})?(?:\s\"[^\"\n]{0,100}\")?\)")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")

WORD, NUMBER, CHAR, SIGN = 0, 1, 2, 3
_KINDS = {"word": WORD, "number": NUMBER, "char": CHAR, "sign": SIGN}
_GROUPED = re.compile(r"\d{1,3}(?:[ \u00a0\u202f,.'’]\d{3})+(?P<rest>[.,]\d{1,12})?")


@dataclass(eq=False)
class TokenizedText:
    """A text as it is held against others.

    Attributes:
        text: without markup, in NFKC.
        words: its words, numbers and signs in normal form, in order; `spans` has their places, `kinds` what each is.
        starts: positions in `words` at which a sentence, a row or an item of a list begins; `clauses`, a clause.
        denials: positions in `words` of words that deny or restrict.
        stream: stems of the words, with `EDGE` between sentences, and without those that deny, and articles.
        at: for each word where it stands in the stream, or would; `origin`, the other way round, -1 for `EDGE`.
        cues: by kind, `not` or `only`, places in the stream at which something is denied → how often.
    """

    text: str
    words: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    starts: set[int] = field(default_factory=lambda: {0})
    clauses: set[int] = field(default_factory=lambda: {0})
    denials: set[int] = field(default_factory=set)
    stream: list[str] = field(default_factory=lambda: [EDGE])
    origin: list[int] = field(default_factory=lambda: [-1])
    at: list[int] = field(default_factory=list)
    cues: dict[str, dict[int, int]] = field(default_factory=lambda: {"not": {}, "only": {}})

    @cached_property
    def joined(self) -> str:
        """The words between spaces, in which a run of words can be looked for."""
        return f" {' '.join(self.words)} "

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """Stem → its first places in the stream."""
        found: dict[str, list[int]] = {}
        for at, word in enumerate(self.stream):
            known = found.setdefault(word, [])
            if len(known) < 32:
                known.append(at)
        return found

    @cached_property
    def pairs(self) -> set[tuple[str, str]]:
        """Neighbours in the stream, also with one word between them that says nothing of the matter."""
        content = [word for word in self.stream if word == EDGE or word not in EMPTY]
        return set(pairwise(self.stream)) | set(pairwise(content))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Returns where in the stream a run of words stands."""
        last = self.at[end - 1]
        return self.at[start], last + (last < len(self.stream) and self.origin[last] == end - 1)

    @cached_property
    def is_capital(self) -> list[bool]:
        """For each word whether it begins with a capital letter."""
        return [
            kind == WORD and self.text[start].isupper() for kind, (start, _) in zip(self.kinds, self.spans, strict=True)
        ]


def without_markup(text: str) -> str:
    """Returns a text without Markdown's escapes, targets of links, and tags of HTML."""
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", text)
    if "](" in text:
        text = _TARGET.sub("]", text)
    return _TAG.sub(" ", text) if "<" in text else text


def values_of(number: str) -> list[str]:
    """Returns what a number of digits and separators may be, the likeliest first: `1,200` is 1200, or else 1.200."""
    if grouped := _GROUPED.fullmatch(number):
        rest = grouped["rest"] or ""
        whole = "".join(char for char in number[: len(number) - len(rest)] if char.isdigit())
        first = f"{whole}.{rest[1:]}" if rest else whole
        single = len(number) - len(rest) <= len("123.456")
        return [first, number.replace(",", ".")] if single and not rest and {",", "."} & set(number) else [first]
    return [number.replace(",", ".") if number.count(",") == 1 and "." not in number else number]


def read(text: str) -> TokenizedText:
    """Reads a text; `held.held` keeps what was read of a passage."""
    text = without_markup(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = _SPACES.sub(" ", text)
    reading = TokenizedText(text)
    for found in _TOKEN.finditer(text):
        _add(reading, str(found.lastgroup), found.group(), found.span())
    _end(reading)
    return reading


def _end(reading: TokenizedText) -> None:
    if reading.stream[-1] != EDGE:
        reading.stream.append(EDGE)
        reading.origin.append(-1)


def _add(reading: TokenizedText, group: str, token: str, span: tuple[int, int]) -> None:
    if group in ("edge", "clause"):
        reading.clauses.add(len(reading.words))
        if group == "edge":
            reading.starts.add(len(reading.words))
            _end(reading)
        return
    word = values_of(token)[0] if group == "number" else token.casefold().replace("’", "'")
    here = len(reading.stream)
    said: str | None = word
    kind = "not" if word.endswith("n't") or word in DENIALS else "only" if word in RESTRICTIONS else ""
    if word == "no" and _NUMBERED.match(reading.text, span[1]):
        kind = ""
    if kind:
        said = CONTRACTED.get(word, word[:-3]) if word.endswith("n't") else DENIALS.get(word)
        gap = here + bool(said and said not in LIGHT and word.endswith(("n't", "cannot")))
        reading.cues[kind][gap] = reading.cues[kind].get(gap, 0) + 1
        reading.denials.add(len(reading.words))
    reading.words.append(word)
    reading.spans.append(span)
    reading.kinds.append(_KINDS[group])
    reading.at.append(here)
    if said and said not in LIGHT:
        reading.origin.append(len(reading.words) - 1)
        reading.stream.append(stem(said, 3) if group == "word" else said)


def raw_words(text: str) -> str:
    """Returns the words of a text with its markup, between spaces."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return f" {' '.join(found.group().casefold() for found in _TOKEN.finditer(text) if _is_word(found))} "


def _is_word(found: re.Match[str]) -> bool:
    return found.lastgroup in _KINDS
