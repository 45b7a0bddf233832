r"""Symbols that carry meaning: which of them count where texts are compared, and which are punctuation.

`5 + 3` is not `5 * 3`, and `C#` is not `C`; but `**bold**`, `- a bullet` and `well-known` are what they are without.
A symbol that counts belongs to the word behind it; those behind the last word are a word. Which count:

- the symbols of mathematics and money (Unicode's Sm and Sc), and `% & / @ # ^ ° ‰`;
- `*` between operands, tight or with blanks on both sides (`2*3`, `2 * 3`, `2**3`): else it is emphasis;
- `-`, and every other dash, right before an operand unless two letters stand right before it (`-5`, `5-3`, `x-1`, but
  `COVID-19` is a hyphen), between operands with one blank on both sides (`5 - 3`), and before `=` or `>`;
- `.` before a digit, unless a letter stands right before it (`3.5`, `.5`);
- `!` before a word, `(` or `=`, and behind a digit (`!done`, `!=`, `5!`);
- `(` right behind one of the above but `.`, and `)` right before one, or one blank apart (`(5 + 3) * 2`).

Operands are numbers, single letters, what is in brackets, and amounts. Raised digits are written with `^`. What opens a
line and is followed by a blank or the end of the line, out of `# > - * +`, is Markdown and never counts. All else
(quotes, commas, colons, question marks, other brackets, backslashes, emoji) never counts either.

The rule is here twice: as patterns, for any text, and for many ASCII texts at once.
"""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

SILENT = "'"  # what a symbol that does not count is replaced by: a mark that says nothing
_ALWAYS = "%&/@#^°‰"
_ALWAYS_ASCII = b"$+<=>|~%&/@#^"
_MARKS = _ALWAYS_ASCII + b"*-.!()"
_HEADS = b"#>-*+"
_BLANKS = b" \t"
_DIGITS = string.digits.encode()
_LETTERS = string.ascii_letters.encode()
_WORD = _DIGITS + _LETTERS + b"_"
_PLANES = range(0x20000)  # all of Unicode's symbols of mathematics and money are in its first two planes
_HEAD = r"[ \t]*(?:[-*+>#]+[ \t]+)*[-*+>#]+"
_HEAD_BYTES = re.compile(rb"\n" + _HEAD.encode() + rb"(?=[ \t\r\n])")
_WORDS = re.compile(r"\w+")
_RAISED = re.compile("[⁰¹²³⁴-⁹⁺⁻]+")
_POINTS = re.compile("[·∗∙⋅]")


class _Patterns:
    """The rule for any text in NFKC and casefolded."""

    def __init__(self) -> None:
        kinds = {"Sm": "", "Sc": "", "Pd": ""}
        for char in map(chr, _PLANES):
            if (kind := unicodedata.category(char)) in kinds:
                kinds[kind] += char
        always = re.escape(kinds["Sm"] + kinds["Sc"] + _ALWAYS)
        letter = r"[^\W\d_]"
        start = rf"(?:\d|[(√∞{re.escape(kinds['Sc'])}]|\.\d|{letter}(?!\w))"
        end = rf"(?:[\d)]|\b{letter})[ \t]"
        no_minus = rf"-(?!(?<!{letter}{letter}-){start}|(?<={end}-)[ \t]{start}|[=>])"
        no_times = r"\*(?<!\*\*)(?!(?<=[\w)\]]\*)\**[\w(\[$+-]|(?<=[ \t]\*)\**[ \t])\**"
        self.dash = re.compile(f"[−{re.escape(kinds['Pd'])}]")
        self.heads = re.compile(rf"^{_HEAD}(?=[ \t\r\n]|\Z)", re.MULTILINE)
        self.silent = re.compile(rf"{no_minus}|{no_times}|!(?![\w(=])(?<!\d!)")
        counts = rf"[{always}*!-]"
        self.any = re.compile(rf"{counts}|\.(?=\d)")
        brackets = rf"\((?:(?<={counts}\()|(?<={counts}[ \t]\())|\)(?=[ \t]?{counts})"
        self.token = re.compile(rf"\w+|{counts}|\.(?=\d)(?<!{letter}\.)|{brackets}")
        self.gap = re.compile(r" (?<=[^\w ] )")


