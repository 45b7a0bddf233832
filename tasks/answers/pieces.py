"""Takes a passage apart into what can be quoted: sentences, items of a list, rows of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from freshet.tasks.search.hits import Hit
from freshet.tasks.text.borders import blocks, lines, sentences

Span = tuple[int, int]

CELL = " | "
_LONGEST_HEAD = 80
_LONGEST_QUESTION = 160
_LONGEST_HEADER = 200
_LONGEST_LEAD = 240
_ENDS = (".", "!", "?", "…", ":", ";", ",", "。", "！", "？", "：")
_ASKS = ("?", "？")
_LEAD = (":", "：", " for", " if", " when", " are", " is", " can", " must")
_LEANS = re.compile(
    r"(?:It|Its|This|That|These|Those|They|Their|Them|He|She|His|Her|Such|Otherwise|However|Then|Here|There"
    r"|In this case|In these cases|In that case|Also|Instead|Therefore|Both|Er|Sie|Es|Dies|Diese|Dieser|Dabei|Dann"
    r"|Il|Elle|Ils|Cela|Ceci|Esto|Este|Questo)\b"
)


_ORDINAL = re.compile(r"\b\d{1,2}\.\s+$")
_MONTH = re.compile(
    r"(?:Jan|Jän|Feb|Mär|Maa|Apr|Mai|Maj|Jun|Jul|Aug|Sep|Okt|Nov|Dez|Dec|Quartal|Jahrhundert|Tag|Monat|Kapitel)"
)


@dataclass(frozen=True)
class Piece:
    """A part of a passage that can be quoted.

    Attributes:
        passage: the passage's position among the hits.
        span: where the part stands in the passage's text, half-open.
        text: the part itself.
        heads: what stands above it: the title, the headings, a heading within the passage.
        needs: the part that it is not understood without, like the line before a list or the header of a table.
        is_head: whether it is a heading, which answers nothing.
    """

    passage: int
    span: Span
    text: str
    heads: str
    needs: Span | None
    is_head: bool


def pieces_of(passage: int, hit: Hit) -> list[Piece]:
    """Returns what a passage can be quoted by, in its order."""
    above = [hit.title, *(hit.heading or "").split(" > ")]
    found: list[Piece] = []
    head, lead = "", None
    spans = list(_between(blocks(hit.text), (0, len(hit.text)), hit.text))
    for number, block in enumerate(spans):
        text = hit.text[slice(*block)]
        is_last = number + 1 == len(spans)
        if text in above or (not is_last and _is_head(text, hit.text[slice(*spans[number + 1])])):
            head, lead = text, None
            found.append(Piece(passage, block, text, "", None, is_head=True))
            continue
        heads = "\n".join(dict.fromkeys(part for part in (*above, head) if part))
        parts = list(_rows(block, hit.text, lead) if CELL in text else _sentences(block, hit.text, lead))
        found += [Piece(passage, span, hit.text[slice(*span)], heads, needs, is_head=False) for span, needs in parts]
        if text.endswith(_LEAD) and parts:
            last = parts[-1][0]
            lead = last if last[1] - last[0] <= _LONGEST_LEAD else None
        elif text.endswith(_ENDS) and len(parts) > 1:
            lead = None
    return found


def _is_head(text: str, following: str) -> bool:
    """Whether a block looks like a heading: a question; or short, without an end, above a longer one that has one."""
    if text.endswith(_ASKS) and len(text) <= _LONGEST_QUESTION:
        return True
    if len(text) > _LONGEST_HEAD or "\n" in text or CELL in text or text.endswith(_ENDS):
        return False
    return len(following) > len(text) and (following.endswith(_ENDS) or CELL in following)


def _sentences(block: Span, text: str, lead: Span | None) -> Iterator[tuple[Span, Span | None]]:
    """Yields the sentences of a block, and what each needs: the line before a list, or the sentence it leans on."""
    start = block[0]
    before = lead
    starts = [start + at for at in sentences(text[slice(*block)])]
    # "am 31. März" is no end of a sentence, though its full stop is followed by a capital letter.
    starts = [at for at in starts if not (_ORDINAL.search(text, max(0, at - 6), at) and _MONTH.match(text, at))]
    for span in _between(starts, block, text):
        leans = span[0] > start and _LEANS.match(text, span[0])
        yield span, before if span[0] == start or leans else None
        before = span


def _rows(block: Span, text: str, lead: Span | None) -> Iterator[tuple[Span, Span | None]]:
    """Yields the rows of a table, each with the header, which is the first row; the header with the line before it."""
    start = block[0]
    spans = list(_between([start + at for at in lines(text[slice(*block)])], block, text))
    header = spans[0] if spans and spans[0][1] - spans[0][0] <= _LONGEST_HEADER else None
    for number, span in enumerate(spans):
        yield span, header if number else lead


def _between(starts: list[int], whole: Span, text: str) -> Iterator[Span]:
    """Yields the spans that borders leave, without the blanks around them; none that is blank."""
    for start, end in pairwise([whole[0], *starts, whole[1]]):
        part = text[start:end]
        if stripped := part.strip():
            first = start + len(part) - len(part.lstrip())
            yield first, first + len(stripped)
