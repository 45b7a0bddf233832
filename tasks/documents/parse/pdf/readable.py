"""Makes words of what a PDF's page shows as single letters, ligatures without a name, and raised marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

from freshet.tasks.documents.parse.pdf.lines import Line, Words
from freshet.tasks.documents.parse.pdf.tables import Item, Table

_LIGATURES = {
    **dict.fromkeys("\x0b\x1b\u21b5", "ff"),
    **dict.fromkeys("\x0c\x1c\uf001", "fi"),
    **dict.fromkeys("\x1d\uf002", "fl"),
    **dict.fromkeys("\x0e\x1e", "ffi"),
    **dict.fromkeys("\x0f\x1f", "ffl"),
}
"""What stands for a ligature that a font does not name: TeX's codes (OT1, T1), those of old fonts, and ↵ of Quartz.

The code of OT1 for fl is that of a line's end; `lines` gives it as that of T1.
"""

_SIGNS = "".join(_LIGATURES)
_LIGATURE = re.compile(
    rf"(?<=[^\W\d_])[{_SIGNS}](?=[a-z\-])|(?<![^\W\d_])[{_SIGNS}](?=[a-z]{{2}})|(?<=[a-z])[{_SIGNS}]"
)
_LOST = re.compile(r"(?<=[^\W\d_])[\0-\x08\x0b-\x1f](?=[^\W\d_])")
_NUMBER = re.compile(r"[-−–+]?\d{1,3}(?:,\d{1,3})*")
_SOFT = "\xad"
_CJK = "\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_SPACED_CJK = re.compile(rf"(?<!\S)[{_CJK}](?: [{_CJK}]){{2,}}(?!\S)")
_SPACED = re.compile(r"(?<!\S)[^\W\d_](?: [^\W\d_]){4,}(?!\S)")
_ODD = re.compile(rf"[\0-\x08\x0b-\x1f{_SIGNS}{_SOFT}]")
_SPACES = 0.3
"""The share of spaces in a line: in one with fewer, no letters stand apart."""

_WORD_GAP = 1.4  # times the distance between letters that stand apart: more is a gap between words
_NO_WIDTH = 0.05  # times the size


def made_readable(items: list[Item], words: Words, raised: Mapping[int, int]) -> list[Item]:
    """Returns a page's items with words as a person reads them, and lost letters within words as U+FFFD.

    Args:
        items: lines and tables of an open page.
        words: those of the page.
        raised: index of the first character of each raised piece of text → index after its last.
    """
    lines = [line for item in items for line in ([item] if isinstance(item, Line) else item.lines())]
    if not raised and not any(_is_odd(line.text) for line in lines):
        return items
    # Quartz leaves nothing of ffi and ffl where it writes ff as ↵.
    lost = "ffi" if any("\u21b5" in line.text and _LIGATURE.search(line.text) for line in lines) else "\ufffd"

    def mend(line: Line) -> Line:
        text = _marked(line, raised) if raised else line.text
        if _is_odd(text):
            text = _mended(line._replace(text=text), words, lost, is_moved=text != line.text)
        return line if text == line.text else line._replace(text=text)

    return [mend(item) if isinstance(item, Line) else _each(item, mend) for item in items]


def _is_odd(text: str) -> bool:
    is_plain = text.isascii() and text.isprintable()
    return (not is_plain and bool(_ODD.search(text))) or text.count(" ") > _SPACES * len(text)


def _each(table: Table, mend: Callable[[Line], Line]) -> Table:
    return replace(table, rows=[[[mend(line) for line in cell] for cell in row] for row in table.rows])


def _marked(line: Line, raised: Mapping[int, int]) -> str:
    """The line's text with its raised numbers as they are written in a line: `10^6`; one before a note stands apart."""
    text = line.text
    if line.start < 0:
        return text
    for start in sorted((at for at in raised if line.start <= at < line.start + len(text)), reverse=True):
        first, end = start - line.start, raised[start] - line.start
        before, mark, after = text[:first], text[first:end].strip(), text[end:]
        if _NUMBER.fullmatch(mark):
            begins = not before or before[-1].isspace()
            text = f"{before}{mark} {after.lstrip()}".rstrip() if begins else f"{before}^{mark}{after}"
    return text


def _mended(line: Line, words: Words, lost: str, is_moved: bool) -> str:
    text = line.text
    if not is_moved and line.start >= 0:
        text = _SPACED.sub(lambda match: _closed_up(match, line, words), text) if _SPACED.search(text) else text
        if _SOFT in text and len(text) == len(line.text):
            text = "".join(
                _hyphen(words, line, at) if letter == _SOFT else letter for at, letter in enumerate(line.text)
            )
    text = _SPACED_CJK.sub(lambda match: match[0].replace(" ", ""), text)
    text = _LIGATURE.sub(lambda match: _LIGATURES[match[0]], text)
    return _LOST.sub(lost, text)


def _hyphen(words: Words, line: Line, at: int) -> str:
    """A soft hyphen as it is seen: not at all where the next letter stands in its place."""
    is_last = at + 1 == len(line.text)
    return "-" if is_last or words.left(line, at + 1) - words.left(line, at) > _NO_WIDTH * line.size else ""


def _closed_up(match: re.Match[str], line: Line, words: Words) -> str:
    """Letters that stand apart as words, unless they are letters that are named one by one, as A B C D E."""
    text = match[0]
    letters = text.split(" ")
    codes = [ord(letter) for letter in letters]
    is_series = all(later - code in (0, 1) for code, later in pairwise(codes))
    if is_series or len(set(letters)) < 3 or not (text.isupper() or (text[0].isupper() and text[1:].islower())):
        return text
    lefts = [words.left(line, match.start() + 2 * at) for at in range(len(letters))]
    rights = [words.right(line, match.start() + 2 * at) for at in range(len(letters))]
    gaps = [left - right for left, right in zip(lefts[1:], rights, strict=False)]
    usual = sorted(gaps)[len(gaps) // 2]
    if usual > line.size:
        return text
    parted = [" " if gap > _WORD_GAP * usual + 0.1 * line.size else "" for gap in gaps]
    return letters[0] + "".join(f"{gap}{letter}" for gap, letter in zip(parted, letters[1:], strict=True))