_patterns = lru_cache(maxsize=1)(_Patterns)


@lru_cache(maxsize=1)
def other_money() -> re.Pattern[bytes]:
    """Returns the currency signs in UTF-8, without the dollar sign."""
    signs = (char for char in map(chr, _PLANES) if unicodedata.category(char) == "Sc" and char != "$")
    return re.compile(b"|".join(sign.encode() for sign in signs))


def normalise_with_symbols(text: str) -> str:
    r"""Returns the words of a text (NFKC, casefold, `\w+`) with the symbols that count; empty without a word."""
    patterns = _patterns()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _RAISED.sub(r"^\g<0>", text))
        text = _POINTS.sub("*", patterns.dash.sub("-", text))
    text = text.casefold()
    plain = patterns.silent.sub(SILENT, patterns.heads.sub(" ", text))
    if not patterns.any.search(plain) or not _WORDS.search(plain):
        return " ".join(_WORDS.findall(plain))
    return patterns.gap.sub("", " ".join(patterns.token.findall(plain)))


def code_marks(folding: bytes) -> bytes:
    """Returns a table with a byte below a space for each ASCII symbol that may count but points (`code_points`)."""
    coded = bytearray(folding)
    for code, mark in enumerate(_MARKS):
        if mark != ord("."):
            coded[mark] = code
    return bytes(coded)


def code_points(raw: NDArray[np.uint8], coded: NDArray[np.uint8]) -> None:
    """Codes the points of numbers too: full stops are the commonest symbols by far, and hardly ever count.

    Args:
        raw: texts, each with a line feed before and behind it.
        coded: the same, translated by `code_marks`.
    """
    places = np.flatnonzero((raw[:-1] == ord(".")) & ((raw[1:] - np.uint8(ord("0"))) < 10))
    coded[places[~_table(_LETTERS)[raw[places - 1]]]] = _MARKS.index(b".")


