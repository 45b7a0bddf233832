"""All questions that a passage answers, each with the slice of it that answers."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from freshet.tasks.golden.questions.asked import Asked
from freshet.tasks.golden.questions.definitions import abbreviations, definition, explained_code
from freshet.tasks.golden.questions.facts import questions_of_sentence
from freshet.tasks.golden.questions.headings import asks, question_of_heading
from freshet.tasks.golden.questions.tables import questions_of_table
from freshet.tasks.text.borders import sentences
from freshet.tasks.text.unspaced import UNSPACED

LONGEST_SLICE = 90
"""Characters of a slice that shows where a section answers: enough to be found, few enough to stand in one passage."""

_LEAST_BODY = 5
_BLOCK = re.compile(r"[^\n]+(?:\n(?!\n)[^\n]+)*")
_POINTS = re.compile(r"^(?:see|read|note|example|back to|return to|todo|tk)\b", re.I)


@dataclass(frozen=True)
class Passage:
    """A passage to make questions of.

    Attributes:
        headings: all that its document has, each with those above it, outermost first.
        is_english: the language of its document; of others, only headings are asked.
    """

    text: str
    headings: dict[str, tuple[str, ...]]
    is_english: bool


def questions_of_passage(passage: Passage, known_small: Collection[str] = ()) -> Iterator[Asked]:
    """The questions that a passage answers, in the order of its text."""
    blocks = [(found.start(), found.group()) for found in _BLOCK.finditer(passage.text)]
    for place, (at, block) in enumerate(blocks):
        line = " ".join(block.split())
        if line in passage.headings or (asks(line) and len(line.split()) > 2 and len(_sentences(line)) == 1):
            if found := _of_section(passage, line, blocks[place + 1 :]):
                yield found
        elif passage.is_english:
            yield from (_moved(one, at) for one in _of_block(block, known_small))


def _of_section(passage: Passage, heading: str, following: Sequence[tuple[int, str]]) -> Asked | None:
    """The question that a heading asks, answered by the beginning of what stands below it."""
    body = next(((at, block) for at, block in following[:1] if " ".join(block.split()) not in passage.headings), None)
    if body is None:
        return None
    at, block = body
    start, end = next(iter(_sentences(block)))
    said = block[start:end]
    if _length(said) < _LEAST_BODY or asks(said) or _POINTS.match(said) or " | " in said or said.rstrip().endswith(":"):
        return None
    if passage.is_english:
        question = question_of_heading(heading, passage.headings.get(heading, ()))
    else:
        question = heading if _length(heading) >= 3 else None
    span = (at + start, at + start + len(_cut(said)))
    return Asked(question, span, "heading") if question else None


def _of_block(block: str, known_small: Collection[str]) -> Iterator[Asked]:
    if " | " in block:
        yield from questions_of_table(block)
        rows = re.finditer(r"[^\n]+", block)
        yield from (_moved(one, row.start()) for row in rows if (one := explained_code(row.group())))
        return
    if code := explained_code(block):
        yield code
    yield from abbreviations(block)
    for start, end in _sentences(block):
        said = block[start:end]
        if meaning := definition(said, known_small):
            yield _moved(meaning, start)
        yield from (_moved(one, start) for one in questions_of_sentence(said, known_small))


def _sentences(text: str) -> list[tuple[int, int]]:
    starts = [0, *sentences(text), len(text)]
    return [(start, end) for start, end in pairwise(starts) if text[start:end].strip()] or [(0, 0)]


def _moved(asked: Asked, by: int) -> Asked:
    return Asked(asked.question, (asked.answer[0] + by, asked.answer[1] + by), asked.kind)


def _cut(text: str) -> str:
    """The beginning of a text, up to the end of a word."""
    text = text.rstrip()
    if len(text) <= LONGEST_SLICE:
        return text
    short = text[:LONGEST_SLICE]
    return short if UNSPACED.search(short[-1]) else short[: max(short.rfind(" "), 1)]


def _length(text: str) -> int:
    return len(UNSPACED.findall(text)) // 2 + len(re.findall(r"\w+", UNSPACED.sub(" ", text)))