def decoded(codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the symbols that `code_marks` turned into codes."""
    return np.frombuffer(_MARKS, np.uint8)[codes]


def marks_that_count(content: bytes, places: Places) -> Flags:
    """Returns which symbols of ASCII texts count.

    Args:
        content: the texts, each with a line feed before and behind it.
        places: of all symbols in it that are coded, in ascending order.
    """
    near = _Near(content, places)
    counts = near.which(_ALWAYS_ASCII)
    for mark, rule in ((b"-", near.is_minus), (b"*", near.is_times), (b"!", near.is_not)):
        which = np.flatnonzero(near.which(mark))
        if len(which):
            counts[which] = rule(places[which])
    counts[near.in_heads()] = False
    near.add_brackets(counts)
    return counts | near.which(b".")


class _Near:
    """Symbols of ASCII and what stands near them."""

    def __init__(self, content: bytes, places: Places) -> None:
        self._content, self._places = content, places
        self._raw = np.frombuffer(content, np.uint8)
        self._marks = self._raw[places]

    def which(self, marks: bytes) -> Flags:
        return self._marks == marks[0] if len(marks) == 1 else _table(marks)[self._marks]

    def _is(self, chars: bytes, places: Places) -> Flags:
        return _table(chars)[self._raw.take(places, mode="clip")]

    def _operand_from(self, places: Places) -> Flags:
        letter = self._is(_LETTERS, places) & ~self._is(_WORD, places + 1)
        decimal = self._is(b".", places) & self._is(_DIGITS, places + 1)
        return self._is(_DIGITS + b"($", places) | letter | decimal

    def _operand_to(self, places: Places) -> Flags:
        letter = self._is(_LETTERS, places) & ~self._is(_WORD, places - 1)
        return self._is(_DIGITS + b")", places) | letter

    def is_minus(self, places: Places) -> Flags:
        tight = self._operand_from(places + 1) & ~(self._is(_LETTERS, places - 1) & self._is(_LETTERS, places - 2))
        blanks = self._is(_BLANKS, places - 1) & self._is(_BLANKS, places + 1)
        apart = blanks & self._operand_to(places - 2) & self._operand_from(places + 2)
        return tight | apart | self._is(b"=>", places + 1)

    def is_times(self, places: Places) -> Flags:
        """Returns the stars of runs that stand between operands, or between blanks."""
        first, last = _runs(places)
        before, behind = places[first] - 1, places[last] + 1
        tight = self._is(_WORD + b")]", before) & self._is(_WORD + b"([$+-", behind)
        apart = self._is(_BLANKS, before) & self._is(_BLANKS, behind)
        return np.repeat(tight | apart, last - first + 1)

    def is_not(self, places: Places) -> Flags:
        return self._is(_WORD + b"(=", places + 1) | self._is(_DIGITS, places - 1)

    def in_heads(self) -> Flags:
        """Returns the symbols with which Markdown opens a line."""
        inside = np.zeros(len(self._places), np.bool_)
        which = np.flatnonzero(self.which(_HEADS))
        if not len(which):
            return inside
        places = self._places[which]
        first, last = _runs(places)
        closed = self._is(_BLANKS + b"\r\n", places[last] + 1)
        first, last = first[closed], last[closed]
        before = places[first] - 1
        opens = self._is(b"\n", before)
        inside[which] = _spread(first[opens], last[opens] + 1, len(which))
        # Others may stand behind blanks and further such symbols; two bytes exclude nearly all of them.
        perhaps = self._is(_BLANKS, before) & self._is(_HEADS + _BLANKS + b"\n", before - 1)
        spans, line_end = [], 0
        for place in places[first[perhaps]].tolist():
            if place < line_end:
                continue
            head = _HEAD_BYTES.match(self._content, self._content.rfind(b"\n", line_end, place))
            line_end = self._content.index(b"\n", place)
            if head:
                spans.append(head.span())
        if spans:
            firsts, ends = np.searchsorted(self._places, np.array(spans, np.int64).T)
            inside |= _spread(firsts, ends, len(inside))
        return inside

    def add_brackets(self, counts: Flags) -> None:
        """Adds the brackets outside of which a symbol stands that counts."""
        opening, closing = np.flatnonzero(self.which(b"(")), np.flatnonzero(self.which(b")"))
        opening, closing = opening[opening > 0], closing[closing < len(counts) - 1]
        added = []
        for brackets, step in ((opening, -1), (closing, 1)):
            distance = np.abs(self._places[brackets + step] - self._places[brackets])
            beside = (distance == 1) | ((distance == 2) & self._is(_BLANKS, self._places[brackets] + step))
            added.append(brackets[beside & counts[brackets + step]])
        for brackets in added:
            counts[brackets] = True


def _runs(places: Places) -> tuple[Places, Places]:
    """Returns the first and the last of each run of neighbours, by their number among the places."""
    breaks = np.flatnonzero(np.diff(places) != 1)
    return np.append(0, breaks + 1), np.append(breaks, len(places) - 1)


def _spread(firsts: Places, ends: Places, length: int) -> Flags:
    """Returns for each number whether it is in a span; the spans ascend and meet at their ends alone."""
    change = np.zeros(length + 1, np.int64)
    change[firsts] += 1
    np.subtract.at(change, ends, 1)
    return np.cumsum(change[:-1]) > 0


@lru_cache(maxsize=32)
def _table(chars: bytes) -> Flags:
    """Returns for each byte whether it is one of these."""
    table = np.zeros(256, np.bool_)
    table[list(chars)] = True
    return table
